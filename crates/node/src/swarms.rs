//! Swarms of a network of one's own: the public network's algorithm with the constants of small networks (service-nodes 5.2).

use std::collections::BTreeMap;

use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::swarm::SwarmId;
use zwiebel_proto::swarm::assignment::Constants;
use zwiebel_proto::swarm::assignment::Swarms;
use zwiebel_proto::swarm::assignment::assign as assign_all;

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
    let after = assign_all(swarms, seed, Constants::SMALL);
    let by_key: BTreeMap<[u8; 32], SwarmId> =
        after.into_iter().flat_map(|(swarm, keys)| keys.into_iter().map(move |key| (key, swarm))).collect();
    members.iter().map(|key| by_key.get(&key.0).copied().unwrap_or(SwarmId::UNASSIGNED)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
