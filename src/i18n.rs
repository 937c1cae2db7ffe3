//! The words of the user interface: English is part of the program, every other language is one file fetched when it is
//! wanted. A word that a file lacks (an old copy in a cache) stays English. Knows nothing of screens: whoever shows words
//! builds itself anew when the language changes.

pub mod en;

use std::cell::Cell;

use wasm_bindgen::JsValue;

pub use en::K;

thread_local! {
    static CURRENT: Cell<(Lang, &'static [&'static str])> = const { Cell::new((Lang::En, en::ENGLISH)) };
}

/// A language of the user interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    #[default]
    En,
    De,
}

impl Lang {
    /// All of them, in the order they are offered.
    pub const ALL: [Self; 2] = [Self::En, Self::De];

    /// The language tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The language's name in itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::De => "Deutsch",
        }
    }

    /// The language a tag such as `de-AT` asks for, if we have it.
    #[must_use]
    pub fn of_tag(tag: &str) -> Option<Self> {
        let first = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|lang| first.eq_ignore_ascii_case(lang.tag()))
    }
}

/// The language in use.
#[must_use]
pub fn current() -> Lang {
    CURRENT.get().0
}

/// The words for a key, in the language in use.
#[must_use]
pub fn t(key: K) -> &'static str {
    CURRENT.get().1.get(key as usize).copied().unwrap_or_default()
}

/// The words for a key with values filled in.
#[must_use]
pub fn tf(key: K, values: &[(&str, &str)]) -> String {
    fill(t(key), values)
}

/// One of two wordings, by number; `{n}` is the number.
#[must_use]
pub fn tn(one: K, many: K, n: u32) -> String {
    tf(if n == 1 { one } else { many }, &[("n", &n.to_string())])
}

/// Replaces every `{name}`. Values are never looked at again, so a value with braces stays as it is.
fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        if let Some((_, value)) = values.iter().find(|(key, _)| *key == name) {
            out.push_str(value);
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Uses English from now on.
pub fn use_english() {
    CURRENT.set((Lang::En, en::ENGLISH));
}

/// Uses another language from now on, given the text of its file. What the file lacks stays English.
///
/// # Errors
/// The parser's own error if the file is no JSON object.
pub fn use_file(lang: Lang, json: &str) -> Result<(), JsValue> {
    let file = js_sys::JSON::parse(json)?;
    let words: Vec<&'static str> = en::NAMES
        .iter()
        .zip(en::ENGLISH)
        .map(|(name, english)| {
            let word = js_sys::Reflect::get(&file, &JsValue::from_str(name)).ok().and_then(|value| value.as_string());
            // Kept for the life of the page: a language is loaded at most a few times.
            word.map_or(*english, |word| &*Box::leak(word.into_boxed_str()))
        })
        .collect();
    CURRENT.set((lang, Box::leak(words.into_boxed_slice())));
    Ok(())
}

/// The keys a file has too many or too few, for the test that compares them.
///
/// # Errors
/// The parser's own error if the file is no JSON object.
pub fn differing_keys(json: &str) -> Result<Vec<String>, JsValue> {
    let file = js_sys::JSON::parse(json)?;
    let theirs: Vec<String> = js_sys::Object::keys(js_sys::Object::try_from(&file).unwrap_or(&js_sys::Object::new()))
        .iter()
        .filter_map(|key| key.as_string())
        .collect();
    let missing = en::NAMES.iter().filter(|name| !theirs.iter().any(|key| key == *name)).map(|name| (*name).to_owned());
    let surplus = theirs.iter().filter(|key| !en::NAMES.contains(&key.as_str())).cloned();
    Ok(missing.chain(surplus).collect())
}
