//! The post-quantum half of a key agreement: ML-KEM-768 (FIPS 203), behind a trait so that it can be swapped.
//!
//! The product uses `libcrux-ml-kem`, whose core is formally verified; the tests hold it against the independent
//! crate `ml-kem`. A secret key is stored as its 64-byte seed `d || z`, and expanded once in memory. Randomness is
//! passed in. What it does not know: what the shared secret is mixed into.
//!
//! Seeds and expanded keys that we hold are wiped. `libcrux-ml-kem` wipes nothing: while it makes or uses a key its copy stands on
//! the stack until the stack is used again.

use std::fmt;

use libcrux_ml_kem::mlkem768;
use rand_core::CryptoRng;
use thiserror::Error;

use crate::ratchet::part;
use crate::secret::Secret;

/// Length of an encapsulation key (the public key).
pub const PUBLIC_LEN: usize = 1184;
/// Length of a ciphertext.
pub const CIPHERTEXT_LEN: usize = 1088;
/// Length of the seed `d || z` a key pair follows from.
pub const SEED_LEN: usize = 64;

/// Length of a secret key as FIPS 203 writes it out.
const EXPANDED_LEN: usize = 2400;
/// Where the public key stands in it.
const PUBLIC_AT: usize = 1152;

/// A key encapsulation mechanism with the sizes of ML-KEM-768, deterministic in its randomness.
pub trait Kem {
    /// A secret key that is ready for use: expanding one takes as long as using it.
    type Expanded;
    /// The secret key of a seed.
    fn expand(seed: &Secret<SEED_LEN>) -> Self::Expanded;
    /// Its public key.
    fn public(secret: &Self::Expanded) -> [u8; PUBLIC_LEN];
    /// The modulus check of FIPS 203 7.2: every coefficient is below q.
    fn is_valid(public: &[u8; PUBLIC_LEN]) -> bool;
    /// A fresh shared secret for the owner of a valid public key.
    fn encapsulate(public: &[u8; PUBLIC_LEN], randomness: &Secret<32>) -> ([u8; CIPHERTEXT_LEN], Secret<32>);
    /// The shared secret in a ciphertext. A ciphertext nobody made gives a secret nobody knows (implicit rejection).
    fn decapsulate(secret: &Self::Expanded, ciphertext: &[u8; CIPHERTEXT_LEN]) -> Secret<32>;
}

/// `libcrux-ml-kem`.
pub struct Libcrux;

/// The implementation in use.
type Chosen = Libcrux;

/// A public key that passed the modulus check.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublic(Box<[u8; PUBLIC_LEN]>);

/// A secret key: its seed, and what follows from it.
pub struct KemSecret {
    seed: Secret<SEED_LEN>,
    expanded: <Chosen as Kem>::Expanded,
    public: KemPublic,
}

/// A ciphertext. Any bytes of the length are one.
#[derive(Clone, PartialEq, Eq)]
pub struct KemCiphertext(Box<[u8; CIPHERTEXT_LEN]>);

/// Bytes that are no ML-KEM-768 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an ML-KEM-768 encapsulation key")]
pub struct InvalidKemKey;

impl Kem for Libcrux {
    type Expanded = Secret<EXPANDED_LEN>;

    fn expand(seed: &Secret<SEED_LEN>) -> Self::Expanded {
        Secret::new(*mlkem768::generate_key_pair(*seed.expose()).sk())
    }

    fn public(secret: &Self::Expanded) -> [u8; PUBLIC_LEN] {
        part(secret.expose(), PUBLIC_AT)
    }

    fn is_valid(public: &[u8; PUBLIC_LEN]) -> bool {
        mlkem768::validate_public_key(&public.into())
    }

    fn encapsulate(public: &[u8; PUBLIC_LEN], randomness: &Secret<32>) -> ([u8; CIPHERTEXT_LEN], Secret<32>) {
        let (ciphertext, shared) = mlkem768::encapsulate(&public.into(), *randomness.expose());
        (*ciphertext.as_slice(), Secret::new(shared))
    }

    fn decapsulate(secret: &Self::Expanded, ciphertext: &[u8; CIPHERTEXT_LEN]) -> Secret<32> {
        Secret::new(mlkem768::decapsulate(&secret.expose().into(), &ciphertext.into()))
    }
}

impl KemPublic {
    /// Takes a key from outside.
    ///
    /// # Errors
    /// [`InvalidKemKey`] if a coefficient is not below q.
    pub fn from_bytes(bytes: &[u8; PUBLIC_LEN]) -> Result<Self, InvalidKemKey> {
        if Chosen::is_valid(bytes) { Ok(Self(Box::new(*bytes))) } else { Err(InvalidKemKey) }
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_LEN] {
        &self.0
    }

    /// A fresh shared secret for the owner of this key, and the ciphertext that carries it. Draws 32 bytes.
    pub fn encapsulate(&self, rng: &mut (impl CryptoRng + ?Sized)) -> (KemCiphertext, Secret<32>) {
        let (ciphertext, shared) = Chosen::encapsulate(&self.0, &Secret::generate(rng));
        (KemCiphertext(Box::new(ciphertext)), shared)
    }
}

impl KemSecret {
    /// The key pair of this seed (`d || z`).
    #[must_use]
    pub fn from_seed(seed: [u8; SEED_LEN]) -> Self {
        Self::of(Secret::new(seed))
    }

    fn of(seed: Secret<SEED_LEN>) -> Self {
        let expanded = Chosen::expand(&seed);
        let public = KemPublic(Box::new(Chosen::public(&expanded)));
        Self { seed, expanded, public }
    }

    /// A fresh key pair. Draws 64 bytes.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::of(Secret::generate(rng))
    }

    /// The seed, for storing it.
    #[must_use]
    pub fn seed(&self) -> &[u8; SEED_LEN] {
        self.seed.expose()
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> &KemPublic {
        &self.public
    }

    /// The shared secret in `ciphertext`; never fails, see [`Kem::decapsulate`].
    #[must_use]
    pub fn decapsulate(&self, ciphertext: &KemCiphertext) -> Secret<32> {
        Chosen::decapsulate(&self.expanded, &ciphertext.0)
    }
}

impl KemCiphertext {
    /// Takes a ciphertext from outside.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; CIPHERTEXT_LEN]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; CIPHERTEXT_LEN] {
        &self.0
    }
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemPublic(..)")
    }
}

impl fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemSecret(..)")
    }
}

impl fmt::Debug for KemCiphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemCiphertext(..)")
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
