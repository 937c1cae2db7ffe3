//! An account: everything follows from 16 random bytes (session-messages 1.1).

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;
use zwiebel_crypto::keys::{Ed25519Secret, X25519Secret};
use zwiebel_crypto::secret::Secret;

use crate::account_id::AccountId;
use crate::phrase::{self, PhraseError};

/// The long-term identity of a person, with its secret keys.
pub struct Account {
    seed: Secret<16>,
    ed25519: Ed25519Secret,
    x25519: X25519Secret,
}

impl Account {
    /// A new account.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_seed16(*Secret::<16>::generate(rng).expose())
    }

    /// The account of this seed.
    #[must_use]
    pub fn from_seed16(seed: [u8; 16]) -> Self {
        let mut ed_seed = Zeroizing::new([0_u8; 32]); // the second half stays zero
        ed_seed.iter_mut().zip(&seed).for_each(|(to, from)| *to = *from);
        let ed25519 = Ed25519Secret::from_seed(*ed_seed);
        let x25519 = ed25519.to_x25519();
        Self { seed: Secret::new(seed), ed25519, x25519 }
    }

    /// The account of this recovery phrase.
    ///
    /// # Errors
    /// [`PhraseError`], see [`phrase::decode`].
    pub fn from_phrase(text: &str) -> Result<Self, PhraseError> {
        phrase::decode(text).map(Self::from_seed16)
    }

    /// The seed, for storing it.
    #[must_use]
    pub fn seed16(&self) -> &[u8; 16] {
        self.seed.expose()
    }

    /// The public name.
    #[must_use]
    pub fn id(&self) -> AccountId {
        AccountId::from_key(self.x25519.public())
    }

    /// The key that signs.
    #[must_use]
    pub fn ed25519(&self) -> &Ed25519Secret {
        &self.ed25519
    }

    /// The key that receives.
    #[must_use]
    pub fn x25519(&self) -> &X25519Secret {
        &self.x25519
    }

    /// The recovery phrase: 13 words.
    #[must_use]
    pub fn phrase(&self) -> Zeroizing<String> {
        Zeroizing::new(phrase::encode(self.seed16()))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(..)")
    }
}

#[cfg(test)]
mod tests;
