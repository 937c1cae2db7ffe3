//! ZR1, the forward-secret layer: its bytes on the wire (forward-secrecy 2, 3.5, 4.3 to 4.4, 5.4, 6.4, 6.5, 8.1).
//!
//! **In one page.** An account (the 13 words) certifies devices and encrypts no content. Each device publishes a
//! [`bundle`] with its prekeys; the account publishes a [`manifest`], the signed list of its devices. Both lie in
//! the account's swarm, in namespaces that anybody may read and only the owner may write ([`mailbox`]). Whoever
//! wants to write to an account fetches both, makes one ratchet session with each device that has none
//! (`zwiebel_crypto::handshake`), and then, for every message:
//!
//! ```text
//! content (6.5)        content::encode              what is said, with its id and acknowledgements
//!   -> container (4.4) container::seal              content encrypted once, one capsule for each device
//!   -> envelope (4.4)  the same call                encrypted to the account, padded to a few sizes
//!   -> namespace 6000 (others) or 6002 (own devices)
//! ```
//! and the way back: [`envelope::open`] (the account's key) → [`container::Container::parse`] →
//! [`container::Container::entries_for`] (is there a capsule for this device?) → [`container::receive`] with the session
//! whose header key fits, or the handshake's `answer` on the entry's init block and [`container::receive_first`] →
//! [`content::decode`].
//!
//! **How an engine uses it.** Everything here is a pure function of bytes, keys, `now` and randomness. The engine
//! finds the session (trial of header keys, most recent first), commits the session's rows together with the
//! plaintext, and only then shows, acknowledges or sends anything. A session row set after [`container::seal`] and
//! the envelope it made belong into one commit: the same bytes may be stored again and again, a second envelope
//! from an old state must never be made. [`container::receive`] changes the session only if capsule and payload have
//! both opened.
//!
//! What these modules do not know: which session to use, what is acknowledged, when to publish, whom the user
//! trusts. Those are the engine's.

pub mod bundle;
pub mod container;
pub mod content;
pub mod envelope;
pub mod link;
pub mod mailbox;
pub mod manifest;
pub mod safety;
pub mod sticky;
pub mod witness;

use rand_core::CryptoRng;
use thiserror::Error;
use zwiebel_crypto::aead::{xchacha_open, xchacha_seal};
use zwiebel_crypto::kdf::{ZERO_SALT, hkdf};
use zwiebel_crypto::keys::Ed25519Secret;
use zwiebel_crypto::reader::WrongLength;
use zwiebel_crypto::secret::Secret;

/// How far a timestamp in a manifest or bundle may be ahead of network time: clocks differ, and a day of
/// tolerance would let a wrong clock shut an account out for a day.
pub const MAX_AHEAD_MS: u64 = 60 * 60 * 1_000;
/// Sequence numbers at or above this are invalid, so that nobody can use up the counter.
pub use zwiebel_crypto::handshake::SEQ_LIMIT;
/// How long manifests and bundles may be valid, and how long an outbox keeps them.
pub const MAX_VALIDITY_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Why a published blob is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BlobError {
    /// Its validity is over.
    #[error("the blob has expired")]
    Expired,
    /// Its time is too far ahead of ours.
    #[error("the blob is from the future")]
    FromTheFuture,
    /// It breaks a rule of its format.
    #[error("the blob breaks a rule of its format")]
    Invalid,
    /// Its length does not fit its layout.
    #[error("the blob does not have the length its layout asks for")]
    Length,
    /// The signature does not hold, or is somebody else's.
    #[error("the signature of the blob does not hold")]
    Signature,
    /// Another format, or a later version of it.
    #[error("the blob is of an unknown format or version")]
    Unknown,
}

impl From<WrongLength> for BlobError {
    fn from(_: WrongLength) -> Self {
        Self::Length
    }
}

/// A key that only holders of the words have: `HKDF(Z32, ACC seed, label, 32)`, over the 32-byte Ed25519 seed.
fn account_key(account: &Ed25519Secret, label: &[u8]) -> Secret<32> {
    hkdf(&ZERO_SALT, &[account.seed()], &[label])
}

/// `nonce 24 || XAEAD`. The nonce is random and so unique under the key.
fn seal_with_nonce(key: &Secret<32>, aad: &[u8], plaintext: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Vec<u8> {
    let mut nonce = [0; 24];
    rng.fill_bytes(&mut nonce);
    [nonce.as_slice(), &xchacha_seal(key.expose(), &nonce, aad, plaintext)].concat()
}

/// Opens what [`seal_with_nonce`] made.
fn open_with_nonce(key: &Secret<32>, aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<24>()?;
    xchacha_open(key.expose(), nonce, aad, ciphertext)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
