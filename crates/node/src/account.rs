//! The owner of messages as a node sees it: a prefix byte and 32 key bytes. Official prefixes are 05 and 03, others are legal.

use std::fmt;

/// 33 bytes, 66 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    pub prefix: u8,
    pub key: [u8; 32],
}

impl Account {
    /// Reads 66 hex digits of either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 33];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        let [prefix, key @ ..] = bytes;
        Some(Self { prefix, key })
    }

    /// Prefix and key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 33] {
        let mut bytes = [self.prefix; 33];
        let (_, key) = bytes.split_at_mut(1);
        key.copy_from_slice(&self.key);
        bytes
    }
}

/// The 66 hex digits, lower case.
impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{}", self.prefix, hex::encode(self.key))
    }
}

/// Redacted: ids do not belong in logs.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Account(..)")
    }
}
