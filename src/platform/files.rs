//! Files a person chooses. Page only.

use js_sys::Uint8Array;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

/// Reads a chosen file. `None`: it is larger than `limit` bytes or could not be read.
pub async fn read(file: &Blob, limit: usize) -> Option<Vec<u8>> {
    if file.size() > limit as f64 {
        return None;
    }
    let buffer = JsFuture::from(file.array_buffer()).await.ok()?;
    Some(Uint8Array::new(&buffer).to_vec())
}
