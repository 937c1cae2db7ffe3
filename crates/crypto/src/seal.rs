//! The sealed box of libsodium (`crypto_box_seal`): anonymous encryption to an X25519 key (session-messages 2.2).
//!
//! `E || tag || ciphertext`, where `E` is a fresh public key, the key is `HSalsa20(X25519(e, Y), 0)`, the nonce is
//! `BLAKE2b-24(E || Y)` and the cipher is XSalsa20-Poly1305. The nonce is unique because `E` is.

use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use rand_core::CryptoRng;
use salsa20::XSalsa20;
use salsa20::cipher::consts::U10;
use salsa20::cipher::{KeyIvInit, StreamCipher};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::hash::blake2b;
use crate::keys::{SharedSecret, WeakKey, X25519Public, X25519Secret};

/// What a sealed box is longer than its plaintext.
pub const OVERHEAD: usize = 48;

/// A sealed box that is not ours, not whole, or not a sealed box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the sealed box does not open")]
pub struct OpenError;

/// Encrypts for the owner of `to`; the sender stays unknown, even to themselves.
///
/// # Errors
/// [`WeakKey`] if `to` is of small order.
pub fn seal(to: &X25519Public, plaintext: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Result<Vec<u8>, WeakKey> {
    seal_with_ephemeral(X25519Secret::generate(rng), to, plaintext)
}

/// [`seal`] with a given ephemeral key, which is used up.
///
/// # Security
/// For test vectors. The same ephemeral key for two plaintexts gives both away.
///
/// # Errors
/// [`WeakKey`] if `to` is of small order.
#[expect(clippy::needless_pass_by_value, reason = "an ephemeral key is used once: taking it over says so")]
pub fn seal_with_ephemeral(ephemeral: X25519Secret, to: &X25519Public, plaintext: &[u8]) -> Result<Vec<u8>, WeakKey> {
    let public = ephemeral.public();
    let (mut cipher, mac) = start(&ephemeral.agree(to)?, &public, to);
    let mut body = plaintext.to_vec();
    cipher.apply_keystream(&mut body);
    let tag = mac.compute_unpadded(&body);
    Ok([public.0.as_slice(), tag.as_slice(), &body].concat())
}

/// Opens what was sealed for `secret`.
///
/// # Errors
/// [`OpenError`], without saying why.
pub fn open(secret: &X25519Secret, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let (ephemeral, rest) = sealed.split_first_chunk::<32>().ok_or(OpenError)?;
    let (tag, body) = rest.split_first_chunk::<16>().ok_or(OpenError)?;
    let ephemeral = X25519Public(*ephemeral);
    let shared = secret.agree(&ephemeral).map_err(|WeakKey| OpenError)?;
    let (mut cipher, mac) = start(&shared, &ephemeral, &secret.public());
    if !bool::from(mac.compute_unpadded(body).as_slice().ct_eq(tag.as_slice())) {
        return Err(OpenError);
    }
    let mut plaintext = body.to_vec();
    cipher.apply_keystream(&mut plaintext);
    Ok(plaintext)
}

/// The stream after its first 32 bytes, and the one-time authenticator keyed by those.
fn start(shared: &SharedSecret, ephemeral: &X25519Public, to: &X25519Public) -> (XSalsa20, Poly1305) {
    let nonce: [u8; 24] = blake2b(&[&ephemeral.0, &to.0]);
    let key = Zeroizing::new(<[u8; 32]>::from(salsa20::hsalsa::<U10>(shared.expose().into(), &[0; 16].into())));
    let mut cipher = XSalsa20::new((&*key).into(), &nonce.into());
    let mut mac_key = Zeroizing::new([0_u8; 32]);
    cipher.apply_keystream(mac_key.as_mut_slice());
    (cipher, Poly1305::new((&*mac_key).into()))
}

#[cfg(test)]
mod tests;
