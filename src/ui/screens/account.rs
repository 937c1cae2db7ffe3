//! The own account: who I am to others, and the ways to everything else that is mine.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::avatar::Avatar;
use super::super::widgets::dialog::Ask;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::super::widgets::id::FullId;
use super::super::widgets::qr::Qr;
use super::list::copy_own_id;
use super::name::NameField;
use super::new_conversation::copy_invite;
use super::new_conversation::own_code;
use crate::i18n::K;
use crate::i18n::t;
use crate::text;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::route::Route;

/// The sheet behind the own avatar.
#[component]
pub fn AccountSheet(app: App) -> AnyView {
    let Some(id) = untrack(|| app.own_id()) else { return ().into_any() };
    let close = Callback::new(move |()| location::close_dialog(app));
    let qr = RwSignal::new(false);
    let erasing = RwSignal::new(false);
    view! {
        <Dialog title=Signal::stored(t(K::Account).to_owned()) on_close=close>
            <div class="person">
                <Avatar app=app id=id large=true/>
                <OwnName app=app/>
            </div>
            <div class="id-card">
                <span class="field-label">{t(K::YourAccountId)}</span>
                <FullId id=id testid="account-id"/>
                <p class="hint">{t(K::AccountIdLead)}</p>
                <div class="id-actions">
                    <button type="button" class="button button-small button-primary" on:click=move |_| copy_own_id(app)>{icons::Copy()}{t(K::CopyAccountId)}</button>
                    <button type="button" class="button button-small" aria-expanded=move || qr.get().to_string() on:click=move |_| qr.update(|qr| *qr = !*qr)>
                        {icons::Qr()}{move || t(if qr.get() { K::HideQr } else { K::ShowQr })}
                    </button>
                    <button type="button" class="button button-small" on:click=move |_| copy_invite(app)>{icons::Link()}{t(K::CopyInvite)}</button>
                </div>
                <Show when=move || qr.get()><Qr text=own_code(app, &id) label=t(K::MyQr).to_owned()/></Show>
            </div>
            <div class="lines">
                {line(icons::Note(), K::NoteToSelf, K::SelfRowHint, Route::Chat(id))}
                {line(icons::Key(), K::RecoveryPhrase, K::RecoveryRowHint, Route::Phrase)}
                {line(icons::Gear(), K::Settings, K::SettingsRowHint, Route::Settings)}
                {crate::FORWARD_SECRECY.then(|| line(icons::Device(), K::Devices, K::DevicesRowHint, Route::Devices))}
                {line(icons::Path(), K::Path, K::PathRowHint, Route::Path)}
            </div>
            <div class="lines">
                <button type="button" class="line-button line-danger" on:click=move |_| erasing.set(true)>{icons::Trash()}<span>{t(K::EraseAccount)}</span></button>
            </div>
            {move || erasing.get().then(|| view! { <Erase app=app open=erasing/> })}
        </Dialog>
    }
    .into_any()
}

fn line(icon: AnyView, word: K, hint: K, to: Route) -> AnyView {
    let hint_id = format!("hint-{}", super::super::widgets::dialog::next_id());
    view! {
        <button type="button" class="line-button" aria-label=t(word) aria-describedby=hint_id on:click=move |_| location::go(&to)>
            {icon}
            <span class="line-text"><span>{t(word)}</span><span id=hint_id.clone() class="hint">{t(hint)}</span></span>
            {icons::ChevronRight()}
        </button>
    }
    .into_any()
}

/// The own name, and the field to change it.
#[component]
fn OwnName(app: App) -> AnyView {
    let name = move || {
        app.account.with(|account| {
            account.as_ref().map(|account| text::name::clean(&account.display_name)).unwrap_or_default()
        })
    };
    let editing = RwSignal::new(false);
    let value = RwSignal::new(String::new());
    let edit = move |_| {
        value.set(untrack(name));
        editing.set(true);
    };
    (move || {
        if editing.get() {
            view! {
                <form
                    class="own-name"
                    on:submit=move |event| {
                        event.prevent_default();
                        app.send(Command::SetDisplayName(text::name::clean(&value.get_untracked())));
                        editing.set(false);
                    }
                >
                    <NameField app=app value=value/>
                    <div class="own-name-actions">
                        <button type="button" class="button button-small" on:click=move |_| editing.set(false)>{t(K::Cancel)}</button>
                        <button type="submit" class="button button-small button-primary">{t(K::Save)}</button>
                    </div>
                </form>
            }
            .into_any()
        } else {
            let shown = name();
            let none = shown.is_empty();
            view! {
                <div class="own-name-line">
                    <h3 class:quiet=none><bdi>{if none { t(K::NoName).to_owned() } else { shown }}</bdi></h3>
                    <button type="button" class="icon-button icon-small" aria-label=t(K::EditName) on:click=edit>{icons::Pencil()}</button>
                </div>
            }
            .into_any()
        }
    })
    .into_any()
}

/// Asks twice: with a check box, then with the button.
#[component]
fn Erase(app: App, open: RwSignal<bool>) -> AnyView {
    let sure = RwSignal::new(false);
    view! {
        <Ask title=t(K::EraseAsk) lead=t(K::EraseLead) on_close=Callback::new(move |()| open.set(false))>
            <label class="check-line">
                <input type="checkbox" prop:checked=move || sure.get() on:change=move |event| sure.set(event_target_checked(&event))/>
                <span>{t(K::EraseConfirm)}</span>
            </label>
            <button
                type="button"
                class="button button-danger"
                disabled=move || !sure.get() || app.erasing.get()
                on:click=move |_| {
                    app.erasing.set(true);
                    app.send(Command::EraseAccount);
                    location::replace(&Route::Home);
                }
            >{move || t(if app.erasing.get() { K::Erasing } else { K::EraseGo })}</button>
        </Ask>
    }
    .into_any()
}
