//! An open conversation: header, messages, and below them the composer or the question that comes before it.

use leptos::prelude::*;

use super::super::dom;
use super::super::location;
use super::super::widgets::avatar::Avatar;
use super::super::widgets::back::Back;
use super::super::widgets::dialog::Ask;
use super::super::widgets::icons;
use super::composer::ComposerBar;
use super::expiry;
use super::message_menu::DeleteDialog;
use super::message_menu::MessageMenu;
use super::message_menu::OpenMenu;
use super::message_menu::OpenlyDialog;
use super::protection;
use super::protection::Badge;
use super::protection::Strip;
use super::timeline::TimelineView;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::ConversationKind;
use crate::vm::Expiry;
use crate::vm::MessageId;
use crate::vm::route::Route;

/// What parts of this screen share.
#[derive(Clone, Copy)]
pub struct Local {
    pub with: AccountId,
    pub menu: RwSignal<Option<OpenMenu>>,
    pub deleting: RwSignal<Option<MessageId>>,
    /// The message that may go without forward secrecy, while the person is asked.
    pub opening: RwSignal<Option<MessageId>>,
}

/// What stands below the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Foot {
    Composer,
    Request,
    Blocked,
}

/// The second pane.
#[component]
pub fn Conversation(app: App, with: AccountId) -> AnyView {
    let local = Local { with, menu: RwSignal::new(None), deleting: RwSignal::new(None), opening: RwSignal::new(None) };
    let foot = Memo::new(move |_| match app.conversations.view(&with) {
        Some(view) if view.blocked => Foot::Blocked,
        Some(view) if view.kind == ConversationKind::Request => Foot::Request,
        _ => Foot::Composer,
    });
    on_cleanup(move || {
        let leaves = !matches!(app.base.get_untracked(), Route::Chat(_));
        // Where the panes take turns, its row takes the focus, which nothing else has then.
        dom::after_paint(move || {
            if leaves && dom::focused().is_none_or(|focused| focused.tag_name() == "BODY") {
                dom::focus_first(&format!(".row[data-id=\"{with}\"] .row-link"));
            }
        });
    });
    view! {
        <section class="conversation" aria-label=move || app.title(&with)>
            <Header app=app with=with/>
            <TimelineView app=app local=local/>
            <Strip app=app with=with/>
            {move || match foot.get() {
                Foot::Composer => view! { <ComposerBar app=app local=local/> }.into_any(),
                Foot::Request => view! { <RequestBar app=app with=with/> }.into_any(),
                Foot::Blocked => view! { <BlockedBar app=app with=with/> }.into_any(),
            }}
        </section>
        {move || local.menu.get().map(|open| view! { <MessageMenu app=app local=local open=open/> })}
        {move || local.deleting.get().map(|id| view! { <DeleteDialog app=app local=local id=id/> })}
        {move || local.opening.get().map(|id| view! { <OpenlyDialog app=app local=local id=id/> })}
    }
    .into_any()
}

#[component]
fn Header(app: App, with: AccountId) -> AnyView {
    let request =
        Memo::new(move |_| app.conversations.view(&with).is_some_and(|view| view.kind == ConversationKind::Request));
    let back = move |()| {
        let target = if request.get_untracked() { Route::Requests } else { Route::Home };
        location::go(&target);
    };
    view! {
        <header class="chat-head">
            <Back on=back class="chat-back"/>
            <button
                type="button"
                class="chat-who"
                aria-expanded=move || app.details.get().to_string()
                title=t(K::Details)
                on:click=move |_| app.details.update(|open| *open = !*open)
            >
                <Avatar app=app id=with/>
                <span class="chat-names">
                    <bdi class="chat-title">{move || app.title(&with)}</bdi>
                    <StateLine app=app with=with request=request/>
                </span>
            </button>
            {move || (!app.is_self(&with)).then(|| view! { <Badge app=app with=with/> })}
            <button type="button" class="icon-button" aria-label=t(K::Details) on:click=move |_| app.details.update(|open| *open = !*open)>
                {icons::Info()}
            </button>
        </header>
    }
    .into_any()
}

