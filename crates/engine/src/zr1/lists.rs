//! The own list of devices: joining it, keeping it published, merging what two devices wrote at once, revoking (2.4,
//! 5.5, 5.6).

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_proto::sorted::sort_by_key;
use zwiebel_proto::zr1::content::ContentKind;
use zwiebel_proto::zr1::mailbox::{self, ttl};
use zwiebel_proto::zr1::manifest::{
    DeviceEntry, Draft, Manifest, Mode, REPUBLISH_AFTER_MS, RevocationReason, endorse, merge,
};

use super::people::Lists;
use super::rows::{Device, Status, device_key, kind};
use super::{AHEAD_MS, DAY_MS, Event, HOUR_MS, MINUTE_MS, Manager, Moment, Notice, Published, Store};

/// The own list is read this often.
const OWN_READ_MS: u64 = HOUR_MS;
/// Rewrites in answer to what was read, until a quiet read or the next poll.
const MAX_REWRITES: u32 = 5;
/// How long a device that misses itself may put itself back without asking.
const REJOIN_MS: u64 = DAY_MS;
/// A device of the account without a valid bundle for this long is given up.
const STALE_MS: u64 = 60 * DAY_MS;

impl Manager {
    /// The devices of the own account.
    pub(super) fn own_list(&self) -> Option<&Manifest> {
        self.people.get(&self.own).and_then(|person| person.list.as_ref())
    }

    /// The own outbox is to be read, from two nodes; a device that is new asks three.
    pub(super) fn want_own(&mut self, at_ms: u64) {
        let new = self.device.as_ref().is_some_and(|device| device.row.status == Status::New);
        self.want(self.own, at_ms, if new { 3 } else { 2 });
    }

    /// The own outbox is to be read once more.
    pub fn read_own_at(&mut self, at_ms: u64) {
        self.want_own(at_ms);
    }

    /// What nodes say of the own outbox.
    pub(super) fn own_fetched(&mut self, lists: &Lists, answer: &Published, m: &mut Moment<'_>) {
        let now = m.now_ms;
        if self.device.as_ref().is_some_and(|device| device.row.status == Status::Off) {
            self.find_own_list(lists, m);
            self.emit(Event::Devices);
        }
        if !self.is_on() {
            return;
        }
        self.change_person(self.own, |row| row.fetched_ms = now);
        let newest_there = lists.last().map(|(list, _)| *list.hash());
        let ours = self.own_list().cloned();
        for (list, blob) in lists {
            self.take_own_list(list, blob, m);
        }
        self.live.own_read = true;
        let now_ours = self.own_list().map(|list| *list.hash());
        if now_ours.is_some() && now_ours == ours.map(|list| *list.hash()) && newest_there == now_ours {
            self.live.rewrites = 0;
        }
        self.tend_list(m);
        self.repeat_if_gone(newest_there, answer, m);
    }

    /// Forward secrecy is off here because other apps may use the account. If its list is published, none does.
    fn find_own_list(&mut self, lists: &Lists, m: &mut Moment<'_>) {
        let newest = lists.iter().map(|(list, _)| list).rfind(|list| !list.is_expired(m.now_ms));
        if newest.is_none_or(|list| list.list.mode == Mode::Off) {
            return;
        }
        if let Some(device) = &mut self.device {
            device.row.status = Status::New;
        }
        self.save_device();
        self.turn_on(m);
    }

    /// A list of the own account: it replaces ours, or the two are joined.
    fn take_own_list(&mut self, list: &Manifest, blob: &[u8], m: &mut Moment<'_>) {
        let Some(ours) = self.own_list().cloned() else {
            self.accept_own(list, blob, m);
            return;
        };
        if list.hash() == ours.hash() {
            return;
        }
        if list.seq > ours.seq && self.is_long_absent(list, m.now_ms) {
            self.accept_own(list, blob, m);
            return;
        }
        let Ok((merged, seq)) = merge(&ours, list, m.now_ms) else { return };
        if merged.devices.is_empty() && merged.mode == Mode::On {
            self.nobody_left(&merged, seq, list, m);
            return;
        }
        let holds = |draft: &Draft| same(draft, &merged);
        match (holds(&list.list), holds(&ours.list)) {
            // Theirs says everything: the higher number counts, and of two alike one fixed choice.
            (true, _) if (list.seq, *list.hash()) > (ours.seq, *ours.hash()) => self.accept_own(list, blob, m),
            (_, true) if (ours.seq, *ours.hash()) > (list.seq, *list.hash()) => {}
            _ => {
                if list.seq > ours.seq {
                    self.accept_own(list, blob, m);
                }
                if self.live.rewrites < MAX_REWRITES {
                    self.live.rewrites = self.live.rewrites.saturating_add(1);
                    self.sign_list(&merged, list.seq.max(ours.seq), m);
                }
            }
        }
    }

