//! A device: its keys, its name, and what the account says of it (2.2).

use std::fmt;

use rand_core::CryptoRng;

use crate::kdf::short_digest;
use crate::keys::{Ed25519Public, Ed25519Secret, X25519Public, X25519Secret};
use crate::labels;
use crate::secret::Secret;

/// Names a device by its keys: the same name can never come back with other keys. Meaningful only together with an
/// account, which may list keys it has copied from another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub [u8; 16]);

/// The public keys of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevicePublic {
    /// DSK: signs bundles, endorses other devices.
    pub dsk: Ed25519Public,
    /// DIK: its identity in a handshake.
    pub dik: X25519Public,
}

/// The secret keys of this device.
pub struct DeviceKeys {
    dsk: Ed25519Secret,
    dik: X25519Secret,
    dsec: Secret<32>,
}

/// What the account says of a device, made once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// When the device was added.
    pub added_at_ms: u64,
    /// Signature of the account.
    pub signature: [u8; 64],
}

impl DevicePublic {
    /// The device's name.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        DeviceId(short_digest(&[labels::DEVICE_ID, &self.dsk.0, &self.dik.0]))
    }
}

impl DeviceKeys {
    /// The device with these keys: seed of DSK, DIK, DSEC.
    #[must_use]
    pub fn from_bytes(dsk: [u8; 32], dik: [u8; 32], dsec: [u8; 32]) -> Self {
        Self { dsk: Ed25519Secret::from_seed(dsk), dik: X25519Secret::from_bytes(dik), dsec: Secret::new(dsec) }
    }

    /// A new device. Draws 96 bytes.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self { dsk: Ed25519Secret::generate(rng), dik: X25519Secret::generate(rng), dsec: Secret::generate(rng) }
    }

    /// The public keys.
    #[must_use]
    pub fn public(&self) -> DevicePublic {
        DevicePublic { dsk: self.dsk.public(), dik: self.dik.public() }
    }

    /// The device's name.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.public().id()
    }

    /// DSK.
    #[must_use]
    pub const fn dsk(&self) -> &Ed25519Secret {
        &self.dsk
    }

    /// DIK.
    #[must_use]
    pub const fn dik(&self) -> &X25519Secret {
        &self.dik
    }

    /// DSEC: from it comes the key of the rollback witness.
    #[must_use]
    pub const fn dsec(&self) -> &Secret<32> {
        &self.dsec
    }
}

impl Certificate {
    /// Certifies a device.
    #[must_use]
    pub fn issue(account: &Ed25519Secret, device: &DevicePublic, added_at_ms: u64) -> Self {
        Self { added_at_ms, signature: account.sign(&text(device, added_at_ms)) }
    }

    /// Whether the account has said this of the device.
    #[must_use]
    pub fn verify(&self, account: &Ed25519Public, device: &DevicePublic) -> bool {
        account.verify(&text(device, self.added_at_ms), &self.signature)
    }
}

fn text(device: &DevicePublic, added_at_ms: u64) -> Vec<u8> {
    [labels::DEVICE_CERT, &device.id().0, &device.dsk.0, &device.dik.0, &added_at_ms.to_le_bytes()].concat()
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceId(..)")
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKeys(..)")
    }
}
