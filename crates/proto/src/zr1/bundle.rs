//! The bundle: the prekeys of one device, signed by it (2.5).
//!
//! ```text
//! "ZRB1" | version 1 | suite 1 | caps 2 | device_id 16 | seq 8 | issued_at 8 | expires_at 8 | pkid 4 | SPK 32 | KPK 1184
//! n_otk 2 | zero 2 | 36 * n_otk | length 2, label | length 2, reserved | Ed25519(DSK, "ZR1/bundle" || ACC.pub || ...)
//! ```
//! 1,428 bytes in version 1. Times are rounded down to the hour: anybody can read an outbox, and it must not tell when
//! a device is online. The label is the device's name, readable with the words only.

use std::fmt;

use rand_core::CryptoRng;
use zwiebel_crypto::handshake::{DeviceId, DeviceKeys, DevicePublic, PeerDevice, PrekeyId, PrekeyPublic, SUITE};
use zwiebel_crypto::kem::KemPublic;
use zwiebel_crypto::keys::{Ed25519Public, Ed25519Secret, X25519Public};
use zwiebel_crypto::labels;
use zwiebel_crypto::reader::Reader;

use super::{BlobError, MAX_AHEAD_MS, MAX_VALIDITY_MS, SEQ_LIMIT, account_key, open_with_nonce, seal_with_nonce};

/// Length of a bundle of version 1.
pub const BUNDLE_LEN: usize = 1_428;
/// Longest device name, in bytes of UTF-8.
pub const MAX_NAME_LEN: usize = 48;

const MAGIC: &[u8; 4] = b"ZRB1";
const VERSION: u8 = 1;
const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Length of an encrypted label: nonce, name, tag.
const LABEL_LEN: usize = 88;
const ONE_TIME_KEY_LEN: usize = 36;

/// A bundle whose signature and form have been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The device.
    pub device: DevicePublic,
    /// What it can do beyond version 1.0.
    pub caps: u16,
    /// Rises with every bundle of the device.
    pub seq: u64,
    /// When it was signed, to the hour.
    pub issued_at_ms: u64,
    /// Until when it may be used.
    pub expires_at_ms: u64,
    /// The prekeys.
    pub prekey: PrekeyPublic,
    account: Ed25519Public,
    label: Vec<u8>,
}

/// What goes into a bundle besides the keys.
#[derive(Debug, Clone, Copy)]
pub struct BundleFacts<'a> {
    /// One more than in the device's last bundle.
    pub seq: u64,
    /// What the device can do beyond version 1.0.
    pub caps: u16,
    /// The device's name; what is beyond 48 bytes is cut off.
    pub name: &'a str,
}

