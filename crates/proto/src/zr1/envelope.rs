//! The outermost layer: anonymous encryption to a mailbox, padded to a few sizes (4.4).
//!
//! ```text
//! 00 5A 01 | E 32 | AEAD(k_out, 0^12, body, aad = envelope[0..35] || prefix || R)
//! ```
//! `R` is the X25519 key of the mailbox and `E` a fresh one, used for this envelope only: so the fixed nonce is
//! unique under its key. The first bytes are neither a protobuf nor another protocol's prefix: a stray blob is
//! dropped by every other reader.

use rand_core::CryptoRng;
use zwiebel_crypto::aead::{chacha_open, chacha_seal};
use zwiebel_crypto::kdf::{ZERO_SALT, hkdf};
use zwiebel_crypto::keys::{Ed25519Public, SharedSecret, WeakKey, X25519Public, X25519Secret};
use zwiebel_crypto::labels;
use zwiebel_crypto::secret::Secret;

use super::mailbox::MAX_BLOB;
use crate::account_id::AccountId;

/// How every envelope of version 1 begins.
pub const MAGIC: [u8; 3] = [0x00, 0x5a, 0x01];
/// What an envelope is longer than its body: magic, ephemeral key, tag.
pub const OVERHEAD: usize = 51;

/// Prefix byte of account mailboxes. 0x03 is reserved for those of private groups.
const ACCOUNT: u8 = 0x05;
/// The key of an envelope serves one text only, so its nonce may be fixed.
const NONCE: [u8; 12] = [0; 12];

/// Whom an envelope is for: the key of a mailbox.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OuterKey(X25519Public);

impl OuterKey {
    /// The mailbox of an account.
    #[must_use]
    pub const fn of_account(id: &AccountId) -> Self {
        Self(id.key())
    }

    /// The mailbox of the account with this signing key; `None` if the key is not a usable point.
    #[must_use]
    pub fn of_signer(account: &Ed25519Public) -> Option<Self> {
        account.to_x25519().map(Self)
    }
}

/// The size an envelope of at least `least` bytes gets; `None` if it fits none. There is no small bucket: a short
/// text to one device, to eight, and a first message then look alike.
#[must_use]
pub fn bucket(least: usize) -> Option<usize> {
    const STEP: usize = 8_192;
    match least {
        0..=2_048 => Some(2_048),
        2_049..=4_096 => Some(4_096),
        4_097..=73_728 => Some(least.div_ceil(STEP).saturating_mul(STEP)),
        73_729..=MAX_BLOB => Some(MAX_BLOB),
        _ => None,
    }
}

/// Encrypts a body for the owner of `to`. Draws 32 bytes. The body has been padded by its maker.
///
/// # Errors
/// [`WeakKey`] if the key of the mailbox gives no secret.
pub fn seal(to: &OuterKey, body: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Result<Vec<u8>, WeakKey> {
    let ephemeral = X25519Secret::generate(rng);
    let public = ephemeral.public();
    let key = outer_key(&ephemeral.agree(&to.0)?, &public, to);
    let mut envelope = [MAGIC.as_slice(), &public.0].concat();
    let sealed = chacha_seal(key.expose(), &NONCE, &aad(&envelope, to), body);
    envelope.extend(sealed);
    Ok(envelope)
}

/// The body of an envelope to this account; `None` if it is not one, or not whole.
#[must_use]
pub fn open(account: &X25519Secret, blob: &[u8]) -> Option<Vec<u8>> {
    if blob.len() > MAX_BLOB {
        return None;
    }
    let (head, sealed) = blob.split_first_chunk::<35>()?;
    let (magic, public) = head.split_first_chunk::<3>()?;
    let public = X25519Public(*public.first_chunk()?);
    if *magic != MAGIC || !public.is_canonical() {
        return None;
    }
    let to = OuterKey(account.public());
    let key = outer_key(&account.agree(&public).ok()?, &public, &to);
    chacha_open(key.expose(), &NONCE, &aad(head, &to), sealed)
}

/// k_out.
fn outer_key(shared: &SharedSecret, ephemeral: &X25519Public, to: &OuterKey) -> Secret<32> {
    hkdf(&ZERO_SALT, &[shared.expose()], &[labels::ENVELOPE, &ephemeral.0, &to.0.0])
}

fn aad(head: &[u8], to: &OuterKey) -> Vec<u8> {
    [head, &[ACCOUNT], &to.0.0].concat()
}
