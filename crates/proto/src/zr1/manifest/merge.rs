//! Joining two lists that devices of one account wrote without knowing of each other (2.4).
//!
//! Devices are joined by id, a revocation wins over an entry. The result does not depend on which list comes first,
//! and a list joined with itself stays as it is. Over three lists the order does not matter either, except for two
//! things the format cannot avoid: which slot a device moves to, and which device is left out when there are more
//! than eight. Devices read their list back after writing and join again, so they end with one list all the same.

use thiserror::Error;
use zwiebel_crypto::handshake::DeviceId;

use super::{
    DeviceEntry, Draft, MAX_DEVICES, MAX_REVOKED, Manifest, REVOCATION_KEPT_MS, Revocation, RevocationReason, SEQ_LIMIT,
};
use crate::sorted::SortedMap;
use crate::sorted::sort_by_key;

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

/// Joins two lists of one account: what to sign next, and under which sequence number. `now_ms` is the time of a
/// revocation that the joining itself makes, and drops revocations that are old enough.
///
/// # Errors
/// [`MergeError`]
pub fn merge(a: &Manifest, b: &Manifest, now_ms: u64) -> Result<(Draft, u64), MergeError> {
    if a.account != b.account {
        return Err(MergeError::OtherAccount);
    }
    let seq = a.seq.max(b.seq).checked_add(1).filter(|seq| *seq < SEQ_LIMIT).ok_or(MergeError::SeqExhausted)?;
    Ok((merge_lists(&a.list, &b.list, now_ms), seq))
}

/// [`merge`] of what the lists say.
pub(super) fn merge_lists(a: &Draft, b: &Draft, now_ms: u64) -> Draft {
    let mut revoked: SortedMap<DeviceId, Revocation> = SortedMap::new();
    for revocation in a.revoked.iter().chain(&b.revoked) {
        let kept = revoked.entry(revocation.device).or_insert(*revocation);
        if (revocation.revoked_at_ms, revocation.reason) > (kept.revoked_at_ms, kept.reason) {
            *kept = *revocation;
        }
    }
    let mut devices: SortedMap<DeviceId, DeviceEntry> = SortedMap::new();
    for entry in a.devices.iter().chain(&b.devices) {
        let id = entry.public.id();
        if revoked.contains_key(&id) {
            continue;
        }
        let kept = devices.entry(id).or_insert(*entry);
        if preference(entry) > preference(kept) {
            *kept = *entry;
        }
    }
    while devices.len() > MAX_DEVICES {
        let Some(device) = left_out(&devices) else { break };
        devices.remove(&device);
        revoked.insert(device, Revocation { device, revoked_at_ms: now_ms, reason: RevocationReason::Overflow });
    }
    let mode = a.mode.max(b.mode);
    let restored = a.restored || b.restored;
    Draft { mode, restored, devices: into_slots(devices), revoked: newest(revoked, now_ms) }
}

/// Which of two entries of one device is kept: the endorsed one, then the more capable, then any fixed order.
fn preference(entry: &DeviceEntry) -> (bool, u16, u64, DeviceId, [u8; 64], u8) {
    let slot = u8::MAX.saturating_sub(entry.slot);
    (entry.says_endorsed, entry.caps, entry.added_at_ms, entry.endorser, entry.endorsement, slot)
}

/// The device that has no place: the last added without endorsement, else the last added.
fn left_out(devices: &SortedMap<DeviceId, DeviceEntry>) -> Option<DeviceId> {
    let last = |endorsed: bool| {
        let candidates = devices.iter().filter(|(_, entry)| entry.says_endorsed == endorsed);
        candidates.max_by_key(|(id, entry)| (entry.added_at_ms, **id)).map(|(id, _)| *id)
    };
    last(false).or_else(|| last(true))
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

/// The newest revocations, as many as fit, without those old enough to be forgotten.
fn newest(revoked: SortedMap<DeviceId, Revocation>, now_ms: u64) -> Vec<Revocation> {
    let mut list: Vec<Revocation> = revoked.into_values().collect();
    list.retain(|revocation| now_ms.saturating_sub(revocation.revoked_at_ms) <= REVOCATION_KEPT_MS);
    sort_by_key(&mut list, |revocation| (std::cmp::Reverse(revocation.revoked_at_ms), revocation.device));
    list.truncate(MAX_REVOKED);
    sort_by_key(&mut list, |revocation| (revocation.revoked_at_ms, revocation.device));
    list
}
