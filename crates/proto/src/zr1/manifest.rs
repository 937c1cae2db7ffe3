//! The manifest: the signed list of an account's devices (2.4).
//!
//! ```text
//! "ZRM1" | version 1 | flags 1 | n_dev 1 | n_rev 1 | ACC.pub 32 | seq 8 | issued_at 8 | expires_at 8 | prev 32
//! 160 * n_dev devices, ascending slot | 32 * n_rev revocations | Ed25519(ACC, "ZR1/manifest" || all before)
//! ```
//! [`Manifest::verify`] is the only way in from outside, [`Draft::sign`] the only way out. [`merge`] joins what two
//! devices wrote at once; [`judge`] says which devices of a new list are endorsed by known ones.
//!
//! What it does not know: which manifest was seen before (the caller keeps the highest sequence number and the pinned
//! key), how to fetch, what to tell the user.

mod merge;
mod trust;

use std::fmt;

use zwiebel_crypto::handshake::{DeviceId, DevicePublic};
use zwiebel_crypto::kdf::digest;
use zwiebel_crypto::keys::{Ed25519Public, Ed25519Secret, X25519Public};
use zwiebel_crypto::labels;
use zwiebel_crypto::reader::Reader;

pub use self::merge::{MergeError, merge};
pub use self::trust::{Standing, endorse, judge};
use super::mailbox::MAX_DEVICES;
use super::{BlobError, MAX_AHEAD_MS, MAX_VALIDITY_MS, SEQ_LIMIT};
use crate::account_id::AccountId;

/// Revocations in one list: eight devices twice over within the 60 days they are kept.
pub const MAX_REVOKED: usize = 16;
/// How long a revocation is kept: twice the life of a manifest, so that no valid list still names the device.
pub const REVOCATION_KEPT_MS: u64 = 60 * 24 * 60 * 60 * 1_000;
/// A manifest older than this is published again, by a device that is online.
pub const REPUBLISH_AFTER_MS: u64 = 24 * 60 * 60 * 1_000;
/// At first contact an older manifest needs the same answer from three nodes: devices publish daily.
pub const OLD_AT_FIRST_CONTACT_MS: u64 = 8 * 24 * 60 * 60 * 1_000;

const MAGIC: &[u8; 4] = b"ZRM1";
const VERSION: u8 = 1;
const FS_ON: u8 = 1;
const FS_OFF: u8 = 2;
const RESTORED: u8 = 4;
const ENDORSED: u8 = 1;
const HEAD_LEN: usize = 96;
const DEVICE_LEN: usize = 160;
const REVOCATION_LEN: usize = 32;

/// Whether the account speaks ZR1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// A tombstone: the account has given ZR1 up.
    Off,
    /// It does.
    On,
}

/// A device in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Its slot, 0 to 7: names the outbox of its bundle.
    pub slot: u8,
    /// A hint for display; who trusts decides by [`judge`].
    pub says_endorsed: bool,
    /// What it can do beyond version 1.0.
    pub caps: u16,
    /// When it was added.
    pub added_at_ms: u64,
    /// Its keys.
    pub public: DevicePublic,
    /// Which device endorsed it; zeros if none.
    pub endorser: DeviceId,
    /// That device's signature; zeros if none.
    pub endorsement: [u8; 64],
}

/// Why a device was revoked, weakest first: of two reasons for one device the stronger one counts. A device that was
/// renewed may have a successor, so that anything else said of it makes it less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RevocationReason {
    /// The device made itself new keys.
    Renewed,
    /// There was no slot for it.
    Overflow,
    /// It was silent for too long.
    Stale,
    /// A later version's reason.
    Other(u8),
    /// The user said so.
    User,
}

/// A device that is out, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// The device.
    pub device: DeviceId,
    /// When.
    pub revoked_at_ms: u64,
    /// Why.
    pub reason: RevocationReason,
}

/// What a list says, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Whether the account speaks ZR1.
    pub mode: Mode,
    /// This revision adds a device without endorsement. A hint for display.
    pub restored: bool,
    /// Up to eight, ascending slots.
    pub devices: Vec<DeviceEntry>,
    /// Up to 16.
    pub revoked: Vec<Revocation>,
}

/// A manifest whose signature and form have been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The account's signing key.
    pub account: Ed25519Public,
    /// Rises with every revision.
    pub seq: u64,
    /// When it was signed.
    pub issued_at_ms: u64,
    /// Until when it may be used for new sessions.
    pub expires_at_ms: u64,
    /// Hash of the manifest before it, or zeros.
    pub prev: [u8; 32],
    /// What it says.
    pub list: Draft,
    hash: [u8; 32],
}

