//! Ways out of the browser and whose lists are believed: gateways that go and come back, nodes without any, a pinned operator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, send, send_and_arrive};
use zwiebel_crypto::keys::Ed25519Secret;
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{Connection, Problem, Way, WayState};
use zwiebel_testkit::net::SimNet;
use zwiebel_testkit::node::Behaviour;
use zwiebel_testkit::world::World;

const SECOND: &str = "https://second.example.org";

fn with_second(seed: u64) -> World {
    let mut net = SimNet::new(10, seed);
    net.gateways.insert(SECOND.to_owned(), true);
    World::with(net, seed)
}

fn own(seed: u64) -> World {
    let mut net = SimNet::new(10, seed);
    net.operator = Some((Ed25519Secret::from_seed([1; 32]), 5));
    World::with(net, seed)
}

fn in_use(world: &World, client: usize) -> Option<Way> {
    let ways = &world.clients[client].shown.network.ways;
    ways.iter().find(|view| view.state == WayState::InUse).map(|view| view.way.clone())
}

fn state(world: &World, client: usize, way: &Way) -> WayState {
    world.clients[client].shown.network.ways.iter().find(|view| view.way == *way).unwrap().state
}

#[test]
fn messages_go_on_over_the_second_gateway_and_return_to_the_first() {
    let mut world = with_second(301);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    assert_eq!(in_use(&world, alice), Some(Way::Home));
    world.net.gateway_up = false;
    send_and_arrive(&mut world, alice, bob, bob_id, "one");
    send_and_arrive(&mut world, bob, alice, alice_id, "two");
    assert_eq!(in_use(&world, alice), Some(Way::Gateway(SECOND.to_owned())));
    assert_eq!(state(&world, alice, &Way::Home), WayState::Down);
    assert_eq!(world.clients[alice].shown.network.state, Connection::Online);
    world.net.gateway_up = true;
    let back = world.run_until(300_000, |w| in_use(w, alice) == Some(Way::Home));
    assert!(back.is_some());
    send_and_arrive(&mut world, alice, bob, bob_id, "three");
}

#[test]
fn the_second_gateway_is_known_after_a_restart_without_the_first() {
    let mut world = with_second(302);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.net.gateway_up = false;
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "still here");
}

#[test]
fn with_all_gateways_gone_the_line_is_down_until_any_is_back() {
    let mut world = with_second(303);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.net.gateway_up = false;
    world.net.gateways.insert(SECOND.to_owned(), false);
    send(&mut world, alice, bob_id, "waits");
    world.run_for(60_000);
    assert_eq!(world.clients[alice].shown.network.state, Connection::Offline);
    world.net.gateways.insert(SECOND.to_owned(), true);
    let shown = world.run_until(60_000, |w| w.clients[bob].shown.bodies().last() == Some(&"waits"));
    assert!(shown.is_some(), "the second one alone will do");
}

#[test]
fn nodes_without_a_gateway_carry_on_when_there_is_none() {
    let mut world = own(304);
    world.net.direct = vec![1, 4, 6, 8];
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.net.gateway_up = false;
    send_and_arrive(&mut world, alice, bob, bob_id, "straight");
    send_and_arrive(&mut world, bob, alice, alice_id, "on");
    assert_eq!(in_use(&world, alice), Some(Way::Direct));
    world.net.seen.clear();
    world.run_for(60_000);
    let direct: Vec<_> = world.net.direct.iter().map(|n| world.net.nodes[*n].key()).collect();
    let guards = world.net.seen.iter().filter(|(_, hop)| *hop == 0);
    assert!(guards.clone().count() > 4 && guards.into_iter().all(|(key, _)| direct.contains(key)));
    // One of them going away is not the end of the way.
    let guard = world.clients[alice].shown.network.path[0].key.clone();
    let at = world.net.nodes.iter().position(|node| hex::encode(node.key().0) == guard).unwrap();
    world.net.nodes[at].behaviour = Behaviour::Dead;
    send_and_arrive(&mut world, alice, bob, bob_id, "another guard");
    assert_eq!(in_use(&world, alice), Some(Way::Direct));
}

