//! Loss, dead and lying nodes, crashes, full disks, wrong clocks: nothing is lost, nothing comes twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, crash_after, send, with_prefix};
use proptest::prelude::*;
use zwiebel_engine::input::{Command, CommitFailure};
use zwiebel_engine::view::{Problem, SendState};
use zwiebel_proto::account_id::AccountId;
use zwiebel_testkit::net::SimNet;
use zwiebel_testkit::node::Behaviour;
use zwiebel_testkit::world::World;

fn all_sent(world: &World, client: usize) -> bool {
    world.clients[client].shown.timeline.iter().all(|m| m.state.is_none_or(|s| s == SendState::Sent))
}

fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}{n}")).collect()
}

#[test]
fn any_one_node_may_die_in_the_middle() {
    node_fails_in_the_middle(&Behaviour::Dead);
}

#[test]
fn any_one_node_may_fall_silent_in_the_middle() {
    node_fails_in_the_middle(&Behaviour::Silent);
}

fn node_fails_in_the_middle(how: &Behaviour) {
    for victim in 0..10 {
        let mut world = World::new(100 + victim);
        let (alice, bob, alice_id, bob_id) = befriend(&mut world);
        let victim = usize::try_from(victim).unwrap();
        for n in 0..6 {
            if n == 2 {
                world.net.nodes[victim].behaviour = how.clone();
            }
            send(&mut world, alice, bob_id, &format!("a{n}"));
            send(&mut world, bob, alice_id, &format!("b{n}"));
            let took = world.run_until(10_000, |w| all_sent(w, alice) && all_sent(w, bob));
            assert!(took.is_some(), "node {victim}: message {n} not sent within 10 s");
        }
        world.run_for(20_000);
        assert_eq!(with_prefix(&world, bob, "a"), numbered("a", 6), "node {victim}");
        assert_eq!(with_prefix(&world, alice, "b"), numbered("b", 6), "node {victim}");
    }
}

#[test]
fn nodes_that_go_away_one_by_one_hold_no_message_up() {
    for seed in 0..6 {
        let mut world = World::new(650 + seed);
        let (alice, _, _, bob_id) = befriend(&mut world);
        for n in 0..world.net.nodes.len() {
            world.net.nodes[n].behaviour = Behaviour::Dead;
            send(&mut world, alice, bob_id, &format!("without {n}"));
            assert!(world.run_until(1_000, |w| all_sent(w, alice)).is_some(), "seed {seed}, node {n}");
            world.run_for(700);
            world.net.nodes[n].behaviour = Behaviour::Honest;
            world.run_for(50);
        }
    }
}

#[test]
fn two_dead_guards_do_not_stop_a_restart() {
    let mut world = World::new(20);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let guards: Vec<_> = world.net.seen.iter().filter(|(_, hop)| *hop == 0).map(|(key, _)| *key).collect();
    // All guards anybody used so far.
    for guard in guards.iter().take(2) {
        let n = world.net.find(guard).unwrap();
        world.net.nodes[n].behaviour = Behaviour::Dead;
    }
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    send(&mut world, alice, bob_id, "still here");
    let arrived = world.run_until(30_000, |w| w.clients[bob].shown.bodies().last() == Some(&"still here"));
    assert!(arrived.is_some());
}

#[test]
fn lying_hops_cannot_take_nodes_away() {
    let mut world = World::new(21);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let innocent: Vec<String> = world.net.nodes.iter().map(|n| hex::encode(n.key().0)).collect();
    // Every packet that passes the liar is answered with an accusation of somebody else, a new one each second.
    for round in 0..20 {
        let accused = &innocent[round % innocent.len()];
        let text = match round % 3 {
            0 => format!("Next node not found: {accused}"),
            1 => format!("Next node is currently unreachable: {accused}"),
            _ => format!("Snode not ready: {accused}"),
        };
        let status = if round % 3 == 2 { 503 } else { 502 };
        world.net.nodes[3].behaviour = Behaviour::Forges(status, text);
        send(&mut world, alice, bob_id, &format!("m{round}"));
        world.run_for(1_000);
    }
    let arrived = world.run_until(30_000, |w| with_prefix(w, bob, "m") == numbered("m", 20));
    assert!(arrived.is_some(), "{:?}", with_prefix(&world, bob, "m"));
    world.run_for(60_000);
    assert_eq!(world.clients[alice].shown.network.nodes, 10, "nobody left the list");
}

