//! A signed prekey pair: X25519 and ML-KEM-768, generated, used and deleted together (2.2, 2.8).

use std::fmt;

use rand_core::CryptoRng;

use crate::kdf::short_digest;
use crate::kem::{KemPublic, KemSecret, SEED_LEN};
use crate::keys::{X25519Public, X25519Secret};
use crate::labels;

/// Short name of a pair. Two pairs of a device never share one: a new pair with a known id is thrown away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrekeyId(pub [u8; 4]);

/// The public halves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrekeyPublic {
    /// SPK.
    pub spk: X25519Public,
    /// KPK.
    pub kpk: KemPublic,
}

/// The pair.
pub struct Prekey {
    spk: X25519Secret,
    kem: KemSecret,
    public: PrekeyPublic,
}

impl PrekeyPublic {
    /// The pair's name.
    #[must_use]
    pub fn id(&self) -> PrekeyId {
        PrekeyId(short_digest(&[labels::PREKEY_ID, &self.spk.0, self.kpk.as_bytes()]))
    }
}

impl Prekey {
    /// The pair with these secrets.
    #[must_use]
    pub fn from_bytes(spk: [u8; 32], kem_seed: [u8; SEED_LEN]) -> Self {
        let (spk, kem) = (X25519Secret::from_bytes(spk), KemSecret::from_seed(kem_seed));
        let public = PrekeyPublic { spk: spk.public(), kpk: kem.public().clone() };
        Self { spk, kem, public }
    }

    /// A new pair. Draws 32 and 64 bytes.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let (spk, kem) = (X25519Secret::generate(rng), KemSecret::generate(rng));
        let public = PrekeyPublic { spk: spk.public(), kpk: kem.public().clone() };
        Self { spk, kem, public }
    }

    /// The public halves.
    #[must_use]
    pub const fn public(&self) -> &PrekeyPublic {
        &self.public
    }

    /// The pair's name.
    #[must_use]
    pub fn id(&self) -> PrekeyId {
        self.public.id()
    }

    /// The X25519 half.
    #[must_use]
    pub const fn spk(&self) -> &X25519Secret {
        &self.spk
    }

    /// The ML-KEM half.
    #[must_use]
    pub const fn kem(&self) -> &KemSecret {
        &self.kem
    }
}

impl fmt::Debug for PrekeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrekeyId(..)")
    }
}

impl fmt::Debug for Prekey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prekey(..)")
    }
}
