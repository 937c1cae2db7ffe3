//! This device: its keys and prekeys, and the bundle it publishes (2.2, 2.5, 2.8).

use zwiebel_crypto::handshake::{DeviceKeys, Prekey};
use zwiebel_proto::zr1::bundle::{self, BundleFacts};
use zwiebel_proto::zr1::mailbox::{bundle_namespace, ttl};

use super::rows::{DeviceRow, PrekeyRow, Status, key, kind};
use super::{DAY_MS, Event, HOUR_MS, Manager, Moment, OwnPrekey, between};

/// A prekey pair is in use for a day, give or take an hour.
const PREKEY_USED_MS: u64 = DAY_MS;
/// Before this a superseded pair is never deleted: 48 h for others' caches, 24 h for their queues.
const PREKEY_KEPT_MS: u64 = 72 * HOUR_MS;
/// After this it always is, once the mailbox was read to its end: 72 h and what a swarm keeps, rounded up.
const PREKEY_CAP_MS: u64 = 18 * DAY_MS;
/// Never more pairs than this.
const MAX_PREKEYS: usize = 24;
/// A device makes itself new keys after this long.
const DEVICE_LIFE_MS: u64 = 180 * DAY_MS;
/// If somebody's message of the last week says that it is so late.
const CLOCKS_AGREE_MS: u64 = 7 * DAY_MS;

impl Manager {
    /// Makes this device. `restored`: the account existed before, so other devices may exist and earlier states of
    /// contacts are unknown; `on`: nothing else uses the account (3.5).
    pub fn set_up(&mut self, name: &str, restored: bool, on: bool, m: &mut Moment<'_>) {
        if self.device.is_some() {
            return;
        }
        let status = if on { Status::New } else { Status::Off };
        let row = fresh(name, status, restored, m);
        self.device = Some(self.own_device(row));
        self.save_device();
        self.live.witness_checked = true;
        if on {
            self.turn_on(m);
        } else {
            self.want(self.own, m.now_ms, 3); // an account that has ZR1 already goes on with it
        }
    }

    /// The person says that no other app uses the account, or that this device may speak after all (2.4, 3.5).
    pub fn confirm_only_app(&mut self, m: &mut Moment<'_>) {
        let Some(device) = &mut self.device else { return };
        match device.row.status {
            Status::Off => {
                device.row.status = Status::New;
                self.save_device();
                self.turn_on(m);
            }
            Status::Dropped | Status::Revoked => self.renew(false, m),
            Status::New | Status::Listed => {}
        }
    }

    pub(super) fn turn_on(&mut self, m: &mut Moment<'_>) {
        self.bump_witness(m);
        self.rotate_prekey(m);
        self.want_own(m.now_ms);
        for who in self.awaited() {
            self.refresh(who, m.now_ms);
        }
    }

    /// The start of a run: what was known is compared with what the swarm knows before anything is sent (6.4).
    pub fn start(&mut self, m: &mut Moment<'_>) {
        self.live.witness_checked = self.device.is_none() || !self.is_on();
        if self.device.is_some() {
            self.want_own(m.now_ms);
        }
    }

    /// New keys: after a rollback, a clock jump, half a year, or on the person's request. `linked`: the old keys vouch
    /// for the new ones.
    pub(super) fn renew(&mut self, linked: bool, m: &mut Moment<'_>) {
        let Some(old) = self.device.take() else { return };
        let mut row = fresh(&old.row.name, Status::New, !linked, m);
        row.slot = old.row.slot;
        row.sticky_ms = old.row.sticky_ms;
        if linked {
            let public = DeviceKeys::from_bytes(row.dsk, row.dik, row.dsec).public();
            let signature = zwiebel_proto::zr1::manifest::endorse(&old.keys, &self.signer, &public, row.added_at_ms);
            row.endorser = old.id;
            row.endorsement = signature.to_vec();
            row.predecessor = Some(old.id);
        }
        row.hello = self.contacts_newest_first();
        self.drop_all_sessions(m.now_ms);
        let pairs: Vec<[u8; 4]> = self.prekeys.keys().copied().collect();
        for pair in pairs {
            self.forget_prekey(&pair);
        }
        self.witnesses.log.clear();
        self.device = Some(self.own_device(row));
        self.save_device();
        self.requeue_everything();
        self.emit(Event::Renewed);
        self.turn_on(m);
        self.live.witness_checked = true;
    }

