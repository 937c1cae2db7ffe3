//! The clipboard. Page only; writing works from a click.

use wasm_bindgen_futures::JsFuture;

/// Copies text. False: the browser refused.
pub async fn copy(text: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok()
}
