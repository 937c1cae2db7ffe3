//! Whether the page is in front and whether the system has a network. Page only.

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::EventTarget;
use web_sys::VisibilityState;

/// True while the page is visible.
#[must_use]
pub fn is_visible() -> bool {
    web_sys::window()
        .and_then(|window| window.document())
        .is_none_or(|document| document.visibility_state() == VisibilityState::Visible)
}

/// True while somebody looks at the page: it is visible, and no other window has the focus.
#[must_use]
pub fn is_in_front() -> bool {
    let has_focus =
        web_sys::window().and_then(|window| window.document()).and_then(|document| document.has_focus().ok());
    is_visible() && has_focus.unwrap_or(true)
}

/// True while the system believes it has a network.
#[must_use]
pub fn is_online() -> bool {
    web_sys::window().is_none_or(|window| window.navigator().on_line())
}

/// Calls `changed` whenever the page comes to the front or leaves it. For the life of the page.
pub fn on_visibility(mut changed: impl FnMut(bool) + 'static) {
    if let Some(document) = web_sys::window().and_then(|window| window.document()) {
        listen(&document, "visibilitychange", move || changed(is_visible()));
    }
}

/// Calls `changed` whenever the network comes or goes. For the life of the page.
pub fn on_online(changed: impl Fn(bool) + Clone + 'static) {
    if let Some(window) = web_sys::window() {
        let gone = changed.clone();
        listen(&window, "online", move || changed(true));
        listen(&window, "offline", move || gone(false));
    }
}

fn listen(target: &EventTarget, event: &str, heard: impl FnMut() + 'static) {
    let handler = Closure::<dyn FnMut()>::new(heard);
    let _ = target.add_event_listener_with_callback(event, handler.as_ref().unchecked_ref());
    handler.forget();
}
