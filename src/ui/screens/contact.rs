//! Everything about the other side of a conversation.

use leptos::prelude::*;

use super::super::dom;
use super::super::location;
use super::super::widgets::avatar::Avatar;
use super::super::widgets::dialog::Ask;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::super::widgets::id::FullId;
use super::expiry;
use super::expiry::ExpiryDialog;
use super::name::NAME_BYTES;
use super::protection;
use super::protection::Explanation;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::text::count;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::ConversationKind;
use crate::vm::route::Route;

/// A third pane where there is room, else a sheet.
#[component]
pub fn ContactPane(app: App, with: AccountId, wide: RwSignal<bool>) -> AnyView {
    let close = Callback::new(move |()| app.details.set(false));
    let title = move || t(if app.is_self(&with) { K::NoteToSelf } else { K::Contact }).to_owned();
    (move || {
        if wide.get() {
            view! {
                <aside class="pane pane-details" aria-label=title>
                    <header class="chat-head">
                        <h2 class="list-title">{title}</h2>
                        <button type="button" class="icon-button" aria-label=t(K::Close) on:click=move |_| close.run(())>{icons::Close()}</button>
                    </header>
                    <div class="details-scroll"><ContactBody app=app with=with/></div>
                </aside>
            }
            .into_any()
        } else {
            view! { <Dialog title=Signal::derive(title) on_close=close><ContactBody app=app with=with/></Dialog> }.into_any()
        }
    })
    .into_any()
}

#[derive(Clone, Copy, PartialEq)]
enum Asking {
    Block,
    Delete,
    Expiry,
    Protection,
}

#[component]
fn ContactBody(app: App, with: AccountId) -> AnyView {
    let view = Memo::new(move |_| app.conversations.view(&with));
    let is = move |f: fn(&crate::vm::ConversationView) -> bool| view.with(|view| view.as_ref().is_some_and(f));
    let is_self = untrack(|| app.is_self(&with));
    let unread = move || is(|view| view.unread > 0 || view.marked_unread);
    let set = Memo::new(move |_| view.with(|view| view.as_ref().map(|view| view.expiry).unwrap_or_default()));
    let protected = protection::followed(app, with);
    let may_expire = move || is(|view| view.kind != ConversationKind::Request && !view.blocked);
    let asking = RwSignal::new(None::<Asking>);
    view! {
        {person(app, with, is_self)}
        {(!is_self).then(|| view! { <Nickname app=app with=with/> })}
        <div class="lines">
            {(!is_self).then(|| view! {
                <button type="button" class="line-button" aria-label=move || tf(K::ProtBadge, &[("state", t(protection::word(protected.get())))]) on:click=move |_| asking.set(Some(Asking::Protection))>
                    <span class="line-sign" class:secret=move || protection::is_secret(protected.get())>{move || protection::sign(protected.get())}</span>
                    <span>{move || t(protection::word(protected.get()))}</span>
                    {icons::ChevronRight()}
                </button>
            })}
            <button type="button" class="line-button" aria-pressed=move || is(|view| view.pinned).to_string()
                on:click=move |_| app.send(Command::SetPinned { with, pinned: !untrack(|| is(|view| view.pinned)) })>
                {icons::Pin()}<span>{move || t(if is(|view| view.pinned) { K::Unpin } else { K::Pin })}</span>
            </button>
            <button type="button" class="line-button" on:click=move |_| mark_unread(app, with, !untrack(unread))>
                {icons::Unread()}<span>{move || t(if unread() { K::MarkRead } else { K::MarkUnread })}</span>
            </button>
            {move || may_expire().then(|| view! {
                <button type="button" class="line-button" aria-label=t(K::Disappearing) aria-describedby="expiry-now" on:click=move |_| asking.set(Some(Asking::Expiry))>
                    {icons::Timer()}
                    <span class="line-text"><span>{t(K::Disappearing)}</span><span id="expiry-now" class="hint">{move || expiry::words(set.get())}</span></span>
                    {icons::ChevronRight()}
                </button>
            })}
            {(!is_self).then(|| view! {
                <button type="button" class="line-button" aria-pressed=move || is(|view| view.muted).to_string()
                    on:click=move |_| app.send(Command::SetMuted { with, muted: !untrack(|| is(|view| view.muted)) })>
                    {icons::Mute()}<span>{move || t(if is(|view| view.muted) { K::Unmute } else { K::Mute })}</span>
                </button>
                <button type="button" class="line-button line-danger" on:click=move |_| {
                    if untrack(|| is(|view| view.blocked)) {
                        app.send(Command::SetBlocked { who: with, blocked: false });
                    } else {
                        asking.set(Some(Asking::Block));
                    }
                }>
                    {icons::Block()}<span>{move || t(if is(|view| view.blocked) { K::Unblock } else { K::Block })}</span>
                </button>
            })}
            <button type="button" class="line-button line-danger" on:click=move |_| asking.set(Some(Asking::Delete))>
                {icons::Trash()}<span>{t(K::DeleteConversation)}</span>
            </button>
        </div>
        {move || asking.get().map(|what| question(app, with, what, asking))}
    }
    .into_any()
}

