//! The devices of the account: which they are, and taking one out.

use leptos::prelude::*;

use super::super::location;
use super::super::widgets::dialog::Ask;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::text;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::DeviceStatus;
use crate::vm::DeviceView;
use crate::vm::route::Route;

/// The dialog.
#[component]
pub fn DevicesSheet(app: App) -> AnyView {
    let close = Callback::new(move |()| location::close_dialog(app));
    let back = Callback::new(move |()| location::replace(&Route::Account));
    let status = Memo::new(move |_| app.devices.with(|devices| devices.status));
    let revoking = RwSignal::new(None::<DeviceView>);
    view! {
        <Dialog title=Signal::stored(t(K::Devices).to_owned()) on_close=close on_back=back>
            <p class="lead" role="status">{move || t(lead(status.get()))}</p>
            {move || join_word(status.get()).map(|word| view! {
                <button type="button" class="button button-primary button-wide" on:click=move |_| app.send(Command::ConfirmOnlyApp)>{t(word)}</button>
            })}
            <ul class="people" role="list" aria-label=t(K::Devices)>
                {move || app.devices.with(|devices| devices.devices.iter().map(|device| line(app, device, revoking)).collect_view())}
            </ul>
        </Dialog>
        {move || revoking.get().map(|device| view! {
            <Ask title=tf(K::RevokeAsk, &[("name", &name(&device))]) lead=t(K::RevokeLead) on_close=move |()| revoking.set(None)>
                <button type="button" class="button button-danger" on:click=move |_| {
                    app.send(Command::RevokeDevice(device.id));
                    revoking.set(None);
                }>{t(K::Revoke)}</button>
            </Ask>
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

fn line(app: App, device: &DeviceView, revoking: RwSignal<Option<DeviceView>>) -> AnyView {
    let (id, this, unendorsed) = (device.id, device.this, device.unendorsed);
    let shown = name(device);
    let asked = device.clone();
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
                {unendorsed.then(|| view! { <span class="device-warn">{t(K::DeviceUnendorsed)}</span> })}
            </span>
            {(unendorsed && !this).then(|| view! {
                <button type="button" class="button button-small" on:click=move |_| app.send(Command::EndorseDevice(id))>{t(K::Endorse)}</button>
            })}
            {(!this).then(|| view! {
                <button type="button" class="button button-small button-danger-plain" aria-label=tf(K::RevokeName, &[("name", &shown)]) on:click=move |_| revoking.set(Some(asked.clone()))>{t(K::Revoke)}</button>
            })}
        </li>
    }
    .into_any()
}
