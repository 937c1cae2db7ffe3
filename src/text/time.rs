//! Times in the reader's language and time zone, through the browser's `Intl`. Everything in Unix ms.

use std::cell::RefCell;

use js_sys::Array;
use js_sys::Date;
use js_sys::Function;
use js_sys::Intl::DateTimeFormat;
use js_sys::Intl::NumberFormat;
use js_sys::Object;
use js_sys::Reflect;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;

use crate::i18n;
use crate::i18n::K;
use crate::i18n::Lang;
use crate::i18n::t;

const DAY_MS: f64 = 86_400_000.0;

/// The device's clock.
#[must_use]
pub fn now_ms() -> u64 {
    whole(Date::now())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before the conversion")]
fn whole(ms: f64) -> u64 {
    ms.clamp(0.0, 9.0e15) as u64
}

#[expect(clippy::cast_precision_loss, reason = "dates beyond 2^53 ms do not occur; they would only be shown wrongly")]
fn date(ms: u64) -> Date {
    Date::new(&JsValue::from_f64(ms.min(8_640_000_000_000_000) as f64))
}

/// Which calendar day of the reader's time zone it is: a number that grows by one each day.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "days fit")]
pub fn local_day(ms: u64) -> i64 {
    let date = date(ms);
    ((date.get_time() - date.get_timezone_offset() * 60_000.0) / DAY_MS).floor() as i64
}

/// Time of day: `14:05` or `2:05 PM`, as the reader's region has it.
#[must_use]
pub fn clock(ms: u64) -> String {
    format(ms, &[("hour", "numeric"), ("minute", "2-digit")])
}

/// Day and time in full, for tooltips and screen readers.
#[must_use]
pub fn full(ms: u64) -> String {
    format(ms, &[("dateStyle", "full"), ("timeStyle", "short")])
}

/// The heading over a day: Today, Yesterday, weekday, or date.
#[must_use]
pub fn day_heading(ms: u64, now: u64) -> String {
    match local_day(now) - local_day(ms) {
        0 => t(K::Today).to_owned(),
        1 => t(K::Yesterday).to_owned(),
        2..=6 => format(ms, &[("weekday", "long")]),
        _ if same_year(ms, now) => format(ms, &[("weekday", "long"), ("day", "numeric"), ("month", "long")]),
        _ => format(ms, &[("day", "numeric"), ("month", "long"), ("year", "numeric")]),
    }
}

/// The time in a list row: time of day, weekday, or date.
#[must_use]
pub fn list_stamp(ms: u64, now: u64) -> String {
    match local_day(now) - local_day(ms) {
        ..=0 => clock(ms),
        1..=6 => format(ms, &[("weekday", "short")]),
        _ if same_year(ms, now) => format(ms, &[("day", "numeric"), ("month", "short")]),
        _ => format(ms, &[("day", "numeric"), ("month", "numeric"), ("year", "2-digit")]),
    }
}

/// A day in full: `24 December 2026`.
#[must_use]
pub fn date_long(ms: u64) -> String {
    format(ms, &[("dateStyle", "long")])
}

/// A moment in the text of a sentence: the time of day if it is today, else date and time.
#[must_use]
pub fn moment(ms: u64, now: u64) -> String {
    if local_day(now) == local_day(ms) {
        return clock(ms);
    }
    format(ms, &[("dateStyle", "medium"), ("timeStyle", "short")])
}

/// A span of time in its largest whole unit: `12 hours`, `1 week`.
#[must_use]
pub fn span(seconds: u32) -> String {
    span_in(seconds, "long")
}

/// The same where there is little room: `12h`, `1w`.
#[must_use]
pub fn span_short(seconds: u32) -> String {
    span_in(seconds, "narrow")
}

fn span_in(seconds: u32, form: &str) -> String {
    let units = [("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];
    let (unit, length) = units.into_iter().find(|(_, length)| seconds.is_multiple_of(*length)).unwrap_or(("second", 1));
    let wanted = options(&[("style", "unit"), ("unit", unit), ("unitDisplay", form)]);
    let formatter = NumberFormat::new(&locales(), &wanted);
    let text = formatter.format().call1(&JsValue::UNDEFINED, &JsValue::from(seconds / length));
    text.ok().and_then(|text| text.as_string()).unwrap_or_default()
}

fn same_year(a: u64, b: u64) -> bool {
    date(a).get_full_year() == date(b).get_full_year()
}

fn options(pairs: &[(&str, &str)]) -> Object {
    let wanted = Object::new();
    for (key, value) in pairs {
        // Setting a property of a fresh plain object does not fail.
        let _ = Reflect::set(&wanted, &JsValue::from_str(key), &JsValue::from_str(value));
    }
    wanted
}

/// What a formatter is made from.
type Form = &'static [(&'static str, &'static str)];

thread_local! {
    /// Making a formatter takes a hundred times as long as using it, and there are only a few.
    static FORMATTERS: RefCell<Vec<(Lang, Form, Function)>> = const { RefCell::new(Vec::new()) };
}

fn format(ms: u64, form: Form) -> String {
    let lang = i18n::current();
    let formatter = FORMATTERS.with_borrow_mut(|known| {
        if let Some((.., formatter)) = known.iter().find(|(of, made_from, _)| (*of, *made_from) == (lang, form)) {
            return formatter.clone();
        }
        let formatter: Function = DateTimeFormat::new(&locales(), &options(form)).format().unchecked_into();
        known.push((lang, form, formatter.clone()));
        formatter
    });
    let text = formatter.call1(&JsValue::UNDEFINED, &date(ms));
    text.ok().and_then(|text| text.as_string()).unwrap_or_default()
}

/// The browser's own regional form if it is of the language in use (12 or 24 hours), else the language's default.
fn locales() -> Array {
    let lang = i18n::current();
    let region = Reflect::get(&js_sys::global(), &JsValue::from_str("navigator"))
        .and_then(|navigator| Reflect::get(&navigator, &JsValue::from_str("language")))
        .ok()
        .and_then(|tag| tag.dyn_into::<js_sys::JsString>().ok().map(String::from))
        .filter(|tag| Lang::of_tag(tag) == Some(lang));
    Array::of1(&JsValue::from_str(region.as_deref().unwrap_or(lang.tag())))
}
