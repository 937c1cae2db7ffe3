//! Where the choices of [`crate::vm::prefs`] are kept (local storage: nothing in them is secret) and how they take effect.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;
use wasm_bindgen_futures::JsFuture;

use super::dom;
use crate::i18n;
use crate::i18n::Lang;
use crate::platform;
use crate::vm::prefs::Prefs;
use crate::vm::prefs::TEXT_SIZES;
use crate::vm::prefs::Theme;

const LANG: &str = "zwiebel.language";
const THEME: &str = "zwiebel.theme";
const TEXT_SIZE: &str = "zwiebel.text-size";
const LIST_WIDTH: &str = "zwiebel.list-width";
/// Read by the page when a message arrives in the background: `1` or nothing.
pub const NOTIFY: &str = "zwiebel.notify";
/// `1` or nothing.
const PHRASE_SEEN: &str = "zwiebel.phrase-seen";

/// Reads the choices and lets them take effect, now and whenever they change.
pub fn start(prefs: Prefs) {
    if let Some(theme) = dom::stored(THEME).and_then(|word| Theme::ALL.into_iter().find(|theme| theme.word() == word)) {
        prefs.theme.set(theme);
    }
    if let Some(size) =
        dom::stored(TEXT_SIZE).and_then(|text| text.parse().ok()).filter(|size| TEXT_SIZES.contains(size))
    {
        prefs.text_size.set(size);
    }
    if let Some(width) = dom::stored(LIST_WIDTH).and_then(|text| text.parse::<u16>().ok()) {
        prefs.list_width.set(width.clamp(320, 400));
    }
    for (key, on) in [(NOTIFY, prefs.notify), (PHRASE_SEEN, prefs.phrase_seen)] {
        on.set(dom::stored(key).as_deref() == Some("1"));
        Effect::new(move |_| dom::store(key, if on.get() { "1" } else { "" }));
    }
    let browser = window().navigator().language().unwrap_or_default();
    let wanted = dom::stored(LANG).as_deref().and_then(Lang::of_tag).or_else(|| Lang::of_tag(&browser));
    set_language(prefs, wanted.unwrap_or_default());

    Effect::new(move |_| {
        let theme = prefs.theme.get();
        if let Some(root) = document().document_element() {
            let _ = root.set_attribute("data-theme", theme.word());
        }
        dom::store(THEME, theme.word());
    });
    Effect::new(move |_| {
        let size = prefs.text_size.get();
        set_root("--text-scale", &format!("{}.{:02}", size / 100, size % 100));
        dom::store(TEXT_SIZE, &size.to_string());
    });
    Effect::new(move |_| {
        let width = prefs.list_width.get();
        set_root("--list-width", &format!("{width}px"));
        dom::store(LIST_WIDTH, &width.to_string());
    });
}

fn set_root(property: &str, value: &str) {
    if let Some(root) = document().document_element().and_then(|root| root.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = root.style().set_property(property, value);
    }
}

/// Changes the language, once its words are here.
pub fn set_language(prefs: Prefs, lang: Lang) {
    if lang == Lang::En {
        i18n::use_english();
        announce_language(prefs, lang);
        return;
    }
    platform::spawn(async move {
        let words = fetch_text(&format!("/locales/{}.json", lang.tag())).await;
        // Without the file (offline, never loaded before) the words stay as they are.
        if words.is_some_and(|words| i18n::use_file(lang, &words).is_ok()) {
            announce_language(prefs, lang);
        }
    });
}

/// Remembers a language somebody chose.
pub fn choose_language(prefs: Prefs, lang: Lang) {
    dom::store(LANG, lang.tag());
    set_language(prefs, lang);
}

fn announce_language(prefs: Prefs, lang: Lang) {
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", lang.tag());
    }
    prefs.lang.set(lang);
}

async fn fetch_text(address: &str) -> Option<String> {
    let response = JsFuture::from(window().fetch_with_str(address)).await.ok()?;
    let response: web_sys::Response = response.dyn_into().ok()?;
    if !response.ok() {
        return None;
    }
    JsFuture::from(response.text().ok()?).await.ok()?.as_string()
}