/// How the conversation is protected or what the other side does, and for how long messages stay.
#[component]
fn StateLine(app: App, with: AccountId, request: Memo<bool>) -> AnyView {
    let is_self = Memo::new(move |_| app.is_self(&with));
    let typing = Memo::new(move |_| app.conversations.is_typing(&with));
    let set = Memo::new(move |_| app.conversations.view(&with).map(|view| view.expiry).unwrap_or_default());
    let protection = protection::followed(app, with);
    view! {
        <span class="chat-state">
            <span class="chat-state-words">{move || if typing.get() {
                view! { <span class="typing-line">{tf(K::TypingNow, &[("name", &app.title(&with))])}</span> }.into_any()
            } else if is_self.get() {
                t(K::StateLineSelf).into_any()
            } else if request.get() {
                t(K::StateLineRequest).into_any()
            } else {
                let now = protection.get();
                view! { <span class:secret=protection::is_secret(now)>{t(protection::word(now))}</span> }.into_any()
            }}</span>
            {move || (set.get() != Expiry::Off).then(|| {
                let (_, seconds) = vm::expiry::parts(set.get());
                view! {
                    <span class="state-line" title=expiry::words(set.get())>
                        {icons::Timer()}<span class="unseen">{t(K::Disappearing)}": "</span>{text::time::span_short(seconds)}
                    </span>
                }
            })}
        </span>
    }
    .into_any()
}

/// The question a message request asks.
#[component]
fn RequestBar(app: App, with: AccountId) -> AnyView {
    #[derive(Clone, Copy, PartialEq)]
    enum Asking {
        Decline,
        Block,
    }
    let asking = RwSignal::new(None::<Asking>);
    let decline = move |_| {
        app.send(Command::DeclineRequest { from: with });
        location::replace(&Route::Requests);
    };
    let block = move |_| {
        app.send(Command::SetBlocked { who: with, blocked: true });
        location::replace(&Route::Home);
    };
    let accept = move |_| {
        app.send(Command::AcceptRequest { from: with });
        dom::after_paint(|| dom::focus_id("composer"));
    };
    let name = move || app.title(&with);
    view! {
        <div class="foot-bar">
            <p><bdi>{move || tf(K::RequestBar, &[("name", &name())])}</bdi></p>
            <div class="foot-actions">
                <button type="button" class="button button-danger-plain" on:click=move |_| asking.set(Some(Asking::Block))>{t(K::Block)}</button>
                <button type="button" class="button" on:click=move |_| asking.set(Some(Asking::Decline))>{t(K::Decline)}</button>
                <button type="button" class="button button-primary" on:click=accept>{t(K::Accept)}</button>
            </div>
        </div>
        {move || asking.get().map(|what| {
            let name = name();
            let close = Callback::new(move |()| asking.set(None));
            match what {
                Asking::Decline => view! {
                    <Ask title=t(K::DeclineAsk) lead=tf(K::DeclineLead, &[("name", &name)]) on_close=close>
                        <button type="button" class="button button-danger" on:click=decline>{t(K::Decline)}</button>
                    </Ask>
                }.into_any(),
                Asking::Block => view! {
                    <Ask title=tf(K::BlockAsk, &[("name", &name)]) lead=t(K::BlockLead) on_close=close>
                        <button type="button" class="button button-danger" on:click=block>{t(K::Block)}</button>
                    </Ask>
                }.into_any(),
            }
        })}
    }
    .into_any()
}

#[component]
fn BlockedBar(app: App, with: AccountId) -> AnyView {
    view! {
        <div class="foot-bar foot-line">
            <p><bdi>{move || tf(K::BlockedBar, &[("name", &app.title(&with))])}</bdi></p>
            <button type="button" class="button" on:click=move |_| app.send(Command::SetBlocked { who: with, blocked: false })>{t(K::Unblock)}</button>
        </div>
    }
    .into_any()
}
