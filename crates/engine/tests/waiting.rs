//! Polls that wait at a member of the swarm, and nodes that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use zwiebel_engine::input::Input;
use zwiebel_testkit::world::World;

use common::{befriend, send};

/// How long each of these messages took to be shown, in ms of virtual time.
fn delays(
    world: &mut World,
    from: usize,
    at: usize,
    to: zwiebel_proto::account_id::AccountId,
    count: usize,
) -> Vec<u64> {
    (0..count)
        .map(|n| {
            world.run_for(1_300);
            let body = format!("number {n}");
            send(world, from, to, &body);
            let shown = world.run_until(30_000, |w| w.clients[at].shown.bodies().last() == Some(&body.as_str()));
            shown.expect("it arrives")
        })
        .collect()
}

#[test]
fn message_is_shown_a_moment_after_it_is_sent() {
    let mut world = World::new(71);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    for (from, at, to) in [(alice, bob, bob_id), (bob, alice, alice_id)] {
        let mut took = delays(&mut world, from, at, to, 12);
        took.sort_unstable();
        assert!(took[6] <= 250, "{took:?}");
        assert!(took[11] <= 2_500, "{took:?}");
    }
}

#[test]
fn quiet_minute_costs_few_requests() {
    let mut world = World::new(72);
    befriend(&mut world);
    world.run_for(5_000);
    world.net.calls.clear();
    world.run_for(60_000);
    // Two clients: each looks every ten seconds and waits three times, every time in all its namespaces.
    let polls = world.net.calls.iter().filter(|(_, _, params)| params["namespace"] == 0).count();
    assert!((10..=40).contains(&polls), "{polls}");
}

#[test]
fn nodes_that_do_not_wait_are_asked_at_an_interval() {
    let mut world = World::new(73);
    world.net.patient = false;
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let took = delays(&mut world, alice, bob, bob_id, 8);
    assert!(took.iter().all(|ms| *ms <= 3_500), "{took:?}");
    world.net.calls.clear();
    world.run_for(60_000);
    let polls = world.net.calls.iter().filter(|(_, _, params)| params["namespace"] == 0).count();
    assert!((40..=100).contains(&polls), "{polls}");
}

#[test]
fn hidden_app_does_not_wait() {
    let mut world = World::new(74);
    let (alice, bob, _, _) = befriend(&mut world);
    for client in [alice, bob] {
        world.input(client, Input::Visible(false));
    }
    world.run_for(25_000);
    world.net.calls.clear();
    world.run_for(180_000);
    let waits = world.net.calls.iter().filter(|(_, _, params)| params["wait_ms"].is_u64()).count();
    assert_eq!(waits, 0);
}

#[test]
fn a_member_that_lets_the_waiting_miss_what_comes_is_left() {
    for secret in [false, true] {
        let mut world = World::new(75);
        world.forward_secrecy = secret;
        let (alice, bob, _, bob_id) = befriend(&mut world);
        world.run_for(60_000);
        let waits = |(_, _, params): &&(usize, String, serde_json::Value)| {
            params["wait_ms"].is_u64() && params["pubkey"] == bob_id.to_string()
        };
        let watched = world.net.calls.iter().rfind(waits).unwrap().0;
        world.net.nodes[watched].behaviour = zwiebel_testkit::node::Behaviour::Deaf;
        let took = delays(&mut world, alice, bob, bob_id, 6);
        assert!(took[1..].iter().all(|ms| *ms <= 2_500), "with forward secrecy: {secret}: {took:?}");
    }
}
