//! The devices of a simulation and what can happen to them. Tests use it to play exact scenes; [`super::history`] plays
//! random ones.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::rngs::StdRng;
use zeroize::Zeroizing;
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_engine::view::DeviceStatus;
use zwiebel_engine::zr1::{Event, Manager, Moment, Published, Step, Store};
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::container::Container;
use zwiebel_proto::zr1::envelope::{self, OuterKey};
use zwiebel_proto::zr1::mailbox::{self, Mailbox};

use super::swarm::{Blob, Swarm};
use super::{DAY_MS, Faults, MINUTE_MS};
use crate::rng::seeded;

pub(super) const BEGINNING_MS: u64 = 1_800_000_000_000;
/// Delays of mail while things go wrong.
const SLOW_MAIL_MS: u64 = 40 * MINUTE_MS;
/// Delays of lists, if they are late.
const LATE_LIST_MS: u64 = 8 * 60 * MINUTE_MS;

/// What a device would find after a restart.
#[derive(Clone, Default)]
pub struct Disk {
    /// The manager's rows.
    pub rows: BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>,
    /// Stores no swarm has confirmed.
    pub stores: Vec<Store>,
    pub(super) seen: BTreeSet<u64>,
    /// Messages it shows: from whom, and their names.
    pub history: Vec<(AccountId, [u8; 16])>,
}

/// A device.
pub struct Device {
    /// Its account's number.
    pub account: usize,
    /// Its session manager.
    pub manager: Manager,
    /// What a restart finds.
    pub disk: Disk,
    /// Everything that was ever shown or filed on it, put back or not.
    pub events: Vec<Event>,
    /// It is switched off.
    pub away: bool,
    pub(super) snapshots: Vec<(u64, Disk)>,
    pub(super) skew_ms: i64,
    /// When it was added or restored: it need not have what came before.
    pub(super) since_ms: u64,
    pub(super) resets: u64,
    /// The person looks through the list once this one is in it, and takes out what is gone.
    pub(super) cleans: bool,
}

/// A message somebody wrote.
pub(super) struct Written {
    pub(super) id: [u8; 16],
    pub(super) from: usize,
    pub(super) device: usize,
    pub(super) to: usize,
    pub(super) at_ms: u64,
    pub(super) acked: bool,
    /// The sender was erased or put back before anybody acknowledged it.
    pub(super) forgotten: bool,
    /// The sender was erased or put back before these devices had it, or these were put back after it.
    pub(super) given_up_on: Vec<usize>,
}

/// Two accounts, their devices, their swarms.
pub struct Sim {
    pub(super) faults: Faults,
    pub(super) rng: StdRng,
    /// The true time.
    pub now_ms: u64,
    /// Nothing goes wrong by chance.
    pub(super) calm: bool,
    /// The program of this device dies at the so-many-th place where it can.
    pub dies: Option<(usize, u32)>,
    /// The words of the accounts.
    pub seeds: Vec<[u8; 16]>,
    /// The accounts.
    pub ids: Vec<AccountId>,
    /// What is stored.
    pub swarm: Swarm,
    /// All devices; those of account 0 first.
    pub devices: Vec<Device>,
    pub(super) written: Vec<Written>,
    pub(super) happened: u64,
}

impl Sim {
    /// Two accounts with so many devices each, one joining after the other, in peace.
    #[must_use]
    pub fn new(seed: u64, devices: [usize; 2], faults: Faults) -> Self {
        let mut rng = seeded(seed);
        let seeds: Vec<[u8; 16]> = (0..2).map(|_| rng.random()).collect();
        let ids = seeds.iter().map(|seed| Account::from_seed16(*seed).id()).collect();
        let mut sim = Self {
            faults,
            rng,
            now_ms: BEGINNING_MS,
            calm: true,
            dies: None,
            seeds,
            ids,
            swarm: Swarm::default(),
            devices: Vec::new(),
            written: Vec::new(),
            happened: 0,
        };
        for (account, count) in devices.into_iter().enumerate() {
            for n in 0..count {
                sim.add_device(account, n > 0);
                sim.pass(20, 2 * MINUTE_MS);
            }
        }
        sim
    }

