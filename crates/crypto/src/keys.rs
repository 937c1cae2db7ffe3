//! Keys as types, never as bare arrays.

/// An X25519 public key: 32 bytes, the u coordinate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct X25519Public(pub [u8; 32]);

/// An Ed25519 public key: 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ed25519Public(pub [u8; 32]);

impl X25519Public {
    /// Whether a key agreement with this key gives anything but zeros: false for the points of small order.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        use curve25519_dalek::{MontgomeryPoint, scalar::Scalar};
        (MontgomeryPoint(self.0) * Scalar::from(8_u8)).0 != [0; 32]
    }
}

impl std::fmt::Debug for X25519Public {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("X25519Public(..)")
    }
}

impl std::fmt::Debug for Ed25519Public {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ed25519Public(..)")
    }
}
