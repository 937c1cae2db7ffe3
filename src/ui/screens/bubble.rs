//! One message: quote, text, time and state, reactions, and what can be done with it.

use std::time::Duration;

use leptos::ev;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

use super::super::dom;
use super::super::widgets::icons;
use super::super::widgets::menu::At;
use super::conversation::Local;
use super::message_menu::OpenMenu;
use super::message_menu::What;
use super::message_menu::react;
use super::timeline::message_dom_id;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::text::links::Piece;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::Connection;
use crate::vm::ExpiresView;
use crate::vm::Mark;
use crate::vm::MessageId;
use crate::vm::MessageView;
use crate::vm::QuoteView;
use crate::vm::SendFailure;
use crate::vm::SendState;

/// How long a finger rests before the menu opens.
const LONG_PRESS: Duration = Duration::from_millis(450);

/// A row of the timeline.
#[component]
pub fn Bubble(app: App, local: Local, id: MessageId) -> AnyView {
    let Some(item) = app.timeline.item(&id) else { return ().into_any() };
    let outgoing = item.outgoing;
    let signal = item.view;
    let view = Memo::new(move |_| signal.get());
    let place = Memo::new(move |_| app.timeline.place(&id));
    let pointed = Memo::new(move |_| app.timeline.jump.get() == Some(id));
    let arrives = text::time::now_ms().saturating_sub(id.sent_ms) < 3_000;
    let state = move || view.with(state_word);
    let body = Memo::new(move |_| view.with(|view| (view.body.clone(), view.deleted)));
    let open = move |at: At| local.menu.set(Some(OpenMenu { id, at, what: What::Actions }));
    let press = LongPress::new(open);
    view! {
        <li
            id=message_dom_id(&id)
            class="msg"
            class:msg-own=outgoing
            class:msg-first=move || place.get().first
            class:msg-last=move || place.get().last
            class:msg-pointed=move || pointed.get()
            class:msg-arrives=arrives
            data-testid="message"
            data-state=state
            data-mine=outgoing.to_string()
            tabindex="-1"
            on:keydown=move |event: ev::KeyboardEvent| {
                let opens = event.key() == "ContextMenu" || (event.key() == "Enter" && dom::is_itself(&event));
                if let Some(row) = event.current_target().and_then(|row| row.dyn_into::<web_sys::Element>().ok()).filter(|_| opens) {
                    event.prevent_default();
                    open(At::below(&row));
                }
            }
        >
            <div class="msg-line">
                <div
                    id=bubble_dom_id(&id)
                    class="bubble"
                    class:bubble-emoji=move || body.with(|(body, deleted)| !deleted && text::count::is_few_emoji(body))
                    on:contextmenu=move |event: ev::MouseEvent| {
                        if !has_selection() {
                            event.prevent_default();
                            open(At { x: event.client_x(), y: event.client_y() });
                        }
                    }
                    on:pointerdown=move |event| press.begin(&event)
                    on:pointerup=move |_| press.end()
                    on:pointermove=move |event| press.moved(&event)
                    on:pointercancel=move |_| press.end()
                >
                    {move || view.with(|view| view.quote.clone()).map(|quote| view! { <Quote app=app with=local.with quote=quote/> })}
                    {move || body.with(|(body, deleted)| text_of(body, *deleted))}
                    <Meta app=app view=view place_last=Signal::derive(move || place.get().last)/>
                </div>
                <Tools app=app local=local id=id/>
            </div>
            <Reactions app=app view=view/>
            <Failure app=app view=view/>
        </li>
    }
    .into_any()
}

fn bubble_dom_id(id: &MessageId) -> String {
    format!("b{}", message_dom_id(id))
}

fn has_selection() -> bool {
    window().get_selection().ok().flatten().is_some_and(|selection| !selection.is_collapsed())
}

fn state_word(view: &MessageView) -> &'static str {
    match view.state {
        None if view.outgoing => "sent",
        None => "received",
        Some(SendState::Sending) => "sending",
        Some(SendState::Sent) => "sent",
        Some(SendState::Delivered) => "delivered",
        Some(SendState::Read) => "read",
        Some(SendState::Failed(_)) => "failed",
    }
}