    /// A new device of an account, made from the words if there is one already.
    pub fn add_device(&mut self, account: usize, restored: bool) -> usize {
        let new = self.blank_device(account);
        self.devices.push(new);
        let last = self.devices.len() - 1;
        self.install(last, restored, false);
        last
    }

    /// A device on which nothing is.
    fn blank_device(&mut self, account: usize) -> Device {
        let skew = self.faults.skew_ms;
        Device {
            account,
            manager: Manager::load(self.seeds[account], std::iter::empty()).expect("nothing to read"),
            disk: Disk::default(),
            events: Vec::new(),
            away: false,
            snapshots: Vec::new(),
            skew_ms: if skew == 0 { 0 } else { self.rng.random_range(-skew..=skew) },
            since_ms: self.now_ms,
            resets: 0,
            cleans: false,
        }
    }

    /// The person sets up the account, or enters its words.
    fn install(&mut self, device: usize, restored: bool, greets: bool) {
        let own = self.ids[self.devices[device].account];
        let others: Vec<AccountId> = self.ids.iter().copied().filter(|id| *id != own).collect();
        self.act(device, |manager, m| {
            manager.set_up("device", restored, true, m);
            others.iter().for_each(|other| manager.set_contact(*other, true, false));
            if greets {
                manager.greet(others);
            }
        });
    }

    pub(super) fn chance(&mut self, percent: u32) -> bool {
        !self.calm && percent > 0 && self.rng.random_range(0..100) < percent
    }

    /// Whether a device's program dies here, by chance or because a test says so.
    fn dies_here(&mut self, device: usize, percent: u32) -> bool {
        if let Some((victim, left)) = &mut self.dies
            && *victim == device
        {
            if *left == 0 {
                self.dies = None;
                self.restart(device);
                return true;
            }
            *left -= 1;
        }
        let dies = self.chance(percent);
        if dies {
            self.happened += 1;
            self.restart(device);
        }
        dies
    }

    /// Sets a device's clock so far ahead of the true time.
    pub fn set_clock(&mut self, device: usize, ahead_ms: i64) {
        self.devices[device].skew_ms = ahead_ms;
    }

    fn time_of(&self, device: usize) -> u64 {
        self.now_ms.saturating_add_signed(self.devices[device].skew_ms)
    }