    /// Two devices have revoked each other, and nobody takes that back: both are out, and say so. Whichever the person takes up
    /// again is a new device, which goes on from what both lists say.
    fn nobody_left(&mut self, merged: &Draft, seq: u64, list: &Manifest, m: &mut Moment<'_>) {
        let Some(device) = &self.device else { return };
        if device.row.status == Status::New {
            self.join(merged, seq, m);
        } else if list.is_revoked(&DeviceId(device.id)) {
            self.wipe(m.now_ms);
        }
    }

    /// A list does not name this device, and it has not seen itself listed for more than a day: it does not put itself
    /// back without asking (2.4).
    fn is_long_absent(&self, list: &Manifest, now: u64) -> bool {
        self.device.as_ref().is_some_and(|device| {
            let id = DeviceId(device.id);
            device.row.status == Status::Listed
                && now.saturating_sub(device.row.listed_ms) >= REJOIN_MS
                && list.device(&id).is_none()
                && !list.is_revoked(&id)
        })
    }

    fn accept_own(&mut self, list: &Manifest, blob: &[u8], m: &mut Moment<'_>) {
        self.take_list(self.own, list, blob, m);
        self.emit(Event::Devices);
    }

    /// This device's place in the list.
    pub(super) fn tend_list(&mut self, m: &mut Moment<'_>) {
        if !self.live.own_read || !self.is_on() {
            return;
        }
        let Some(device) = &self.device else { return };
        let (id, status, listed_ms) = (DeviceId(device.id), device.row.status, device.row.listed_ms);
        if matches!(status, Status::Revoked | Status::Dropped | Status::Off) {
            return;
        }
        let Some(list) = self.own_list().cloned() else {
            self.join(&Draft { mode: Mode::On, restored: false, devices: vec![], revoked: vec![] }, 0, m);
            return;
        };
        if list.is_revoked(&id) {
            self.wipe(m.now_ms);
        } else if let Some(entry) = list.device(&id) {
            self.listed(entry.slot, m);
            let old = m.now_ms.saturating_sub(list.issued_at_ms) > REPUBLISH_AFTER_MS;
            // Signed by a clock that was ahead: nobody else accepts it.
            let early = list.issued_at_ms > m.now_ms.saturating_add(AHEAD_MS);
            if old || early || list.list.mode == Mode::Off {
                let draft = Draft { mode: Mode::On, restored: false, ..list.list.clone() };
                self.sign_list(&draft, list.seq, m);
            }
        } else if status == Status::New || m.now_ms.saturating_sub(listed_ms) < REJOIN_MS {
            self.join(&list.list, list.seq, m);
        } else if let Some(device) = &mut self.device {
            device.row.status = Status::Dropped;
            self.save_device();
            self.emit(Event::Dropped);
        }
    }

    /// This device is in the list: it may speak.
    fn listed(&mut self, slot: u8, m: &mut Moment<'_>) {
        let Some(device) = &mut self.device else { return };
        let row = &mut device.row;
        let first = row.status != Status::Listed;
        if !first && row.slot == slot && m.now_ms.saturating_sub(row.listed_ms) < HOUR_MS {
            return;
        }
        row.status = Status::Listed;
        row.slot = slot;
        row.listed_ms = m.now_ms;
        if first && !row.hello.contains(&self.own) {
            row.hello.insert(0, self.own); // the other devices of the account look at once
        }
        self.save_device();
        self.publish_bundle(first, m);
    }

    /// Puts this device into the list.
    fn join(&mut self, list: &Draft, seq: u64, m: &mut Moment<'_>) {
        let Some(device) = &self.device else { return };
        let row = &device.row;
        let endorsed = row.endorsement.as_slice().try_into().ok();
        let entry = DeviceEntry {
            slot: row.slot,
            says_endorsed: endorsed.is_some(),
            caps: 0,
            added_at_ms: row.added_at_ms,
            public: device.keys.public(),
            endorser: DeviceId(row.endorser),
            endorsement: endorsed.unwrap_or([0; 64]),
        };
        let mut draft = list.clone();
        draft.mode = Mode::On;
        draft.restored = endorsed.is_none() && !list.devices.is_empty();
        if let Some(old) = row.predecessor {
            draft.revoke(DeviceId(old), RevocationReason::Renewed, m.now_ms);
        }
        let taken = draft.devices.iter().any(|other| other.slot == entry.slot);
        let slot = if taken { draft.free_slot() } else { Some(entry.slot) };
        let Some(slot) = slot else {
            // Eight others: the person has to give one up first.
            if let Some(device) = &mut self.device {
                device.row.status = Status::Dropped;
            }
            self.save_device();
            self.emit(Event::Dropped);
            return;
        };
        draft.devices.push(DeviceEntry { slot, ..entry });
        sort_by_key(&mut draft.devices, |entry| entry.slot);
        self.sign_list(&draft, seq, m);
    }

