//! Positions on the ring and assignments of nodes against vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::testing::{Vector, swarm};

use super::assignment::{Constants, Swarms, assign};
use super::mt19937_64::Mt19937_64;
use super::*;

#[test]
fn positions_agree() {
    for vector in swarm()["swarm_mapping"]["position"].list() {
        let key: [u8; 33] = vector["pubkey"].array();
        assert_eq!(position(key.last_chunk().unwrap()), vector["position"].number());
    }
}

#[test]
fn nearest_swarms_agree() {
    for ring in swarm()["swarm_mapping"]["nearest"].list() {
        let mut ids: Vec<_> = ring["swarm_ids"].list().iter().map(|id| SwarmId(id.number())).collect();
        ids.reverse(); // the order does not matter
        for pair in ring["position_to_swarm"].list() {
            assert_eq!(nearest(&ids, pair[0].number()), Some(SwarmId(pair[1].number())), "{pair}");
        }
    }
    assert_eq!(nearest(&[], 5), None);
    assert_eq!(nearest(&[SwarmId(7)], u64::MAX), Some(SwarmId(7)));
    assert_eq!(nearest(&[SwarmId::UNASSIGNED], 5), None);
    assert_eq!(nearest(&[SwarmId(1), SwarmId(0x8000_0000_0000_0001)], 0x4000_0000_0000_0001), Some(SwarmId(1)));
}

#[test]
fn ids_are_hex_without_leading_zeros() {
    for (id, text) in [(0, "0"), (0x4d4f, "4d4f"), (u64::MAX, "ffffffffffffffff")] {
        assert_eq!(SwarmId(id).to_string(), text);
        assert_eq!(text.parse(), Ok(SwarmId(id)));
    }
    for bad in ["", "x", "+1", "0x1", "10000000000000000"] {
        assert_eq!(bad.parse::<SwarmId>(), Err(SwarmIdError), "{bad}");
    }
}

#[test]
fn random_numbers_agree() {
    let vectors = swarm();
    let vectors = &vectors["swarm_assignment"];
    let mut rng = Mt19937_64::new(vectors["mt19937_64_check"]["seed"].number());
    let last = (0..10_000).map(|_| rng.next()).last().unwrap();
    assert_eq!(last, vectors["mt19937_64_check"]["output_10000"].number());

    let check = &vectors["uniform_check"];
    let mut rng = Mt19937_64::new(check["seed"].number());
    for raw in check["raw_first_2"].list() {
        assert_eq!(rng.next(), raw.number());
    }
    let mut rng = Mt19937_64::new(check["seed"].number());
    let n = check["n"].as_u64().unwrap();
    for expected in check["first_8"].list() {
        assert_eq!(&rng.draw(n), expected);
    }
    assert_eq!(rng.draw(0), 0);
}

#[test]
fn assignments_agree() {
    let read = |swarms: &serde_json::Value| -> Swarms<String> {
        let swarms = swarms.as_object().unwrap().iter();
        let names = |members: &serde_json::Value| members.list().iter().map(|name| name.text().to_owned()).collect();
        swarms.map(|(id, members)| (SwarmId(id.parse().unwrap()), names(members))).collect()
    };
    for case in swarm()["swarm_assignment"]["cases"].list() {
        let after = assign(read(&case["before"]), case["seed"].number(), Constants::NETWORK);
        assert_eq!(after, read(&case["after"]), "{}", case["title"]);
    }
}

#[test]
fn ten_nodes_of_a_small_network_are_two_swarms_of_five() {
    for seed in 0..32 {
        let nodes = (0..10).collect();
        let swarms = assign(Swarms::from([(SwarmId::UNASSIGNED, nodes)]), seed, Constants::SMALL);
        assert_eq!(swarms.values().map(Vec::len).collect::<Vec<_>>(), [5, 5]);
        assert_eq!(swarms.keys().copied().collect::<Vec<_>>(), [SwarmId(0), SwarmId((1 << 63) - 1)]);
    }
}

#[test]
fn new_swarms_stand_in_the_middle_of_the_widest_gap() {
    let nodes: Vec<_> = (0..20).collect();
    let swarms = assign(Swarms::from([(SwarmId::UNASSIGNED, nodes)]), 1, Constants::SMALL);
    let expected = [0, (1 << 62) - 1, (1 << 63) - 1, 3 * (1 << 62) - 1];
    assert_eq!(swarms.keys().map(|id| id.0).collect::<Vec<_>>(), expected);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nobody_is_lost_and_nobody_is_twice(
            before in prop::collection::btree_map(any::<u64>(), 0_usize..12, 0..8),
            seed: u64,
            small: bool,
        ) {
            let mut nodes = 0..;
            let before: Swarms<usize> =
                before.into_iter().map(|(id, size)| (SwarmId(id), nodes.by_ref().take(size).collect())).collect();
            let all: BTreeSet<_> = before.values().flatten().copied().collect();
            let constants = if small { Constants::SMALL } else { Constants::NETWORK };
            let after = assign(before, seed, constants);
            let members: Vec<_> = after.values().flatten().copied().collect();
            prop_assert_eq!(members.len(), all.len());
            prop_assert_eq!(members.into_iter().collect::<BTreeSet<_>>(), all);
            prop_assert!(!after.contains_key(&SwarmId::UNASSIGNED));
            prop_assert!(after.values().all(|members| members.is_sorted()));
            prop_assert!(after.len() == 1 || after.values().all(|members| members.len() >= constants.min));
        }

        #[test]
        fn the_nearest_is_nearest(ids in prop::collection::btree_set(0..u64::MAX, 1..9), position: u64) {
            let ids: Vec<_> = ids.into_iter().map(SwarmId).collect();
            let distance = |id: &SwarmId| id.0.wrapping_sub(position).min(position.wrapping_sub(id.0));
            let found = nearest(&ids, position).unwrap();
            prop_assert_eq!(ids.iter().map(distance).min(), Some(distance(&found)));
        }
    }
}
