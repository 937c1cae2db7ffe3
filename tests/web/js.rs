//! What the browser tests share. The test page has no content security policy, so scripts may be evaluated here.

#![allow(dead_code, reason = "each test program uses its own part")]

use js_sys::Promise;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

/// Evaluates JavaScript.
pub(crate) fn js(script: &str) -> JsValue {
    js_sys::eval(&format!("({script})")).unwrap()
}

/// Evaluates JavaScript that gives a promise, and waits for it.
pub(crate) async fn await_js(script: &str) -> JsValue {
    JsFuture::from(js(script).unchecked_into::<Promise>()).await.unwrap()
}
