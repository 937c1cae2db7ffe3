//! Who may hold what is this node's after a change of the list: the members of its swarm, and those of the swarms that had
//! the accounts before.

use std::collections::BTreeMap;

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::swarm::SwarmId;
use zwiebel_proto::swarm::nearest;

use crate::registry::ListedNode;
use crate::registry::NodeList;

/// Nodes to ask, as the newest list that has them describes them. None if the change is none of this node's business.
pub(super) fn after(own: &Ed25519Public, old: &NodeList, new: &NodeList) -> Vec<ListedNode> {
    let Some(swarm) = new.find(own).and_then(|own| own.swarm) else { return Vec::new() };
    let was = old.find(own).and_then(|own| own.swarm);
    let mut sources: BTreeMap<[u8; 32], &ListedNode> = BTreeMap::new();
    // New members may know what we do not; old ones we know. If we are new here, all of them are.
    let joined = |member: &&ListedNode| {
        was != Some(swarm)
            || old.find(&member.ed25519).is_none_or(|before| before.swarm != Some(swarm) || !before.has_address())
    };
    for member in new.members(swarm).filter(joined) {
        sources.insert(member.ed25519.0, member);
    }
    for before in former_owners(old.swarms(), new.swarms(), swarm) {
        // What our own swarm had and keeps is here already.
        if was == Some(swarm) && before == swarm {
            continue;
        }
        for member in old.members(before) {
            sources.entry(member.ed25519.0).or_insert(new.find(&member.ed25519).unwrap_or(member));
        }
    }
    sources.remove(&own.0);
    sources.into_values().filter(|source| source.has_address()).cloned().collect()
}

/// Nodes that own now what this node's swarm owned before.
pub(super) fn heirs(own: &Ed25519Public, old: &NodeList, new: &NodeList) -> Vec<ListedNode> {
    let Some(was) = old.find(own).and_then(|own| own.swarm) else { return Vec::new() };
    // The question of `former_owners`, asked backwards.
    let owners = former_owners(new.swarms(), old.swarms(), was);
    let moved =
        owners.into_iter().filter(|swarm| *swarm != was || new.find(own).and_then(|own| own.swarm) != Some(was));
    let heirs = moved.flat_map(|swarm| new.members(swarm)).filter(|heir| heir.ed25519 != *own && heir.has_address());
    heirs.cloned().collect()
}

/// The swarms that owned any account which this one owns now. Who owns changes only in the middle between two neighbours, so
/// it is enough to look at both sides of every middle.
fn former_owners(old: &[SwarmId], new: &[SwarmId], swarm: SwarmId) -> Vec<SwarmId> {
    let mut owners: Vec<SwarmId> = middles(old)
        .chain(middles(new))
        .flat_map(|middle| [middle.wrapping_sub(1), middle, middle.wrapping_add(1)])
        .filter(|position| nearest(new, *position) == Some(swarm))
        .filter_map(|position| nearest(old, position))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

/// The swarms themselves and the middles between neighbours, around the ring.
fn middles(ids: &[SwarmId]) -> impl Iterator<Item = u64> {
    let next = ids.iter().cycle().skip(1);
    ids.iter().zip(next).flat_map(|(one, next)| [one.0, one.0.wrapping_add(next.0.wrapping_sub(one.0) / 2)])
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;
    use zwiebel_crypto::keys::X25519Public;

    use super::*;

    fn node(n: u8, swarm: u64) -> ListedNode {
        let (key, x25519) = (Ed25519Public([n; 32]), X25519Public([n; 32]));
        ListedNode::new(key, x25519, Ipv4Addr::LOCALHOST, 1, Some(SwarmId(swarm)))
    }

    fn ask(own: u8, old: &[ListedNode], new: &[ListedNode]) -> Vec<u8> {
        let lists = [old, new].map(|nodes| NodeList::new(nodes.iter().cloned()));
        let [old, new] = lists;
        let asked = after(&Ed25519Public([own; 32]), &old, &new);
        asked.iter().filter_map(|source| source.ed25519.0.first().copied()).collect()
    }

    #[test]
    fn a_new_member_asks_all_and_all_ask_the_new_member() {
        let (old, new) = ([node(1, 5), node(2, 5)], [node(1, 5), node(2, 5), node(3, 5)]);
        assert_eq!(ask(3, &old, &new), [1, 2]);
        assert_eq!(ask(1, &old, &new), [3]);
        assert_eq!(ask(1, &new, &new), Vec::<u8>::new());
    }

    #[test]
    fn a_new_swarm_asks_whoever_had_its_accounts() {
        let half = 1 << 63;
        let old = [node(1, 0), node(2, 0), node(3, 0), node(4, 0)];
        let new = [node(1, 0), node(2, 0), node(3, half), node(4, half)];
        assert_eq!(ask(3, &old, &new), [1, 2, 4]);
        assert_eq!(ask(1, &old, &new), Vec::<u8>::new(), "what is left of the old one has all it needs");
        let heirs = |own| {
            let lists = [&old, &new].map(|nodes| NodeList::new(nodes.iter().cloned()));
            heirs(&Ed25519Public([own; 32]), &lists[0], &lists[1]).len()
        };
        assert_eq!((heirs(1), heirs(3)), (2, 3));
    }

    #[test]
    fn whoever_takes_over_asks_those_that_left() {
        let half = 1 << 63;
        let old = [node(1, 0), node(2, 0), node(3, half), node(4, half)];
        let new = [node(1, 0), node(2, 0)];
        assert_eq!(ask(1, &old, &new), [3, 4]);
    }

    proptest! {
        /// For any account of ours, whoever had it before is named.
        #[test]
        fn no_former_owner_is_forgotten(
            old in prop::collection::btree_set(0..u64::MAX, 1..6),
            new in prop::collection::btree_set(0..u64::MAX, 1..6),
            positions in prop::collection::vec(any::<u64>(), 50),
        ) {
            let (old, new): (Vec<_>, Vec<_>) = (old.into_iter().map(SwarmId).collect(), new.into_iter().map(SwarmId).collect());
            for position in positions {
                let (before, now) = (nearest(&old, position), nearest(&new, position));
                let owners = now.map(|now| former_owners(&old, &new, now)).unwrap_or_default();
                prop_assert!(before.is_some_and(|before| owners.contains(&before)));
            }
        }
    }
}