/// The text, with links; whatever it contains stays text.
fn text_of(body: &str, deleted: bool) -> AnyView {
    if deleted {
        return view! { <p class="body body-deleted">{t(K::Deleted)}</p> }.into_any();
    }
    if body.is_empty() {
        return view! { <p class="body body-deleted">{t(K::AttachmentOnly)}</p> }.into_any();
    }
    let pieces = text::links::pieces(body)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.into_any(),
            Piece::Link(link) => {
                view! { <a href=link target="_blank" rel="noopener noreferrer nofollow">{link.clone()}</a> }.into_any()
            }
        })
        .collect_view();
    view! { <p class="body" dir="auto">{pieces}</p> }.into_any()
}

/// Time and state, in the last bubble of a group, or where the state says something.
#[component]
fn Meta(app: App, view: Memo<MessageView>, place_last: Signal<bool>) -> AnyView {
    let sent = view.with_untracked(|view| view.id.sent_ms);
    let state = Memo::new(move |_| view.with(|view| if view.deleted { None } else { view.state }));
    let expires = Memo::new(move |_| view.with(|view| view.expires.filter(|_| !view.deleted)));
    let mark = Memo::new(move |_| view.with(|view| if view.deleted { None } else { mark_of(view.mark) }));
    let shown = move || {
        place_last.get()
            || mark.get().is_some()
            || expires.get().is_some()
            || matches!(state.get(), Some(SendState::Sending | SendState::Failed(_)))
    };
    let sign = move || {
        state.get().map(|state| {
            let (icon, word) = match state {
                SendState::Sending => {
                    let waits = app.network.with(|network| network.state != Connection::Online);
                    (icons::Clock(), if waits { K::StateWaiting } else { K::StateSending })
                }
                SendState::Sent => (icons::Check(), K::StateSent),
                SendState::Delivered => (icons::CheckTwo(), K::StateDelivered),
                SendState::Read => (icons::Eye(), K::StateRead),
                SendState::Failed(_) => (icons::Warn(), K::StateFailed),
            };
            view! { <span class="msg-state" title=t(word)>{icon}<span class="unseen">{t(word)}</span></span> }
        })
    };
    view! {
        <span class="meta" class:meta-hidden=move || !shown()>
            {move || mark.get().map(|(name, word)| view! { <span data-testid=name>{t(word)}</span> })}
            {move || expires.get().map(timer)}
            <time title=text::time::full(sent)>{text::time::clock(sent)}</time>
            {sign}
        </span>
    }
    .into_any()
}

/// The name and the words of a mark.
const fn mark_of(mark: Mark) -> Option<(&'static str, K)> {
    match mark {
        Mark::None => None,
        Mark::Open => Some(("open", K::OpenMark)),
        Mark::Unconfirmed => Some(("unconfirmed", K::UnconfirmedMark)),
        Mark::Relayed => Some(("relayed", K::RelayedMark)),
    }
}

/// The sign of a message that disappears, and when that is.
fn timer(expires: ExpiresView) -> AnyView {
    let words = match expires.at_ms {
        Some(at) => tf(K::ExpiresAt, &[("when", &text::time::moment(at, text::time::now_ms()))]),
        None => t(K::ExpiresRead).to_owned(),
    };
    let title = words.clone();
    view! { <span class="msg-timer" data-testid="timer" title=title>{icons::Timer()}<span class="unseen">{words}</span></span> }
        .into_any()
}

/// The message this one answers.
#[component]
fn Quote(app: App, with: AccountId, quote: QuoteView) -> AnyView {
    let id = quote.id;
    let outgoing = quote.outgoing;
    let who = move || if outgoing { t(K::You).to_owned() } else { app.title(&with) };
    let known = quote.text.is_some();
    let words = match quote.text {
        Some(text) if text.is_empty() => t(K::Attachment).to_owned(),
        Some(text) => text,
        None => t(K::QuoteMissing).to_owned(),
    };
    view! {
        <button
            type="button"
            class="quote"
            class:quote-missing=!known
            title=t(K::QuoteJump)
            on:click=move |_| {
                if !app.timeline.jump_to(id) {
                    app.toast(t(K::QuoteGone));
                }
            }
        >
            <bdi class="quote-who">{who}</bdi>
            <span class="quote-text" dir="auto">{words}</span>
        </button>
    }
    .into_any()
}

