//! What a person can choose.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsValue;
use leptos::web_sys;

use super::super::location;
use super::super::widgets::dialog::Dialog;
use super::super::widgets::icons;
use super::sync::SyncPart;
use super::ways::WaysLine;
use super::welcome::LanguageChoice;
use crate::i18n::K;
use crate::i18n::t;
use crate::i18n::tf;
use crate::i18n::tn;
use crate::platform;
use crate::vm::App;
use crate::vm::Command;
use crate::vm::Settings;
use crate::vm::prefs::TEXT_SIZES;
use crate::vm::prefs::Theme;
use crate::vm::route::Route;

/// The dialog.
#[component]
pub fn SettingsSheet(app: App) -> AnyView {
    let close = Callback::new(move |()| location::close_dialog(app));
    let back = Callback::new(move |()| location::replace(&Route::Account));
    view! {
        <Dialog title=Signal::stored(t(K::Settings).to_owned()) on_close=close on_back=back>
            <section class="settings-part">
                <h3>{t(K::Appearance)}</h3>
                <div class="setting"><span class="setting-name">{t(K::Language)}</span><LanguageChoice app=app/></div>
                <ThemeChoice app=app/>
                <TextSize app=app/>
            </section>
            <section class="settings-part">
                <h3>{t(K::Privacy)}</h3>
                <EngineSwitch app=app word=K::ReadReceipts hint=K::ReadReceiptsHint get=|settings| settings.read_receipts set=|settings, on| settings.read_receipts = on/>
                <EngineSwitch app=app word=K::TypingIndicators hint=K::TypingHint get=|settings| settings.typing_indicators set=|settings, on| settings.typing_indicators = on/>
                <BlockedLine app=app/>
            </section>
            <section class="settings-part"><h3>{t(K::Connection)}</h3><WaysLine app=app/></section>
            <SyncPart app=app/>
            <section class="settings-part"><h3>{t(K::Notifications)}</h3><Notify app=app/></section>
            <section class="settings-part">
                <h3>{t(K::About)}</h3>
                <h4>{t(K::AboutProtects)}</h4>
                <p class="hint">{t(K::AboutProtectsText)}</p>
                <h4>{t(K::AboutNot)}</h4>
                <p class="hint">{t(if crate::FORWARD_SECRECY { K::AboutNotAlways } else { K::AboutNotText })}</p>
                <p class="hint">"Zwiebel · "{tf(K::Version, &[("v", env!("CARGO_PKG_VERSION"))])}</p>
            </section>
        </Dialog>
    }
    .into_any()
}

