//! Base64 as nodes write and read it: standard alphabet, padding written, padding optional when read.

use base64ct::Base64;
use base64ct::Base64Unpadded;
use base64ct::Encoding;

/// With padding.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// With or without padding.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let trimmed = text.trim_end_matches('=');
    if text.len() - trimmed.len() > 2 || (trimmed.len() != text.len() && !text.len().is_multiple_of(4)) {
        return None;
    }
    Base64Unpadded::decode_vec(trimmed).ok()
}

/// A fixed number of bytes, with or without padding.
#[must_use]
pub fn array_from_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    from_base64(text)?.try_into().ok()
}

/// A fixed number of bytes as hex of either case.
#[must_use]
pub fn array_from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
