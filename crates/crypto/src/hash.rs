//! Hashes and MACs: BLAKE2b of any length, SHA-512, HMAC-SHA256.
//!
//! BLAKE2b is a run over the concatenation of `parts`, so that callers need not join them first.

use blake2::Blake2bVarCore;
use blake2::digest::block_api::{UpdateCore, VariableOutputCore};
use blake2::digest::block_buffer::LazyBuffer;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// BLAKE2b with an `N`-byte digest (1 to 64): libsodium's `crypto_generichash` without a key.
#[must_use]
pub fn blake2b<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    blake2b_keyed(&[], parts)
}

/// BLAKE2b with an `N`-byte digest (1 to 64) and a key of at most 64 bytes: libsodium's `crypto_generichash`.
///
/// A longer key is a programming error: debug builds stop, release builds use its first 64 bytes.
#[must_use]
pub fn blake2b_keyed<const N: usize>(key: &[u8], parts: &[&[u8]]) -> [u8; N] {
    const { assert!(N >= 1 && N <= 64, "BLAKE2b digests have 1 to 64 bytes") };
    debug_assert!(key.len() <= 64, "BLAKE2b keys have at most 64 bytes");
    let key = key.get(..64).unwrap_or(key);

    let mut core = Blake2bVarCore::new_with_params(&[], &[], key.len(), N);
    let mut buffer = LazyBuffer::default();
    if !key.is_empty() {
        let mut block = [0_u8; 128]; // the key fills the first block, padded with zeros (RFC 7693 2.9)
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        buffer.digest_blocks(&block, |blocks| core.update_blocks(blocks));
    }
    for part in parts {
        buffer.digest_blocks(part, |blocks| core.update_blocks(blocks));
    }
    let mut full = Default::default();
    core.finalize_variable_core(&mut buffer, &mut full);
    let mut out = [0; N];
    out.iter_mut().zip(full.iter()).for_each(|(to, from)| *to = *from);
    out
}

/// HMAC-SHA256 with a key of any length.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().into()
        }
        Err(_) => unreachable!("HMAC takes keys of any length"),
    }
}

/// SHA-512.
#[must_use]
pub fn sha512(message: &[u8]) -> [u8; 64] {
    Sha512::digest(message).into()
}

/// SHA-256.
#[must_use]
pub fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

#[cfg(test)]
mod tests;
