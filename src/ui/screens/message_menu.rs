//! What can be done with a message: the menu, the emoji picker, the question before deleting.

use leptos::prelude::*;

use super::super::dom;
use super::super::widgets::dialog::Ask;
use super::super::widgets::icons;
use super::super::widgets::menu::At;
use super::super::widgets::menu::Menu;
use super::bubble::copy_body;
use super::conversation::Local;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::MessageId;
use crate::vm::SendState;

/// One tap away.
const QUICK: [&str; 6] = ["👍", "❤️", "😂", "😮", "😢", "🎉"];
/// The small picker: what people answer with.
const PICKER: [&str; 48] = [
    "👍", "👎", "❤️", "🧡", "💜", "💔", "😂", "🤣", "😊", "😍", "😘", "😎", "🙂", "🙃", "😉", "🤔", "😮", "😢", "😭",
    "😡", "🤯", "😴", "🥳", "😅", "🙏", "👏", "🙌", "💪", "👋", "🤝", "🤞", "👀", "🎉", "🔥", "✨", "💯", "✅", "❌",
    "❓", "❗", "🌱", "🧅", "☕", "🍕", "🎂", "🌧️", "☀️", "🚀",
];

/// What is open over a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Actions,
    Emoji,
}

/// A menu that is open, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenMenu {
    pub id: MessageId,
    pub at: At,
    pub what: What,
}

/// Sets or takes back an emoji.
pub fn react(app: App, message: MessageId, emoji: &str, remove: bool) {
    app.send(Command::React { message, emoji: emoji.to_owned(), remove });
}

/// Whether I have reacted with this emoji already.
fn is_mine(app: App, id: &MessageId, emoji: &str) -> bool {
    app.timeline.item(id).is_some_and(|item| {
        item.view.with_untracked(|view| view.reactions.iter().any(|reaction| reaction.mine && reaction.emoji == emoji))
    })
}

/// The menu or the picker.
#[component]
pub fn MessageMenu(app: App, local: Local, open: OpenMenu) -> AnyView {
    match open.what {
        What::Actions => view! { <Actions app=app local=local open=open/> }.into_any(),
        What::Emoji => view! { <Picker app=app local=local open=open/> }.into_any(),
    }
}

fn emoji_button(app: App, local: Local, id: MessageId, emoji: &'static str) -> AnyView {
    let mine = untrack(|| is_mine(app, &id, emoji));
    view! {
        <button
            type="button"
            class="emoji"
            class:emoji-mine=mine
            role="menuitemcheckbox"
            aria-checked=mine.to_string()
            tabindex="-1"
            on:click=move |_| {
                local.menu.set(None);
                react(app, id, emoji, mine);
            }
        >{emoji}</button>
    }
    .into_any()
}

#[component]
fn Actions(app: App, local: Local, open: OpenMenu) -> AnyView {
    let id = open.id;
    let Some(message) = untrack(|| app.timeline.item(&id)).map(|item| item.view.get_untracked()) else {
        return ().into_any();
    };
    let close = Callback::new(move |()| local.menu.set(None));
    let failed = matches!(message.state, Some(SendState::Failed(_)));
    let alive = !message.deleted;
    let waits = message.waits;
    let body = StoredValue::new(message.body);
    let head = alive.then(|| {
        let quick = QUICK.into_iter().map(|emoji| emoji_button(app, local, id, emoji)).collect_view();
        view! { <div class="menu-emoji" role="group" aria-label=t(K::React)>{quick}</div> }.into_any()
    });
    let item = move |icon: AnyView, word: K, class: &'static str, action: Box<dyn Fn() + Send + Sync>| {
        view! {
            <button type="button" class=class role="menuitem" tabindex="-1" on:click=move |_| {
                local.menu.set(None);
                action();
            }>{icon}<span>{t(word)}</span></button>
        }
    };
    view! {
        <Menu at=open.at label=t(K::MessageActions) on_close=close head=head.unwrap_or_else(|| ().into_any())>
            {failed.then(|| item(icons::Retry(), K::SendAgain, "menu-item", Box::new(move || app.send(Command::Retry { message: id }))))}
            {waits.then(|| item(icons::Warn(), K::SendOpenly, "menu-item", Box::new(move || local.opening.set(Some(id)))))}
            {alive.then(|| item(icons::Reply(), K::Reply, "menu-item", Box::new(move || {
                app.timeline.quoting.set(Some(id));
                dom::after_paint(|| dom::focus_id("composer"));
            })))}
            {alive.then(|| item(icons::Smile(), K::React, "menu-item", Box::new(move || local.menu.set(Some(OpenMenu { what: What::Emoji, ..open })))))}
            {alive.then(|| item(icons::Copy(), K::Copy, "menu-item", Box::new(move || body.with_value(|body| copy_body(app, body)))))}
            {item(icons::Trash(), K::Delete, "menu-item menu-danger", Box::new(move || local.deleting.set(Some(id))))}
        </Menu>
    }
    .into_any()
}

#[component]
fn Picker(app: App, local: Local, open: OpenMenu) -> AnyView {
    let close = Callback::new(move |()| local.menu.set(None));
    let all = PICKER.into_iter().map(|emoji| emoji_button(app, local, open.id, emoji)).collect_view();
    view! {
        <Menu at=open.at label=t(K::MoreEmoji) on_close=close>
            <div class="emoji-grid">{all}</div>
        </Menu>
    }
    .into_any()
}

/// Without forward secrecy, this once?
#[component]
pub fn OpenlyDialog(app: App, local: Local, id: MessageId) -> AnyView {
    let lead = tf(K::SendOpenlyLead, &[("name", &app.title(&local.with))]);
    view! {
        <Ask title=t(K::SendOpenlyAsk) lead=lead on_close=move |()| local.opening.set(None)>
            <button type="button" class="button button-danger" on:click=move |_| {
                local.opening.set(None);
                app.send(Command::SendOpenly { message: id });
            }>{t(K::SendOpenly)}</button>
        </Ask>
    }
    .into_any()
}

/// Here, or everywhere?
#[component]
pub fn DeleteDialog(app: App, local: Local, id: MessageId) -> AnyView {
    let message = untrack(|| app.timeline.item(&id)).map(|item| item.view.get_untracked());
    let own = message.as_ref().is_some_and(|message| message.outgoing && !message.deleted);
    // A note to self has no other side, yet other devices.
    let everywhere = own;
    let close = Callback::new(move |()| local.deleting.set(None));
    let delete = move |for_everyone: bool| {
        local.deleting.set(None);
        app.send(Command::Delete { message: id, for_everyone });
    };
    let lead = if own { K::DeleteLead } else { K::DeleteLeadTheirs };
    view! {
        <Ask title=t(K::DeleteAsk) lead=t(lead) on_close=close>
            {everywhere.then(|| view! {
                <button type="button" class="button button-danger" on:click=move |_| delete(true)>{t(K::DeleteForEveryone)}</button>
            })}
            <button type="button" class="button" class:button-danger=!everywhere on:click=move |_| delete(false)>{t(K::DeleteForMe)}</button>
        </Ask>
    }
    .into_any()
}
