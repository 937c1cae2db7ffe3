//! Which nodes keep an account's messages: computed from the agreed list, corrected by what members say (421), asked for when
//! too few are left (service-nodes 4.10, 5.1).

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::sorted::SortedMap;
use zwiebel_proto::swarm::{self, SwarmId};

use super::paths::Paths;
use super::pool::Pool;
use super::{NodeSet, Owner, pick};
use crate::clock::HOUR_MS;
use crate::model::rows::NodeRow;

/// With fewer members left the swarm is asked for again.
pub(crate) const MIN_MEMBERS: usize = 3;

const STRIKES: u8 = 3;

/// Swarms of this many accounts are remembered.
const MAX_SWARMS: usize = 500;

/// A swarm learnt from nodes is believed this long.
const KEEP_MS: u64 = HOUR_MS;

#[derive(Default)]
pub(crate) struct Swarms {
    map: SortedMap<Owner, Swarm>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Swarm {
    pub(crate) id: Option<u64>,
    pub(crate) members: Vec<NodeRow>,
    strikes: SortedMap<Ed25519Public, u8>,
    /// Asked for at this time; not again too soon.
    pub(crate) asked_ms: Option<u64>,
    known_ms: u64,
}

impl Swarms {
    /// The swarm of an account as far as known.
    pub(crate) fn of(&mut self, owner: &Owner, pool: &Pool, now: u64) -> &mut Swarm {
        if self.map.len() > MAX_SWARMS && !self.map.contains_key(owner) {
            self.map.pop_first();
        }
        let swarm = self.map.entry(*owner).or_default();
        if swarm.members.is_empty() || swarm.known_ms.saturating_add(KEEP_MS) < now {
            let computed = compute(owner, pool);
            if !computed.members.is_empty() {
                let asked_ms = swarm.asked_ms;
                *swarm = Swarm { asked_ms, known_ms: now, ..computed };
            }
        }
        swarm
    }

    pub(crate) fn peek(&self, owner: &Owner) -> Option<&Swarm> {
        self.map.get(owner)
    }

    /// How many members the agreed list names, whether or not they answer.
    pub(crate) fn size(owner: &Owner, pool: &Pool) -> usize {
        compute(owner, pool).members.len()
    }

    /// What a member (421) or another node (`get_swarm`) said.
    pub(crate) fn learn(&mut self, owner: Owner, id: Option<u64>, members: Vec<NodeRow>, now: u64) {
        if members.is_empty() {
            return;
        }
        let asked_ms = self.map.get(&owner).and_then(|s| s.asked_ms);
        self.map.insert(owner, Swarm { id, members, strikes: SortedMap::new(), asked_ms, known_ms: now });
    }

    /// The list changed: everything is computed anew.
    pub(crate) fn forget(&mut self) {
        self.map.clear();
    }
}

impl Swarm {
    /// A random member outside `not`; `None` when all were tried.
    pub(crate) fn choose(&self, not: &NodeSet, rng: &mut dyn rand_core::CryptoRng) -> Option<NodeRow> {
        let left: Vec<NodeRow> = self.members.iter().filter(|m| !not.contains(&m.key())).copied().collect();
        let best: Vec<NodeRow> = left.iter().filter(|m| !self.strikes.contains_key(&m.key())).copied().collect();
        pick(if best.is_empty() { &left } else { &best }, rng).copied()
    }

    /// The same, of those that are reached best.
    pub(crate) fn choose_reachable(
        &self,
        paths: &Paths,
        not: &NodeSet,
        not_paths: &[u64],
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Option<NodeRow> {
        let reach = |m: &NodeRow| paths.reach(&m.key(), not_paths);
        let best = self.members.iter().filter(|m| !not.contains(&m.key())).filter_map(reach).min()?;
        let worse = self.members.iter().filter(|m| reach(m) != Some(best)).map(NodeRow::key);
        self.choose(&not.iter().copied().chain(worse).collect(), rng)
    }

    /// The member answered badly or not at all; after some times it is left out.
    pub(crate) fn strike(&mut self, member: &Ed25519Public) {
        let strikes = self.strikes.entry(*member).or_default();
        *strikes = strikes.saturating_add(1);
        if *strikes >= STRIKES {
            self.strikes.remove(member);
            self.members.retain(|m| m.key() != *member);
        }
    }

    pub(crate) fn drop_member(&mut self, member: &Ed25519Public) {
        self.members.retain(|m| m.key() != *member);
    }

    pub(crate) fn well(&mut self, member: &Ed25519Public) {
        self.strikes.remove(member);
    }

    pub(crate) fn is_thin(&self) -> bool {
        self.members.len() < MIN_MEMBERS
    }
}

fn compute(owner: &Owner, pool: &Pool) -> Swarm {
    let ids: Vec<SwarmId> = pool.iter().map(|node| SwarmId(node.swarm)).collect();
    let Some(id) = swarm::nearest(&ids, swarm::position(&owner.key().0)) else { return Swarm::default() };
    let members = pool.iter().filter(|n| n.swarm == id.0).copied().collect();
    Swarm { id: Some(id.0), members, ..Swarm::default() }
}
