//! Which devices of a new list are vouched for by devices that were known before (2.4).

use zwiebel_crypto::handshake::{DeviceId, DeviceKeys, DevicePublic};
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::labels;

use super::{DeviceEntry, Manifest, RevocationReason};
use crate::sorted::sort_by_key;
use crate::sorted::{SortedMap, SortedSet};

/// How a device of a list came into it, as far as signatures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// New, endorsed by this device.
    Endorsed(DeviceId),
    /// There is no earlier list: trusted on first use.
    FirstSeen,
    /// It was in the list before.
    Known,
    /// New, and vouched for by nobody: restored from the words, or added by whoever stole them.
    Unendorsed,
}

/// This device's signature over a new device (`endorsement`).
#[must_use]
pub fn endorse(endorser: &DeviceKeys, account: &Ed25519Public, device: &DevicePublic, added_at_ms: u64) -> [u8; 64] {
    endorser.dsk().sign(&text(account, device, added_at_ms))
}

/// Judges every active device of `new`, in the order of the list, against the list accepted before it.
///
/// An endorser counts if it was listed and not revoked before, or is itself endorsed in the new list. If the new list
/// revokes it, only a renewal is tolerated, and only for one successor (the one added first).
#[must_use]
pub fn judge(new: &Manifest, before: Option<&Manifest>) -> Vec<(DeviceId, Standing)> {
    let entries: Vec<(DeviceId, &DeviceEntry)> = new.active().map(|entry| (entry.public.id(), entry)).collect();
    let Some(before) = before else {
        return entries.into_iter().map(|(id, _)| (id, Standing::FirstSeen)).collect();
    };
    let mut vouching: SortedMap<DeviceId, Ed25519Public> =
        before.active().map(|entry| (entry.public.id(), entry.public.dsk)).collect();
    let known: SortedSet<DeviceId> = vouching.keys().copied().collect();
    let mut renewed: SortedSet<DeviceId> = SortedSet::new();
    let mut endorsed: SortedMap<DeviceId, DeviceId> = SortedMap::new();

    let mut open: Vec<_> = entries.iter().filter(|(id, _)| !known.contains(id)).copied().collect();
    sort_by_key(&mut open, |(id, entry)| (entry.added_at_ms, *id));
    // Chains of endorsements: each round settles at least one device or ends.
    loop {
        let found = open.iter().position(|(_, entry)| vouches(new, &vouching, &renewed, entry));
        let Some(found) = found else { break };
        let (id, entry) = open.remove(found);
        if new.is_revoked(&entry.endorser) {
            renewed.insert(entry.endorser);
        }
        endorsed.insert(id, entry.endorser);
        vouching.insert(id, entry.public.dsk);
    }

    let standing = |id: &DeviceId| match endorsed.get(id) {
        _ if known.contains(id) => Standing::Known,
        Some(endorser) => Standing::Endorsed(*endorser),
        None => Standing::Unendorsed,
    };
    entries.iter().map(|(id, _)| (*id, standing(id))).collect()
}

impl DeviceEntry {
    /// Whether this device has signed the entry, whatever that device is worth.
    #[must_use]
    pub fn is_signed_by(&self, account: &Ed25519Public, endorser: &DevicePublic) -> bool {
        let text = text(account, &self.public, self.added_at_ms);
        self.endorser == endorser.id() && endorser.dsk.verify(&text, &self.endorsement)
    }
}

/// Whether the entry's endorser may vouch, and does.
fn vouches(
    new: &Manifest,
    vouching: &SortedMap<DeviceId, Ed25519Public>,
    renewed: &SortedSet<DeviceId>,
    entry: &DeviceEntry,
) -> bool {
    let tolerated = match new.list.revocation(&entry.endorser) {
        None => true,
        Some(revocation) => revocation.reason == RevocationReason::Renewed && !renewed.contains(&entry.endorser),
    };
    let text = text(&new.account, &entry.public, entry.added_at_ms);
    tolerated && vouching.get(&entry.endorser).is_some_and(|key| key.verify(&text, &entry.endorsement))
}

fn text(account: &Ed25519Public, device: &DevicePublic, added_at_ms: u64) -> Vec<u8> {
    let id = device.id();
    [labels::ENDORSE, &account.0, &id.0, &device.dsk.0, &device.dik.0, &added_at_ms.to_le_bytes()].concat()
}