#[test]
fn a_chosen_gateway_is_used_while_it_works() {
    let mut world = with_second(305);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let second = Way::Gateway(SECOND.to_owned());
    world.command(alice, Command::PreferWay(Some(second.clone())));
    world.run_for(1_000);
    assert_eq!(in_use(&world, alice), Some(second.clone()));
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.run_for(1_000);
    assert_eq!(in_use(&world, alice), Some(second));
    world.net.gateways.insert(SECOND.to_owned(), false);
    send_and_arrive(&mut world, alice, bob, bob_id, "the first one after all");
    assert_eq!(in_use(&world, alice), Some(Way::Home));
}

#[test]
fn the_operator_is_pinned_and_a_list_signed_by_another_one_is_refused() {
    let mut world = own(306);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let pinned = world.clients[alice].shown.network.operator.clone();
    assert_eq!(pinned, Some(hex::encode(Ed25519Secret::from_seed([1; 32]).public().0)));

    // The same gateway with the list of somebody else's network.
    world.net.operator = Some((Ed25519Secret::from_seed([2; 32]), 9));
    world.restart(alice);
    world.run_for(5_000);
    let shown = &world.clients[alice].shown;
    assert_eq!(shown.problems.last(), Some(&Some(Problem::UnsignedNodeList)));
    assert_eq!(shown.network.operator, pinned);
    // Or one that nobody signs.
    let theirs = world.net.operator.take();
    world.restart(alice);
    world.run_for(5_000);
    assert_eq!(world.clients[alice].shown.problems.last(), Some(&Some(Problem::UnsignedNodeList)));
    // What was known is still used.
    world.command(alice, Command::OpenConversation { with: bob_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "over the old list");

    // Only the person can let another operator in.
    world.net.operator = theirs;
    world.command(alice, Command::ForgetOperator);
    let solved = world.run_until(60_000, |w| w.clients[alice].shown.problems.last() == Some(&None));
    assert!(solved.is_some());
    let now = world.clients[alice].shown.network.operator.clone();
    assert!(now.is_some() && now != pinned);
}

#[test]
fn nodes_cannot_vote_anybody_into_a_network_with_an_operator() {
    let mut world = own(307);
    // All nodes say that there is one more; the operator does not.
    let stranger = hex::encode(Ed25519Secret::from_seed([66; 32]).public().0);
    let sealing = hex::encode(Ed25519Secret::from_seed([66; 32]).to_x25519().public().0);
    let node = serde_json::json!({"public_ip": "127.0.0.1", "storage_port": 666, "pubkey_ed25519": stranger,
        "pubkey_x25519": sealing, "swarm": "0"});
    world.net.invented.push(node);
    let (alice, _) = world.add_account("Alice");
    world.run_for(100_000);
    assert_eq!(world.clients[alice].shown.network.nodes, 10);
}

#[test]
fn an_older_list_changes_nothing_and_a_newer_one_takes_nodes_away_at_once() {
    let mut world = own(308);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.net.operator = Some((Ed25519Secret::from_seed([1; 32]), 4));
    let all = world.net.listed.take();
    world.net.listed = Some((0..6).collect());
    world.restart(alice);
    world.run_for(5_000);
    assert_eq!(world.clients[alice].shown.network.nodes, 10, "old news");
    assert!(world.clients[alice].shown.problems.is_empty());
    world.net.listed = all;
    world.net.operator = Some((Ed25519Secret::from_seed([1; 32]), 6));
    world.net.revoked = vec![3, 7];
    world.restart(alice);
    let gone = world.run_until(10_000, |w| w.clients[alice].shown.network.nodes == 8);
    assert!(gone.is_some());
    world.command(alice, Command::OpenConversation { with: bob_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "without them");
}

#[test]
fn a_gateway_with_a_foreign_list_is_left_for_an_honest_one_and_stays_a_problem() {
    let mut world = own(309);
    world.net.gateways.insert(SECOND.to_owned(), true);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.net.foreign_home = Some(Ed25519Secret::from_seed([2; 32]));
    world.restart(alice);
    world.run_for(20_000);
    assert_eq!(in_use(&world, alice), Some(Way::Gateway(SECOND.to_owned())));
    assert_eq!(world.clients[alice].shown.problems, [Some(Problem::UnsignedNodeList)], "said once");
    world.command(alice, Command::OpenConversation { with: bob_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "over the honest one");
    world.net.foreign_home = None;
    let back = world.run_until(300_000, |w| in_use(w, alice) == Some(Way::Home));
    assert!(back.is_some());
    assert_eq!(world.clients[alice].shown.problems.last(), Some(&None));
}
