//! Keys as types, never as bare arrays.
//!
//! Invariants: a [`SharedSecret`] is never all zeros; secret keys are wiped on drop and never printed.

use std::fmt;

use curve25519_dalek::MontgomeryPoint;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret, x25519};
use zeroize::Zeroizing;

use crate::hash::sha512;
use crate::secret::Secret;

/// An X25519 public key: 32 bytes, the u coordinate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct X25519Public(pub [u8; 32]);

/// An Ed25519 public key: 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ed25519Public(pub [u8; 32]);

/// An X25519 secret key. Any 32 bytes are one: clamping happens on use.
pub struct X25519Secret {
    bytes: Secret<32>,
    public: X25519Public,
}

/// An Ed25519 secret key, from its 32-byte seed.
pub struct Ed25519Secret(Box<SigningKey>);

/// What two parties agreed on: the raw X25519 result, never all zeros. Input for a key derivation, not a key.
#[derive(Debug, PartialEq, Eq)]
pub struct SharedSecret(Secret<32>);

/// The other side's key is of small order: the result would be zeros, known to everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the public key is of small order")]
pub struct WeakKey;

impl X25519Public {
    /// Whether a key agreement with this key gives anything but zeros: false for the points of small order.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        (MontgomeryPoint(self.0) * Scalar::from(8_u8)).0 != [0; 32]
    }

    /// Whether bit 255 is clear and the value is below 2^255 - 19: a key then has one name only. ZR1 refuses others
    /// (forward-secrecy 2.1); the Session network's own formats accept them.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        let [.., last] = self.0;
        last & 0x80 == 0 && is_canonical_y(&self.0)
    }
}

impl Ed25519Public {
    /// Whether `sig` is this key's signature over `msg`, by libsodium's rules (`crypto_sign_verify_detached`).
    ///
    /// That is dalek's `verify_strict` (no cofactor, canonical S, no small-order key, no small-order R) plus one rule it
    /// lacks: a key whose y coordinate is not below the field's prime is refused. Plain `verify` would accept keys
    /// and R of small order, for which one signature fits many messages; the nodes of the network refuse them.
    #[must_use]
    pub fn verify(&self, msg: &[u8], sig: &[u8; 64]) -> bool {
        if !is_canonical_y(&self.0) {
            return false;
        }
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(msg, &Signature::from_bytes(sig)).is_ok())
    }

    /// The X25519 key of the same owner (`crypto_sign_ed25519_pk_to_curve25519`); `None` unless this is a point of the
    /// prime-order group.
    #[must_use]
    pub fn to_x25519(&self) -> Option<X25519Public> {
        let point = CompressedEdwardsY(self.0).decompress()?;
        if !is_canonical_y(&self.0) || point.is_small_order() || !point.is_torsion_free() {
            return None;
        }
        Some(X25519Public(point.to_montgomery().0))
    }
}

impl X25519Secret {
    /// The key with these bytes; clamped when used, not here.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let public = X25519Public(PublicKey::from(&StaticSecret::from(bytes)).to_bytes());
        Self { bytes: Secret::new(bytes), public }
    }

    /// A fresh key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_bytes(*Secret::<32>::generate(rng).expose())
    }

    /// A second copy, without computing the public key again.
    pub(crate) fn duplicate(&self) -> Self {
        Self { bytes: Secret::new(*self.bytes.expose()), public: self.public }
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> X25519Public {
        self.public
    }

    /// X25519 with the other side's key.
    ///
    /// # Errors
    /// [`WeakKey`] if the result is all zeros.
    pub fn agree(&self, other: &X25519Public) -> Result<SharedSecret, WeakKey> {
        let shared = Secret::new(x25519(*self.bytes.expose(), other.0));
        if shared == Secret::new([0; 32]) { Err(WeakKey) } else { Ok(SharedSecret(shared)) }
    }

    /// The bytes, for storing them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.bytes.expose()
    }
}

impl SharedSecret {
    /// The bytes, for a key derivation.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl Ed25519Secret {
    /// The key of this seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Box::new(SigningKey::from_bytes(&seed)))
    }

    /// A fresh key.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_seed(*Secret::<32>::generate(rng).expose())
    }

    /// The seed, for storing it.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> Ed25519Public {
        Ed25519Public(self.0.verifying_key().to_bytes())
    }

    /// Signs: pure Ed25519, deterministic (`crypto_sign_detached`).
    #[must_use]
    pub fn sign(&self, msg: &[u8]) -> [u8; 64] {
        self.0.sign(msg).to_bytes()
    }

    /// The X25519 key of the same owner (`crypto_sign_ed25519_sk_to_curve25519`), clamped.
    #[must_use]
    pub fn to_x25519(&self) -> X25519Secret {
        let digest = Secret::new(sha512(self.seed()));
        let mut half = Zeroizing::new([0_u8; 32]);
        half.iter_mut().zip(digest.expose()).for_each(|(to, from)| *to = *from);
        *half = clamp_integer(*half);
        X25519Secret::from_bytes(*half)
    }
}

/// Whether the encoded y (or u) coordinate, bit 255 aside, is below 2^255 - 19.
fn is_canonical_y(encoded: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = encoded;
    *first < 0xed || last & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff)
}

impl fmt::Debug for X25519Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519Public(..)")
    }
}

impl fmt::Debug for Ed25519Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Public(..)")
    }
}

impl fmt::Debug for X25519Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("X25519Secret(..)")
    }
}

impl fmt::Debug for Ed25519Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ed25519Secret(..)")
    }
}

#[cfg(test)]
mod tests;