/// Who it is.
fn person(app: App, with: AccountId, is_self: bool) -> AnyView {
    let theirs =
        move || app.conversations.view(&with).map(|view| text::name::clean(&view.display_name)).unwrap_or_default();
    let copy = move |_| {
        dom::copy(&with.to_string(), move |done| app.toast(t(if done { K::AccountIdCopied } else { K::CopyFailed })))
    };
    view! {
        <div class="person">
            <Avatar app=app id=with large=true/>
            <h3><bdi>{move || app.title(&with)}</bdi></h3>
            {move || {
                let name = theirs();
                let differs = !name.is_empty() && !is_self && name != app.title(&with);
                differs.then(|| view! { <p class="hint"><bdi>{tf(K::TheirName, &[("name", &name)])}</bdi></p> })
            }}
        </div>
        <div class="id-card">
            <FullId id=with/>
            <button type="button" class="button button-small" on:click=copy>{icons::Copy()}{t(K::CopyAccountId)}</button>
        </div>
    }
    .into_any()
}

/// The dialog that is open over the sheet.
fn question(app: App, with: AccountId, what: Asking, asking: RwSignal<Option<Asking>>) -> AnyView {
    let name = untrack(|| app.title(&with));
    let close = Callback::new(move |()| asking.set(None));
    match what {
        Asking::Protection => view! { <Explanation app=app with=with on_close=close/> }.into_any(),
        Asking::Expiry => view! { <ExpiryDialog app=app with=with on_close=close/> }.into_any(),
        Asking::Block => view! {
            <Ask title=tf(K::BlockAsk, &[("name", &name)]) lead=t(K::BlockLead) on_close=close>
                <button type="button" class="button button-danger" on:click=move |_| {
                    asking.set(None);
                    app.send(Command::SetBlocked { who: with, blocked: true });
                }>{t(K::Block)}</button>
            </Ask>
        }
        .into_any(),
        Asking::Delete => view! {
            <Ask title=t(K::DeleteConversationAsk) lead=tf(K::DeleteConversationLead, &[("name", &name)]) on_close=close>
                <button type="button" class="button button-danger" on:click=move |_| delete(app, with)>{t(K::DeleteConversation)}</button>
            </Ask>
        }
        .into_any(),
    }
}

/// Marks as unread and leaves, for nothing that is open is unread; or marks as read.
fn mark_unread(app: App, with: AccountId, unread: bool) {
    if unread {
        app.send(Command::MarkUnread { with, unread });
        app.details.set(false);
        location::replace(&Route::Home);
    } else {
        app.mark_read(with);
    }
}

fn delete(app: App, with: AccountId) {
    let request = untrack(|| app.conversations.view(&with)).is_some_and(|view| view.kind == ConversationKind::Request);
    app.send(if request { Command::DeclineRequest { from: with } } else { Command::DeleteConversation { with } });
    app.details.set(false);
    location::replace(&Route::Home);
}

/// My own name for somebody.
#[component]
fn Nickname(app: App, with: AccountId) -> AnyView {
    let kept = move || app.conversations.view(&with).map(|view| view.nickname).unwrap_or_default();
    let value = RwSignal::new(untrack(kept));
    let changed = Memo::new(move |_| value.get().trim() != kept().trim());
    view! {
        <form
            class="field"
            on:submit=move |event| {
                event.prevent_default();
                app.send(Command::SetNickname { who: with, nickname: text::name::clean(&value.get_untracked()) });
            }
        >
            <label class="field-label" for="nickname">{t(K::Nickname)}</label>
            <div class="field-row">
                <input
                    id="nickname"
                    class="text-field"
                    type="text"
                    dir="auto"
                    autocomplete="off"
                    spellcheck="false"
                    prop:value=move || value.get()
                    on:paste=move |event| dom::limit_paste(&event, NAME_BYTES, || app.toast(t(K::TextCut)))
                    on:input=move |event| {
                        let typed = event_target_value(&event);
                        value.set(count::cut_bytes(&typed, NAME_BYTES).0.to_owned());
                    }
                />
                <button type="submit" class="button" disabled=move || !changed.get()>{t(K::Save)}</button>
            </div>
            <p class="field-note">{t(K::NicknameHint)}</p>
        </form>
    }
    .into_any()
}
