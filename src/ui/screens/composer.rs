//! Where messages are written.

use std::time::Duration;

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::HtmlElement;
use leptos::web_sys::HtmlTextAreaElement;

use super::super::dom;
use super::super::widgets::icons;
use super::conversation::Local;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text::count;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::ConversationKind;
use crate::vm::composer::Composer;

/// A draft is kept when nothing was typed for so long.
const KEEP_AFTER: Duration = Duration::from_millis(400);

/// The text field.
#[derive(Clone, Copy)]
struct Field {
    app: App,
    composer: Composer,
    node: NodeRef<html::Textarea>,
    timer: StoredValue<Option<TimeoutHandle>>,
}

impl Field {
    fn stop_timer(self) {
        if let Some(Some(timer)) = self.timer.try_get_value() {
            timer.clear();
        }
    }

    fn keep_soon(self) {
        self.stop_timer();
        self.timer.set_value(set_timeout_with_handle(move || self.composer.keep_draft(), KEEP_AFTER).ok());
    }

    fn submit(self) {
        if !self.composer.send() {
            return;
        }
        dom::after_paint(move || {
            if let Some(area) = self.node.get_untracked() {
                grow(&area);
                let _ = area.focus();
            }
            if let Ok(Some(scroller)) = document().query_selector(".timeline-scroll") {
                scroller.set_scroll_top(0.0);
            }
        });
    }

    fn typed(self, typed: &str) {
        let (kept, cut) = count::cut(typed, count::FIELD_LIMIT);
        self.composer.input(kept.to_owned());
        if let Some(area) = self.node.get_untracked() {
            if cut {
                area.set_value(kept);
                self.app.toast(t(K::TextCut));
            }
            grow(&area);
        }
        self.keep_soon();
    }

    fn pressed(self, event: &ev::KeyboardEvent) {
        let quoting = self.app.timeline.quoting;
        match event.key().as_str() {
            // On touch keyboards Enter breaks the line; sending has its button.
            "Enter" if !event.shift_key() && !composes(event) && !is_touch() => self.submit(),
            "Escape" if quoting.get_untracked().is_some() => quoting.set(None),
            "ArrowUp" if self.composer.text.with_untracked(String::is_empty) => focus_last_message(),
            _ => return,
        }
        event.prevent_default();
    }
}

/// The text field, what it answers to, and the button.
#[component]
pub fn ComposerBar(app: App, local: Local) -> AnyView {
    let with = local.with;
    let composer = untrack(|| Composer::new(app, with));
    let node = NodeRef::<html::Textarea>::new();
    let field = Field { app, composer, node, timer: StoredValue::new(None) };
    // With a keyboard at hand the cursor waits in the field; on a phone it would cover the messages with keys.
    let eager = untrack(|| {
        dom::matches("(hover: hover)")
            || app.conversations.view(&with).is_none_or(|view| !view.listed || view.last.is_none())
    });
    node.on_load(move |area| {
        dom::after_paint(move || {
            grow(&area);
            if eager && document().query_selector("dialog[open]").ok().flatten().is_none() {
                let _ = area.focus();
            }
        });
    });
    let leave = window_event_listener(ev::pagehide, move |_| composer.keep_draft());
    on_cleanup(move || {
        leave.remove();
        field.stop_timer();
        composer.keep_draft();
        composer.stop_typing();
    });
    view! {
        <form
            class="composer"
            on:submit=move |event| {
                event.prevent_default();
                field.submit();
            }
        >
            <Pending app=app with=with/>
            <QuotePreview app=app local=local/>
            <div class="composer-line">
                <textarea
                    node_ref=node
                    id="composer"
                    class="composer-field"
                    rows="1"
                    dir="auto"
                    aria-label=t(K::Message)
                    placeholder=t(K::Message)
                    autocomplete="off"
                    enterkeyhint="enter"
                    prop:value=move || composer.text.get()
                    on:paste=move |event| dom::limit_paste(&event, count::FIELD_LIMIT, || app.toast(t(K::TextCut)))
                    on:input=move |event| field.typed(&event_target_value(&event))
                    on:keydown=move |event| field.pressed(&event)
                    on:blur=move |_| composer.keep_draft()
                ></textarea>
                <Counter composer=composer/>
                <button type="submit" class="send" aria-label=t(K::Send) title=t(K::Send) disabled=move || !composer.can_send.get()>
                    {icons::Send()}
                </button>
            </div>
        </form>
    }
    .into_any()
}

/// Says that a message request was sent and is not accepted yet.
#[component]
fn Pending(app: App, with: AccountId) -> AnyView {
    let pending = Memo::new(move |_| {
        app.conversations
            .view(&with)
            .is_some_and(|view| view.kind == ConversationKind::Contact && !view.approved_me && view.last.is_some())
    });
    view! {
        <Show when=move || pending.get()>
            <p class="composer-note" role="status"><bdi>{move || tf(K::WaitingAccept, &[("name", &app.title(&with))])}</bdi></p>
        </Show>
    }
    .into_any()
}

/// Whether a key belongs to the keyboard's own writing aid. Safari has ended the composition when it tells of the Enter that
/// did so, and keeps only the old number for it.
fn composes(event: &ev::KeyboardEvent) -> bool {
    event.is_composing() || event.key_code() == 229
}

fn is_touch() -> bool {
    dom::matches("(hover: none) and (pointer: coarse)")
}

/// As tall as the text, up to the eight lines the style sheet allows.
fn grow(area: &HtmlTextAreaElement) {
    let style = HtmlElement::style(area);
    let _ = style.set_property("height", "auto");
    let _ = style.set_property("height", &format!("{}px", area.scroll_height()));
}

fn focus_last_message() {
    let last = document().query_selector(".timeline .msg:last-of-type").ok().flatten();
    if let Some(last) = last.and_then(|last| last.dyn_into::<HtmlElement>().ok()) {
        let _ = last.focus();
    }
}

#[component]
fn Counter(composer: Composer) -> AnyView {
    let shown = Memo::new(move |_| {
        let left = composer.left.get();
        let from = i64::try_from(count::MESSAGE_LIMIT - count::COUNT_FROM).unwrap_or(0);
        (left <= from).then_some(left)
    });
    (move || {
        shown.get().map(|left| {
            let words = if left < 0 { K::CharsOver } else { K::CharsLeft };
            let label = tf(words, &[("n", &left.unsigned_abs().to_string())]);
            view! {
                <span class="counter" class:counter-over={left < 0} role="status">
                    <span aria-hidden="true">{left}</span>
                    <span class="unseen">{label}</span>
                </span>
            }
        })
    })
    .into_any()
}

/// What an answer will quote.
#[component]
fn QuotePreview(app: App, local: Local) -> AnyView {
    let quoting = app.timeline.quoting;
    (move || {
        let id = quoting.get()?;
        let message = app.timeline.item(&id)?.view.get();
        let title = if message.outgoing {
            t(K::QuoteOfMine).to_owned()
        } else {
            tf(K::QuoteOf, &[("name", &app.title(&local.with))])
        };
        let (words, _) = count::cut(&message.body, 200);
        Some(view! {
            <div class="composer-quote">
                <div class="quote">
                    <bdi class="quote-who">{title}</bdi>
                    <span class="quote-text" dir="auto">{words.to_owned()}</span>
                </div>
                <button type="button" class="icon-button icon-small" aria-label=t(K::QuoteRemove) on:click=move |_| quoting.set(None)>{icons::Close()}</button>
            </div>
        })
    })
    .into_any()
}
