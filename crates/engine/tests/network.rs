//! How the engine finds and uses nodes: lists, guards, paths, swarms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{befriend, send, send_and_arrive};
use zwiebel_engine::input::{Command, Input};
use zwiebel_engine::view::{Connection, Problem};
use zwiebel_testkit::net::SimNet;
use zwiebel_testkit::node::Behaviour;
use zwiebel_testkit::world::World;

#[test]
fn every_request_passes_three_hops_and_never_its_destination() {
    let mut world = World::new(50);
    let (alice, _, _, bob_id) = befriend(&mut world);
    send(&mut world, alice, bob_id, "one more");
    world.run_for(60_000);
    let mut packets: Vec<Vec<_>> = Vec::new();
    for (key, hop) in &world.net.seen {
        if *hop == 0 {
            packets.push(Vec::new());
        }
        packets.last_mut().unwrap().push(*key);
    }
    assert!(packets.len() > 50);
    for packet in &packets {
        // One node: the test of a guard, which names no account.
        assert!(packet.len() == 4 || packet.len() == 1);
        assert_eq!(packet.iter().collect::<BTreeSet<_>>().len(), packet.len());
    }
    let guards: BTreeSet<_> = packets.iter().filter(|p| p.len() == 4).map(|p| p[0]).collect();
    assert!(guards.len() <= 4, "two clients with two guards each");
}

#[test]
fn guards_stay_the_same_over_restarts_and_new_paths() {
    let mut world = World::new(51);
    let (alice, _) = world.add_account("Alice");
    world.run_for(3_000);
    let mut seen = BTreeSet::new();
    for _ in 0..6 {
        seen.insert(world.clients[alice].shown.network.path[0].key.clone());
        world.command(alice, Command::NewPath);
        world.run_for(2_000);
        world.restart(alice);
        world.run_for(2_000);
    }
    assert!(seen.len() <= 2);
}

#[test]
fn new_path_changes_the_relays() {
    let mut world = World::new(52);
    let (alice, _) = world.add_account("Alice");
    world.run_for(3_000);
    let mut seen = BTreeSet::new();
    for _ in 0..8 {
        let path = &world.clients[alice].shown.network.path;
        seen.insert((path[1].key.clone(), path[2].key.clone()));
        world.command(alice, Command::NewPath);
        world.run_for(1_000);
    }
    assert!(seen.len() > 2);
}

#[test]
fn what_the_gateway_leaves_out_is_learnt_from_nodes() {
    let mut net = SimNet::new(10, 53);
    net.listed = Some(vec![0, 2, 4, 5, 7, 9]);
    let mut world = World::with(net, 53);
    let (alice, _) = world.add_account("Alice");
    let all = world.run_until(10_000, |w| w.clients[alice].shown.network.nodes == 10);
    assert!(all.is_some());
    // The agreed list is kept, whatever the gateway says later.
    world.net.listed = Some(vec![0, 1, 2, 3]);
    world.restart(alice);
    world.run_for(5_000);
    assert_eq!(world.clients[alice].shown.network.nodes, 10);
    assert_eq!(world.clients[alice].shown.network.state, Connection::Online);
}

#[test]
fn one_lying_voter_changes_no_list() {
    let mut net = SimNet::new(10, 54);
    let fake = r#"{"result":{"service_node_states":[]},"t":1800000000000,"hf":[19,4]}"#;
    net.nodes[3].behaviour = Behaviour::Says(200, fake.into());
    let mut world = World::with(net, 54);
    let (alice, _) = world.add_account("Alice");
    world.run_for(100_000);
    assert_eq!(world.clients[alice].shown.network.nodes, 10);
}

