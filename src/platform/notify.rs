//! System notifications. They say that something came, never what or from whom: the system keeps and shows them outside our
//! reach. Page only.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::Notification;
use web_sys::NotificationOptions;
use web_sys::NotificationPermission;

use super::visibility;

/// Shows `text` if the page is not in front and the person allowed it; a click on it calls `opened`.
/// A newer one replaces an older one.
pub fn show(text: &str, opened: impl FnOnce() + 'static) {
    if visibility::is_visible() || !allowed() {
        return;
    }
    let options = NotificationOptions::new();
    options.set_body(text);
    options.set_tag("zwiebel-message");
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
        }
        // Chromium on Android has them only through the service worker.
        Err(_) => super::service_worker::show_notification("Zwiebel", &options),
    }
}

fn allowed() -> bool {
    let supported = web_sys::window().is_some_and(|window| window.get("Notification").is_some());
    supported && Notification::permission() == NotificationPermission::Granted
}

/// The only text a notification ever has, in the page's language.
#[must_use]
pub fn new_message_text() -> &'static str {
    let lang = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.document_element())
        .and_then(|root| root.get_attribute("lang"))
        .unwrap_or_default();
    if lang.starts_with("de") { "Neue Nachricht" } else { "New message" }
}
