//! Every label of the forward-secret layer ZR1 (forward-secrecy, Appendix B), in one place.
//!
//! A label separates one use of a hash, a key derivation or a signature from all others: none is used twice, none is
//! the beginning of another use's input. Labels are ASCII and have no terminator.

/// Device id from the two device keys (2.2).
pub const DEVICE_ID: &[u8] = b"ZR1/device-id";
/// Signature of the account over a device's keys (2.2).
pub const DEVICE_CERT: &[u8] = b"ZR1/device-cert";
/// Signature of the account over the device list (2.4).
pub const MANIFEST: &[u8] = b"ZR1/manifest";
/// Signature of a listed device over a new one (2.4).
pub const ENDORSE: &[u8] = b"ZR1/endorse";
/// Signature of a device over its prekeys (2.5).
pub const BUNDLE: &[u8] = b"ZR1/bundle";
/// Short name of a prekey pair (2.5).
pub const PREKEY_ID: &[u8] = b"ZR1/prekey-id";
/// Key of the device name inside a bundle (2.5).
pub const LABEL: &[u8] = b"ZR1/label";
/// Key and associated data of the rollback witness (6.4).
pub const WITNESS: &[u8] = b"ZR1/witness";
/// Key of a link request (5.4).
pub const LINK: &[u8] = b"ZR1/link";
/// Salt of the emoji comparison (5.4).
pub const LINK_SAS: &[u8] = b"ZR1/link-sas";
/// Hash over the first part of an init block (3.2).
pub const INIT: &[u8] = b"ZR1/init";
/// Key of the initiator's identity inside an init block (3.2).
pub const INIT_ID: &[u8] = b"ZR1/init-id";
/// Transcript hash (3.3).
pub const TRANSCRIPT: &[u8] = b"ZR1/transcript";
/// First keys of a session (3.3).
pub const PQXDH: &[u8] = b"ZR1/pqxdh";
/// A step of the root key (4.2).
pub const ROOT: &[u8] = b"ZR1/root";
/// A step of the root key with a KEM secret mixed in (4.6).
pub const ROOT_KEM: &[u8] = b"ZR1/root+kem";
/// Cipher key and nonce of one capsule (4.3).
pub const MESSAGE_KEY: &[u8] = b"ZR1/mk";
/// Associated data of a capsule (4.3).
pub const CAPSULE: &[u8] = b"ZR1/capsule";
/// Hash that ties capsules to their container (4.3).
pub const CONTAINER: &[u8] = b"ZR1/container";
/// Hint by which a device finds its capsule (4.4).
pub const HINT: &[u8] = b"ZR1/hint";
/// Associated data of the payload (4.4).
pub const PAYLOAD: &[u8] = b"ZR1/payload";
/// Key of the outer envelope (4.4).
pub const ENVELOPE: &[u8] = b"ZR1/envelope";
// "ZR1/group-outer" is reserved for the outer key pair of a private group's mailbox (7).
/// Key and contact hash of the sticky set (3.5).
pub const STICKY: &[u8] = b"ZR1/sticky";
/// Key of the answer to a scanned link code (5.4).
pub const LINK_QR: &[u8] = b"ZR1/link-qr";
/// Proof that a link request comes from the device that showed the code (5.4).
pub const LINK_TOKEN: &[u8] = b"ZR1/link-token";
/// Safety number (8.1).
pub const FINGERPRINT: &[u8] = b"ZR1/fp";