#[test]
fn far_nodes_are_used_only_in_different_subnets() {
    let mut net = SimNet::new(10, 55);
    for (n, node) in net.nodes.iter_mut().enumerate() {
        node.ip = [203, 0, u8::try_from(n / 2).unwrap(), u8::try_from(n).unwrap() + 1];
    }
    let mut world = World::with(net, 55);
    let (alice, _) = world.add_account("Alice");
    for _ in 0..10 {
        world.run_for(2_000);
        let path = &world.clients[alice].shown.network.path;
        let subnets: BTreeSet<&str> = path.iter().map(|hop| hop.address.rsplit_once('.').unwrap().0).collect();
        assert_eq!((path.len(), subnets.len()), (3, 3));
        world.command(alice, Command::NewPath);
    }
}

#[test]
fn unusable_list_is_a_problem_until_a_better_one_comes() {
    let mut net = SimNet::new(10, 56);
    net.listed = Some(vec![0, 1]);
    let mut world = World::with(net, 56);
    let (alice, _) = world.add_account("Alice");
    world.run_for(3_000);
    assert_eq!(world.clients[alice].shown.problems, [Some(Problem::BadNodeList)]);
    world.net.listed = None;
    let online = world.run_until(40_000, |w| w.clients[alice].shown.network.state == Connection::Online);
    assert!(online.is_some());
    assert_eq!(world.clients[alice].shown.problems, [Some(Problem::BadNodeList), None]);
}

#[test]
fn moved_swarm_is_followed() {
    let mut world = World::new(57);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    for node in &mut world.net.nodes {
        node.swarm ^= 1 << 62;
        node.stored.clear();
    }
    let moved: Vec<u64> = world.net.nodes.iter().map(|n| n.swarm).collect();
    for (n, node) in world.net.nodes.iter_mut().enumerate() {
        node.swarm = moved[(n + 1) % 10];
    }
    for n in 0..3 {
        send_and_arrive(&mut world, alice, bob, bob_id, &format!("a{n}"));
        send_and_arrive(&mut world, bob, alice, alice_id, &format!("b{n}"));
    }
}

#[test]
fn one_member_with_a_wrong_clock_holds_nobody_up() {
    let mut world = World::new(58);
    world.net.nodes[0].behaviour = Behaviour::WrongClock(-7_200_000);
    world.net.nodes[1].behaviour = Behaviour::WrongClock(7_200_000);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.run_for(30_000);
    for n in 0..10 {
        let body = format!("m{n}");
        send(&mut world, alice, bob_id, &body);
        let took = world.run_until(12_000, |w| w.clients[bob].shown.bodies().last() == Some(&body.as_str()));
        assert!(took.is_some(), "{n}");
        world.run_for(500);
    }
}

#[test]
fn hidden_app_polls_once_a_minute_and_at_once_when_shown() {
    let mut world = World::new(59);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.input(bob, Input::Visible(false));
    world.run_for(70_000);
    let before = world.net.seen.len();
    world.input(alice, Input::Visible(false));
    world.run_for(300_000);
    let packets = world.net.seen[before..].iter().filter(|(_, hop)| *hop == 3).count();
    assert!((6..=40).contains(&packets), "{packets} requests in five minutes of two hidden clients");
    world.input(alice, Input::Visible(true));
    send(&mut world, alice, bob_id, "look");
    world.run_for(1_000);
    world.input(bob, Input::Visible(true));
    let shown = world.run_until(1_500, |w| w.clients[bob].shown.bodies().last() == Some(&"look"));
    assert!(shown.is_some());
}

#[test]
fn message_while_hidden_notifies_unless_muted() {
    let mut world = World::new(60);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    send(&mut world, alice, bob_id, "in front");
    world.run_for(5_000);
    assert!(world.clients[bob].notified.is_empty());
    world.input(bob, Input::Visible(false));
    send(&mut world, alice, bob_id, "hidden");
    world.run_for(90_000);
    assert_eq!(world.clients[bob].notified, [alice_id]);
    world.command(bob, Command::SetMuted { with: alice_id, muted: true });
    send(&mut world, alice, bob_id, "muted");
    world.run_for(90_000);
    assert_eq!(world.clients[bob].notified.len(), 1);
}
