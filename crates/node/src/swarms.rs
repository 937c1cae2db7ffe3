//! Swarms of a network of one's own by the public network's algorithm (service-nodes 5.2): with its constants too where there
//! are nodes enough, with those of small networks below.

use std::collections::BTreeMap;

use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::swarm::SwarmId;
use zwiebel_proto::swarm::assignment::Constants;
use zwiebel_proto::swarm::assignment::Swarms;
use zwiebel_proto::swarm::assignment::assign as assign_all;

/// From so many nodes on the public network's constants hold: swarms with members to spare, so that not every node that leaves
/// moves others. Below, what counts is that there is more than one swarm at all.
const LARGE: usize = 50;

/// A swarm for each of these nodes; those that had one keep it as far as the sizes allow. The same input gives the same
/// swarms everywhere.
#[must_use]
pub fn assign(members: &[Ed25519Public], before: &BTreeMap<[u8; 32], SwarmId>) -> Vec<SwarmId> {
    let mut swarms: Swarms<[u8; 32]> = BTreeMap::new();
    let mut keys: Vec<[u8; 32]> = members.iter().map(|key| key.0).collect();
    keys.sort_unstable();
    for key in &keys {
        let swarm = before.get(key).copied().unwrap_or(SwarmId::UNASSIGNED);
        swarms.entry(swarm).or_default().push(*key);
    }
    let seed = u64::from_le_bytes(blake2b::<8>(&[&keys.concat()]));
    let constants = if keys.len() < LARGE { Constants::SMALL } else { Constants::NETWORK };
    let after = assign_all(swarms, seed, constants);
    let by_key: BTreeMap<[u8; 32], SwarmId> =
        after.into_iter().flat_map(|(swarm, keys)| keys.into_iter().map(move |key| (key, swarm))).collect();
    members.iter().map(|key| by_key.get(&key.0).copied().unwrap_or(SwarmId::UNASSIGNED)).collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    type Assigned = BTreeMap<[u8; 32], SwarmId>;

    fn reassigned(nodes: &[Ed25519Public], before: &Assigned) -> Assigned {
        nodes.iter().map(|key| key.0).zip(assign(nodes, before)).collect()
    }

    /// A network that grows from nothing to hundreds of nodes and shrinks again, a node at a time.
    #[test]
    fn swarms_of_a_large_network_split_and_merge_and_move_few() {
        let mut rng = StdRng::seed_from_u64(5);
        let (mut nodes, mut before) = (Vec::<Ed25519Public>::new(), Assigned::new());
        let (mut splits, mut merges, mut moved, mut most) = (0, 0, 0, 0);
        for step in 0..1_200 {
            // Up to about 300, about there for a while, and down to a handful.
            let joins = match step {
                0..400 => rng.random_range(0..8) > 0,
                400..800 => rng.random_range(0..2) > 0,
                _ => rng.random_range(0..8) == 0,
            };
            if joins || nodes.len() < 6 {
                nodes.push(Ed25519Public(rng.random()));
            } else {
                nodes.swap_remove(rng.random_range(0..nodes.len()));
            }
            let after = reassigned(&nodes, &before);
            let count = |assigned: &Assigned| sizes(&assigned.values().copied().collect::<Vec<_>>()).len();
            let all: Vec<SwarmId> = after.values().copied().collect();
            assert!(!all.contains(&SwarmId::UNASSIGNED), "everybody has a swarm");
            let least = sizes(&all).into_iter().min().unwrap_or_default();
            assert!(least >= 5 || count(&after) == 1, "step {step}: a swarm of {least}");
            assert_eq!(after, reassigned(&nodes, &before), "the same everywhere");
            // A split moves the seven of the new swarm, a merge the four of the old one; otherwise hardly anybody moves.
            let here = before.iter().filter(|(key, swarm)| after.get(*key).is_some_and(|now| now != *swarm)).count();
            let more = count(&after).cmp(&count(&before));
            splits += usize::from(more.is_gt() && step > 0);
            merges += usize::from(more.is_lt());
            assert!(more.is_ne() || here <= 1, "step {step}: {here} moved for one node");
            moved += here;
            most = most.max(here);
            before = after;
        }
        assert!(splits > 20 && merges > 20, "{splits} splits, {merges} merges");
        assert!(most <= 14 && moved < 1_200, "{moved} moved, {most} at once");
    }

    fn sizes(swarms: &[SwarmId]) -> Vec<usize> {
        let mut sizes: BTreeMap<SwarmId, usize> = BTreeMap::new();
        for swarm in swarms {
            *sizes.entry(*swarm).or_default() += 1;
        }
        sizes.into_values().collect()
    }

    #[test]
    fn ten_nodes_are_two_swarms_of_five() {
        let members: Vec<Ed25519Public> = (0..10).map(|n| Ed25519Public([n; 32])).collect();
        assert_eq!(sizes(&assign(&members, &BTreeMap::new())), [5, 5]);
    }

    #[test]
    fn whoever_has_a_swarm_keeps_it_when_others_join_and_swarms_merge_below_five() {
        let members: Vec<Ed25519Public> = (0..12).map(|n| Ed25519Public([n; 32])).collect();
        let few: Vec<Ed25519Public> = members.iter().take(10).copied().collect();
        let before: BTreeMap<[u8; 32], SwarmId> =
            few.iter().zip(assign(&few, &BTreeMap::new())).map(|(key, swarm)| (key.0, swarm)).collect();
        let more = assign(&members, &before);
        assert!(few.iter().zip(&more).all(|(key, swarm)| before.get(&key.0) == Some(swarm)));
        let fewer: Vec<Ed25519Public> = members.iter().take(9).copied().collect();
        assert_eq!(sizes(&assign(&fewer, &before)), [9]);
    }
}