    /// Signs the next revision, takes it as ours and stores it.
    fn sign_list(&mut self, draft: &Draft, seq: u64, m: &mut Moment<'_>) {
        let floor = self.people.get(&self.own).map_or(0, |person| person.row.seq);
        let prev = self.own_list().map_or([0; 32], |list| *list.hash());
        let seq = seq.max(floor).saturating_add(1);
        let Ok(blob) = draft.sign(self.account.ed25519(), seq, &prev, m.now_ms) else { return };
        let Ok(list) = Manifest::verify(&blob, &self.own, m.now_ms) else { return };
        self.live.signing = true;
        self.accept_own(&list, &blob, m);
        self.live.signing = false;
        // The prekeys go first: whoever sees the list looks for them at once.
        if let Some(entry) = self.device.as_ref().and_then(|device| list.device(&DeviceId(device.id))) {
            self.listed(entry.slot, m);
        }
        let number = self.store(self.own, mailbox::MANIFEST, ttl::OWNED, blob);
        self.live.publishing.insert(number, mailbox::MANIFEST);
        self.look_again(m);
    }

    /// What we published is not there: the same bytes again.
    fn repeat_if_gone(&mut self, newest_there: Option<[u8; 32]>, answer: &Published, m: &mut Moment<'_>) {
        let flying = |namespace: i16| self.live.publishing.values().any(|at| *at == namespace);
        let list_flies = flying(mailbox::MANIFEST);
        let Some(device) = self.device.as_ref().filter(|_| self.is_on()) else { return };
        let (bundle, slot) = (device.row.bundle.clone(), device.row.bundle_slot);
        let namespace = mailbox::bundle_namespace(slot);
        let bundle_flies = namespace.is_some_and(flying);
        let ours = self.own_list().map(|list| *list.hash());
        let blob = self.people.get(&self.own).map(|person| person.row.manifest.clone()).unwrap_or_default();
        if !list_flies && ours.is_some() && newest_there != ours && !blob.is_empty() {
            let number = self.store(self.own, mailbox::MANIFEST, ttl::OWNED, blob);
            self.live.publishing.insert(number, mailbox::MANIFEST);
            self.live.read_back.insert(m.now_ms.saturating_add(3 * MINUTE_MS));
        }
        if let Some(namespace) = namespace
            && !bundle_flies
            && !bundle.is_empty()
            && !answer.bundles.contains(&bundle)
        {
            let number = self.store(self.own, namespace, ttl::OWNED, bundle);
            self.live.publishing.insert(number, namespace);
            self.live.read_back.insert(m.now_ms.saturating_add(3 * MINUTE_MS));
        }
    }

    /// Takes a device of the own account out of the list (5.6).
    pub fn revoke(&mut self, device: DeviceId, m: &mut Moment<'_>) {
        self.take_out(device, RevocationReason::User, m);
        self.withdraw_warning(self.own);
    }

    /// Gives up devices of the account that have had no valid bundle for 60 days (5.6). Only time that this device has watched
    /// counts: a bundle lives for 30 days, so between two reads that are closer none can have come and gone. `before_ms`: the
    /// last read but this one.
    pub(super) fn give_up_stale(&mut self, before_ms: u64, m: &mut Moment<'_>) {
        let Some(list) = self.own_list().cloned() else { return };
        let now = m.now_ms;
        let this = self.device.as_ref().filter(|device| device.row.status == Status::Listed).map(|device| device.id);
        let Some(this) = this else { return };
        for entry in list.active().filter(|entry| entry.public.id().0 != this) {
            let id = entry.public.id();
            let device = (self.own, id.0);
            if self.bundle_of(&device, now).is_some() {
                self.note_missing(device, None);
                continue;
            }
            let watched = now.saturating_sub(before_ms) < ttl::OWNED;
            let since = self.missing.get(&device).copied().filter(|_| watched).unwrap_or(now);
            self.note_missing(device, Some(since));
            let heard = self.peers.get(&device).map_or(0, |peer| peer.heard_ms);
            // As with new keys: not on the word of one clock.
            if now.saturating_sub(since.max(heard)) > STALE_MS && self.clocks_agree(now) {
                self.note_missing(device, None);
                self.take_out(id, RevocationReason::Stale, m);
                self.notice(self.own, Notice::DeviceStale, now);
            }
        }
    }