/// The buttons beside a bubble.
#[component]
fn Tools(app: App, local: Local, id: MessageId) -> AnyView {
    // One stop for the Tab key is enough: the arrow keys go on from there.
    let newest =
        Memo::new(move |_| app.timeline.items.with(|items| items.last().is_some_and(|newest| newest.id == id)));
    let open = move |event: &ev::MouseEvent, what: What| {
        if let Some(button) = event.current_target().and_then(|button| button.dyn_into::<web_sys::Element>().ok()) {
            local.menu.set(Some(OpenMenu { id, at: At::below(&button), what }));
        }
    };
    view! {
        <div class="msg-tools">
            <button type="button" class="icon-button icon-small" tabindex="-1" aria-label=t(K::MoreEmoji) on:click=move |event| open(&event, What::Emoji)>
                {icons::Smile()}
            </button>
            <button type="button" class="icon-button icon-small" tabindex=move || if newest.get() { "0" } else { "-1" } aria-haspopup="menu" aria-label=t(K::MessageActions) aria-describedby=bubble_dom_id(&id) on:click=move |event| open(&event, What::Actions)>
                {icons::Dots()}
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn Reactions(app: App, view: Memo<MessageView>) -> AnyView {
    let id = view.with_untracked(|view| view.id);
    let reactions = Memo::new(move |_| view.with(|view| view.reactions.clone()));
    (move || {
        let chips = reactions
            .get()
            .into_iter()
            .map(|reaction| {
                let emoji = reaction.emoji.clone();
                let shown: String = text::count::cut(&reaction.emoji, 16).0.to_owned();
                let count = reaction.count.to_string();
                let words = if reaction.mine { K::ReactionMine } else { K::ReactionTheirs };
                let label = tf(words, &[("emoji", &shown), ("n", &count)]);
                view! {
                    <button
                        type="button"
                        class="reaction"
                        data-testid="reaction"
                        aria-pressed=reaction.mine.to_string()
                        aria-label=label
                        on:click=move |_| react(app, id, &emoji, reaction.mine)
                    >
                        <span>{shown}</span>
                        {(reaction.count > 1).then(|| view! { <span class="reaction-count">{count}</span> })}
                    </button>
                }
            })
            .collect_view();
        reactions.with(|reactions| !reactions.is_empty()).then(|| view! { <div class="reactions">{chips}</div> })
    })
    .into_any()
}

/// Why a message did not leave, and the way to try again.
#[component]
fn Failure(app: App, view: Memo<MessageView>) -> AnyView {
    let id = view.with_untracked(|view| view.id);
    let why = Memo::new(move |_| match view.with(|view| view.state) {
        Some(SendState::Failed(why)) => Some(why),
        _ => None,
    });
    (move || {
        why.get().map(|why| {
            let words = match why {
                SendFailure::NotReached => K::FailedReach,
                SendFailure::Refused => K::FailedRefused,
            };
            view! {
                <p class="failure" role="status">
                    <span>{t(words)}</span>
                    <button type="button" class="link-button" on:click=move |_| app.send(Command::Retry { message: id })>{t(K::Retry)}</button>
                </p>
            }
        })
    })
    .into_any()
}

/// A finger resting on a message.
#[derive(Clone, Copy)]
struct LongPress {
    timer: StoredValue<Option<TimeoutHandle>>,
    from: StoredValue<(f64, f64)>,
    open: Callback<At>,
}

impl LongPress {
    fn new(open: impl Fn(At) + Send + Sync + 'static) -> Self {
        let timer = StoredValue::new(None::<TimeoutHandle>);
        on_cleanup(move || {
            if let Some(Some(timer)) = timer.try_get_value() {
                timer.clear();
            }
        });
        Self { timer, from: StoredValue::new((0.0, 0.0)), open: Callback::new(open) }
    }

    fn begin(self, event: &ev::PointerEvent) {
        if event.pointer_type() != "touch" {
            return;
        }
        let at = At { x: event.client_x(), y: event.client_y() };
        self.from.set_value((event.client_x(), event.client_y()));
        let open = self.open;
        let timer = set_timeout_with_handle(
            move || {
                let _ = open.try_run(at);
            },
            LONG_PRESS,
        );
        self.timer.set_value(timer.ok());
    }

    fn moved(self, event: &ev::PointerEvent) {
        let (x, y) = self.from.get_value();
        if (event.client_x() - x).abs() + (event.client_y() - y).abs() > 12.0 {
            self.end();
        }
    }

    fn end(self) {
        if let Some(timer) = self.timer.try_update_value(Option::take).flatten() {
            timer.clear();
        }
    }
}

/// Copies a message's text.
pub fn copy_body(app: App, body: &str) {
    dom::copy(body, move |done| app.toast(t(if done { K::MessageCopied } else { K::CopyFailed })));
}
