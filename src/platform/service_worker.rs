//! The service worker from the page's side: registering it, and offering an update when a new version waits.
//! What it does by itself is in public/sw.js. Page only.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_futures::spawn_local;
use web_sys::NotificationOptions;
use web_sys::ServiceWorker;
use web_sys::ServiceWorkerContainer;
use web_sys::ServiceWorkerRegistration;
use web_sys::ServiceWorkerState;

use super::visibility;

/// A new version is asked for no sooner than this after the last time.
const ASK_AGAIN_MS: f64 = 6.0 * 60.0 * 60.0 * 1000.0;

/// Registers the service worker and calls `update_ready` each time a new version waits for the person's consent.
pub async fn register(update_ready: impl Fn() + 'static) {
    let Some(container) = container() else { return };
    let Ok(registration) = JsFuture::from(container.register("/sw.js")).await else { return };
    let Ok(registration) = registration.dyn_into::<ServiceWorkerRegistration>() else { return };
    let update_ready = Rc::new(update_ready);
    if registration.waiting().is_some() {
        update_ready();
    }
    let found = Closure::<dyn FnMut()>::new({
        let registration = registration.clone();
        move || {
            if let Some(installing) = registration.installing() {
                watch(&installing, Rc::clone(&update_ready));
            }
        }
    });
    registration.set_onupdatefound(Some(found.as_ref().unchecked_ref()));
    found.forget();
    look_for_updates(registration);
}

/// A page that stays open for days asks for a new version when somebody comes back to it, now and then.
fn look_for_updates(registration: ServiceWorkerRegistration) {
    let mut asked = js_sys::Date::now();
    visibility::on_visibility(move |visible| {
        let now = js_sys::Date::now();
        if !visible || (now - asked).abs() < ASK_AGAIN_MS {
            return;
        }
        asked = now;
        if let Ok(update) = registration.update() {
            spawn_local(async move {
                let _ = JsFuture::from(update).await;
            });
        }
    });
}

/// The person agreed: lets the waiting version take over and reloads. Reloads too if none waits (any more).
pub async fn apply_update() {
    let waiting = match container() {
        Some(container) => JsFuture::from(container.get_registration())
            .await
            .ok()
            .and_then(|registration| registration.dyn_into::<ServiceWorkerRegistration>().ok())
            .and_then(|registration| registration.waiting()),
        None => None,
    };
    let Some(waiting) = waiting else { return reload() };
    let changed = Closure::<dyn FnMut()>::new({
        let waiting = waiting.clone();
        move || {
            if waiting.state() == ServiceWorkerState::Activated {
                reload();
            }
        }
    });
    waiting.set_onstatechange(Some(changed.as_ref().unchecked_ref()));
    changed.forget();
    let _ = waiting.post_message(&JsValue::from_str("SKIP_WAITING"));
}

/// Shows a notification through the service worker, where the page itself may not.
pub(super) fn show_notification(title: &str, options: &NotificationOptions) {
    let Some(container) = container() else { return };
    let title = title.to_owned();
    let options = options.clone();
    spawn_local(async move {
        let Ok(registration) = JsFuture::from(container.get_registration()).await else { return };
        let Ok(registration) = registration.dyn_into::<ServiceWorkerRegistration>() else { return };
        if let Ok(shown) = registration.show_notification_with_options(&title, &options) {
            let _ = JsFuture::from(shown).await;
        }
    });
}

/// Waits for a version that is being installed. The very first one is not an update: nothing older is active then.
fn watch(installing: &ServiceWorker, update_ready: Rc<impl Fn() + 'static>) {
    let is_update = container().is_some_and(|container| container.controller().is_some());
    let told = Cell::new(false);
    let changed = Closure::<dyn FnMut()>::new({
        let installing = installing.clone();
        move || {
            if is_update && installing.state() == ServiceWorkerState::Installed && !told.replace(true) {
                update_ready();
            }
        }
    });
    installing.set_onstatechange(Some(changed.as_ref().unchecked_ref()));
    changed.forget();
}

fn container() -> Option<ServiceWorkerContainer> {
    let navigator = web_sys::window()?.navigator();
    // Absent outside secure contexts, where web-sys would hand out an undefined.
    js_sys::Reflect::get(&navigator, &JsValue::from_str("serviceWorker")).ok()?.dyn_into().ok()
}

fn reload() {
    if let Some(window) = web_sys::window() {
        let _ = window.location().reload();
    }
}
