//! The devices of the account: which they are, confirming a new one, and taking one out.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::dialog::Ask;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::link::AddDevice;
use super::protection::Notices;
use crate::i18n;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::DeviceStatus;
use crate::vm::DeviceView;
use crate::vm::RestoreStage;
use crate::vm::route::Route;

/// How far back the history goes that another device is given.
pub const HISTORY_DAYS: u16 = 14;

/// The question that is open over the list.
#[derive(Clone)]
enum Asking {
    Add,
    Confirm(DeviceView),
    Revoke(DeviceView),
}

/// The dialog.
#[component]
pub fn DevicesSheet(app: App) -> AnyView {
    let close = Callback::new(move |()| location::close_dialog(app));
    let back = Callback::new(move |()| location::replace(&Route::Account));
    let status = Memo::new(move |_| app.devices.with(|devices| devices.status));
    let asking = RwSignal::new(None::<Asking>);
    let notices = Memo::new(move |_| app.devices.with(|devices| devices.notices.clone()));
    view! {
        <Dialog title=Signal::stored(t(K::Devices).to_owned()) on_close=close on_back=back>
            <p class="lead" role="status">{move || t(lead(status.get()))}</p>
            {move || join_word(status.get()).map(|word| view! {
                <button type="button" class="button button-primary button-wide" on:click=move |_| app.send(Command::ConfirmOnlyApp)>{t(word)}</button>
            })}
            {move || app.own_id().map(|own| view! { <Notices app=app with=own notices=notices/> })}
            <ul class="people" role="list" aria-label=t(K::Devices)>
                {move || app.devices.with(|devices| devices.devices.iter().map(|device| line(app, device, asking)).collect_view())}
            </ul>
            {move || (status.get() == DeviceStatus::Listed).then(|| view! {
                <button type="button" class="line-button" on:click=move |_| asking.set(Some(Asking::Add))>{icons::Plus()}<span>{t(K::AddDevice)}</span>{icons::ChevronRight()}</button>
                <p class="hint">{t(K::DevicesAddHint)}</p>
            })}
        </Dialog>
        {move || asking.get().map(|what| match what {
            Asking::Add => view! { <AddDevice app=app on_close=move |()| asking.set(None)/> }.into_any(),
            Asking::Confirm(device) => view! { <Confirm app=app device=device open=asking/> }.into_any(),
            Asking::Revoke(device) => {
                let (id, title) = (device.id, tf(K::RevokeAsk, &[("name", &name(&device))]));
                view! {
                    <Ask title=title lead=t(K::RevokeLead) on_close=move |()| asking.set(None)>
                        <button type="button" class="button button-danger" on:click=move |_| {
                            app.send(Command::RevokeDevice(id));
                            asking.set(None);
                        }>{t(K::Revoke)}</button>
                    </Ask>
                }
                .into_any()
            }
        })}
    }
    .into_any()
}

const fn lead(status: DeviceStatus) -> K {
    match status {
        DeviceStatus::Off => K::DevicesOff,
        DeviceStatus::Joining => K::DevicesJoining,
        DeviceStatus::Listed => K::DevicesListed,
        DeviceStatus::Dropped => K::DevicesDropped,
        DeviceStatus::Revoked => K::DevicesRevoked,
    }
}

const fn join_word(status: DeviceStatus) -> Option<K> {
    match status {
        DeviceStatus::Off => Some(K::DevicesOnlyApp),
        DeviceStatus::Dropped | DeviceStatus::Revoked => Some(K::DevicesJoinAgain),
        DeviceStatus::Joining | DeviceStatus::Listed => None,
    }
}

fn name(device: &DeviceView) -> String {
    let name = device.name.as_deref().map(text::name::clean).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| t(K::DeviceNameless).to_owned())
}

/// The name of one of the own devices.
pub fn name_of(app: App, id: &[u8; 16]) -> String {
    let known = app.devices.with(|devices| devices.devices.iter().find(|device| device.id == *id).map(name));
    known.unwrap_or_else(|| t(K::DeviceNameless).to_owned())
}

/// The pictures by which a device is recognised, the same on all screens.
#[component]
fn Code(app: App, id: [u8; 16]) -> AnyView {
    app.send(Command::ShowDeviceCode(id));
    let code = Memo::new(move |_| app.device_code.get().filter(|(of, _)| *of == id).and_then(|(_, code)| code));
    (move || match code.get() {
        None => view! { <div role="status" class="starting">{icons::Spinner()}</div> }.into_any(),
        Some(code) => {
            let pictures = code
                .into_iter()
                .map(|number| {
                    let (picture, name) = text::emoji_code::picture(number, i18n::current());
                    view! { <li><span aria-hidden="true">{picture}</span><span class="hint">{name}</span></li> }
                })
                .collect_view();
            view! { <ol class="emoji-code" role="list" data-testid="device-code">{pictures}</ol> }.into_any()
        }
    })
    .into_any()
}

