//! A modal dialog on the browser's own `<dialog>`: it traps the focus, makes the rest inert and closes on Escape. Ours to
//! add: closing on a press beside it, and giving the focus back to where it came from.

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

use super::super::dom;
use super::back::Back;
use super::icons;
use crate::i18n::K;
use crate::i18n::t;

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
    /// The arrow back to another dialog, if it was opened from one.
    #[prop(optional, into)]
    on_back: Option<Callback<()>>,
    children: Children,
) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    let heading = format!("dialog-{}", next_id());
    let came_from = StoredValue::new_local(dom::focused());
    node.on_load(move |dialog| {
        // Mounted means in the document only after this turn.
        dom::after_paint(move || {
            if dialog.is_connected() && !dialog.open() {
                let _ = dialog.show_modal();
                // The button at the end that gets the focus does not hide the beginning.
                if let Ok(Some(body)) = dialog.query_selector(".dialog-body") {
                    body.set_scroll_top(0.0);
                }
                // Where nothing asks for the focus, the name of the dialog gets it and is read out.
                if dialog.query_selector("[autofocus]").ok().flatten().is_none()
                    && let Ok(Some(title)) = dialog.query_selector(".dialog-title")
                    && let Ok(title) = title.dyn_into::<web_sys::HtmlElement>()
                {
                    let _ = title.focus();
                }
            }
        });
    });
    on_cleanup(move || {
        if let Some(Some(element)) = came_from.try_get_value() {
            dom::after_paint(move || {
                // What another open dialog makes inert does not take it.
                if element.is_connected() {
                    let _ = element.focus();
                }
            });
        }
    });
    let beside = move |event: ev::MouseEvent| {
        let pressed = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlDialogElement>().ok());
        if pressed.is_some() {
            on_close.run(());
        }
    };
    view! {
        <dialog
            node_ref=node
            class=format!("dialog dialog-{class}")
            aria-labelledby=heading
            on:cancel=move |event: ev::Event| {
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
        </dialog>
    }
    .into_any()
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
        <Dialog title=Signal::stored(title) on_close=on_close class="ask">
            <p class="ask-lead">{lead}</p>
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
