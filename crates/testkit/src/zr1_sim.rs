//! The multi-device simulator of forward-secrecy 5.3: accounts with one to three devices, one engine's session manager
//! for each device, a swarm that loses, doubles, delays and hides, and devices that crash, are restored from the words
//! or go back in time. It counts what was lost.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::rngs::StdRng;
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_engine::zr1::{Event, Manager, Moment, Published, Store};
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::mailbox::{self, Mailbox};

use crate::rng::seeded;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const BEGINNING_MS: u64 = 1_800_000_000_000;

/// What goes wrong in a history; percentages of the occasions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Stores that are confirmed and lost.
    pub lost: u32,
    /// Deaths of a device's program, before or after a commit, or between two stores.
    pub crashes: u32,
    /// Devices erased and restored from the words.
    pub restores: u32,
    /// Devices put back to an earlier state of their store.
    pub rollbacks: u32,
    /// The nodes hide the witnesses, so that no device notices.
    pub blind: bool,
    /// Reads of an outbox that give nothing, or an older value.
    pub equivocation: u32,
    /// Clocks that are wrong by up to this much.
    pub skew_ms: i64,
    /// One device's clock is wrong by this much for the first half, in either direction.
    pub liar_ms: i64,
    /// Days without anybody online, longer than prekeys rotate.
    pub absences: u32,
}

/// What came of some histories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages written.
    pub messages: u64,
    /// Not on any device of the recipient, never acknowledged, and the sender still had them.
    pub lost: u64,
    /// Missing on one device that was there all the time, although another has them.
    pub missing: u64,
    /// Acknowledged, then gone with the history of a device that was put back.
    pub vanished: u64,
    /// Shown twice on one device.
    pub twice: u64,
    /// Sessions that replaced one that did not serve, while faults happened, and in the last three days.
    pub resets: u64,
    pub late_resets: u64,
    /// Pairs of devices that use the same session at the end, and all pairs that use one.
    pub agreeing: u64,
    pub pairs: u64,
    /// Faults that happened, of the row's own kind.
    pub faults: u64,
}

struct Blob {
    number: u64,
    data: Vec<u8>,
    visible_ms: u64,
    gone_ms: u64,
}

/// What a device would find after a restart.
#[derive(Clone, Default)]
struct Disk {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    stores: Vec<Store>,
    seen: BTreeSet<u64>,
    history: Vec<(AccountId, [u8; 16])>,
}

struct Device {
    account: usize,
    manager: Manager,
    disk: Disk,
    snapshots: Vec<(u64, Disk)>,
    skew_ms: i64,
    born_ms: u64,
    /// It was put back or is a restored one: it need not have what came before.
    since_ms: u64,
    resets: u64,
    /// To be revoked once this one is listed.
    replaces: Option<DeviceId>,
}

struct Written {
    id: [u8; 16],
    from: usize,
    device: usize,
    to: usize,
    at_ms: u64,
    acked: bool,
    /// The sender was erased or put back before anybody acknowledged it.
    forgotten: bool,
}

/// One history.
pub struct Sim {
    faults: Faults,
    rng: StdRng,
    now_ms: u64,
    quiet: bool,
    seeds: Vec<[u8; 16]>,
    ids: Vec<AccountId>,
    mail: BTreeMap<(AccountId, i16), Vec<Blob>>,
    next_blob: u64,
    devices: Vec<Device>,
    written: Vec<Written>,
    happened: u64,
}

