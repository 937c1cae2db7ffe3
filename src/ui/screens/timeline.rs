//! The messages of the open conversation. The scroller runs from bottom to top (`column-reverse`), so that the newest
//! message stays in place without any arithmetic, and what is put in above moves nothing.

use std::time::Duration;

use leptos::ev;
use leptos::html;
use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;

use super::super::dom;
use super::super::widgets::avatar::Avatar;
use super::super::widgets::icons;
use super::bubble::Bubble;
use super::conversation::Local;
use super::protection::Explanation;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::App;
use crate::vm::MessageId;
use crate::vm::timeline::Row;

/// How far from the end counts as being at the end, in CSS pixels.
const AT_END: f64 = 64.0;
/// How near the beginning more is shown.
const NEAR_TOP: f64 = 600.0;

/// The scrolling part of a conversation.
#[component]
pub fn TimelineView(app: App, local: Local) -> AnyView {
    let with = local.with;
    let scroller = NodeRef::<html::Div>::new();
    let timeline = app.timeline;
    let loaded = Memo::new(move |_| timeline.loaded.get());
    let scrolled = move |_| {
        let Some(node) = scroller.get_untracked() else { return };
        // Counted from the bottom, downwards is positive: 0 at the end, negative above it.
        let up = node.scroll_top().abs();
        app.set_at_bottom(up < AT_END);
        if f64::from(node.scroll_height() - node.client_height()) - up < NEAR_TOP && timeline.more_above_now() {
            app.show_earlier();
        }
    };
    // Effects talk to the outside: they scroll.
    Effect::new(move |_| {
        if loaded.get() && timeline.unread_line.get_untracked().is_some() {
            dom::after_paint(|| {
                if let Some(line) = dom::element("unread-line") {
                    line.scroll_into_view();
                }
            });
        }
    });
    Effect::new(move |_| {
        if let Some(id) = timeline.jump.get() {
            dom::after_paint(move || show_message(&id));
            set_timeout(
                move || timeline.jump.update(|jump| *jump = jump.filter(|at| *at != id)),
                Duration::from_millis(1_800),
            );
        }
    });
    let to_end = move |_| {
        if let Some(node) = scroller.get_untracked() {
            node.set_scroll_top(0.0);
        }
        // On a phone the keyboard would cover what the jump was for.
        if dom::matches("(hover: hover)") {
            dom::focus_id("composer");
        }
    };
    view! {
        <div class="timeline-frame">
            <div node_ref=scroller class="timeline-scroll" on:scroll=scrolled tabindex="-1">
                <div class="timeline-column">
                    <Beginning app=app with=with/>
                    <ol
                        class="timeline"
                        role="list"
                        data-testid="timeline"
                        aria-label=move || tf(K::MessagesWith, &[("name", &app.title(&with))])
                        aria-busy=move || (!loaded.get()).to_string()
                        on:keydown=move |event| message_keys(&event)
                    >
                        <For each=move || timeline.rows.get() key=row_key let:row>
                            {match row {
                                Row::Day(_, moment) => view! {
                                    <li class="day"><span>{move || text::time::day_heading(moment, app.now_ms())}</span></li>
                                }.into_any(),
                                Row::New => view! { <li class="new-line" id="unread-line"><span>{t(K::NewMessages)}</span></li> }.into_any(),
                                Row::Unreadable(_, at, given_up) => unreadable(app, local, at, given_up),
                                Row::Message { id, .. } => view! { <Bubble app=app local=local id=id/> }.into_any(),
                            }}
                        </For>
                    </ol>
                    <TypingBubble app=app with=with/>
                </div>
            </div>
            <Show when=move || !timeline.at_bottom.get() && loaded.get()>
                <button type="button" class="to-end" aria-label=move || match timeline.missed.get() {
                    0 => t(K::JumpToLatest).to_owned(),
                    missed => tf(K::JumpToLatestCount, &[("n", &missed.to_string())]),
                } on:click=to_end>
                    {icons::Down()}
                    {move || (timeline.missed.get() > 0).then(|| view! { <span class="badge" aria-hidden="true">{timeline.missed.get()}</span> })}
                </button>
            </Show>
        </div>
    }
    .into_any()
}