/// A device that joined by itself: is it mine, and what is it to know?
#[component]
fn Confirm(app: App, device: DeviceView, open: RwSignal<Option<Asking>>) -> AnyView {
    let id = device.id;
    let history = RwSignal::new(true);
    let refused = device;
    view! {
        <Dialog title=Signal::stored(t(K::ConfirmTitle).to_owned()) on_close=move |()| open.set(None) class="ask">
            <p class="ask-lead">{t(K::ConfirmLead)}</p>
            <Code app=app id=id/>
            <HistoryChoice history=history/>
            <div class="ask-actions">
                <button type="button" class="button button-primary" on:click=move |_| {
                    app.send(Command::EndorseDevice(id));
                    if history.get_untracked() {
                        send_history(app, id);
                    }
                    open.set(None);
                }>{t(K::ConfirmYes)}</button>
                <button type="button" class="button button-danger-plain" on:click=move |_| open.set(Some(Asking::Revoke(refused.clone())))>{t(K::ConfirmNo)}</button>
                <button type="button" class="button" autofocus=true on:click=move |_| open.set(None)>{t(K::Cancel)}</button>
            </div>
        </Dialog>
    }
    .into_any()
}

/// Whether a device is given the messages of the last days.
#[component]
pub fn HistoryChoice(history: RwSignal<bool>) -> AnyView {
    let choice = move |word: K, value: bool| {
        view! {
            <label class="radio-line">
                <input type="radio" name="history" prop:checked=move || history.get() == value on:change=move |_| history.set(value)/>
                <span class="setting-name">{t(word)}</span>
            </label>
        }
    };
    view! {
        <fieldset class="radios">
            <legend class="field-label">{t(K::HistoryAsk)}</legend>
            {choice(K::HistoryRecent, true)}
            {choice(K::HistoryNone, false)}
        </fieldset>
    }
    .into_any()
}

fn send_history(app: App, device: [u8; 16]) {
    app.send(Command::SendHistory { device, days: HISTORY_DAYS });
    app.toast(t(K::HistorySent));
}

fn line(app: App, device: &DeviceView, asking: RwSignal<Option<Asking>>) -> AnyView {
    let (id, this, unendorsed) = (device.id, device.this, device.unendorsed);
    let shown = name(device);
    let (revoked, confirmed) = (device.clone(), device.clone());
    let seen = match device.last_seen_ms {
        _ if this => t(K::DeviceThis).to_owned(),
        Some(at) => tf(K::DeviceSeen, &[("when", &text::time::moment(at, text::time::now_ms()))]),
        None => tf(K::DeviceAdded, &[("when", &text::time::moment(device.added_ms, text::time::now_ms()))]),
    };
    view! {
        <li class="person-line device" data-testid="device">
            <span class="hop-sign">{icons::Device()}</span>
            <span class="line-text">
                <bdi class="row-name">{shown.clone()}</bdi>
                <span class="hint">{seen}</span>
                {unendorsed.then(|| view! { <span class="device-warn">{t(if this { K::DeviceThisUnendorsed } else { K::DeviceUnendorsed })}</span> })}
            </span>
            {(unendorsed && this).then(|| view! { <Code app=app id=id/> })}
            {(!this).then(|| view! {
                <span class="device-actions">
                    {if unendorsed {
                        view! { <button type="button" class="button button-small button-primary" on:click=move |_| asking.set(Some(Asking::Confirm(confirmed.clone())))>{t(K::Confirm)}</button> }.into_any()
                    } else {
                        view! { <button type="button" class="button button-small" on:click=move |_| send_history(app, id)>{t(K::HistorySend)}</button> }.into_any()
                    }}
                    <button type="button" class="button button-small button-danger-plain" aria-label=tf(K::RevokeName, &[("name", &shown)]) on:click=move |_| asking.set(Some(Asking::Revoke(revoked.clone())))>{t(K::Revoke)}</button>
                </span>
            })}
        </li>
    }
    .into_any()
}

/// What a person should know of the devices of the account without looking for it.
#[component]
pub fn DevicesBar(app: App) -> AnyView {
    let restoring = move || app.restore.get().is_some_and(|restore| restore.stage != RestoreStage::Done);
    let shown = Memo::new(move |_| {
        if !crate::FORWARD_SECRECY || restoring() {
            return None;
        }
        app.devices.with(|devices| match devices.status {
            DeviceStatus::Off => (!app.off_closed.get()).then_some(K::DevicesOffBar),
            status @ (DeviceStatus::Dropped | DeviceStatus::Revoked) => Some(lead(status)),
            _ if devices.devices.iter().any(|device| device.unendorsed && !device.this) => Some(K::DeviceNewBar),
            _ if !devices.notices.is_empty() => Some(K::OwnNoticeBar),
            _ if devices.other_app => Some(K::OtherAppBar),
            _ => None,
        })
    });
    view! {
        <div role="status">
            {move || shown.get().map(|word| {
                let off = word == K::DevicesOffBar;
                view! {
                    <div class="bar bar-sync" class:bar-offline=!off class:bar-connecting=off data-testid="devices-bar">
                        {if off { icons::Shield() } else { icons::Warn() }}
                        <span>{t(word)}</span>
                        <button type="button" class="link-button" on:click=move |_| location::go(&Route::Devices)>{t(K::Details)}</button>
                        {(off || word == K::OtherAppBar).then(|| view! {
                            <button type="button" class="icon-button icon-small" aria-label=t(K::Close) on:click=move |_| if off {
                                app.off_closed.set(true);
                            } else {
                                app.send(Command::DismissOtherApp);
                            }>{icons::Close()}</button>
                        })}
                    </div>
                }
            })}
        </div>
    }
    .into_any()
}
