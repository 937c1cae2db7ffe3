//! Paths: guard, relay, relay. Two are kept, sharing no node where the network is large enough, and renewed now and then.
//!
//! A path is given up when several destinations stay silent through it. One destination alone cannot bring it down, and
//! what hops say in plain text changes at most one hop now and then (service-nodes 4.7).

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::sorted::SortedSet;

use super::pool::Pool;
use super::{NodeSet, pick};
use crate::clock::MINUTE_MS;

/// How long a path is used before its relays change.
pub(crate) const RENEW_MS: u64 = 10 * MINUTE_MS;

/// Failures through one path, whatever the destination, before it is given up.
const MAX_FAILURES: u8 = 4;

/// One hop of a path may be exchanged because of a plain error this often.
const REPAIR_MS: u64 = 30_000;

#[derive(Default)]
pub(crate) struct Paths {
    pub(crate) list: Vec<Path>,
    next: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) id: u64,
    pub(crate) hops: [Ed25519Public; 3],
    pub(crate) built_ms: u64,
    /// New, or a request has gone unanswered for a while: others first, until a probe is answered.
    pub(crate) suspect: bool,
    /// Destinations that failed since the last success.
    silent: SortedSet<Ed25519Public>,
    failures: u8,
    repaired_ms: Option<u64>,
}

/// What a plain error did to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    Done,
    /// Too often, or nobody to take the place: the path is to be given up.
    GiveUp,
}

impl Path {
    pub(crate) const fn guard(&self) -> Ed25519Public {
        let [guard, ..] = self.hops;
        guard
    }

    pub(crate) fn nodes(&self) -> NodeSet {
        self.hops.iter().copied().collect()
    }

    pub(crate) fn contains(&self, key: &Ed25519Public) -> bool {
        self.hops.contains(key)
    }

    /// A path that was tried already is better than one nobody heard from.
    fn rank(&self, not: &[u64]) -> u8 {
        u8::from(not.contains(&self.id)).saturating_add(u8::from(self.suspect).saturating_mul(2))
    }
}

impl Paths {
    pub(crate) fn get(&self, id: u64) -> Option<&Path> {
        self.list.iter().find(|p| p.id == id)
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Path> {
        self.list.iter_mut().find(|p| p.id == id)
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<Path> {
        let at = self.list.iter().position(|p| p.id == id)?;
        Some(self.list.remove(at))
    }

    /// The best path to this destination, if there is one that does not contain it.
    pub(crate) fn choose(
        &self,
        destination: &Ed25519Public,
        not: &[u64],
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Option<&Path> {
        let best = self.reach(destination, not)?;
        let fits = |p: &&Path| !p.contains(destination) && p.rank(not) == best;
        let all: Vec<&Path> = self.list.iter().filter(fits).collect();
        pick(&all, rng).copied()
    }

    /// How well a destination can be reached, 0 being best; `None`: not at all.
    pub(crate) fn reach(&self, destination: &Ed25519Public, not: &[u64]) -> Option<u8> {
        self.list.iter().filter(|p| !p.contains(destination)).map(|p| p.rank(not)).min()
    }

    /// Builds a path on this guard.
    pub(crate) fn build(
        &mut self,
        pool: &Pool,
        guard: Ed25519Public,
        guards: &NodeSet,
        now: u64,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Option<u64> {
        let used: NodeSet = self.list.iter().flat_map(Path::nodes).chain(guards.iter().copied()).collect();
        let relays = two(pool, &used, guard, now, rng)
            .or_else(|| two(pool, guards, guard, now, rng))
            .or_else(|| two(pool, &NodeSet::new(), guard, now, rng))?;
        let [first, second] = relays;
        self.next = self.next.wrapping_add(1);
        self.list.push(Path {
            id: self.next,
            hops: [guard, first, second],
            built_ms: now,
            suspect: true,
            silent: SortedSet::new(),
            failures: 0,
            repaired_ms: None,
        });
        Some(self.next)
    }

    pub(crate) fn succeeded(&mut self, id: u64) -> Option<&Path> {
        let path = self.get_mut(id)?;
        path.suspect = false;
        path.silent.clear();
        path.failures = 0;
        Some(path)
    }

    pub(crate) fn suspect(&mut self, id: u64) {
        if let Some(path) = self.get_mut(id) {
            path.suspect = true;
        }
    }

    /// Nothing usable came back from this destination. True if the path is to be given up.
    pub(crate) fn failed(&mut self, id: u64, destination: Ed25519Public) -> bool {
        let Some(path) = self.get_mut(id) else { return false };
        path.suspect = true;
        path.silent.insert(destination);
        path.failures = path.failures.saturating_add(1);
        path.silent.len() >= 2 || path.failures >= MAX_FAILURES
    }

    /// Exchanges one relay that a plain error named.
    pub(crate) fn repair(
        &mut self,
        pool: &Pool,
        id: u64,
        bad: Ed25519Public,
        now: u64,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Repair {
        let used: NodeSet = self.list.iter().flat_map(Path::nodes).collect();
        let Some(path) = self.get_mut(id) else { return Repair::Done };
        let recent = path.repaired_ms.is_some_and(|at| at.saturating_add(REPAIR_MS) > now);
        if recent || path.guard() == bad {
            return Repair::GiveUp;
        }
        let near: Vec<Ed25519Public> = path.hops.iter().filter(|h| **h != bad).copied().collect();
        let own: NodeSet = path.nodes();
        let Some(new) = pool.choose(&used, &near, now, rng).or_else(|| pool.choose(&own, &near, now, rng)) else {
            return Repair::GiveUp;
        };
        for hop in path.hops.iter_mut().filter(|h| **h == bad) {
            *hop = new;
        }
        path.repaired_ms = Some(now);
        Repair::Done
    }
}

fn two(
    pool: &Pool,
    not: &NodeSet,
    guard: Ed25519Public,
    now: u64,
    rng: &mut dyn rand_core::CryptoRng,
) -> Option<[Ed25519Public; 2]> {
    let first = pool.choose(not, &[guard], now, rng)?;
    let second = pool.choose(not, &[guard, first], now, rng)?;
    Some([first, second])
}
