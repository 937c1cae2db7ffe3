//! The public name of an account: `05` and an X25519 key (session-messages 1.1, 1.2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zwiebel_crypto::keys::X25519Public;

/// An Account ID: prefix byte `05` and the account's 32-byte X25519 key; 66 hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountId([u8; 32]);

/// Why a text is no Account ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AccountIdError {
    #[error("an Account ID has 66 characters, this has {0}")]
    Length(usize),
    #[error("an Account ID has only the digits 0-9 and a-f")]
    NotHex,
    #[error("an Account ID starts with 05")]
    Prefix,
    #[error("this Account ID is not a usable key")]
    UnusableKey,
}

impl AccountId {
    /// The prefix byte of user accounts.
    pub const PREFIX: u8 = 0x05;

    /// The id of the account with this key.
    #[must_use]
    pub const fn from_key(key: X25519Public) -> Self {
        Self(key.0)
    }

    /// The account's X25519 key.
    #[must_use]
    pub const fn key(&self) -> X25519Public {
        X25519Public(self.0)
    }

    /// `05` and the key: 33 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 33] {
        let mut out = [Self::PREFIX; 33];
        let (_, key) = out.split_at_mut(1);
        key.copy_from_slice(&self.0);
        out
    }

    /// Text a person typed or pasted: white space around it and upper case are forgiven.
    ///
    /// # Errors
    /// [`AccountIdError`], one for each thing that can be wrong, among them keys of small order.
    pub fn parse(text: &str) -> Result<Self, AccountIdError> {
        let text = text.trim();
        let length = text.chars().count();
        if length != 66 {
            return Err(AccountIdError::Length(length));
        }
        let mut bytes = [0_u8; 33];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| AccountIdError::NotHex)?;
        let [prefix, key @ ..] = bytes;
        if prefix != Self::PREFIX {
            return Err(AccountIdError::Prefix);
        }
        if !X25519Public(key).is_usable() {
            return Err(AccountIdError::UnusableKey);
        }
        Ok(Self(key))
    }
}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        Self::parse(text)
    }
}

/// The 66 hex digits.
impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "05{}", hex::encode(self.0))
    }
}

/// Redacted: Account IDs do not belong in logs.
impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountId(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::testing::bob;

    #[test]
    fn what_a_person_pastes_is_understood() {
        let text = bob().id().to_string();
        assert_eq!(AccountId::parse(&format!(" {}\n", text.to_uppercase())), Ok(bob().id()));
        assert_eq!(text.parse(), Ok(bob().id()));
        assert_eq!(hex::encode(bob().id().to_bytes()), text);
    }

    #[test]
    fn every_mistake_has_its_name() {
        let text = bob().id().to_string();
        assert_eq!(AccountId::parse("05aa"), Err(AccountIdError::Length(4)));
        assert_eq!(AccountId::parse(&text.replace('7', "x")), Err(AccountIdError::NotHex));
        assert_eq!(AccountId::parse(&text.replacen("05", "03", 1)), Err(AccountIdError::Prefix));
        assert_eq!(AccountId::parse(&format!("05{}", "0".repeat(64))), Err(AccountIdError::UnusableKey));
        assert_eq!(AccountId::parse(&"ä".repeat(66)), Err(AccountIdError::NotHex));
    }
}
