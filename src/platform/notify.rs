//! System notifications. They say that something came, never what or from whom: the system keeps and shows them outside our
//! reach. Page only.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::Notification;
use web_sys::NotificationOptions;
use web_sys::NotificationPermission;

use super::visibility;

/// What the person has said about notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    Granted,
    Denied,
    NotAsked,
    /// The browser has none.
    Unsupported,
}

/// What the person has said so far.
#[must_use]
pub fn permission() -> Permission {
    if !supported() {
        return Permission::Unsupported;
    }
    match Notification::permission() {
        NotificationPermission::Granted => Permission::Granted,
        NotificationPermission::Denied => Permission::Denied,
        _ => Permission::NotAsked,
    }
}

/// Asks the person; only from a click. True: notifications are allowed.
pub async fn request() -> bool {
    if !supported() {
        return false;
    }
    if let Ok(asked) = Notification::request_permission() {
        let _ = JsFuture::from(asked).await;
    }
    permission() == Permission::Granted
}

/// Shows `text` if the page is not in front and the person allowed it; a click on it calls `opened`.
/// A newer one replaces an older one.
pub fn show(text: &str, opened: impl FnOnce() + 'static) {
    if visibility::is_visible() || permission() != Permission::Granted {
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

fn supported() -> bool {
    web_sys::window().is_some_and(|window| window.get("Notification").is_some())
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

/// Moves the page to a screen.
pub fn go_to(fragment: &str) {
    if let Some(window) = web_sys::window() {
        let _ = window.location().set_hash(fragment);
    }
}