#[test]
fn garbage_and_nonsense_from_nodes_change_nothing() {
    let nonsense = [
        Behaviour::Garbage,
        Behaviour::Says(200, "{}".into()),
        Behaviour::Says(200, "[1,2".into()),
        Behaviour::Says(200, r#"{"results":[{"code":200,"body":{"messages":[{"hash":1}],"more":true}}]}"#.into()),
        Behaviour::Says(421, r#"{"snodes":[],"swarm":"0"}"#.into()),
        Behaviour::Says(400, "invalid request: no".into()),
        Behaviour::Says(500, String::new()),
        Behaviour::Forges(200, "e".repeat(3000)),
        Behaviour::WrongClock(9_000_000),
    ];
    for (round, behaviour) in nonsense.into_iter().enumerate() {
        let mut world = World::new(200 + round as u64);
        world.net.nodes[4].behaviour = behaviour.clone();
        world.net.nodes[5].behaviour = behaviour.clone();
        let (alice, bob, alice_id, bob_id) = befriend(&mut world);
        for n in 0..4 {
            send(&mut world, alice, bob_id, &format!("a{n}"));
            send(&mut world, bob, alice_id, &format!("b{n}"));
            world.run_for(1_000);
        }
        let done =
            |w: &World| with_prefix(w, bob, "a") == numbered("a", 4) && with_prefix(w, alice, "b") == numbered("b", 4);
        assert!(world.run_until(40_000, done).is_some(), "{behaviour:?}");
    }
}

#[test]
fn bad_stored_messages_never_block_the_others() {
    let mut world = World::new(22);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let now = world.now;
    for data in [vec![], vec![0; 400], b"not protobuf".to_vec(), vec![255; 2000]] {
        world.net.inject(bob_id.to_bytes(), &data, now);
    }
    send(&mut world, alice, bob_id, "good");
    let arrived = world.run_until(10_000, |w| w.clients[bob].shown.bodies().last() == Some(&"good"));
    assert!(arrived.is_some());
}

#[test]
fn wrong_device_clock_works_with_network_time() {
    for hours in [-3_i64, 3] {
        let mut world = World::new(23);
        let skewed = world.add_client_with_clock(hours * 3_600_000);
        world.command(skewed, Command::CreateAccount { display_name: "Late".into() });
        world.run_for(2_500);
        let (bob, bob_id) = world.add_account("Bob");
        let late_id = world.id(skewed);
        world.command(skewed, Command::OpenConversation { with: bob_id });
        world.command(bob, Command::OpenConversation { with: late_id });
        send(&mut world, skewed, bob_id, "what time is it?");
        let arrived = world.run_until(10_000, |w| w.clients[bob].shown.bodies() == ["what time is it?"]);
        assert!(arrived.is_some(), "{hours}");
        let sent = world.clients[bob].shown.timeline[0].id.sent_ms;
        assert!(sent.abs_diff(world.now) < 15_000, "network time, not the device's");
        send(&mut world, bob, late_id, "noon");
        assert!(world.run_until(10_000, |w| w.clients[skewed].shown.bodies().last() == Some(&"noon")).is_some());
        // The person corrects the clock while the app runs.
        world.clients[skewed].skew = 0;
        world.run_for(10_000);
        send(&mut world, skewed, bob_id, "thanks");
        let arrived = world.run_until(20_000, |w| w.clients[bob].shown.bodies().last() == Some(&"thanks"));
        assert!(arrived.is_some(), "{hours}");
        let sent = world.clients[bob].shown.timeline.last().unwrap().id.sent_ms;
        assert!(sent.abs_diff(world.now) < 25_000);
    }
}

#[test]
fn full_disk_is_reported_and_nothing_is_lost() {
    let mut world = World::new(24);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.clients[alice].refuse_commits = Some(CommitFailure::QuotaExceeded);
    send(&mut world, alice, bob_id, "not yet");
    send(&mut world, bob, alice_id, "for you");
    world.run_for(30_000);
    let problem = Some(Problem::Storage(CommitFailure::QuotaExceeded));
    assert_eq!(world.clients[alice].shown.problems, [problem]);
    assert!(with_prefix(&world, bob, "not").is_empty(), "nothing leaves before it is durable");
    assert!(with_prefix(&world, alice, "for").is_empty(), "nothing is shown before it is durable");
    world.clients[alice].refuse_commits = None;
    let done = |w: &World| with_prefix(w, bob, "not").len() == 1 && with_prefix(w, alice, "for").len() == 1;
    assert!(world.run_until(20_000, done).is_some());
    assert_eq!(world.clients[alice].shown.problems, [problem, None]);
}

#[test]
fn superseded_engine_says_so_and_falls_silent() {
    let mut world = World::new(25);
    let (alice, _, _, bob_id) = befriend(&mut world);
    world.clients[alice].refuse_commits = Some(CommitFailure::Superseded);
    send(&mut world, alice, bob_id, "too late");
    world.run_for(1_000);
    let effects = world.clients[alice].effects;
    world.run_for(60_000);
    assert_eq!(world.clients[alice].effects, effects);
    assert_eq!(world.clients[alice].shown.problems, [Some(Problem::Storage(CommitFailure::Superseded))]);
}

/// Nothing is lost or shown twice by a crash, and everything is sent.
fn survives(n: u64, sender: bool) -> bool {
    let after = crash_after(World::new(30), n, sender);
    assert!(all_sent(&after.world, after.alice) && all_sent(&after.world, after.bob));
    after.crashed
}

#[test]
fn sender_may_crash_after_every_effect() {
    let crashes = (1..21).filter(|n| survives(*n, true)).count();
    assert!(crashes > 14, "{crashes}");
}

#[test]
fn receiver_may_crash_after_every_effect() {
    let crashes = (1..21).filter(|n| survives(*n, false)).count();
    assert!(crashes > 14, "{crashes}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    /// A bad line loses, delays and reorders; in the end everybody has everything once.
    #[test]
    fn lossy_network_loses_nothing(seed in 0_u64..1_000_000, loss in 0_u32..20, slow in 100_u64..3_000) {
        let mut net = SimNet::new(10, seed);
        net.delay_ms = (10, 120);
        let mut world = World::with(net, seed);
        let (alice, bob, alice_id, bob_id) = befriend(&mut world);
        world.net.loss = loss;
        world.net.delay_ms = (10, slow);
        for n in 0..5 {
            send(&mut world, alice, bob_id, &format!("a{n}"));
            send(&mut world, bob, alice_id, &format!("b{n}"));
            world.run_for(700);
        }
        world.run_for(20_000);
        world.net.loss = 0;
        world.net.delay_ms = (10, 120);
        let complete = |w: &World, client: usize, prefix: &str| {
            let mut seen = with_prefix(w, client, prefix);
            seen.sort();
            seen == numbered(prefix, 5)
        };
        let done = |w: &World| {
            complete(w, bob, "a") && complete(w, alice, "b") && all_sent(w, alice) && all_sent(w, bob)
        };
        prop_assert!(world.run_until(120_000, done).is_some());
        world.run_for(10_000);
        prop_assert!(done(&world), "nothing comes a second time");
    }
}

#[test]
fn ids_are_not_in_what_is_printed() {
    let id = AccountId::parse("05d2ad010eeb72d72e561d9de7bd7b6989af77dcabffa03a5111a6c859ae5c3a72").unwrap();
    let command = Command::SendText { to: id, body: "secret".into(), quote: None };
    assert_eq!(format!("{command:?}"), "Command(..)");
}
