//! Key derivation of ZR1: HKDF-SHA-256 (RFC 5869) and SHA-256 over parts (forward-secrecy 2.1).
//!
//! Inputs come in parts so that callers never have to join secrets in a buffer of their own. What it does not know:
//! what the keys are for; that is in the labels.

use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// 32 zero bytes: the salt where a derivation has no secret salt (`Z32`).
pub const ZERO_SALT: [u8; 32] = [0; 32];

/// Length of a SHA-256 digest, and so of one block of HKDF output.
const BLOCK: usize = 32;

/// `HKDF(salt, ikm, info, N)`; `ikm` and `info` are the concatenations of their parts. `N` is at most
/// 8,160, the salt has at most 64 bytes.
#[must_use]
pub fn hkdf<const N: usize, const S: usize>(salt: &[u8; S], ikm: &[&[u8]], info: &[&[u8]]) -> Secret<N> {
    const { assert!(N >= 1 && N <= 255 * BLOCK, "HKDF-SHA-256 gives 1 to 8,160 bytes") };
    let pseudorandom = Zeroizing::new(mac(salt, ikm));
    let mut out = Zeroizing::new([0_u8; N]);
    let mut previous = Zeroizing::new([0_u8; BLOCK]);
    for (number, chunk) in (1_u8..=255).zip(out.chunks_mut(BLOCK)) {
        let before: &[u8] = if number == 1 { &[] } else { previous.as_slice() };
        let mut hmac = keyed(&pseudorandom);
        hmac.update(before);
        info.iter().for_each(|part| hmac.update(part));
        hmac.update(&[number]);
        *previous = hmac.finalize().into_bytes().into();
        chunk.iter_mut().zip(previous.iter()).for_each(|(to, from)| *to = *from);
    }
    Secret::new(*out)
}

/// SHA-256 over the concatenation of `parts` (`H`).
#[must_use]
pub fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// The first `N` bytes of [`digest`]; `N` is at most 32.
#[must_use]
pub fn short_digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    const { assert!(N <= BLOCK, "a SHA-256 digest has 32 bytes") };
    let mut out = [0; N];
    out.iter_mut().zip(digest(parts)).for_each(|(to, from)| *to = from);
    out
}

/// Argon2id (RFC 9106) with one lane and 32 bytes of output: slow and memory-hard on purpose. `None` if there is not
/// enough memory, or if the parameters are outside the standard (at least 8 KiB and one pass).
///
/// It takes its memory at once: in a browser it belongs into a worker of its own, because wasm memory never shrinks.
#[must_use]
pub fn argon2id(password: &[u8], salt: &[u8; 16], kibibytes: u32, passes: u32) -> Option<Secret<32>> {
    let params = Params::new(kibibytes, passes, 1, Some(BLOCK)).ok()?;
    let mut out = Zeroizing::new([0; BLOCK]);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password, salt, out.as_mut_slice()).ok()?;
    Some(Secret::new(*out))
}

/// `HMAC-SHA-256(key, parts)`.
pub(crate) fn mac<const S: usize>(key: &[u8; S], parts: &[&[u8]]) -> [u8; 32] {
    let mut hmac = keyed(key);
    parts.iter().for_each(|part| hmac.update(part));
    hmac.finalize().into_bytes().into()
}

/// HMAC with a key of at most one block, padded to the block as RFC 2104 says: this way there is nothing that could fail.
fn keyed<const S: usize>(key: &[u8; S]) -> Hmac<Sha256> {
    const { assert!(S <= 64, "longer HMAC keys are hashed first") };
    let mut block = Zeroizing::new([0_u8; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    <Hmac<Sha256> as KeyInit>::new((&*block).into())
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
