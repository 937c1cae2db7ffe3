//! The few things asked of the document and the window. Everything answers with a default where the browser has nothing.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use leptos::web_sys;

use crate::platform;

/// Gives an element the focus, if it is there.
pub fn focus_id(id: &str) {
    if let Some(element) = element(id) {
        let _ = element.focus();
    }
}

/// Gives the first element of a selector the focus, if there is one.
pub fn focus_first(selector: &str) {
    let found = document().query_selector(selector).ok().flatten();
    if let Some(element) = found.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// An element by id.
#[must_use]
pub fn element(id: &str) -> Option<web_sys::HtmlElement> {
    document().get_element_by_id(id).and_then(|element| element.dyn_into().ok())
}

/// The element that has the focus.
#[must_use]
pub fn focused() -> Option<web_sys::HtmlElement> {
    document().active_element().and_then(|element| element.dyn_into().ok())
}

/// Whether an event happened to the very element that listens, not to one inside of it.
#[must_use]
pub fn is_itself(event: &web_sys::Event) -> bool {
    event.target() == event.current_target()
}

/// A length or a count without its fraction. Writing out fractions takes code that nothing else here needs.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before the conversion")]
pub const fn whole(number: f64) -> usize {
    number.clamp(0.0, 1e6) as usize
}

/// The address without path and fragment.
#[must_use]
pub fn origin() -> String {
    window().location().origin().unwrap_or_default()
}

/// Whether a media query matches right now.
#[must_use]
pub fn matches(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|list| list.matches())
}

/// Whether a media query matches, followed as long as the current owner lives.
#[must_use]
pub fn media(query: &str) -> RwSignal<bool> {
    let list = window().match_media(query).ok().flatten();
    let signal = RwSignal::new(list.as_ref().is_some_and(web_sys::MediaQueryList::matches));
    if let Some(list) = list {
        let watched = list.clone();
        let closure = Closure::<dyn FnMut()>::new(move || {
            let _ = signal.try_set(watched.matches());
        });
        let _ = list.add_event_listener_with_callback("change", closure.as_ref().unchecked_ref());
        // Lives as long as the page, like the signals that follow it.
        closure.forget();
    }
    signal
}

/// Reads something kept for this device.
#[must_use]
pub fn stored(key: &str) -> Option<String> {
    window().local_storage().ok().flatten().and_then(|storage| storage.get_item(key).ok().flatten())
}

/// Keeps something for this device. Without storage it is forgotten with the page.
pub fn store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = storage.set_item(key, value);
    }
}

/// Puts text on the clipboard and says afterwards whether that worked.
pub fn copy(text: &str, done: impl FnOnce(bool) + 'static) {
    let promise = window().navigator().clipboard().write_text(text);
    platform::spawn(async move {
        done(wasm_bindgen_futures::JsFuture::from(promise).await.is_ok());
    });
}

/// Runs something after the browser has drawn what changed.
pub fn after_paint(f: impl FnOnce() + 'static) {
    request_animation_frame(f);
}

/// The text of a paste, if the event has one.
#[must_use]
pub fn pasted(event: &web_sys::Event) -> Option<String> {
    let event: &web_sys::ClipboardEvent = event.dyn_ref()?;
    event.clipboard_data()?.get_data("text").ok()
}

/// Replaces the selection of a field by text, as typing would, and tells the field's listeners.
pub fn insert_text(target: &web_sys::EventTarget, text: &str) {
    let (start, end, value) = if let Some(area) = target.dyn_ref::<web_sys::HtmlTextAreaElement>() {
        (area.selection_start().ok().flatten(), area.selection_end().ok().flatten(), area.value())
    } else if let Some(input) = target.dyn_ref::<web_sys::HtmlInputElement>() {
        (input.selection_start().ok().flatten(), input.selection_end().ok().flatten(), input.value())
    } else {
        return;
    };
    // The browser counts UTF-16 units.
    let units: Vec<u16> = value.encode_utf16().collect();
    let start = start.and_then(|at| usize::try_from(at).ok()).unwrap_or(units.len()).min(units.len());
    let end = end.and_then(|at| usize::try_from(at).ok()).unwrap_or(start).clamp(start, units.len());
    let before = String::from_utf16_lossy(units.get(..start).unwrap_or_default());
    let after = String::from_utf16_lossy(units.get(end..).unwrap_or_default());
    let caret = u32::try_from(start + text.encode_utf16().count()).unwrap_or(u32::MAX);
    let value = format!("{before}{text}{after}");
    if let Some(area) = target.dyn_ref::<web_sys::HtmlTextAreaElement>() {
        area.set_value(&value);
        let _ = area.set_selection_range(caret, caret);
    } else if let Some(input) = target.dyn_ref::<web_sys::HtmlInputElement>() {
        input.set_value(&value);
        let _ = input.set_selection_range(caret, caret);
    }
    let init = web_sys::EventInit::new();
    init.set_bubbles(true);
    if let Ok(event) = web_sys::Event::new_with_event_init_dict("input", &init) {
        let _ = target.dispatch_event(&event);
    }
}

/// A paste handler that keeps a field at `limit` code points: a huge text is cut before the field sees it.
pub fn limit_paste(event: &web_sys::Event, limit: usize, cut: impl FnOnce()) {
    let Some(text) = pasted(event) else { return };
    if text.len() <= limit {
        return;
    }
    let (kept, was_cut) = crate::text::count::cut(&text, limit);
    if !was_cut {
        return;
    }
    event.prevent_default();
    if let Some(target) = event.target() {
        insert_text(&target, kept);
    }
    cut();
}