impl Sim {
    /// Two accounts with one to three devices each.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        let mut rng = seeded(seed);
        let seeds: Vec<[u8; 16]> = (0..2).map(|_| rng.random()).collect();
        let ids = seeds.iter().map(|seed| Account::from_seed16(*seed).id()).collect();
        let mut sim = Self {
            faults,
            rng,
            now_ms: BEGINNING_MS,
            quiet: true,
            seeds,
            ids,
            mail: BTreeMap::new(),
            next_blob: 0,
            devices: Vec::new(),
            written: Vec::new(),
            happened: 0,
        };
        for account in 0..2 {
            for n in 0..sim.rng.random_range(1..=3) {
                sim.add_device(account, n > 0);
                sim.pass(20, 2 * MINUTE_MS);
            }
        }
        sim
    }

    /// A history of so many messages, then peace until everything has settled.
    pub fn run(&mut self, messages: u32) -> Tally {
        self.quiet = false;
        let liar = self.rng.random_range(0..self.devices.len());
        self.devices[liar].skew_ms += self.faults.liar_ms;
        for n in 0..messages {
            if n == messages / 2 {
                self.devices[liar].skew_ms -= self.faults.liar_ms;
            }
            self.misfortune();
            self.write();
            let pause = self.rng.random_range(MINUTE_MS..3 * HOUR_MS);
            self.pass(2, pause / 2);
        }
        self.quiet = true;
        for device in &mut self.devices {
            device.skew_ms = device.skew_ms.clamp(-self.faults.skew_ms, self.faults.skew_ms);
        }
        self.pass(40, HOUR_MS);
        self.pass(80, 6 * HOUR_MS);
        let before: u64 = self.devices.iter().map(|device| device.resets + device.manager.begun().1).sum();
        self.write_all_round();
        self.pass(36, 2 * HOUR_MS);
        self.tally(before)
    }

    fn add_device(&mut self, account: usize, restored: bool) {
        let mut manager = Manager::load(self.seeds[account], std::iter::empty()).expect("nothing to read");
        let mut m = Moment { now_ms: self.now_ms, rng: &mut self.rng };
        manager.set_up("device", restored, true, &mut m);
        for other in self.ids.iter().filter(|id| **id != self.ids[account]) {
            manager.set_contact(*other, true, false);
        }
        let skew = self.faults.skew_ms;
        let skew_ms = if skew == 0 { 0 } else { self.rng.random_range(-skew..=skew) };
        self.devices.push(Device {
            account,
            manager,
            disk: Disk::default(),
            snapshots: Vec::new(),
            skew_ms,
            born_ms: self.now_ms,
            since_ms: self.now_ms,
            resets: 0,
            replaces: None,
        });
        let last = self.devices.len() - 1;
        self.carry_out(last);
    }

    fn chance(&mut self, percent: u32) -> bool {
        !self.quiet && percent > 0 && self.rng.random_range(0..100) < percent
    }

    fn time_of(&self, device: usize) -> u64 {
        self.now_ms.saturating_add_signed(self.devices[device].skew_ms)
    }

    /// Calls the manager of a device with its time.
    fn with<R>(&mut self, device: usize, call: impl FnOnce(&mut Manager, &mut Moment<'_>) -> R) -> R {
        let now_ms = self.time_of(device);
        let mut m = Moment { now_ms, rng: &mut self.rng };
        call(&mut self.devices[device].manager, &mut m)
    }

    /// Restarts, erasures and returns to the past.
    fn misfortune(&mut self) {
        let device = self.rng.random_range(0..self.devices.len());
        if self.chance(30) {
            // Kept with a restart after it, as a copy of a profile would be: the witness then has moved on.
            let snapshot = (self.now_ms, self.devices[device].disk.clone());
            self.devices[device].snapshots.push(snapshot);
            self.now_ms += 11 * MINUTE_MS;
            self.restart(device);
        }
        if self.chance(self.faults.restores) {
            self.happened += 1;
            self.restore(device);
        }
        let rollbacks = self.faults.rollbacks;
        if self.chance(rollbacks) && !self.devices[device].snapshots.is_empty() {
            self.happened += 1;
            let n = self.rng.random_range(0..self.devices[device].snapshots.len());
            let (at, disk) = self.devices[device].snapshots[n].clone();
            self.devices[device].snapshots.truncate(n);
            self.devices[device].disk = disk;
            self.devices[device].since_ms = self.now_ms;
            for written in self.written.iter_mut().filter(|w| w.device == device && w.at_ms >= at && !w.acked) {
                written.forgotten = true;
            }
            self.restart(device);
        }
        if self.chance(self.faults.absences) {
            self.happened += 1;
            self.now_ms += self.rng.random_range(2..9) * DAY_MS;
        }
    }

    fn restore(&mut self, device: usize) {
        let old = self.devices[device].manager.device_id();
        let account = self.devices[device].account;
        let resets = self.devices[device].resets + self.devices[device].manager.begun().1;
        for written in self.written.iter_mut().filter(|w| w.device == device && !w.acked) {
            written.forgotten = true;
        }
        self.add_device(account, true);
        let mut new = self.devices.pop().expect("just added");
        new.replaces = old;
        // What was acknowledged meanwhile is not repeated to a device nobody vouched for (5.5).
        new.since_ms = self.now_ms + DAY_MS;
        new.resets = resets;
        let others: Vec<AccountId> =
            self.ids.iter().enumerate().filter(|(n, _)| *n != account).map(|(_, id)| *id).collect();
        new.manager.greet(others);
        self.devices[device] = new;
        self.carry_out(device);
    }

    /// The program dies: what counts is the disk.
    fn restart(&mut self, device: usize) {
        let now_ms = self.time_of(device);
        let entry = &mut self.devices[device];
        entry.resets += entry.manager.begun().1;
        let rows = entry.disk.rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        entry.manager = Manager::load(self.seeds[entry.account], rows).expect("rows come back");
        let mut m = Moment { now_ms, rng: &mut self.rng };
        entry.manager.start(&mut m);
    }

    /// Commits a step and does what follows. `false`: the program died on the way.
    fn carry_out(&mut self, device: usize) -> bool {
        let step = self.devices[device].manager.take_step();
        if self.chance(self.faults.crashes) {
            self.happened += 1;
            self.restart(device);
            return false;
        }
        self.commit(device, step);
        if self.chance(self.faults.crashes) {
            self.happened += 1;
            self.restart(device);
            return false;
        }
        self.flush(device)
    }

    fn commit(&mut self, device: usize, step: zwiebel_engine::zr1::Step) {
        let disk = &mut self.devices[device].disk;
        for (key, value) in step.rows {
            match value {
                Some(value) => disk.rows.insert(key, value),
                None => disk.rows.remove(&key),
            };
        }
        disk.stores.extend(step.stores);
        // What goes out as v1 reaches every device of the account; its way is not what is simulated.
        let mut plain = Vec::new();
        for event in step.events {
            match event {
                Event::Message { from, id, .. } => disk.history.push((from, id)),
                Event::Fallback { to, id, .. } => plain.push((to, id)),
                Event::Delivered { id, .. } => {
                    self.written.iter_mut().filter(|w| w.id == id).for_each(|w| w.acked = true);
                }
                _ => {}
            }
        }
        let from = self.ids[self.devices[device].account];
        for (to, id) in plain {
            for device in self.devices.iter_mut().filter(|device| self.ids[device.account] == to) {
                device.disk.history.push((from, id));
            }
        }
    }

    /// Stores what is on the disk to be stored.
    fn flush(&mut self, device: usize) -> bool {
        while let Some(store) = self.devices[device].disk.stores.first().cloned() {
            let number = store.number;
            self.put(&store);
            if self.chance(self.faults.crashes / 2) {
                self.happened += 1;
                self.restart(device);
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
        for _ in 0..copies {
            let delay = if self.quiet { 0 } else { self.rng.random_range(0..40 * MINUTE_MS) };
            self.next_blob += 1;
            let blob = Blob {
                number: self.next_blob,
                data: store.data.clone(),
                visible_ms: self.now_ms + delay,
                gone_ms: self.now_ms + store.ttl_ms,
            };
            let values = self.mail.entry((store.to, store.namespace)).or_default();
            if store.namespace < 0 {
                // An outbox has one value; the older ones are what a node may still show.
                let keep = values.len().saturating_sub(2);
                values.drain(..keep);
                values.push(Blob { visible_ms: self.now_ms, ..blob });
            } else if !values.iter().any(|other| other.data == blob.data && copies == 1) {
                values.push(blob);
            }
        }
    }

    /// What nodes give of an outbox.
    fn outbox(&mut self, owner: &AccountId, namespace: i16) -> Vec<Vec<u8>> {
        let equivocates = self.chance(self.faults.equivocation);
        let now = self.now_ms;
        let values = self.mail.get(&(*owner, namespace)).map(Vec::as_slice).unwrap_or_default();
        let mut there: Vec<Vec<u8>> =
            values.iter().filter(|blob| blob.gone_ms > now).map(|blob| blob.data.clone()).collect();
        if equivocates {
            self.happened += 1;
            there.pop();
            if self.rng.random_range(0..2) == 0 {
                there.clear();
            }
        }
        there.split_off(there.len().saturating_sub(1))
    }

    fn fetch(&mut self, device: usize) {
        let now = self.time_of(device);
        for wanted in self.devices[device].manager.wanted(now) {
            let mut answer = Published { nodes: wanted.nodes, ..Published::default() };
            for _ in 0..wanted.nodes {
                answer.manifests.extend(self.outbox(&wanted.owner, mailbox::MANIFEST));
                for namespace in (0..8).filter_map(mailbox::bundle_namespace) {
                    answer.bundles.extend(self.outbox(&wanted.owner, namespace));
                }
            }
            self.with(device, |manager, m| manager.fetched(wanted.owner, answer, m));
            if !self.carry_out(device) {
                return;
            }
        }
        if self.devices[device].manager.wants_witnesses() {
            let own = self.devices[device].manager.own_id();
            let there = self.mail.get(&(own, mailbox::WITNESSES));
            let blobs: Vec<Vec<u8>> = if self.faults.blind {
                Vec::new()
            } else {
                there.into_iter().flatten().map(|blob| blob.data.clone()).collect()
            };
            self.with(device, |manager, m| manager.witnesses_read(&blobs, m));
            self.carry_out(device);
        }
    }

    fn poll(&mut self, device: usize) {
        let own = self.devices[device].manager.own_id();
        self.devices[device].manager.poll_begins();
        for (namespace, from) in [(mailbox::FROM_OTHERS, Mailbox::Others), (mailbox::OWN_DEVICES, Mailbox::OwnDevices)]
        {
            let now = self.now_ms;
            let seen = &self.devices[device].disk.seen;
            let there = self.mail.get(&(own, namespace)).map(Vec::as_slice).unwrap_or_default();
            let mut new: Vec<(u64, Vec<u8>)> = there
                .iter()
                .filter(|blob| blob.visible_ms <= now && blob.gone_ms > now && !seen.contains(&blob.number))
                .map(|blob| (blob.number, blob.data.clone()))
                .collect();
            while !new.is_empty() {
                let at = self.rng.random_range(0..new.len());
                let some: Vec<(u64, Vec<u8>)> = new.drain(at..(at + 5).min(new.len())).collect();
                for (_, blob) in &some {
                    self.with(device, |manager, m| manager.receive(from, blob, m));
                }
                // The places in the mailbox are part of the commit; a crash before it forgets both.
                let before = self.devices[device].disk.seen.clone();
                self.devices[device].disk.seen.extend(some.iter().map(|(number, _)| *number));
                let step = self.devices[device].manager.take_step();
                if self.chance(self.faults.crashes) {
                    self.happened += 1;
                    self.devices[device].disk.seen = before;
                    self.restart(device);
                    return;
                }
                self.commit(device, step);
                if !self.flush(device) {
                    return;
                }
            }
        }
        let now = self.time_of(device);
        self.devices[device].manager.drained(now, now);
        self.carry_out(device);
    }

    /// Time passes; every device looks after its things at each step.
    fn pass(&mut self, steps: u32, step_ms: u64) {
        for _ in 0..steps {
            self.now_ms += step_ms.max(1);
            for device in 0..self.devices.len() {
                self.look_after(device);
            }
        }
        let now = self.now_ms;
        self.mail.values_mut().for_each(|blobs| blobs.retain(|blob| blob.gone_ms > now));
    }

    fn look_after(&mut self, device: usize) {
        self.fetch(device);
        self.poll(device);
        self.with(device, |manager, m| manager.tick(m));
        self.carry_out(device);
        self.fetch(device);
        let replaces = self.devices[device].replaces;
        if let Some(old) = replaces {
            let listed = {
                let manager = &self.devices[device].manager;
                let id = manager.device_id();
                manager.devices(&manager.own_id(), self.now_ms).iter().any(|view| Some(DeviceId(view.id)) == id)
            };
            if listed {
                self.devices[device].replaces = None;
                self.with(device, |manager, m| manager.revoke(old, m));
                self.carry_out(device);
            }
        }
    }

    fn write(&mut self) {
        let device = self.rng.random_range(0..self.devices.len());
        self.write_from(device);
    }

    fn write_from(&mut self, device: usize) {
        let from = self.devices[device].account;
        let to = 1 - from;
        let id: [u8; 16] = self.rng.random();
        let recipient = self.ids[to];
        self.with(device, |manager, m| manager.send(recipient, id, vec![7; 40], m));
        let step = self.devices[device].manager.take_step();
        if self.chance(self.faults.crashes) {
            self.restart(device); // before the commit: it is still a draft
            return;
        }
        let at_ms = self.now_ms;
        self.written.push(Written { id, from, device, to, at_ms, acked: false, forgotten: false });
        self.commit(device, step);
        self.flush(device);
    }

    fn write_all_round(&mut self) {
        for round in 0..2 {
            for device in 0..self.devices.len() {
                self.write_from(device);
                self.pass(4, 20 * MINUTE_MS + round);
            }
        }
    }

    fn tally(&mut self, resets_before: u64) -> Tally {
        let mut tally = Tally { messages: self.written.len() as u64, faults: self.happened, ..Tally::default() };
        let resets: u64 = self.devices.iter().map(|device| device.resets + device.manager.begun().1).sum();
        tally.resets = resets_before;
        tally.late_resets = resets - resets_before;
        for written in &self.written {
            let key = (self.ids[written.from], written.id);
            let of_recipient = || self.devices.iter().filter(|device| device.account == written.to);
            let have = of_recipient().filter(|device| device.disk.history.contains(&key)).count();
            match (have, written.acked, written.forgotten) {
                (0, true, _) => tally.vanished += 1,
                (0, false, false) => tally.lost += 1,
                _ => {}
            }
            if have > 0 && !written.forgotten {
                let there_before = |device: &&Device| device.since_ms < written.at_ms;
                let without = |device: &&Device| !device.disk.history.contains(&key);
                tally.missing += of_recipient().filter(there_before).filter(without).count() as u64;
            }
        }
        for device in &self.devices {
            let single: BTreeSet<_> = device.disk.history.iter().collect();
            tally.twice += (device.disk.history.len() - single.len()) as u64;
        }
        self.agreement(&mut tally);
        tally
    }

    fn agreement(&self, tally: &mut Tally) {
        let end = |n: usize| {
            let device = &self.devices[n];
            device.manager.device_id().map(|id| (self.ids[device.account], id))
        };
        for a in 0..self.devices.len() {
            for b in a + 1..self.devices.len() {
                let (Some(of_a), Some(of_b)) = (end(a), end(b)) else { continue };
                let there = self.devices[a].manager.active_session(&of_b.0, &of_b.1);
                let back = self.devices[b].manager.active_session(&of_a.0, &of_a.1);
                if there.is_some() || back.is_some() {
                    tally.pairs += 1;
                    tally.agreeing += u64::from(there == back);
                }
            }
        }
    }

    /// When the first device was born; for tests of the simulator itself.
    #[must_use]
    pub fn age_ms(&self) -> u64 {
        self.now_ms - self.devices.iter().map(|device| device.born_ms).min().unwrap_or(self.now_ms)
    }
}

/// The rows of the table, with the faults of each.
#[must_use]
pub fn rows() -> Vec<(&'static str, Faults)> {
    let none = Faults::default();
    vec![
        ("none", none),
        ("10 % of stores vanish silently", Faults { lost: 10, ..none }),
        ("crashes at every point", Faults { crashes: 4, ..none }),
        ("restores from the words", Faults { restores: 8, ..none }),
        ("clocks wrong by up to 30 minutes", Faults { skew_ms: 30 * 60_000, ..none }),
        ("one clock 3 hours ahead, then right", Faults { liar_ms: 3 * 3_600_000, ..none }),
        ("one clock 5 days behind, then right", Faults { liar_ms: -5 * 86_400_000, ..none }),
        ("nodes hide and age the outbox", Faults { equivocation: 30, ..none }),
        ("all away for days", Faults { absences: 8, ..none }),
        (
            "lost, crashed, restored, equivocating",
            Faults { lost: 8, crashes: 2, restores: 3, equivocation: 10, ..none },
        ),
        ("rollbacks, all detected", Faults { rollbacks: 12, ..none }),
        ("rollbacks, none detected", Faults { rollbacks: 12, blind: true, ..none }),
    ]
}

/// Many histories of one row together.
#[must_use]
pub fn histories(first_seed: u64, count: u64, messages: u32, faults: Faults) -> Tally {
    let mut all = Tally::default();
    for seed in first_seed..first_seed + count {
        let one = Sim::new(seed, faults).run(messages);
        all.messages += one.messages;
        all.lost += one.lost;
        all.missing += one.missing;
        all.vanished += one.vanished;
        all.twice += one.twice;
        all.resets += one.resets;
        all.late_resets += one.late_resets;
        all.agreeing += one.agreeing;
        all.pairs += one.pairs;
        all.faults += one.faults;
    }
    all
}