    /// What the clock asks for: new prekeys, old ones deleted, the bundle in place.
    pub(super) fn tend_prekeys(&mut self, m: &mut Moment<'_>) {
        let Some(device) = &self.device else { return };
        if !matches!(device.row.status, Status::New | Status::Listed) {
            return;
        }
        let old = m.now_ms.saturating_sub(device.row.added_at_ms) > DEVICE_LIFE_MS;
        // Not on the word of one clock: somebody else's must have come that far as well.
        if old && device.row.status == Status::Listed && self.clocks_agree(m.now_ms) {
            self.renew(true, m);
            return;
        }
        let made = self.current_prekey().map(|pair| pair.made_ms);
        let jitter = u64::from(device.id.first().copied().unwrap_or(0)) * HOUR_MS / 128;
        let due =
            made.is_none_or(|made| m.now_ms.saturating_sub(made) > PREKEY_USED_MS.saturating_sub(HOUR_MS) + jitter);
        if due {
            self.rotate_prekey(m);
        } else {
            self.publish_bundle(false, m);
        }
    }

    /// Whether somebody else's clock says about the same as this one.
    pub(super) fn clocks_agree(&self, now: u64) -> bool {
        self.peers.values().any(|peer| now.saturating_sub(peer.newest_ms) < CLOCKS_AGREE_MS)
    }

    fn current_prekey(&self) -> Option<&OwnPrekey> {
        self.prekeys.values().filter(|pair| pair.superseded_ms.is_none()).max_by_key(|pair| pair.made_ms)
    }

    /// A new pair; the old one stays until nobody can have used it (2.8).
    pub(super) fn rotate_prekey(&mut self, m: &mut Moment<'_>) {
        let open: Vec<[u8; 4]> =
            self.prekeys.iter().filter(|(_, pair)| pair.superseded_ms.is_none()).map(|(id, _)| *id).collect();
        for id in open {
            if let Some(own) = self.prekeys.get_mut(&id) {
                own.superseded_ms = Some(m.now_ms);
            }
            self.save_prekey(&id);
        }
        let pair = loop {
            let pair = Prekey::generate(&mut *m.rng);
            // A pair whose short name is taken is thrown away.
            if !self.prekeys.contains_key(&pair.id().0) {
                break pair;
            }
        };
        let id = pair.id().0;
        self.prekeys.insert(id, OwnPrekey { pair, made_ms: m.now_ms, superseded_ms: None });
        self.save_prekey(&id);
        while self.prekeys.len() > MAX_PREKEYS {
            let oldest = self.prekeys.iter().min_by_key(|(_, pair)| pair.made_ms).map(|(id, _)| *id);
            let Some(oldest) = oldest else { break };
            self.forget_prekey(&oldest);
        }
        self.publish_bundle(true, m);
    }