    pub(super) fn note_missing(&mut self, device: Device, since_ms: Option<u64>) {
        let key = device_key(kind::MISSING, &device);
        match since_ms {
            Some(since) if self.missing.insert(device, since) != Some(since) => self.put(key, &since),
            None if self.missing.remove(&device).is_some() => self.delete(key),
            _ => {}
        }
    }

    fn take_out(&mut self, device: DeviceId, reason: RevocationReason, m: &mut Moment<'_>) {
        let Some(list) = self.own_list().cloned() else { return };
        let mut draft = list.list.clone();
        draft.restored = false;
        draft.revoke(device, reason, m.now_ms);
        let farewell = self.farewell(device, m);
        self.sign_list(&draft, list.seq, m);
        self.step.stores.extend(farewell); // after the list, which it makes the device read
        self.rotate_prekey(m);
        self.tell_list(m);
    }

    /// The last message to a device that is about to be revoked: it looks at the list at once.
    fn farewell(&mut self, device: DeviceId, m: &mut Moment<'_>) -> Option<Store> {
        let session = self.peers.get(&(self.own, device.0))?.active.filter(|_| self.may_send())?;
        let mut id = [0; 16];
        m.rng.fill_bytes(&mut id);
        let mut message = self.blank(self.own, ContentKind::Control, id, m.now_ms);
        message.manifest = self.people.get(&self.own).map(|person| person.row.manifest.clone());
        self.seal(self.own, &[(device.0, session)], &message, m)?;
        self.step.stores.pop()
    }

    /// The list has changed: our other devices are told at once, whoever talks to us within a minute.
    fn tell_list(&mut self, m: &mut Moment<'_>) {
        let known: Vec<Device> = self
            .peers
            .iter()
            .filter(|(device, peer)| peer.active.is_some() && self.is_approved(&device.0))
            .map(|(device, _)| *device)
            .collect();
        for peer in known {
            let wait = if self.is_own(&peer.0) { 0 } else { super::between(0, MINUTE_MS, m.rng) };
            self.change_owed(peer, |owed| {
                owed.list = true;
                owed.due_ms = m.now_ms.saturating_add(wait);
            });
        }
    }

    /// Vouches for a device that was added without an endorsement: the person has compared the code (5.4).
    pub fn endorse(&mut self, device: DeviceId, m: &mut Moment<'_>) {
        let Some(list) = self.own_list().cloned() else { return };
        let Some(own) = &self.device else { return };
        let mut draft = list.list.clone();
        let Some(entry) = draft.devices.iter_mut().find(|entry| entry.public.id() == device) else { return };
        entry.endorsement = endorse(&own.keys, &self.signer, &entry.public, entry.added_at_ms);
        entry.endorser = DeviceId(own.id);
        entry.says_endorsed = true;
        draft.restored = false;
        self.sign_list(&draft, list.seq, m);
        self.tell_list(m);
    }

    /// The account has revoked this device: sessions and keys go, messages stay.
    fn wipe(&mut self, now: u64) {
        self.drop_all_sessions(now);
        let pairs: Vec<[u8; 4]> = self.prekeys.keys().copied().collect();
        for pair in pairs {
            self.prekeys.remove(&pair);
            self.delete(super::rows::key(kind::PREKEY, &pair));
        }
        if let Some(device) = &mut self.device {
            device.row.status = Status::Revoked;
        }
        self.save_device();
        self.emit(Event::Revoked);
    }

    /// Reads the own list hourly, and what was just published again.
    pub(super) fn tend_own_reads(&mut self, now: u64) {
        let again = self.live.read_back.first().copied().filter(|at| *at <= now);
        let fetched = self.people.get(&self.own).map_or(0, |person| person.row.fetched_ms);
        if again.is_some() || now.saturating_sub(fetched) > OWN_READ_MS {
            self.live.read_back.retain(|at| *at > now);
            self.want_own(now);
        }
    }
}

/// Whether two lists say the same of devices and revocations.
fn same(a: &Draft, b: &Draft) -> bool {
    a.devices == b.devices && a.revoked == b.revoked && a.mode == b.mode
}