/// The way to those who are blocked, and how many they are.
#[component]
fn BlockedLine(app: App) -> AnyView {
    let count = move || match app.conversations.blocked.with(Vec::len) {
        0 => t(K::BlockedNone).to_owned(),
        n => tn(K::PersonOne, K::PersonMany, u32::try_from(n).unwrap_or(u32::MAX)),
    };
    view! {
        <div class="lines">
            <button type="button" class="line-button" aria-label=t(K::BlockedPeople) aria-describedby="blocked-count" on:click=move |_| location::go(&Route::Blocked)>
                {icons::Block()}
                <span class="line-text"><span>{t(K::BlockedPeople)}</span><span id="blocked-count" class="hint">{count}</span></span>
                {icons::ChevronRight()}
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn ThemeChoice(app: App) -> AnyView {
    let theme = app.prefs.theme;
    let buttons = Theme::ALL
        .into_iter()
        .map(|choice| {
            let word = match choice {
                Theme::System => K::ThemeSystem,
                Theme::Light => K::ThemeLight,
                Theme::Dark => K::ThemeDark,
            };
            view! {
                <button type="button" class="choice" aria-pressed=move || (theme.get() == choice).to_string() on:click=move |_| theme.set(choice)>
                    {t(word)}
                </button>
            }
        })
        .collect_view();
    view! {
        <div class="setting">
            <span class="setting-name" id="theme-name">{t(K::Theme)}</span>
            <div class="choices" role="group" aria-labelledby="theme-name">{buttons}</div>
        </div>
    }
    .into_any()
}

#[component]
fn TextSize(app: App) -> AnyView {
    let size = app.prefs.text_size;
    let words = move || tf(K::Percent, &[("n", &size.get().to_string())]);
    view! {
        <div class="setting setting-tall">
            <label class="setting-name" for="text-size">{t(K::TextSize)}<span class="setting-value">{words}</span></label>
            <input
                id="text-size"
                type="range"
                min=TEXT_SIZES.start().to_string()
                max=TEXT_SIZES.end().to_string()
                step="10"
                aria-valuetext=words
                prop:value=move || size.get().to_string()
                on:input=move |event| {
                    if let Ok(chosen) = event_target_value(&event).parse::<u16>() {
                        size.set(chosen.clamp(*TEXT_SIZES.start(), *TEXT_SIZES.end()));
                    }
                }
            />
            <p class="sample">{t(K::TextSample)}</p>
        </div>
    }
    .into_any()
}

/// A switch with its name and what it means.
#[component]
fn Switch(
    word: K,
    hint: K,
    #[prop(into)] on: Signal<bool>,
    #[prop(into)] change: Callback<bool>,
    #[prop(optional, into)] disabled: Signal<bool>,
) -> AnyView {
    let id = format!("switch-{}", super::super::widgets::dialog::next_id());
    let hint_id = format!("{id}-hint");
    view! {
        <div class="setting setting-switch">
            <label class="setting-text" for=id.clone()>
                <span class="setting-name">{t(word)}</span>
                <span id=hint_id.clone() class="hint">{t(hint)}</span>
            </label>
            <input
                id=id
                type="checkbox"
                role="switch"
                class="switch"
                aria-label=t(word)
                aria-describedby=hint_id
                disabled=move || disabled.get()
                prop:checked=move || on.get()
                on:change=move |event| change.run(event_target_checked(&event))
            />
        </div>
    }
    .into_any()
}

/// A switch the engine keeps.
#[component]
fn EngineSwitch(app: App, word: K, hint: K, get: fn(&Settings) -> bool, set: fn(&mut Settings, bool)) -> AnyView {
    let settings =
        move || app.account.with(|account| account.as_ref().map(|account| account.settings).unwrap_or_default());
    let on = Signal::derive(move || get(&settings()));
    let change = Callback::new(move |on: bool| {
        let mut wanted = untrack(settings);
        set(&mut wanted, on);
        app.send(Command::SetSettings(wanted));
    });
    view! { <Switch word=word hint=hint on=on change=change/> }.into_any()
}

/// Asking the browser's permission, on the person's own tap.
#[component]
fn Notify(app: App) -> AnyView {
    let notify = app.prefs.notify;
    let supported = js_sys::Reflect::has(&window(), &JsValue::from_str("Notification")).unwrap_or(false);
    if !supported {
        return view! { <p class="hint">{t(K::NotifyUnsupported)}</p> }.into_any();
    }
    let permission = RwSignal::new(web_sys::Notification::permission());
    let denied = move || permission.get() == web_sys::NotificationPermission::Denied;
    let change = Callback::new(move |on: bool| {
        if !on || web_sys::Notification::permission() == web_sys::NotificationPermission::Granted {
            notify.set(on);
            return;
        }
        let Ok(answer) = web_sys::Notification::request_permission() else { return };
        platform::spawn(async move {
            let _ = wasm_bindgen_futures::JsFuture::from(answer).await;
            let now = web_sys::Notification::permission();
            let _ = permission.try_set(now);
            notify.set(now == web_sys::NotificationPermission::Granted);
            // Without permission the switch goes back by itself.
            notify.notify();
        });
    });
    let on = Signal::derive(move || notify.get() && permission.get() == web_sys::NotificationPermission::Granted);
    view! {
        <Switch word=K::Notifications hint=K::NotifyHint on=on change=change disabled=Signal::derive(denied)/>
        {move || denied().then(|| view! { <p class="hint">{t(K::NotifyDenied)}</p> })}
    }
    .into_any()
}
