//! The name of a stored message (service-nodes 3.4).

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64Unpadded, Encoding};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;
use zwiebel_crypto::hash::blake2b;

use super::Namespace;

/// 43 characters of base64. Ordered as text, which is the order of signed lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageHash([u8; 43]);

/// Not 43 characters of base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a message hash has 43 base64 characters")]
pub struct HashError;

/// The hash of `data` stored for an account (prefix byte and key) in a namespace: time and expiry are not part of it.
#[must_use]
pub fn message_hash(pubkey: &[u8; 33], namespace: Namespace, data: &[u8]) -> MessageHash {
    let digest: [u8; 32] = blake2b(&[pubkey, namespace.text().as_bytes(), data]);
    let mut text = [b'A'; 43];
    // 32 bytes always encode to 43 characters; were that wrong, the hash would match nothing.
    let _ = Base64Unpadded::encode(&digest, &mut text);
    MessageHash(text)
}

impl MessageHash {
    /// Reads the 43 characters.
    ///
    /// # Errors
    /// [`HashError`].
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let bytes: [u8; 43] = text.as_bytes().try_into().map_err(|_| HashError)?;
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        if bytes.iter().all(is_base64) { Ok(Self(bytes)) } else { Err(HashError) }
    }

    /// The 43 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // ASCII by construction
    }
}

impl FromStr for MessageHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::parse(text)
    }
}

impl fmt::Display for MessageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Redacted: hashes tell who holds which message.
impl fmt::Debug for MessageHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageHash(..)")
    }
}

impl Serialize for MessageHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MessageHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}
