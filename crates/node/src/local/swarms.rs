//! Swarms of a local network: the public network's algorithm with the constants of small networks (service-nodes 5.2).

use std::collections::BTreeMap;

use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::swarm::SwarmId;
use zwiebel_proto::swarm::assignment::Constants;
use zwiebel_proto::swarm::assignment::Swarms;
use zwiebel_proto::swarm::assignment::assign as assign_all;

use super::state::State;

/// A swarm for each of these nodes; nodes of an earlier start keep theirs as far as the sizes allow.
pub(super) fn assign(members: &[Ed25519Public], state: &State) -> Vec<SwarmId> {
    let before: BTreeMap<&str, SwarmId> = state
        .nodes
        .iter()
        .filter_map(|saved| Some((saved.ed25519.as_str(), SwarmId(u64::from_str_radix(&saved.swarm, 16).ok()?))))
        .collect();
    let mut swarms: Swarms<[u8; 32]> = BTreeMap::new();
    let mut keys: Vec<[u8; 32]> = members.iter().map(|key| key.0).collect();
    keys.sort_unstable();
    for key in &keys {
        let swarm = before.get(hex::encode(key).as_str()).copied().unwrap_or(SwarmId::UNASSIGNED);
        swarms.entry(swarm).or_default().push(*key);
    }
    let joined = keys.concat();
    let seed = u64::from_le_bytes(blake2b::<8>(&[&joined]));
    let after = assign_all(swarms, seed, Constants::SMALL);
    let by_key: BTreeMap<[u8; 32], SwarmId> =
        after.into_iter().flat_map(|(swarm, keys)| keys.into_iter().map(move |key| (key, swarm))).collect();
    members.iter().map(|key| by_key.get(&key.0).copied().unwrap_or(SwarmId::UNASSIGNED)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_nodes_are_two_swarms_of_five() {
        let members: Vec<Ed25519Public> = (0..10).map(|n| Ed25519Public([n; 32])).collect();
        let state = State { id: String::new(), nodes: Vec::new() };
        let mut sizes: BTreeMap<SwarmId, usize> = BTreeMap::new();
        for swarm in assign(&members, &state) {
            *sizes.entry(swarm).or_default() += 1;
        }
        assert_eq!(sizes.into_values().collect::<Vec<_>>(), [5, 5]);
    }
}
