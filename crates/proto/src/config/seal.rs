//! Compression, padding and encryption of a config (session-config 6.1 to 6.3).
//!
//! Deterministic: equal plaintext gives equal bytes, so that devices which merge the same push the same message.
//!
//! # Security
//! The nonce is a keyed hash of the plaintext: one key sees a nonce twice only with the same plaintext.

use std::io::Read;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use zeroize::Zeroizing;
use zwiebel_crypto::aead::{xchacha_open, xchacha_seal};
use zwiebel_crypto::hash::{blake2b, blake2b_keyed};

/// What encryption adds: tag and nonce.
pub(super) const OVERHEAD: usize = 40;
/// The most bytes that come out of a decompression.
pub(super) const MAX_PLAINTEXT: usize = 8 * 1024 * 1024;
/// First byte of a compressed message.
pub(super) const COMPRESSED: u8 = b'z';
/// Magic number, descriptor and window size: how `ruzstd` starts a frame.
const BARE_HEADER: usize = 6;
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Compresses if that makes it shorter.
pub(super) fn compress(plaintext: &[u8]) -> Vec<u8> {
    let frame = with_content_size(&compress_to_vec(plaintext, CompressionLevel::Fastest), plaintext.len());
    match frame {
        Some(frame) if frame.len() + 1 < plaintext.len() => [&[COMPRESSED], frame.as_slice()].concat(),
        _ => plaintext.to_vec(),
    }
}

/// The same frame with the size of its content, as other clients write it, in place of the window size.
fn with_content_size(frame: &[u8], size: usize) -> Option<Vec<u8>> {
    const SINGLE_SEGMENT: u8 = 0x20;
    let (header, blocks) = frame.split_at_checked(BARE_HEADER)?;
    if header.get(..5) != Some(&[0x28, 0xb5, 0x2f, 0xfd, 0]) {
        return None; // some other kind of header: do without compression
    }
    let (flag, size) = match size {
        0..256 => (0_u8, vec![u8::try_from(size).ok()?]),
        256..65_792 => (1, u16::try_from(size - 256).ok()?.to_le_bytes().to_vec()),
        _ => (2, u32::try_from(size).ok()?.to_le_bytes().to_vec()),
    };
    Some([&MAGIC, [(flag << 6) | SINGLE_SEGMENT].as_slice(), &size, blocks].concat())
}

/// What a zstd frame holds; `None` if it is none, is damaged, or holds more than [`MAX_PLAINTEXT`].
pub(super) fn decompress(frame: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(MAX_PLAINTEXT as u64);
    let mut source = frame;
    let mut stream = StreamingDecoder::new_with_decoder(&mut source, decoder).ok()?;
    let mut out = Vec::new();
    stream.by_ref().take(MAX_PLAINTEXT as u64 + 1).read_to_end(&mut out).ok()?;
    drop(stream);
    (out.len() <= MAX_PLAINTEXT && source.is_empty()).then_some(out)
}

/// NUL bytes in front, so that the length says little (6.2).
pub(super) fn pad(body: &[u8]) -> Vec<u8> {
    let total = body.len() + OVERHEAD;
    let chunk = match total {
        0..5_120 => 256,
        5_120..20_480 => 1_024,
        20_480..40_960 => 2_048,
        _ => 5_120,
    };
    let mut padded = vec![0; total.next_multiple_of(chunk) - total];
    padded.extend_from_slice(body);
    padded
}

/// What [`pad`] took: no message starts with a NUL byte.
pub(super) fn unpad(padded: &[u8]) -> &[u8] {
    let start = padded.iter().position(|byte| *byte != 0).unwrap_or(padded.len());
    padded.get(start..).unwrap_or_default()
}

/// Encrypts (6.3); `domain` has at most 24 bytes.
pub(super) fn encrypt(key_base: &[u8; 32], domain: &str, plaintext: &[u8]) -> Vec<u8> {
    let key = key(key_base, domain, plaintext.len());
    let nonce_key = [b"libsessionutil-config-encrypted-", domain.as_bytes()].concat();
    let nonce: [u8; 24] = blake2b_keyed(&nonce_key, &[plaintext]);
    let mut sealed = xchacha_seal(&key, &nonce, &[], plaintext);
    sealed.extend_from_slice(&nonce);
    sealed
}

/// Decrypts what [`encrypt`] made.
pub(super) fn decrypt(key_base: &[u8; 32], domain: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (body, nonce) = sealed.split_last_chunk::<24>()?;
    let length = sealed.len().checked_sub(OVERHEAD)?;
    xchacha_open(&key(key_base, domain, length), nonce, &[], body)
}

/// A key for each account, kind and length.
fn key(key_base: &[u8; 32], domain: &str, length: usize) -> Zeroizing<[u8; 32]> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    Zeroizing::new(blake2b(&[key_base, &length.to_be_bytes(), domain.as_bytes()]))
}
