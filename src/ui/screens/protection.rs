//! How a conversation is protected: the badge, what it means in plain words, and what happened to a contact's devices.

use leptos::prelude::*;

use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::safety::SafetyDialog;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::AccountId;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::ConversationView;
use crate::vm::DeviceStatus;
use crate::vm::Notice;
use crate::vm::NoticeView;
use crate::vm::Protection;

/// The name of a kind of protection.
#[must_use]
pub const fn word(protection: Protection) -> K {
    match protection {
        // Without a better kind there is nothing to tell apart.
        Protection::Standard if !crate::FORWARD_SECRECY => K::StateLineEncrypted,
        Protection::Standard => K::ProtStandard,
        Protection::Waiting => K::ProtWaiting,
        Protection::ForwardSecret { verified: false } => K::ProtSecret,
        Protection::ForwardSecret { verified: true } => K::ProtVerified,
        Protection::Asking => K::ProtAsking,
        Protection::GivenUp => K::ProtGivenUp,
    }
}

/// What it means.
fn meaning(app: App, protection: Protection) -> K {
    match protection {
        Protection::Asking if app.devices.with(|devices| devices.status == DeviceStatus::Off) => K::ProtAskingOff,
        Protection::Standard => K::ProtStandardLead,
        Protection::Waiting => K::ProtWaitingLead,
        Protection::ForwardSecret { .. } => K::ProtSecretLead,
        Protection::Asking => K::ProtAskingLead,
        Protection::GivenUp => K::ProtGivenUpLead,
    }
}

/// Its sign. The word is always near.
#[must_use]
pub fn sign(protection: Protection) -> AnyView {
    match protection {
        Protection::ForwardSecret { verified: true } => icons::ShieldCheck(),
        Protection::Asking | Protection::GivenUp => icons::Warn(),
        _ => icons::Shield(),
    }
}

/// Whether it is as good as it gets.
#[must_use]
pub const fn is_secret(protection: Protection) -> bool {
    matches!(protection, Protection::ForwardSecret { .. })
}

/// How a conversation is protected, followed.
#[must_use]
pub fn followed(app: App, with: AccountId) -> Memo<Protection> {
    Memo::new(move |_| app.conversations.view(&with).map_or(Protection::Standard, |view| view.protection))
}

/// The button in the header: one tap explains.
#[component]
pub fn Badge(app: App, with: AccountId) -> AnyView {
    let protection = followed(app, with);
    let open = RwSignal::new(false);
    view! {
        <button
            type="button"
            class="icon-button"
            class:secret=move || is_secret(protection.get())
            aria-label=move || tf(K::ProtBadge, &[("state", t(word(protection.get())))])
            data-testid="protection"
            on:click=move |_| open.set(true)
        >
            {move || sign(protection.get())}
        </button>
        {move || open.get().then(|| view! { <Explanation app=app with=with on_close=move |()| open.set(false)/> })}
    }
    .into_any()
}

/// What the protection of this conversation means, and the way to make sure of it.
#[component]
pub fn Explanation(app: App, with: AccountId, #[prop(into)] on_close: Callback<()>) -> AnyView {
    let protection = followed(app, with);
    let name = move || app.title(&with);
    let comparing = RwSignal::new(false);
    view! {
        <Dialog title=Signal::derive(move || t(word(protection.get())).to_owned()) on_close=on_close class="ask">
            <p><bdi>{move || tf(meaning(app, protection.get()), &[("name", &name())])}</bdi></p>
            {move || is_secret(protection.get()).then(|| {
                let verified = protection.get() == Protection::ForwardSecret { verified: true };
                view! {
                    <p class="hint"><bdi>{tf(if verified { K::ProtIsVerified } else { K::ProtNotVerified }, &[("name", &name())])}</bdi></p>
                }
            })}
            {move || (crate::FORWARD_SECRECY && protection.get() == Protection::Standard).then(|| view! { <p class="hint">{t(K::ProtStandardSoon)}</p> })}
            <p class="hint">{t(K::ProtNever)}</p>
            <div class="ask-actions">
                {move || is_secret(protection.get()).then(|| view! {
                    <button type="button" class="button button-primary" on:click=move |_| comparing.set(true)>{t(K::SafetyCompare)}</button>
                })}
                <button type="button" class="button" autofocus=true on:click=move |_| on_close.run(())>{t(K::Close)}</button>
            </div>
        </Dialog>
        {move || comparing.get().then(|| view! { <SafetyDialog app=app with=with on_close=move |()| comparing.set(false)/> })}
    }
    .into_any()
}

/// Above the composer: what waits for keys, what changed about the contact's devices, and the
/// question whether to go on without forward secrecy.
#[component]
pub fn Strip(app: App, with: AccountId) -> AnyView {
    let view = Memo::new(move |_| app.conversations.view(&with));
    let is = move |f: fn(&ConversationView) -> bool| view.with(|view| view.as_ref().is_some_and(f));
    let asking = Memo::new(move |_| is(|view| view.protection == Protection::Asking));
    let waits = Memo::new(move |_| is(|view| view.waits_for_keys));
    let notices = Memo::new(move |_| view.with(|view| view.as_ref().map(|v| v.notices.clone()).unwrap_or_default()));
    let name = move || app.title(&with);
    view! {
        <div class="strips" role="status">
            {move || waits.get().then(|| view! { <p class="strip">{icons::Clock()}<bdi>{tf(K::WaitsForKeys, &[("name", &name())])}</bdi></p> })}
            <Notices app=app with=with notices=notices/>
            {move || asking.get().then(|| view! { <Decide app=app with=with/> })}
        </div>
    }
    .into_any()
}

