//! System notifications. They say that something came, never what or from whom: the system keeps and shows them outside our
//! reach. Page only.

use std::cell::RefCell;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::Notification;
use web_sys::NotificationOptions;
use web_sys::NotificationPermission;

use super::visibility;

/// Names the one notification there is at a time.
const TAG: &str = "zwiebel-message";

thread_local! {
    static SHOWN: RefCell<Option<Notification>> = const { RefCell::new(None) };
}

/// Shows `text` if nobody looks at the page and the person allowed it; a click on it calls `opened`.
/// A newer one replaces an older one, and is heard like it.
pub fn show(text: &str, opened: impl FnOnce() + 'static) {
    if visibility::is_in_front() || !allowed() {
        return;
    }
    let options = NotificationOptions::new();
    options.set_body(text);
    options.set_tag(TAG);
    options.set_renotify(true);
    options.set_icon("/icons/icon-192.png");
    match Notification::new_with_options("Zwiebel", &options) {
        Ok(notification) => {
            let handler = Closure::once_into_js(move || {
                if let Some(window) = web_sys::window() {
                    let _ = window.focus();
                }
                opened();
            });
            notification.set_onclick(Some(handler.unchecked_ref()));
            SHOWN.set(Some(notification));
        }
        // Chromium on Android has them only through the service worker.
        Err(_) => super::service_worker::show_notification("Zwiebel", &options),
    }
}

/// Takes it away: what it tells of is in front of the person.
pub fn clear() {
    if let Some(notification) = SHOWN.take() {
        notification.close();
    }
}

fn allowed() -> bool {
    let supported = web_sys::window().is_some_and(|window| window.get("Notification").is_some());
    supported && Notification::permission() == NotificationPermission::Granted
}