impl Manifest {
    /// Takes a manifest from outside. An expired one passes: it keeps the floor of the sequence numbers and the
    /// knowledge that the account speaks ZR1; see [`Manifest::is_expired`].
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn verify(blob: &[u8], of: &AccountId, now_ms: u64) -> Result<Self, BlobError> {
        let manifest = Self::parse(blob)?;
        if manifest.account.to_x25519() != Some(of.key()) {
            return Err(BlobError::Signature);
        }
        let (signed, signature) = blob.split_last_chunk::<64>().ok_or(BlobError::Length)?;
        if !manifest.account.verify(&[labels::MANIFEST, signed].concat(), signature) {
            return Err(BlobError::Signature);
        }
        manifest.check(now_ms)?;
        Ok(manifest)
    }

    /// `manifest_hash`: over the bytes as received.
    #[must_use]
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// Whether it may no longer be used for new sessions. An expired tombstone counts as absent.
    #[must_use]
    pub const fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms < now_ms
    }

    /// The devices that are listed and not revoked.
    pub fn active(&self) -> impl Iterator<Item = &DeviceEntry> {
        self.list.devices.iter().filter(|entry| !self.is_revoked(&entry.public.id()))
    }

    /// The entry of a device that is listed and not revoked.
    #[must_use]
    pub fn device(&self, id: &DeviceId) -> Option<&DeviceEntry> {
        self.active().find(|entry| entry.public.id() == *id)
    }

    /// Whether the account has revoked this device. Absence alone is no revocation.
    #[must_use]
    pub fn is_revoked(&self, id: &DeviceId) -> bool {
        self.list.revocation(id).is_some()
    }

    fn parse(blob: &[u8]) -> Result<Self, BlobError> {
        let mut reader = Reader::new(blob);
        if reader.chunk::<4>()? != MAGIC || reader.u8()? != VERSION {
            return Err(BlobError::Unknown);
        }
        let flags = reader.u8()?;
        let (devices, revoked) = (usize::from(reader.u8()?), usize::from(reader.u8()?));
        let mode = match (flags & FS_ON != 0, flags & FS_OFF != 0) {
            (true, false) => Mode::On,
            (false, true) => Mode::Off,
            _ => return Err(BlobError::Invalid),
        };
        if devices > MAX_DEVICES || revoked > MAX_REVOKED || (devices == 0 && mode == Mode::On) {
            return Err(BlobError::Invalid);
        }
        let account = Ed25519Public(reader.array()?);
        let (seq, issued_at_ms, expires_at_ms) = (reader.u64()?, reader.u64()?, reader.u64()?);
        let prev = reader.array()?;
        let devices = (0..devices).map(|_| DeviceEntry::parse(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let revoked = (0..revoked).map(|_| Revocation::parse(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let _signature = reader.chunk::<64>()?;
        reader.finish()?;
        let list = Draft { mode, restored: flags & RESTORED != 0, devices, revoked };
        Ok(Self { account, seq, issued_at_ms, expires_at_ms, prev, list, hash: digest(&[blob]) })
    }

    fn check(&self, now_ms: u64) -> Result<(), BlobError> {
        if self.seq == 0 || self.seq >= SEQ_LIMIT {
            return Err(BlobError::Invalid);
        }
        if self.expires_at_ms > self.issued_at_ms.saturating_add(MAX_VALIDITY_MS) {
            return Err(BlobError::Invalid);
        }
        self.list.check()?;
        let added = self.list.devices.iter().map(|entry| entry.added_at_ms);
        let revoked = self.list.revoked.iter().map(|revocation| revocation.revoked_at_ms);
        let latest = added.chain(revoked).fold(self.issued_at_ms, u64::max);
        if latest > now_ms.saturating_add(MAX_AHEAD_MS) { Err(BlobError::FromTheFuture) } else { Ok(()) }
    }
}

impl Draft {
    /// The revocation of a device.
    #[must_use]
    pub fn revocation(&self, id: &DeviceId) -> Option<&Revocation> {
        self.revoked.iter().find(|revocation| revocation.device == *id)
    }

    /// The lowest slot without a device.
    #[must_use]
    pub fn free_slot(&self) -> Option<u8> {
        (0_u8..).take(MAX_DEVICES).find(|slot| self.devices.iter().all(|entry| entry.slot != *slot))
    }

    /// Signs the list: a blob for the outbox, valid for 30 days.
    ///
    /// # Errors
    /// [`BlobError::Invalid`] if the list or the sequence number breaks a rule: nobody would accept it.
    pub fn sign(&self, account: &Ed25519Secret, seq: u64, prev: &[u8; 32], now_ms: u64) -> Result<Vec<u8>, BlobError> {
        self.check()?;
        if seq == 0 || seq >= SEQ_LIMIT || (self.devices.is_empty() && self.mode == Mode::On) {
            return Err(BlobError::Invalid);
        }
        let count = |len: usize| u8::try_from(len).map_err(|_| BlobError::Invalid);
        let mode = if self.mode == Mode::On { FS_ON } else { FS_OFF };
        let flags = mode | if self.restored { RESTORED } else { 0 };
        let length = HEAD_LEN + DEVICE_LEN * self.devices.len() + REVOCATION_LEN * self.revoked.len() + 64;
        let mut blob = Vec::with_capacity(length);
        blob.extend_from_slice(MAGIC);
        blob.extend_from_slice(&[VERSION, flags, count(self.devices.len())?, count(self.revoked.len())?]);
        blob.extend_from_slice(&account.public().0);
        for number in [seq, now_ms, now_ms.saturating_add(MAX_VALIDITY_MS)] {
            blob.extend_from_slice(&number.to_le_bytes());
        }
        blob.extend_from_slice(prev);
        self.devices.iter().for_each(|entry| blob.extend_from_slice(&entry.to_bytes()));
        self.revoked.iter().for_each(|revocation| revocation.write(&mut blob));
        let signature = account.sign(&[labels::MANIFEST, &blob].concat());
        blob.extend_from_slice(&signature);
        Ok(blob)
    }

    /// The rules that need neither time nor signature.
    fn check(&self) -> Result<(), BlobError> {
        let slots: Vec<u8> = self.devices.iter().map(|entry| entry.slot).collect();
        let ascending = slots.is_sorted_by(|a, b| a < b) && slots.iter().all(|slot| usize::from(*slot) < MAX_DEVICES);
        let revoked: Vec<_> = self.revoked.iter().map(|revocation| revocation.device).collect();
        let of = |entry: &DeviceEntry| entry.public;
        let public: Vec<DevicePublic> = self.devices.iter().map(of).collect();
        let single = distinct(&public.iter().map(DevicePublic::id).collect::<Vec<_>>())
            && distinct(&public.iter().map(|device| device.dsk).collect::<Vec<_>>())
            && distinct(&public.iter().map(|device| device.dik).collect::<Vec<_>>())
            && distinct(&revoked);
        let canonical = self.devices.iter().all(|entry| entry.public.dik.is_canonical());
        let fits = self.devices.len() <= MAX_DEVICES && self.revoked.len() <= MAX_REVOKED;
        if ascending && single && canonical && fits { Ok(()) } else { Err(BlobError::Invalid) }
    }
}

impl DeviceEntry {
    /// Length of an entry.
    pub const LEN: usize = DEVICE_LEN;

    /// The 160 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; DEVICE_LEN] {
        let fields: [&[u8]; 8] = [
            &[self.slot, if self.says_endorsed { ENDORSED } else { 0 }],
            &self.caps.to_le_bytes(),
            &[0; 4],
            &self.added_at_ms.to_le_bytes(),
            &self.public.dsk.0,
            &self.public.dik.0,
            &self.endorser.0,
            &self.endorsement,
        ];
        let mut out = [0; DEVICE_LEN];
        out.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        out
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`BlobError::Length`]
    pub fn parse(reader: &mut Reader<'_>) -> Result<Self, BlobError> {
        let (slot, flags, caps) = (reader.u8()?, reader.u8()?, reader.u16()?);
        let _zero = reader.u32()?;
        let added_at_ms = reader.u64()?;
        let public = DevicePublic { dsk: Ed25519Public(reader.array()?), dik: X25519Public(reader.array()?) };
        let (endorser, endorsement) = (DeviceId(reader.array()?), reader.array()?);
        Ok(Self { slot, says_endorsed: flags & ENDORSED != 0, caps, added_at_ms, public, endorser, endorsement })
    }
}

impl Revocation {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.device.0);
        out.extend_from_slice(&self.revoked_at_ms.to_le_bytes());
        out.push(self.reason.to_byte());
        out.extend_from_slice(&[0; 7]);
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, BlobError> {
        let (device, revoked_at_ms) = (DeviceId(reader.array()?), reader.u64()?);
        let reason = RevocationReason::from_byte(reader.u8()?);
        let _zero = reader.chunk::<7>()?;
        Ok(Self { device, revoked_at_ms, reason })
    }
}

impl RevocationReason {
    const fn to_byte(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Renewed => 2,
            Self::Stale => 3,
            Self::Overflow => 4,
            Self::Other(byte) => byte,
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::User,
            2 => Self::Renewed,
            3 => Self::Stale,
            4 => Self::Overflow,
            other => Self::Other(other),
        }
    }
}

fn distinct<T: PartialEq>(values: &[T]) -> bool {
    values.iter().enumerate().all(|(at, value)| !values.iter().take(at).any(|earlier| earlier == value))
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manifest").field("seq", &self.seq).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
