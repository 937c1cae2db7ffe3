//! Joining two lists that devices of one account wrote without knowing of each other (2.4).
//!
//! Devices are joined by id, a revocation wins over an entry. The result does not depend on which list comes first,
//! and a list joined with itself stays as it is. Over three lists the order does not matter either, except for two
//! things the format cannot avoid: which slot a device moves to, and which device is left out when there are more
//! than eight. Devices read their list back after writing and join again, so they end with one list all the same.
//!
//! Only lists of one race name devices together. What is older may be a replay, from before a revocation that is
//! forgotten by now; of it only the revocations count.

use thiserror::Error;
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::keys::Ed25519Public;

use super::{
    DeviceEntry, Draft, MAX_DEVICES, MAX_REVOKED, MAX_VALIDITY_MS, Manifest, Mode, REVOCATION_KEPT_MS, Revocation,
    RevocationReason, SEQ_LIMIT,
};
use crate::sorted::SortedMap;
use crate::sorted::sort_by_key;

/// Lists that were written at once have the same number, or neighbouring ones.
const RACE: u64 = 1;

/// Lists that cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// They are of different accounts.
    #[error("the manifests are of different accounts")]
    OtherAccount,
    /// There is no sequence number left.
    #[error("the sequence numbers are used up")]
    SeqExhausted,
}

/// Joins two lists of one account: what to sign next, and under which sequence number. The devices of the lower one
/// count only if it is valid and the two can have been written at once (2.4). `now_ms` is the time of a revocation that
/// the joining itself makes, and drops revocations that are old enough.
///
/// # Errors
/// [`MergeError`]
pub fn merge(a: &Manifest, b: &Manifest, now_ms: u64) -> Result<(Draft, u64), MergeError> {
    if a.account != b.account {
        return Err(MergeError::OtherAccount);
    }
    let (low, high) = if (a.seq, a.hash) < (b.seq, b.hash) { (a, b) } else { (b, a) };
    let seq = high.seq.checked_add(1).filter(|seq| *seq < SEQ_LIMIT).ok_or(MergeError::SeqExhausted)?;
    let race = high.seq.saturating_sub(low.seq) <= RACE && !low.is_expired(now_ms);
    let mut low = low.list.clone();
    if !race {
        low = Draft { mode: Mode::Off, restored: false, devices: Vec::new(), revoked: low.revoked };
    }
    Ok((merge_lists(&high.list, &low, &a.account, now_ms), seq))
}

/// [`merge`] of what the lists say.
pub(super) fn merge_lists(a: &Draft, b: &Draft, account: &Ed25519Public, now_ms: u64) -> Draft {
    let mut revoked: SortedMap<DeviceId, Revocation> = SortedMap::new();
    for revocation in a.revoked.iter().chain(&b.revoked) {
        let kept = revoked.entry(revocation.device).or_insert(*revocation);
        kept.revoked_at_ms = kept.revoked_at_ms.max(revocation.revoked_at_ms); // the earlier one could be forgotten at once
        kept.reason = kept.reason.max(revocation.reason);
    }
    let vouched = |entry: &DeviceEntry| {
        let out = revoked.get(&entry.endorser).is_some_and(|revocation| revocation.reason != RevocationReason::Renewed);
        let others = a.devices.iter().chain(&b.devices).filter(|other| other.public != entry.public);
        !out && others.into_iter().any(|other| entry.is_signed_by(account, &other.public))
    };
    let mut devices: SortedMap<DeviceId, (bool, DeviceEntry)> = SortedMap::new();
    for entry in a.devices.iter().chain(&b.devices) {
        let id = entry.public.id();
        if revoked.contains_key(&id) {
            continue;
        }
        let new = (vouched(entry), *entry);
        let kept = devices.entry(id).or_insert(new);
        if preference(&new) > preference(kept) {
            *kept = new;
        }
    }
    while devices.len() > MAX_DEVICES {
        let Some(device) = left_out(&devices) else { break };
        devices.remove(&device);
        revoked.insert(device, Revocation { device, revoked_at_ms: now_ms, reason: RevocationReason::Overflow });
    }
    let devices = devices.into_iter().map(|(id, (_, entry))| (id, entry)).collect();
    let mut merged = Draft {
        mode: a.mode.max(b.mode),
        restored: a.restored || b.restored,
        devices: into_slots(devices),
        revoked: revoked.into_values().collect(),
    };
    merged.forget_revocations(now_ms);
    merged
}

/// Which of two entries of one device is kept: the one that is vouched for, then the more capable, then any fixed order.
fn preference((vouched, entry): &(bool, DeviceEntry)) -> (bool, bool, u16, u64, DeviceId, [u8; 64], u8) {
    let slot = u8::MAX.saturating_sub(entry.slot);
    let says = entry.says_endorsed; // may be true although its endorser is gone
    (*vouched, says, entry.caps, entry.added_at_ms, entry.endorser, entry.endorsement, slot)
}

/// The device that has no place: the last added that nobody vouches for, else the last added.
fn left_out(devices: &SortedMap<DeviceId, (bool, DeviceEntry)>) -> Option<DeviceId> {
    let last = devices.iter().max_by_key(|(id, (vouched, entry))| (!vouched, entry.added_at_ms, **id));
    last.map(|(id, _)| *id)
}

/// Devices by slot. Of two in one slot the one added later moves to the lowest free one.
fn into_slots(devices: SortedMap<DeviceId, DeviceEntry>) -> Vec<DeviceEntry> {
    let mut by_age: Vec<(DeviceId, DeviceEntry)> = devices.into_iter().collect();
    sort_by_key(&mut by_age, |(id, entry)| (entry.added_at_ms, *id));
    let mut placed: SortedMap<u8, DeviceEntry> = SortedMap::new();
    let mut moving = Vec::new();
    for (_, entry) in by_age {
        if usize::from(entry.slot) >= MAX_DEVICES || placed.contains_key(&entry.slot) {
            moving.push(entry);
        } else {
            placed.insert(entry.slot, entry);
        }
    }
    for mut entry in moving {
        let free = (0_u8..).take(MAX_DEVICES).find(|slot| !placed.contains_key(slot));
        if let Some(slot) = free {
            entry.slot = slot;
            placed.insert(slot, entry);
        }
    }
    placed.into_values().collect()
}

impl Draft {
    /// Takes a device out.
    pub fn revoke(&mut self, device: DeviceId, reason: RevocationReason, now_ms: u64) {
        self.devices.retain(|entry| entry.public.id() != device);
        if self.revocation(&device).is_none() {
            self.revoked.push(Revocation { device, revoked_at_ms: now_ms, reason });
        }
        self.forget_revocations(now_ms);
    }

    /// Drops revocations that are old enough, and what does not fit, oldest first. Those that people made are the last
    /// to go while a list that names the device may still be valid.
    fn forget_revocations(&mut self, now_ms: u64) {
        let age = |revocation: &Revocation| now_ms.saturating_sub(revocation.revoked_at_ms);
        self.revoked.retain(|revocation| age(revocation) <= REVOCATION_KEPT_MS);
        sort_by_key(&mut self.revoked, |revocation| {
            let spare = age(revocation) > MAX_VALIDITY_MS || revocation.reason != RevocationReason::User;
            (spare, std::cmp::Reverse(revocation.revoked_at_ms), revocation.device)
        });
        self.revoked.truncate(MAX_REVOKED);
        sort_by_key(&mut self.revoked, |revocation| (revocation.revoked_at_ms, revocation.device));
    }
}