/// Signs a bundle for the outbox, valid for 30 days. Draws 24 bytes.
///
/// # Errors
/// [`BlobError::Invalid`] if the sequence number is used up.
pub fn sign(
    account: &Ed25519Secret,
    device: &DeviceKeys,
    prekey: &PrekeyPublic,
    facts: &BundleFacts<'_>,
    now_ms: u64,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, BlobError> {
    if facts.seq >= SEQ_LIMIT {
        return Err(BlobError::Invalid);
    }
    let issued = to_the_hour(now_ms);
    let mut blob = Vec::with_capacity(BUNDLE_LEN);
    blob.extend_from_slice(MAGIC);
    blob.extend_from_slice(&[VERSION, SUITE]);
    blob.extend_from_slice(&facts.caps.to_le_bytes());
    blob.extend_from_slice(&device.id().0);
    for number in [facts.seq, issued, issued.saturating_add(MAX_VALIDITY_MS)] {
        blob.extend_from_slice(&number.to_le_bytes());
    }
    blob.extend_from_slice(&prekey.id().0);
    blob.extend_from_slice(&prekey.spk.0);
    blob.extend_from_slice(prekey.kpk.as_bytes());
    blob.extend_from_slice(&[0; 4]); // no one-time keys
    let label = seal_with_nonce(&account_key(account, labels::LABEL), &[], &padded_name(facts.name), rng);
    blob.extend_from_slice(&u16::try_from(label.len()).map_err(|_| BlobError::Invalid)?.to_le_bytes());
    blob.extend(label);
    blob.extend_from_slice(&[0; 2]); // reserved
    let signature = device.dsk().sign(&text(&account.public(), &blob));
    blob.extend_from_slice(&signature);
    Ok(blob)
}

impl Bundle {
    /// Whose bundle a blob claims to be: to find the device in the manifest. Nothing is checked.
    #[must_use]
    pub fn claimed_device(blob: &[u8]) -> Option<DeviceId> {
        let mut reader = Reader::new(blob);
        let magic = reader.chunk::<4>().ok()?;
        let _version_suite_caps = reader.chunk::<4>().ok()?;
        (magic == MAGIC).then(|| reader.array().ok().map(DeviceId))?
    }

    /// Takes a bundle from outside, for a device that its account's manifest lists. The caller compares the sequence
    /// number with the highest it has seen.
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn verify(blob: &[u8], account: &Ed25519Public, device: &DevicePublic, now_ms: u64) -> Result<Self, BlobError> {
        let (signed, signature) = blob.split_last_chunk::<64>().ok_or(BlobError::Length)?;
        let bundle = Self::parse(signed, account, device)?;
        if !device.dsk.verify(&text(account, signed), signature) {
            return Err(BlobError::Signature);
        }
        if bundle.issued_at_ms > now_ms.saturating_add(MAX_AHEAD_MS) {
            return Err(BlobError::FromTheFuture);
        }
        if bundle.expires_at_ms < now_ms {
            return Err(BlobError::Expired);
        }
        Ok(bundle)
    }

    /// The form, which costs less to check than the signature.
    fn parse(signed: &[u8], account: &Ed25519Public, device: &DevicePublic) -> Result<Self, BlobError> {
        let mut reader = Reader::new(signed);
        if reader.chunk::<4>()? != MAGIC || reader.u8()? != VERSION || reader.u8()? != SUITE {
            return Err(BlobError::Unknown);
        }
        let caps = reader.u16()?;
        if DeviceId(reader.array()?) != device.id() {
            return Err(BlobError::Signature);
        }
        let (seq, issued_at_ms, expires_at_ms) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let pkid = PrekeyId(reader.array()?);
        let spk = X25519Public(reader.array()?);
        let kpk = KemPublic::from_bytes(reader.chunk()?).map_err(|_| BlobError::Invalid)?;
        let one_time_keys = usize::from(reader.u16()?);
        let _zero = reader.u16()?;
        let _one_time_keys = reader.slice(one_time_keys.saturating_mul(ONE_TIME_KEY_LEN))?;
        let label_len = usize::from(reader.u16()?);
        let label = reader.slice(label_len)?.to_vec();
        let reserved_len = usize::from(reader.u16()?);
        let _reserved = reader.slice(reserved_len)?;
        reader.finish()?;

        let prekey = PrekeyPublic { spk, kpk };
        let valid_for = expires_at_ms.saturating_sub(issued_at_ms);
        if seq >= SEQ_LIMIT || !spk.is_canonical() || prekey.id() != pkid || valid_for > MAX_VALIDITY_MS {
            return Err(BlobError::Invalid);
        }
        Ok(Self { device: *device, caps, seq, issued_at_ms, expires_at_ms, prekey, account: *account, label })
    }

    /// The device as a handshake wants it.
    #[must_use]
    pub fn peer(&self) -> PeerDevice {
        PeerDevice { account: self.account, device: self.device, prekey: self.prekey.clone() }
    }

    /// The device's name, for the owner of the account.
    #[must_use]
    pub fn name(&self, account: &Ed25519Secret) -> Option<String> {
        if self.label.len() != LABEL_LEN {
            return None;
        }
        let padded = open_with_nonce(&account_key(account, labels::LABEL), &[], &self.label)?;
        let end = padded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        String::from_utf8(padded.get(..end)?.to_vec()).ok()
    }
}

/// The name, cut at a character, then zeros.
fn padded_name(name: &str) -> [u8; MAX_NAME_LEN] {
    let end = name.floor_char_boundary(MAX_NAME_LEN);
    let mut padded = [0; MAX_NAME_LEN];
    padded.iter_mut().zip(name.bytes().take(end)).for_each(|(to, from)| *to = from);
    padded
}

const fn to_the_hour(now_ms: u64) -> u64 {
    now_ms.saturating_sub(now_ms % HOUR_MS)
}

/// What is signed: the account is in it, so that nobody can list somebody else's device.
fn text(account: &Ed25519Public, signed: &[u8]) -> Vec<u8> {
    [labels::BUNDLE, &account.0, signed].concat()
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("seq", &self.seq).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
