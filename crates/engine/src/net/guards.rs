//! Guards: the first hops, few and kept for weeks, because whoever is first sees the gateway's end of every path
//! (service-nodes 4.9). A guard that does not answer is put off and tested again, not replaced for good; the list is short,
//! so that nobody can walk a client through many guards by making them fail.

use zwiebel_crypto::keys::Ed25519Public;

use super::NodeSet;
use super::pool::Pool;
use crate::clock::DAY_MS;
use crate::model::rows::{GuardRow, GuardsRow};

/// Guards in use at the same time; one path for each.
pub(crate) const WANTED: usize = 2;

/// The most guards this device ever has at a time, of each kind: those behind gateways, and those without.
const MAX_GUARDS: usize = 6;

/// A guard is kept this long: four weeks.
const KEEP_MS: u64 = 28 * DAY_MS;

/// Lost paths in a row before a guard is put off.
const MAX_LOSSES: u8 = 2;

/// A put-off guard is tested again after this long, doubled each time; where no other one is left, sooner.
const RETEST_MS: u64 = 1_000;
const RETEST_MAX_MS: u64 = 600_000;
const RETEST_LAST_MS: u64 = 10_000;

/// After a candidate that did not answer; doubled each time.
const CANDIDATE_MS: u64 = 100;
const CANDIDATE_MAX_MS: u64 = 10_000;

#[derive(Default)]
pub(crate) struct Guards {
    list: Vec<Guard>,
    /// Candidates and put-off guards being tested.
    pub(crate) testing: NodeSet,
    /// No new candidate before this: somebody may be making them fail.
    pub(crate) try_after: u64,
    failed_candidates: u32,
    /// Only these can be reached the way that packets take; `None`: all.
    only: Option<NodeSet>,
}

struct Guard {
    key: Ed25519Public,
    since_ms: u64,
    losses: u8,
    /// Put off, since when, and how often in a row.
    down: Option<(u64, u32)>,
}

impl Guards {
    pub(crate) fn load(row: &GuardsRow) -> Self {
        let list = row
            .guards
            .iter()
            .take(MAX_GUARDS.saturating_mul(2))
            .map(|g| Guard::new(Ed25519Public(g.ed25519), g.since_ms))
            .collect();
        Self { list, ..Self::default() }
    }

    pub(crate) fn row(&self) -> GuardsRow {
        GuardsRow { guards: self.list.iter().map(|g| GuardRow { ed25519: g.key.0, since_ms: g.since_ms }).collect() }
    }

    /// Only these nodes can be guards for now; `None`: all.
    pub(crate) fn limit(&mut self, only: Option<NodeSet>) {
        self.only = only;
    }

    fn is_reachable(&self, key: &Ed25519Public) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(key))
    }

    fn reachable(&self) -> impl Iterator<Item = &Guard> {
        self.list.iter().filter(|g| self.is_reachable(&g.key))
    }

    /// The guards to build paths on, best first.
    pub(crate) fn in_use(&self) -> Vec<Ed25519Public> {
        self.reachable().filter(|g| g.down.is_none()).take(WANTED).map(|g| g.key).collect()
    }

    pub(crate) fn keys(&self) -> NodeSet {
        self.list.iter().map(|g| g.key).collect()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.reachable().count() < MAX_GUARDS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reachable().next().is_none()
    }

    /// Forgets guards that left the network or have served their time. True if something changed.
    pub(crate) fn retain(&mut self, pool: &Pool, network_now: u64) -> bool {
        let before = self.list.len();
        self.list.retain(|g| pool.contains(&g.key) && g.since_ms.saturating_add(KEEP_MS) > network_now);
        before != self.list.len()
    }

    /// Put-off guards whose time has come.
    pub(crate) fn to_retest(&self, now: u64) -> Vec<Ed25519Public> {
        self.retests().filter(|(_, at)| *at <= now).map(|(key, _)| key).collect()
    }

    /// When each put-off guard is to be tested again.
    fn retests(&self) -> impl Iterator<Item = (Ed25519Public, u64)> {
        let most = if self.in_use().is_empty() { RETEST_LAST_MS } else { RETEST_MAX_MS };
        let waiting = self.reachable().filter(|guard| !self.testing.contains(&guard.key));
        waiting.filter_map(move |guard| {
            let (since, times) = guard.down?;
            let wait = RETEST_MS.saturating_mul(1 << times.min(10)).min(most);
            Some((guard.key, since.saturating_add(wait)))
        })
    }

    /// The guard answered. True if it is new.
    pub(crate) fn passed(&mut self, key: Ed25519Public, network_now: u64) -> bool {
        self.testing.remove(&key);
        if let Some(guard) = self.list.iter_mut().find(|g| g.key == key) {
            guard.down = None;
            guard.losses = 0;
            return false;
        }
        self.failed_candidates = 0;
        if self.has_room() {
            self.list.push(Guard::new(key, network_now));
            return true;
        }
        false
    }

    /// The guard did not answer.
    pub(crate) fn put_off(&mut self, key: Ed25519Public, now: u64) {
        self.testing.remove(&key);
        if let Some(guard) = self.list.iter_mut().find(|g| g.key == key) {
            let times = guard.down.map_or(0, |(_, n)| n.saturating_add(1));
            guard.down = Some((now, times));
            guard.losses = 0;
        }
    }

    /// Somebody who was to become a guard did not answer: the next one is tried after a growing pause.
    pub(crate) fn candidate_failed(&mut self, now: u64) {
        self.failed_candidates = self.failed_candidates.saturating_add(1);
        let wait = CANDIDATE_MS.saturating_mul(1 << self.failed_candidates.min(8)).min(CANDIDATE_MAX_MS);
        self.try_after = now.saturating_add(wait);
    }

    /// The line was down, not the guards: test them again at once.
    pub(crate) fn hurry(&mut self) {
        for guard in &mut self.list {
            if let Some((since, times)) = &mut guard.down {
                (*since, *times) = (0, 0);
            }
        }
    }

    /// A path over this guard was given up. True if the guard is put off because of it.
    pub(crate) fn lost_path(&mut self, key: Ed25519Public, now: u64) -> bool {
        let Some(guard) = self.list.iter_mut().find(|g| g.key == key) else { return false };
        guard.losses = guard.losses.saturating_add(1);
        let too_many = guard.losses >= MAX_LOSSES;
        if too_many {
            self.put_off(key, now);
        }
        too_many
    }

    pub(crate) fn well(&mut self, key: &Ed25519Public) {
        if let Some(guard) = self.list.iter_mut().find(|g| g.key == *key) {
            guard.losses = 0;
        }
    }

    pub(crate) fn wake_at(&self, now: u64) -> Option<u64> {
        let retests = self.retests().map(|(_, at)| at);
        let candidate = (self.in_use().len() < WANTED && self.has_room()).then_some(self.try_after);
        retests.chain(candidate.filter(|at| *at > now)).min()
    }
}

impl Guard {
    const fn new(key: Ed25519Public, since_ms: u64) -> Self {
        Self { key, since_ms, losses: 0, down: None }
    }
}