    /// The mailboxes were read to their end, from two nodes, in reads that began at `begun_ms`: what nobody can use
    /// any more is deleted.
    pub fn drained(&mut self, begun_ms: u64, now: u64) {
        let gone: Vec<[u8; 4]> = self
            .prekeys
            .iter()
            .filter(|(_, pair)| {
                pair.superseded_ms.is_some_and(|at| {
                    at.saturating_add(PREKEY_KEPT_MS) <= begun_ms || at.saturating_add(PREKEY_CAP_MS) <= now
                })
            })
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.forget_prekey(&id);
        }
    }

    pub(super) fn save_prekey(&mut self, id: &[u8; 4]) {
        let Some(own) = self.prekeys.get(id) else { return };
        let (spk, kem) = (*own.pair.spk().expose(), own.pair.kem().seed().to_vec());
        let row = PrekeyRow { spk, kem, made_ms: own.made_ms, superseded_ms: own.superseded_ms };
        self.put(key(kind::PREKEY, id), &row);
    }

    /// Deletes a pair, and with it the need to remember the sessions made from it.
    fn forget_prekey(&mut self, id: &[u8; 4]) {
        self.prekeys.remove(id);
        self.delete(key(kind::PREKEY, id));
        let replays: Vec<[u8; 16]> =
            self.tombstones.iter().filter(|(_, row)| row.prekey == *id).map(|(session, _)| *session).collect();
        for session in replays {
            self.tombstones.remove(&session);
            self.delete(key(kind::TOMBSTONE, &session));
        }
    }

    /// Signs and stores the bundle if the keys are new, the slot has changed, or the last one is a day old.
    pub(super) fn publish_bundle(&mut self, new_keys: bool, m: &mut Moment<'_>) {
        let Some(public) = self.current_prekey().map(|own| own.pair.public().clone()) else { return };
        // Nobody looks for the prekeys of a device that is not listed.
        let Some(device) = self.device.as_mut().filter(|device| device.row.status == Status::Listed) else { return };
        let row = &mut device.row;
        let old = m.now_ms.saturating_sub(row.bundle_ms) > DAY_MS;
        let moved = row.bundle_slot != row.slot && !row.bundle.is_empty();
        if !(new_keys || old || moved || row.bundle.is_empty()) {
            return;
        }
        let facts = BundleFacts { seq: row.bundle_seq.saturating_add(1), caps: 0, name: &row.name };
        let signed = bundle::sign(self.account.ed25519(), &device.keys, &public, &facts, m.now_ms, &mut *m.rng);
        let Ok(blob) = signed else { return };
        row.bundle_seq = facts.seq;
        row.bundle.clone_from(&blob);
        row.bundle_ms = m.now_ms;
        row.bundle_slot = row.slot;
        let namespace = bundle_namespace(row.slot);
        self.save_device();
        if let Some(namespace) = namespace {
            let number = self.store(self.own, namespace, ttl::OWNED, blob);
            self.live.publishing.insert(number, namespace);
            self.look_again(m);
        }
    }

    /// An outbox write is read back at once, and again after some minutes: a node that relayed it can have put
    /// something else there (2.3). List and bundle are often written together; then the same reads serve both.
    pub(super) fn look_again(&mut self, m: &mut Moment<'_>) {
        let after = |ms| m.now_ms.saturating_add(ms);
        let (soon, late) = (after(10 * super::SECOND_MS), after(2 * super::MINUTE_MS)..=after(5 * super::MINUTE_MS));
        let planned = &mut self.live.read_back;
        planned.retain(|at| *at > soon);
        planned.insert(soon);
        if planned.range(late.clone()).next().is_none() {
            planned.insert(between(*late.start(), *late.end(), m.rng));
        }
    }
}

fn fresh(name: &str, status: Status, restored: bool, m: &mut Moment<'_>) -> DeviceRow {
    let keys = DeviceKeys::generate(&mut *m.rng);
    DeviceRow {
        dsk: *keys.dsk().seed(),
        dik: *keys.dik().expose(),
        dsec: *keys.dsec().expose(),
        added_at_ms: m.now_ms,
        slot: 0,
        name: name.to_owned(),
        status,
        restored,
        endorser: [0; 16],
        endorsement: Vec::new(),
        predecessor: None,
        bundle_seq: 0,
        bundle: Vec::new(),
        bundle_ms: 0,
        bundle_slot: 0,
        listed_ms: 0,
        hello: Vec::new(),
        sticky_ms: 0,
        lost_since_ms: 0,
        other_app_ms: 0,
    }
}