/// The contact gives forward secrecy up, or has it while it is off here.
#[component]
fn Decide(app: App, with: AccountId) -> AnyView {
    let decide = move |give_up| app.send(Command::Decide { who: with, give_up });
    view! {
        <div class="strip strip-warn" data-testid="decide">
            {icons::Warn()}
            <bdi>{move || tf(meaning(app, Protection::Asking), &[("name", &app.title(&with))])}</bdi>
            <div class="strip-actions">
                <button type="button" class="button button-small" on:click=move |_| decide(false)>{t(K::DecideWait)}</button>
                <button type="button" class="button button-small button-danger-plain" on:click=move |_| decide(true)>{t(K::DecideGiveUp)}</button>
            </div>
        </div>
    }
    .into_any()
}

/// What a person must be told about somebody's devices, their own or a contact's, until they have seen it.
#[component]
pub fn Notices(app: App, with: AccountId, notices: Memo<Vec<NoticeView>>) -> AnyView {
    let own = app.is_self(&with);
    let helping = RwSignal::new(false);
    let name = move || app.title(&with);
    let lines = move || {
        let all = notices.get();
        if all.is_empty() {
            return ().into_any();
        }
        let unendorsed = all.iter().any(|one| one.notice == Notice::DeviceUnendorsed);
        let grave = all.iter().any(|one| is_grave(one.notice));
        let now = text::time::now_ms();
        let lines = all
            .into_iter()
            .map(|one| {
                let when = text::time::moment(one.at_ms, now);
                let (word, device) = if own { told_own(app, one.notice) } else { (told(one.notice), String::new()) };
                view! { <li><bdi>{tf(word, &[("name", &name()), ("device", &device)])}</bdi>" "<span class="strip-time">{when}</span></li> }
            })
            .collect_view();
        view! {
            <div class="strip" class:strip-warn=grave data-testid="notices">
                {if grave { icons::Warn() } else { icons::Info() }}
                <ul>{lines}</ul>
                <div class="strip-actions">
                    {own.then(|| view! { <button type="button" class="button button-small" on:click=move |_| helping.set(true)>{t(K::NotMe)}</button> })}
                    {(unendorsed && !own).then(|| view! {
                        <button type="button" class="button button-small" on:click=move |_| app.send(Command::AcceptDevices { who: with })>{t(K::AcceptDevices)}</button>
                    })}
                    <button type="button" class="button button-small" on:click=move |_| app.send(Command::DismissNotices { with })>{t(K::Understood)}</button>
                </div>
            </div>
        }
        .into_any()
    };
    view! {
        {lines}
        {move || helping.get().then(|| view! {
            <Dialog title=Signal::stored(t(K::NotMeTitle).to_owned()) on_close=move |()| helping.set(false) class="ask">
                <p>{t(K::NotMeFirst)}</p>
                <p>{t(K::NotMeThen)}</p>
                <div class="ask-actions"><button type="button" class="button" autofocus=true on:click=move |_| helping.set(false)>{t(K::Close)}</button></div>
            </Dialog>
        })}
    }
    .into_any()
}

/// Of the own devices: the words, and the name of the device that is meant.
fn told_own(app: App, notice: Notice) -> (K, String) {
    let word = match notice {
        Notice::DeviceAdded => K::OwnAdded,
        Notice::DeviceUnendorsed => K::OwnUnendorsed,
        Notice::DeviceRemoved => K::OwnRemoved,
        Notice::DeviceStale => K::OwnStale,
        Notice::SaidCopied { device } => return (K::OwnSaidCopied, super::devices::name_of(app, &device)),
        Notice::MayBeCopied | Notice::Fork | Notice::Withheld => K::OwnCopied,
        Notice::UnlistedDevice | Notice::NotForwardSecret => K::OwnUnlisted,
    };
    (word, String::new())
}

const fn is_grave(notice: Notice) -> bool {
    !matches!(notice, Notice::DeviceAdded | Notice::DeviceRemoved | Notice::DeviceStale)
}

const fn told(notice: Notice) -> K {
    match notice {
        Notice::DeviceAdded => K::NoticeAdded,
        Notice::DeviceUnendorsed => K::NoticeUnendorsed,
        Notice::DeviceRemoved | Notice::DeviceStale => K::NoticeRemoved,
        Notice::NotForwardSecret => K::NoticeNotSecret,
        Notice::UnlistedDevice => K::NoticeUnlisted,
        Notice::MayBeCopied | Notice::SaidCopied { .. } => K::NoticeCopied,
        Notice::Withheld => K::NoticeWithheld,
        Notice::Fork => K::NoticeFork,
    }
}