    fn with<R>(&mut self, device: usize, call: impl FnOnce(&mut Manager, &mut Moment<'_>) -> R) -> R {
        let now_ms = self.time_of(device);
        let mut m = Moment { now_ms, rng: &mut self.rng };
        call(&mut self.devices[device].manager, &mut m)
    }

    /// Calls the manager of a device with its time, commits, and does what follows.
    pub fn act<R>(&mut self, device: usize, call: impl FnOnce(&mut Manager, &mut Moment<'_>) -> R) -> R {
        let result = self.with(device, call);
        self.carry_out(device);
        result
    }

    /// Erases a device; a new one from the words takes its place and has the old one revoked.
    pub fn restore(&mut self, device: usize) {
        let account = self.devices[device].account;
        let resets = self.devices[device].resets + self.devices[device].manager.begun().1;
        self.lose_outbox(device, 0);
        let new = self.blank_device(account);
        // What was acknowledged meanwhile is not repeated to a device nobody vouched for (5.5).
        self.devices[device] = Device { cleans: true, since_ms: self.now_ms + DAY_MS, resets, ..new };
        self.install(device, true, true);
    }

    /// Puts a device back to an earlier state of its disk.
    pub fn put_back(&mut self, device: usize, disk: Disk, of_ms: u64) {
        // What it had after that went with its history; everything else is owed to it as before.
        let had = std::mem::replace(&mut self.devices[device].disk, disk).history;
        for written in self.written.iter_mut().filter(|written| written.to == self.devices[device].account) {
            if had.contains(&(self.ids[written.from], written.id)) {
                written.given_up_on.push(device);
            }
        }
        self.lose_outbox(device, of_ms);
        self.restart(device);
    }

    /// What a device has written since then is in its outbox no more. What nobody has acknowledged is forgotten with it.
    /// The rest was delivered, but nobody is left who would repeat it to a device that has not got it yet: its store may
    /// have been lost, and no other device knows that it is owed.
    fn lose_outbox(&mut self, device: usize, since_ms: u64) {
        for written in self.written.iter_mut().filter(|w| w.device == device && w.at_ms >= since_ms) {
            written.forgotten |= !written.acked;
            let key = (self.ids[written.from], written.id);
            let without = |(n, other): (usize, &Device)| {
                (other.account == written.to && !other.disk.history.contains(&key)).then_some(n)
            };
            written.given_up_on.extend(self.devices.iter().enumerate().filter_map(without));
        }
    }

    /// The program dies: what counts is the disk.
    pub fn restart(&mut self, device: usize) {
        let now_ms = self.time_of(device);
        let entry = &mut self.devices[device];
        entry.resets += entry.manager.begun().1;
        let rows = entry.disk.rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        entry.manager = Manager::load(self.seeds[entry.account], rows).expect("rows come back");
        if entry.disk.rows.is_empty() {
            // It died before its first commit: nobody knows of it, and the person enters the words once more.
            self.install(device, true, true);
            return;
        }
        let mut m = Moment { now_ms, rng: &mut self.rng };
        entry.manager.start(&mut m);
    }

    /// Commits a step and does what follows. `false`: the program died on the way.
    fn carry_out(&mut self, device: usize) -> bool {
        let step = self.devices[device].manager.take_step();
        let percent = self.faults.crashes;
        if self.dies_here(device, percent) {
            return false;
        }
        self.commit(device, step);
        !self.dies_here(device, percent) && self.flush(device)
    }

    fn commit(&mut self, device: usize, step: Step) {
        let own = self.ids[self.devices[device].account];
        let disk = &mut self.devices[device].disk;
        for (key, value) in step.rows {
            match value {
                Some(value) => disk.rows.insert(key, value),
                None => disk.rows.remove(&key),
            };
        }
        disk.stores.extend(step.stores);
        for delete in step.deletes {
            self.swarm.delete(&own, delete.namespace, &delete.data);
        }
        // What goes out as v1 reaches every device of the account; its way is not what is simulated.
        let mut plain = Vec::new();
        for event in &step.events {
            match event {
                Event::Message { from, id, .. } => disk.history.push((*from, *id)),
                Event::Fallback { to, id, .. } => plain.push((*to, *id)),
                Event::Delivered { id, .. } => {
                    self.written.iter_mut().filter(|w| w.id == *id).for_each(|w| w.acked = true);
                }
                _ => {}
            }
        }
        self.devices[device].events.extend(step.events);
        for (to, id) in plain {
            self.written.iter_mut().filter(|written| written.id == id).for_each(|written| written.acked = true);
            for device in self.devices.iter_mut().filter(|device| self.ids[device.account] == to) {
                device.disk.history.push((own, id));
            }
        }
    }

    /// Stores what is on the disk to be stored.
    fn flush(&mut self, device: usize) -> bool {
        while let Some(store) = self.devices[device].disk.stores.first().cloned() {
            let number = store.number;
            self.put(&store);
            if self.dies_here(device, self.faults.crashes / 2) {
                return false;
            }
            self.devices[device].disk.stores.remove(0);
            self.devices[device].manager.stored(number);
            let step = self.devices[device].manager.take_step();
            self.commit(device, step);
        }
        true
    }

    fn put(&mut self, store: &Store) {
        if self.chance(self.faults.lost) {
            self.happened += 1;
            return;
        }
        let copies = if self.chance(5) { 2 } else { 1 };
        let outbox = store.namespace < 0;
        for _ in 0..copies {
            let delay = match (self.calm, outbox) {
                (true, _) => 0,
                (false, false) => self.rng.random_range(0..SLOW_MAIL_MS),
                (false, true) if self.chance(self.faults.late_lists) => {
                    self.happened += 1;
                    self.rng.random_range(0..LATE_LIST_MS)
                }
                (false, true) => 0,
            };
            self.swarm.put(store, self.now_ms, delay, copies == 2);
        }
    }

    /// What nodes give of an outbox.
    fn outbox(&mut self, owner: &AccountId, namespace: i16) -> Vec<Vec<u8>> {
        let equivocates = self.chance(self.faults.equivocation);
        let mut there = self.swarm.outbox(owner, namespace, self.now_ms);
        if equivocates {
            self.happened += 1;
            there.pop();
            if self.rng.random_range(0..2) == 0 {
                there.clear();
            }
        }
        there.split_off(there.len().saturating_sub(1))
    }

    /// What is published, as so many nodes say.
    fn published(&mut self, owner: &AccountId, nodes: u8) -> Published {
        let mut answer = Published { nodes, ..Published::default() };
        for _ in 0..nodes {
            answer.manifests.extend(self.outbox(owner, mailbox::MANIFEST));
            for namespace in (0..8).filter_map(mailbox::bundle_namespace) {
                answer.bundles.extend(self.outbox(owner, namespace));
            }
        }
        answer
    }

    fn fetch(&mut self, device: usize) {
        let now = self.time_of(device);
        for wanted in self.devices[device].manager.wanted(now) {
            let answer = self.published(&wanted.owner, wanted.nodes);
            self.with(device, |manager, m| manager.fetched(wanted.owner, answer, m));
            if !self.carry_out(device) {
                return;
            }
        }
        if self.devices[device].manager.wants_witnesses() {
            let own = self.devices[device].manager.own_id();
            let mut there = self.swarm.outbox(&own, mailbox::WITNESSES, self.now_ms);
            if self.faults.blind {
                there.clear();
            }
            if self.chance(self.faults.withheld) {
                there.retain(|_| self.rng.random_range(0..2) == 0);
            }
            self.act(device, |manager, m| manager.witnesses_read(&there, m));
        }
    }

    /// Two devices read the own list at the same moment, and answer it, before either sees what the other makes of it.
    pub fn race(&mut self, devices: [usize; 2]) {
        let read = devices.map(|device| {
            let own = self.devices[device].manager.own_id();
            (device, own, self.published(&own, 3))
        });
        for (device, own, answer) in read {
            self.with(device, |manager, m| manager.fetched(own, answer, m));
        }
        for device in devices {
            self.carry_out(device);
        }
    }

    fn poll(&mut self, device: usize) {
        let own = self.devices[device].manager.own_id();
        self.devices[device].manager.poll_begins();
        for (namespace, from) in [(mailbox::FROM_OTHERS, Mailbox::Others), (mailbox::OWN_DEVICES, Mailbox::OwnDevices)]
        {
            let mut new = self.swarm.mailbox(&own, namespace, self.now_ms, &self.devices[device].disk.seen);
            let withheld = self.faults.withheld;
            new.retain(|_| !self.chance(withheld));
            while !new.is_empty() {
                let at = self.rng.random_range(0..new.len());
                let some: Vec<Blob> = new.drain(at..(at + 5).min(new.len())).collect();
                for blob in &some {
                    self.with(device, |manager, m| manager.receive(from, &blob.data, m));
                }
                // The places in the mailbox are part of the commit; a crash before it forgets both.
                let before = self.devices[device].disk.seen.clone();
                self.devices[device].disk.seen.extend(some.iter().map(|blob| blob.number));
                let step = self.devices[device].manager.take_step();
                let after = std::mem::replace(&mut self.devices[device].disk.seen, before);
                if self.dies_here(device, self.faults.crashes) {
                    return;
                }
                self.devices[device].disk.seen = after;
                self.commit(device, step);
                if !self.flush(device) {
                    return;
                }
            }
        }
        let now = self.time_of(device);
        self.act(device, |manager, _| manager.drained(now, now));
    }

    /// Time passes; every device looks after its things at each step.
    pub fn pass(&mut self, steps: u32, step_ms: u64) {
        for _ in 0..steps {
            self.now_ms += step_ms.max(1);
            for device in 0..self.devices.len() {
                if !self.devices[device].away {
                    self.look_after(device);
                }
            }
        }
        self.swarm.expire(self.now_ms);
    }

    fn look_after(&mut self, device: usize) {
        self.fetch(device);
        self.poll(device);
        self.act(device, |manager, m| manager.tick(m));
        self.fetch(device);
        // A device that its account has revoked, or lost from its list, asks the person, who lets it join again.
        if matches!(self.devices[device].manager.status(), DeviceStatus::Revoked | DeviceStatus::Dropped) {
            self.act(device, |manager, m| manager.confirm_only_app(m));
            self.devices[device].since_ms = self.now_ms + DAY_MS;
            self.devices[device].cleans = true;
        }
        if self.devices[device].cleans {
            self.clean(device);
        }
    }

    /// Takes a device that nobody has any more out of the list, until there is none.
    fn clean(&mut self, device: usize) {
        let account = self.devices[device].account;
        let manager = &self.devices[device].manager;
        let siblings = self.devices.iter().filter(|other| other.account == account);
        let alive: Vec<DeviceId> = siblings.filter_map(|other| other.manager.device_id()).collect();
        let listed = manager.devices(&manager.own_id(), self.now_ms);
        if !listed.iter().any(|view| view.this) {
            return;
        }
        match listed.iter().map(|view| DeviceId(view.id)).find(|id| !alive.contains(id)) {
            Some(gone) => self.act(device, |manager, m| manager.revoke(gone, m)),
            None => self.devices[device].cleans = false,
        }
    }

    /// A device writes to the other account.
    pub fn write_from(&mut self, device: usize) -> [u8; 16] {
        let from = self.devices[device].account;
        let to = 1 - from;
        let id: [u8; 16] = self.rng.random();
        let recipient = self.ids[to];
        self.with(device, |manager, m| manager.send(recipient, id, vec![7; 40], m));
        let step = self.devices[device].manager.take_step();
        if self.dies_here(device, self.faults.crashes) {
            return id; // before the commit: it is still a draft
        }
        let at_ms = self.now_ms;
        let given_up_on = Vec::new();
        self.written.push(Written { id, from, device, to, at_ms, acked: false, forgotten: false, given_up_on });
        self.commit(device, step);
        self.flush(device);
        id
    }

    /// Whether a device shows a message.
    #[must_use]
    pub fn has(&self, device: usize, id: &[u8; 16]) -> bool {
        self.devices[device].disk.history.iter().any(|(_, shown)| shown == id)
    }

    /// Whether a device of the recipient has acknowledged a message.
    #[must_use]
    pub fn is_acked(&self, id: &[u8; 16]) -> bool {
        self.written.iter().any(|written| written.id == *id && written.acked)
    }

    /// An envelope for a device as somebody who has the words would seal it again, with a content key that does not open.
    #[must_use]
    pub fn with_damaged_capsule(&self, device: usize, blob: &[u8]) -> Vec<u8> {
        let account = self.devices[device].account;
        let mut body = envelope::open(Account::from_seed16(self.seeds[account]).x25519(), blob).expect("it opens");
        let capsule = {
            let container = Container::parse(&body).expect("a container");
            let id = self.devices[device].manager.device_id().expect("a device");
            let entries = container.entries_for(&id).expect("a capsule for it");
            entries[0].capsule().to_vec()
        };
        let start = body.windows(capsule.len()).position(|window| window == capsule).expect("it is there");
        body[start + capsule.len() - 1] ^= 1;
        envelope::seal(&OuterKey::of_account(&self.ids[account]), &body, &mut seeded(1)).expect("it fits")
    }
}
