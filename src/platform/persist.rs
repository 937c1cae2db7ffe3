//! Asks the browser not to throw the store away when disk space gets short.

use wasm_bindgen_futures::JsFuture;

/// Asks once; whatever the browser answers, the app works. True: the store is safe from clean-ups.
pub async fn request() -> bool {
    let Some(window) = web_sys::window() else { return false };
    let Ok(asked) = window.navigator().storage().persist() else { return false };
    JsFuture::from(asked).await.is_ok_and(|answer| answer.is_truthy())
}