/// The place of a message that could not be read.
fn unreadable(app: App, local: Local, at: u64, given_up: bool) -> AnyView {
    let word = if given_up { K::UnreadableLost } else { K::Unreadable };
    view! {
        <li class="msg msg-first msg-last" data-testid="unreadable" tabindex="-1">
            <div class="bubble bubble-unread">
                <p class="body body-deleted">{if given_up { icons::Warn() } else { icons::Clock() }}<bdi>{move || tf(word, &[("name", &app.title(&local.with))])}</bdi></p>
                <span class="meta"><time title=text::time::full(at)>{text::time::clock(at)}</time></span>
            </div>
        </li>
    }
    .into_any()
}

/// A row's name for the keyed list: what changes about a message changes inside its row.
fn row_key(row: &Row) -> (u8, u64, Option<MessageId>) {
    match row {
        Row::Day(day, _) => (0, day.unsigned_abs(), None),
        Row::New => (1, 0, None),
        // Times rise with numbers, so no two sums are the same.
        Row::Unreadable(number, at, given_up) => {
            (if *given_up { 3 } else { 4 }, at.saturating_add(u64::try_from(*number).unwrap_or(0)), None)
        }
        Row::Message { id, .. } => (2, 0, Some(*id)),
    }
}

/// Above the first message: more of the past, or how this conversation is protected.
#[component]
fn Beginning(app: App, with: crate::vm::AccountId) -> AnyView {
    let timeline = app.timeline;
    let empty = Memo::new(move |_| timeline.items.with(Vec::is_empty));
    let explaining = RwSignal::new(false);
    (move || {
        if !timeline.loaded.get() {
            return view! { <div class="skeleton" aria-hidden="true"><span></span><span></span><span></span><span></span></div> }.into_any();
        }
        if timeline.more_above() {
            return view! {
                <button type="button" class="button button-small earlier" on:click=move |_| app.show_earlier() disabled=move || timeline.loading_earlier.get()>
                    {move || if timeline.loading_earlier.get() { icons::Spinner().into_any() } else { t(K::LoadEarlier).into_any() }}
                </button>
            }
            .into_any();
        }
        let is_self = app.is_self(&with);
        let lead = if is_self { K::FirstSelf } else { K::FirstContact };
        view! {
            <div class="beginning">
                <Avatar app=app id=with large=true/>
                <h2><bdi>{move || app.title(&with)}</bdi></h2>
                {move || empty.get().then(|| view! { <p>{t(lead)}</p> })}
                {(!is_self).then(|| view! {
                    <button type="button" class="protected" on:click=move |_| explaining.set(true)>
                        {icons::Shield()}{t(K::ConversationStart)}<span class="more-link">{t(K::EncryptedMore)}</span>
                    </button>
                    {move || explaining.get().then(|| view! { <Explanation app=app with=with on_close=move |()| explaining.set(false)/> })}
                })}
            </div>
        }
        .into_any()
    })
    .into_any()
}

#[component]
fn TypingBubble(app: App, with: crate::vm::AccountId) -> AnyView {
    let typing = Memo::new(move |_| app.conversations.is_typing(&with));
    view! {
        <Show when=move || typing.get()>
            <div class="typing-bubble" aria-hidden="true"><i></i><i></i><i></i></div>
        </Show>
    }
    .into_any()
}

/// The element id of a message.
#[must_use]
pub fn message_dom_id(id: &MessageId) -> String {
    let author = id.author.to_string();
    format!("m-{}-{}", id.sent_ms, author.get(2..10).unwrap_or_default())
}

fn show_message(id: &MessageId) {
    let Some(element) = dom::element(&message_dom_id(id)) else { return };
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(web_sys::ScrollLogicalPosition::Center);
    element.scroll_into_view_with_scroll_into_view_options(&options);
    let _ = element.focus();
}

/// Arrow keys go from message to message.
fn message_keys(event: &ev::KeyboardEvent) {
    let step = match event.key().as_str() {
        "ArrowUp" => -1_i32,
        "ArrowDown" => 1,
        _ => return,
    };
    let Ok(found) = document().query_selector_all(".timeline .msg") else { return };
    let all: Vec<web_sys::HtmlElement> =
        (0..found.length()).filter_map(|at| found.item(at)).filter_map(|node| node.dyn_into().ok()).collect();
    let here = dom::focused().and_then(|focused| all.iter().position(|item| item.contains(Some(&focused))));
    let Some(here) = here else { return };
    event.prevent_default();
    let target = if step < 0 { here.checked_sub(1) } else { Some(here + 1) };
    match target.and_then(|at| all.get(at)) {
        Some(message) => drop(message.focus()),
        None if step > 0 => dom::focus_id("composer"),
        None => {}
    }
}
