//! A random history: who writes when, what goes wrong, and the count at the end.

use std::collections::BTreeSet;

use rand::RngExt;

use super::crew::{Device, Sim};
use super::{DAY_MS, Faults, HOUR_MS, MINUTE_MS, Tally};

impl Sim {
    /// Two accounts with one to three devices each.
    #[must_use]
    pub fn random(seed: u64, faults: Faults) -> Self {
        let mut rng = crate::rng::seeded(seed);
        Self::new(seed, [rng.random_range(1..=3), rng.random_range(1..=3)], faults)
    }

    /// A history of so many messages, then peace until everything has settled.
    pub fn run(&mut self, messages: u32) -> Tally {
        self.calm = false;
        let liar = self.rng.random_range(0..self.devices.len());
        self.devices[liar].skew_ms += self.faults.liar_ms;
        for n in 0..messages {
            if n == messages / 2 {
                self.devices[liar].skew_ms -= self.faults.liar_ms;
            }
            self.misfortune();
            let device = self.rng.random_range(0..self.devices.len());
            self.write_from(device);
            let pause = self.rng.random_range(MINUTE_MS..3 * HOUR_MS);
            self.pass(2, pause / 2);
        }
        self.calm = true;
        for device in &mut self.devices {
            device.skew_ms = device.skew_ms.clamp(-self.faults.skew_ms, self.faults.skew_ms);
        }
        self.pass(40, HOUR_MS);
        // A device can have been erased before its list was seen: the person finds it there only now.
        for device in &mut self.devices {
            device.cleans = true;
        }
        self.pass(80, 6 * HOUR_MS);
        if self.faults.blind {
            // What nobody noticed comes to light with the first message of each pair, weeks later if they had nothing to say.
            // Blobs that no session opens prove nothing (6.6), so it is the sender's 24 hours that then make a new session.
            self.write_all_round();
            self.pass(36, 2 * HOUR_MS);
        }
        let before = self.resets();
        self.write_all_round();
        self.pass(36, 2 * HOUR_MS);
        self.tally(before)
    }

    fn resets(&self) -> u64 {
        self.devices.iter().map(|device| device.resets + device.manager.begun().1).sum()
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
        if self.chance(self.faults.races) {
            let account = self.devices[device].account;
            let sibling = (0..self.devices.len()).find(|n| *n != device && self.devices[*n].account == account);
            if let Some(sibling) = sibling {
                self.happened += 1;
                self.restore(device);
                self.restore(sibling);
                self.race([device, sibling]);
            }
        }
        let rollbacks = self.faults.rollbacks;
        if self.chance(rollbacks) && !self.devices[device].snapshots.is_empty() {
            self.happened += 1;
            let n = self.rng.random_range(0..self.devices[device].snapshots.len());
            let (at, disk) = self.devices[device].snapshots[n].clone();
            self.devices[device].snapshots.truncate(n);
            self.put_back(device, disk, at);
        }
        if self.chance(self.faults.absences) {
            self.happened += 1;
            self.now_ms += self.rng.random_range(2..9) * DAY_MS;
        }
    }

    fn write_all_round(&mut self) {
        for round in 0..2 {
            for device in 0..self.devices.len() {
                self.write_from(device);
                self.pass(4, 20 * MINUTE_MS + round);
            }
        }
    }

    fn tally(&self, resets_before: u64) -> Tally {
        let mut tally = Tally { messages: self.written.len() as u64, faults: self.happened, ..Tally::default() };
        tally.resets = resets_before;
        tally.late_resets = self.resets() - resets_before;
        for written in &self.written {
            let key = (self.ids[written.from], written.id);
            let of_recipient = || self.devices.iter().filter(|device| device.account == written.to);
            let have = of_recipient().filter(|device| device.disk.history.contains(&key)).count();
            match (have, written.acked, written.forgotten) {
                (0, true, _) => tally.vanished += 1,
                (0, false, false) => tally.lost += 1,
                _ => {}
            }
        }
        tally.missing = self.left_out().len() as u64;
        for device in &self.devices {
            let single: BTreeSet<_> = device.disk.history.iter().collect();
            tally.twice += (device.disk.history.len() - single.len()) as u64;
        }
        self.agreement(&mut tally);
        tally
    }

    /// Messages that some device has and another has not, although it was there all the time and the sender still had them:
    /// when they were written (ms after the beginning), by which device, and where they are missing.
    #[must_use]
    pub fn left_out(&self) -> Vec<(u64, usize, usize)> {
        let mut all = Vec::new();
        for written in self.written.iter().filter(|written| !written.forgotten) {
            let key = (self.ids[written.from], written.id);
            let of_recipient = || self.devices.iter().enumerate().filter(|(_, device)| device.account == written.to);
            if of_recipient().any(|(_, device)| device.disk.history.contains(&key)) {
                let owed =
                    |n: usize, device: &Device| device.since_ms < written.at_ms && !written.given_up_on.contains(&n);
                let without = of_recipient().filter(|(n, d)| owed(*n, d) && !d.disk.history.contains(&key));
                all.extend(without.map(|(n, _)| (written.at_ms - super::crew::BEGINNING_MS, written.device, n)));
            }
        }
        all
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
}
