//! A modal dialog on the browser's own `<dialog>`: it traps the focus, makes the rest inert and closes on Escape. Ours to
//! add: closing on a press beside it, giving the focus back to where it came from, and saying inside of it what the inert
//! rest of the page cannot say.

use std::cell::RefCell;

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

use super::super::dom;
use super::back::Back;
use super::icons;
use super::toasts::Heard;
use crate::i18n;
use crate::i18n::K;
use crate::i18n::Lang;
use crate::i18n::t;
use crate::vm::App;

thread_local! {
    /// Where the focus was before a dialog that has just gone, and its language: for the dialog that follows it, if there is one.
    static LEFT: RefCell<Option<(web_sys::HtmlElement, Lang)>> = const { RefCell::new(None) };
}

/// A dialog that is open as long as it is mounted.
#[component]
pub fn Dialog(
    /// Shown at the top, and the dialog's name.
    #[prop(into)]
    title: Signal<String>,
    /// Asked to go away: the owner unmounts it.
    #[prop(into)]
    on_close: Callback<()>,
    /// `sheet`, `ask`, ...
    #[prop(default = "sheet")]
    class: &'static str,
    /// The id of the words that are read out along with the name: the dialog asks something.
    #[prop(optional)]
    question: Option<&'static str>,
    /// The arrow back to another dialog, if it was opened from one.
    #[prop(optional, into)]
    on_back: Option<Callback<()>>,
    children: Children,
) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    let number = next_id();
    let heading = format!("dialog-{number}");
    let app = use_context::<App>();
    if let Some(app) = app {
        app.dialog_opened(number);
    }
    let (left, lang) = (LEFT.take(), i18n::current());
    // The same dialog in another language, where the person has just chosen it.
    let same = left.as_ref().is_some_and(|(_, before)| *before != lang);
    let came_from = StoredValue::new_local(left.map(|(element, _)| element).or_else(dom::focused));
    // Mounted means in the document only after this turn.
    node.on_load(move |dialog| dom::after_paint(move || show(&dialog, same)));
    on_cleanup(move || {
        if let Some(app) = app {
            app.dialog_closed(number);
        }
        LEFT.set(came_from.try_get_value().flatten().map(|element| (element, lang)));
        dom::after_paint(|| {
            // What another open dialog makes inert does not take it.
            if let Some((element, _)) = LEFT.take().filter(|(element, _)| element.is_connected()) {
                let _ = element.focus();
            }
        });
    });
    let beside = move |event: ev::MouseEvent| {
        if dom::is_itself(&event) {
            on_close.run(());
        }
    };
    view! {
        <dialog
            node_ref=node
            class=format!("dialog dialog-{class}")
            role=question.map(|_| "alertdialog")
            aria-labelledby=heading
            aria-describedby=question
            on:cancel=move |event: ev::Event| {
                // A file picker inside that is closed without a file says so with the same word.
                if !dom::is_itself(&event) {
                    return;
                }
                event.prevent_default();
                event.stop_propagation();
                on_close.run(());
            }
            on:mousedown=beside
        >
            <div class="dialog-box">
                <header class="dialog-head">
                    {on_back.map(|back| view! { <Back on=back/> })}
                    <h2 id=heading.clone() class="dialog-title" tabindex="-1">{move || title.get()}</h2>
                    <button type="button" class="icon-button dialog-close" aria-label=t(K::Close) on:click=move |_| on_close.run(())>
                        {icons::Close()}
                    </button>
                </header>
                <div class="dialog-body">{children()}</div>
            </div>
            {app.map(|app| view! { <Heard app=app dialog=Some(number)/> })}
        </dialog>
    }
    .into_any()
}

/// Opens a dialog that was put into the document, from its beginning. One that follows another in the same place may be the
/// same element, open already and scrolled.
fn show(dialog: &web_sys::HtmlDialogElement, same: bool) {
    if !dialog.is_connected() {
        return;
    }
    if !dialog.open() {
        let _ = dialog.show_modal();
    } else if same && dom::focused().is_some_and(|focused| dialog.contains(Some(&focused))) {
        return;
    }
    // Where nothing asks for the focus, the name of the dialog gets it and is read out.
    let wanted = ["[autofocus]", ".dialog-title"];
    let found = wanted.into_iter().find_map(|wanted| dialog.query_selector(wanted).ok().flatten());
    if let Some(found) = found.and_then(|found| found.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = found.focus();
    }
    // What has the focus at the end of it does not hide the beginning.
    if let Ok(Some(body)) = dialog.query_selector(".dialog-body") {
        body.set_scroll_top(0.0);
    }
}

/// A question with one way out and one or more ways on.
#[component]
pub fn Ask(
    #[prop(into)] title: String,
    #[prop(into)] lead: String,
    #[prop(into)] on_close: Callback<()>,
    children: Children,
) -> AnyView {
    view! {
        <Dialog title=Signal::stored(title) on_close=on_close class="ask" question="ask-lead">
            <p id="ask-lead" class="ask-lead">{lead}</p>
            <div class="ask-actions">
                {children()}
                <button type="button" class="button" autofocus=true on:click=move |_| on_close.run(())>{t(K::Cancel)}</button>
            </div>
        </Dialog>
    }
    .into_any()
}

/// A number no other element of the page has.
#[must_use]
pub fn next_id() -> u32 {
    thread_local! {
        static LAST: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }
    LAST.with(|last| {
        last.set(last.get().wrapping_add(1));
        last.get()
    })
}
