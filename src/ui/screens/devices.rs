//! The devices of the account: which they are, confirming a new one, and taking one out.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::dialog::Ask;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::dialog::next_id;
use super::super::widgets::icons;
use super::link::AddDevice;
use super::protection::Notices;
use super::status::Bar;
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
    Confirm(Named),
    Revoke(Named),
}

/// A device as it is called in a question.
#[derive(Clone)]
struct Named {
    id: [u8; 16],
    name: String,
    seen: String,
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
                {move || app.devices.with(|devices| devices.devices.iter().map(|device| line(app, &devices.devices, device, asking)).collect_view())}
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
                let (id, title) = (device.id, tf(K::RevokeAsk, &[("name", &device.name)]));
                view! {
                    <Ask title=title lead=format!("{}. {}", device.seen, t(K::RevokeLead)) on_close=move |()| asking.set(None)>
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

/// What a device is called, and the how manieth of `all` that are called so it is.
#[must_use]
pub fn name(all: &[DeviceView], device: &DeviceView) -> String {
    let name = plain_name(device);
    let age = |device: &DeviceView| (device.added_ms, device.id);
    let older = all.iter().filter(|other| age(other) < age(device) && plain_name(other) == name).count();
    if older == 0 { name } else { format!("{name} ({})", older + 1) }
}

fn plain_name(device: &DeviceView) -> String {
    let name = device.name.as_deref().map(text::name::clean).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| t(K::DeviceNameless).to_owned())
}

/// The name of one of the own devices.
pub fn name_of(app: App, id: &[u8; 16]) -> String {
    let known = app.devices.with(|devices| {
        let all = &devices.devices;
        all.iter().find(|device| device.id == *id).map(|device| name(all, device))
    });
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
fn Confirm(app: App, device: Named, open: RwSignal<Option<Asking>>) -> AnyView {
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

fn line(app: App, all: &[DeviceView], device: &DeviceView, asking: RwSignal<Option<Asking>>) -> AnyView {
    let (id, this, unendorsed) = (device.id, device.this, device.unendorsed);
    let seen = match device.last_seen_ms {
        _ if this => t(K::DeviceThis).to_owned(),
        Some(at) => tf(K::DeviceSeen, &[("when", &text::time::moment(at, app.now_ms()))]),
        None => tf(K::DeviceAdded, &[("when", &text::time::moment(device.added_ms, app.now_ms()))]),
    };
    let named = Named { id, name: name(all, device), seen };
    let number = next_id();
    view! {
        <li class="person-line device" data-testid="device">
            <span class="hop-sign">{icons::Device()}</span>
            <span class="line-text">
                <bdi id=format!("device-{number}") class="row-name">{named.name.clone()}</bdi>
                <span id=format!("seen-{number}") class="hint">{named.seen.clone()}</span>
                {unendorsed.then(|| view! { <span class="device-warn">{t(if this { K::DeviceThisUnendorsed } else { K::DeviceUnendorsed })}</span> })}
            </span>
            {(unendorsed && this).then(|| view! { <Code app=app id=id/> })}
            {(!this).then(|| line_actions(app, number, named, unendorsed, asking))}
        </li>
    }
    .into_any()
}

/// What can be done with a device. Each button is called by what it does and by the device, for there are several.
fn line_actions(app: App, number: u32, device: Named, unendorsed: bool, asking: RwSignal<Option<Asking>>) -> AnyView {
    let (doing, seen) = (format!("do-{number}"), format!("seen-{number}"));
    let called = format!("{doing} device-{number}");
    let remove = tf(K::RevokeName, &[("name", &device.name)]);
    let class = if unendorsed { "button button-small button-primary" } else { "button button-small" };
    let device = StoredValue::new(device);
    let act = move |_| {
        if unendorsed {
            asking.set(Some(Asking::Confirm(device.get_value())));
        } else {
            send_history(app, device.with_value(|device| device.id));
        }
    };
    view! {
        <span class="device-actions">
            <button type="button" id=doing aria-labelledby=called aria-describedby=seen.clone() class=class on:click=act>
                {t(if unendorsed { K::Confirm } else { K::HistorySend })}
            </button>
            <button type="button" class="button button-small button-danger-plain" aria-label=remove aria-describedby=seen on:click=move |_| asking.set(Some(Asking::Revoke(device.get_value())))>{t(K::Revoke)}</button>
        </span>
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
    let close = move |word| match word {
        K::DevicesOffBar => app.off_closed.set(true),
        _ => app.send(Command::DismissOtherApp),
    };
    view! {
        <div role="status">
            {move || shown.get().map(|word| {
                let off = word == K::DevicesOffBar;
                let sign = if off { icons::Shield() } else { icons::Warn() };
                let close = (off || word == K::OtherAppBar).then(|| Callback::new(move |()| close(word)));
                Bar { name: "devices-bar", loud: !off, sign, words: t(word).to_owned(), way: K::Details, to: Route::Devices, close }.show()
            })}
        </div>
    }
    .into_any()
}
