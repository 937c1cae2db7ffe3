//! What forward secrecy does for a person beside the messages themselves: links that begin forward secretly, a message that need
//! not wait for keys, nothing that tells a contact in silence when a device is there, changes of the own devices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, hide, protection, second_device, secret_world, send, send_and_arrive};
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{DeviceStatus, Mark, Notice, Protection, SendState};
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::zr1::mailbox;
use zwiebel_testkit::node::Behaviour;
use zwiebel_testkit::world::World;
use zwiebel_testkit::{HOUR_MS, MINUTE_MS};

fn held(world: &World, whose: &AccountId, namespace: Namespace) -> usize {
    world.net.held_in(&whose.to_bytes(), namespace).len()
}

fn shows(world: &World, client: usize, body: &str) -> bool {
    world.clients[client].shown.bodies().contains(&body)
}

#[test]
fn what_leaves_nothing_to_see_is_acknowledged_twice_a_day_at_most() {
    let mut world = secret_world(301);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    send_and_arrive(&mut world, alice, bob, bob_id, "soon gone");
    let message = world.clients[alice].shown.timeline.last().unwrap().id;
    world.command(bob, Command::Delete { message, for_everyone: false });
    hide(&mut world, &[alice, bob]);
    world.run_for(20 * MINUTE_MS); // what is owed is paid
    let answers = |w: &World| held(w, &alice_id, Namespace(mailbox::FROM_OTHERS));
    let probe = |world: &mut World, emoji: &str| {
        let before = answers(world);
        world.command(alice, Command::React { message, emoji: emoji.to_owned(), remove: false });
        world.run_for(20 * MINUTE_MS);
        answers(world) - before
    };
    assert_eq!(probe(&mut world, "1"), 1, "the first of the day");
    for emoji in ["2", "3", "4"] {
        assert_eq!(probe(&mut world, emoji), 0, "no answer to {emoji}");
    }
    let before = answers(&world);
    send(&mut world, alice, bob_id, "look");
    world.run_for(20 * MINUTE_MS);
    assert!(answers(&world) > before, "what is seen is acknowledged as always");
    let before = answers(&world);
    world.now += 12 * HOUR_MS;
    world.run_for(20 * MINUTE_MS);
    assert!(answers(&world) > before, "the others wait for the next half day");
}

/// Nodes hide what Alice publishes; Bob follows a link of hers.
fn follows_a_link(seed: u64, hint: impl FnOnce(String) -> String) -> (World, usize, usize, AccountId, AccountId) {
    let mut world = secret_world(seed);
    let (alice, alice_id) = world.add_account("Alice");
    world.run_for(5_000);
    let hint = hint(world.clients[alice].shown.devices.link_hint.clone());
    world.net.hidden_outboxes = true;
    let (bob, bob_id) = world.add_account("Bob");
    world.run_for(3_000);
    world.command(bob, Command::FollowLink { who: alice_id, hint });
    world.command(bob, Command::OpenConversation { with: alice_id });
    world.command(alice, Command::OpenConversation { with: bob_id });
    send(&mut world, bob, alice_id, "only with keys");
    world.run_for(20_000);
    (world, alice, bob, alice_id, bob_id)
}

#[test]
fn a_contact_from_a_link_is_never_written_to_without_forward_secrecy_first() {
    let (mut world, alice, bob, alice_id, _) = follows_a_link(302, |hint| {
        assert!((23..=30).contains(&hint.len()), "short: {hint}");
        hint
    });
    assert_eq!(protection(&world, bob, &alice_id), Protection::Waiting);
    assert_eq!(held(&world, &alice_id, Namespace::MESSAGES), 0);
    world.net.hidden_outboxes = false;
    world.now += 62 * MINUTE_MS;
    let arrived = world.run_until(5 * MINUTE_MS, |w| shows(w, alice, "only with keys"));
    assert!(arrived.is_some());
    assert_eq!(held(&world, &alice_id, Namespace::MESSAGES), 0);
}

#[test]
fn a_link_with_a_hint_is_not_slower_than_one_without() {
    let time = |with_hint: bool| {
        let mut world = secret_world(303);
        let (alice, alice_id) = world.add_account("Alice");
        world.run_for(5_000);
        let (bob, bob_id) = world.add_account("Bob");
        let hint = world.clients[alice].shown.devices.link_hint.clone();
        if with_hint {
            world.command(bob, Command::FollowLink { who: alice_id, hint });
        }
        world.command(bob, Command::OpenConversation { with: alice_id });
        world.command(alice, Command::OpenConversation { with: bob_id });
        send(&mut world, bob, alice_id, "hello");
        let began = world.now;
        assert!(world.run_until(30_000, |w| shows(w, alice, "hello")).is_some());
        world.now - began
    };
    let (with, without) = (time(true), time(false));
    assert!(with <= without + 1_000, "{with} ms against {without} ms");
}

#[test]
fn a_garbled_hint_is_as_good_as_none() {
    for (n, garbled) in ["", "x", "utm_source=mail", "AAAA"].into_iter().enumerate() {
        let (world, alice, bob, alice_id, _) = follows_a_link(310 + n as u64, |_| garbled.to_owned());
        assert!(shows(&world, alice, "only with keys"), "{garbled}");
        assert_eq!(protection(&world, bob, &alice_id), Protection::Standard);
    }
}

#[test]
fn a_hint_that_nothing_bears_out_ends_in_a_question() {
    let (mut world, _, bob, alice_id, _) = follows_a_link(304, |hint| hint);
    for _ in 0..3 {
        world.now += HOUR_MS;
        world.run_for(2 * MINUTE_MS);
    }
    assert_eq!(protection(&world, bob, &alice_id), Protection::Asking);
}

#[test]
fn one_message_may_go_without_keys_and_is_marked() {
    let (mut world, alice, bob, alice_id, _) = follows_a_link(305, |hint| hint);
    let of = |w: &World, body: &str| w.clients[bob].shown.timeline.iter().find(|m| m.body == body).cloned().unwrap();
    assert!(!of(&world, "only with keys").waits, "not within the first minute");
    send(&mut world, bob, alice_id, "in a hurry");
    world.run_for(3 * MINUTE_MS);
    let hurry = of(&world, "in a hurry");
    assert!(hurry.waits && of(&world, "only with keys").waits);
    assert_eq!(held(&world, &alice_id, Namespace::MESSAGES), 0);
    world.command(bob, Command::SendOpenly { message: hurry.id });
    assert!(world.run_until(MINUTE_MS, |w| shows(w, alice, "in a hurry")).is_some());
    world.run_for(MINUTE_MS);
    assert!(!shows(&world, alice, "only with keys"), "the other one still waits");
    let hurry = of(&world, "in a hurry");
    assert!(hurry.mark == Mark::Open && !hurry.waits && hurry.state == Some(SendState::Sent), "{hurry:?}");
    assert_eq!(protection(&world, bob, &alice_id), Protection::Waiting, "only this one message");
    world.restart(bob);
    world.command(bob, Command::OpenConversation { with: alice_id });
    world.run_for(1_000);
    assert!(of(&world, "in a hurry").mark == Mark::Open, "the mark stays");
}

#[test]
fn the_mark_of_such_a_message_is_in_the_history_that_another_device_is_given() {
    for (seed, has_copy) in [(320, true), (321, false)] {
        let (mut world, alice, bob, alice_id, bob_id) = follows_a_link(seed, |hint| hint);
        world.run_for(3 * MINUTE_MS);
        let message = world.clients[bob].shown.timeline.last().unwrap().id;
        world.command(bob, Command::SendOpenly { message });
        assert!(world.run_until(MINUTE_MS, |w| shows(w, alice, "only with keys")).is_some());
        world.net.hidden_outboxes = false;
        world.run_for(MINUTE_MS);
        if !has_copy {
            for node in &mut world.net.nodes {
                node.stored.entry(bob_id.to_bytes()).or_default().retain(|one| one.namespace != Namespace::MESSAGES);
            }
        }
        let second = second_device(&mut world, bob);
        world.command(second, Command::OpenConversation { with: alice_id });
        let joined = |w: &World| w.clients[second].shown.devices.status == DeviceStatus::Listed;
        assert!(world.run_until(2 * MINUTE_MS, joined).is_some());
        assert!(world.run_until(MINUTE_MS, |w| w.clients[bob].shown.devices.devices.len() == 2).is_some());
        assert_eq!(shows(&world, second, "only with keys"), has_copy, "what the swarm has of it");
        assert!(world.clients[second].shown.timeline.iter().all(|m| m.mark == Mark::None), "says nothing of a mark");

        let device = world.clients[bob].shown.devices.devices.iter().find(|d| !d.this).unwrap().id;
        world.command(bob, Command::EndorseDevice(device));
        world.command(bob, Command::SendHistory { device, days: 14 });
        let marked =
            |w: &World| w.clients[second].shown.timeline.iter().any(|m| m.id == message && m.mark == Mark::Open);
        assert!(world.run_until(MINUTE_MS, marked).is_some(), "{:?}", world.clients[second].shown.timeline);
        let bodies = world.clients[second].shown.bodies();
        assert_eq!(bodies.iter().filter(|body| **body == "only with keys").count(), 1);
    }
}

#[test]
fn a_verified_contact_is_never_written_to_without_keys() {
    let (mut world, alice, bob, alice_id, _) = follows_a_link(306, |hint| hint);
    world.command(bob, Command::SetVerified { who: alice_id, verified: true });
    world.run_for(3 * MINUTE_MS);
    let message = world.clients[bob].shown.timeline.last().unwrap().clone();
    assert!(!message.waits, "not offered");
    world.command(bob, Command::SendOpenly { message: message.id });
    world.run_for(MINUTE_MS);
    assert!(!shows(&world, alice, "only with keys"));
    assert_eq!(held(&world, &alice_id, Namespace::MESSAGES), 0);
}

#[test]
fn what_somebody_does_to_the_list_of_devices_elsewhere_is_told() {
    let mut world = secret_world(307);
    let (alice, _, alice_id, _) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    hide(&mut world, &[alice]);
    let second = second_device(&mut world, alice);
    let told = |w: &World, client: usize, notice: Notice| {
        w.clients[client].shown.devices.notices.iter().any(|one| one.notice == notice)
    };
    assert!(world.run_until(2 * MINUTE_MS, |w| told(w, alice, Notice::DeviceUnendorsed)).is_some());
    assert!(world.clients[alice].notified.contains(&alice_id), "a notification of the system");

    // What the person does here is no news here, and the warning is dealt with.
    let listed = |w: &World| w.clients[second].shown.devices.status == DeviceStatus::Listed;
    assert!(world.run_until(2 * MINUTE_MS, listed).is_some());
    let id = world.clients[alice].shown.devices.devices.iter().find(|d| !d.this).unwrap().id;
    world.command(alice, Command::EndorseDevice(id));
    world.run_for(MINUTE_MS);
    let none = |w: &World| w.clients[alice].shown.devices.notices.is_empty();
    assert!(none(&world), "{:?}", world.clients[alice].shown.devices);
    assert!(world.clients[second].shown.devices.notices.is_empty(), "nor there: it is about itself");
    world.restart(alice);
    world.run_for(5_000);
    assert!(none(&world));

    // What the other device does is, until the person has seen it.
    let third = second_device(&mut world, alice);
    let listed = |w: &World| w.clients[third].shown.devices.status == DeviceStatus::Listed;
    assert!(world.run_until(2 * MINUTE_MS, listed).is_some());
    assert!(world.run_until(2 * MINUTE_MS, |w| w.clients[second].shown.devices.devices.len() == 3).is_some());
    let first = world.clients[third].shown.devices.devices.iter().find(|d| d.this).unwrap().id;
    world.command(second, Command::RevokeDevice(first));
    assert!(world.run_until(2 * MINUTE_MS, |w| told(w, alice, Notice::DeviceRemoved)).is_some());
    world.command(alice, Command::DismissNotices { with: alice_id });
    world.run_for(100);
    assert!(none(&world));
}

/// Alice's words on a new device, when no node shows her list: forward secrecy is off there.
fn restored_without_a_list(seed: u64) -> (World, usize, usize, AccountId) {
    let mut world = secret_world(seed);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.now += HOUR_MS; // what is known of contacts is written
    world.run_for(2 * MINUTE_MS);
    world.net.hidden_outboxes = true;
    let new = second_device(&mut world, alice);
    world.clients[alice].engine = None;
    world.clients[alice].offline = true;
    world.command(new, Command::OpenConversation { with: bob_id });
    world.run_for(3_000);
    assert_eq!(world.clients[new].shown.devices.status, DeviceStatus::Off);
    let before = held(&world, &bob_id, Namespace::MESSAGES);
    send(&mut world, new, bob_id, "not unasked");
    world.run_for(MINUTE_MS);
    assert_eq!(held(&world, &bob_id, Namespace::MESSAGES), before, "Bob has forward secrecy");
    assert_eq!(protection(&world, new, &bob_id), Protection::Asking);
    (world, bob, new, bob_id)
}

#[test]
fn a_restored_device_without_it_asks_before_it_writes_to_those_who_have_it() {
    let (mut world, bob, new, bob_id) = restored_without_a_list(330);
    world.command(new, Command::Decide { who: bob_id, give_up: true });
    assert!(world.run_until(MINUTE_MS, |w| shows(w, bob, "not unasked")).is_some());
    assert_eq!(protection(&world, new, &bob_id), Protection::GivenUp, "and it shows");
    world.restart(new);
    world.run_for(5_000);
    world.command(new, Command::OpenConversation { with: bob_id });
    send_and_arrive(&mut world, new, bob, bob_id, "nor is one asked again");
    assert_eq!(protection(&world, new, &bob_id), Protection::GivenUp);
}

#[test]
fn a_restored_device_that_turns_it_on_sends_what_waited_forward_secretly() {
    let (mut world, bob, new, bob_id) = restored_without_a_list(331);
    let before = held(&world, &bob_id, Namespace::MESSAGES);
    world.net.hidden_outboxes = false;
    world.command(new, Command::ConfirmOnlyApp);
    assert!(world.run_until(MINUTE_MS, |w| shows(w, bob, "not unasked")).is_some());
    assert_eq!(held(&world, &bob_id, Namespace::MESSAGES), before);
}

#[test]
fn what_has_not_left_when_the_contact_turns_out_to_have_it_goes_forward_secretly() {
    for (seed, failed) in [(332, false), (333, true)] {
        let mut world = secret_world(seed);
        world.net.hidden_outboxes = true;
        let (alice, _) = world.add_account("Alice");
        let (bob, bob_id) = world.add_account("Bob");
        world.run_for(3_000);
        let alice_id = world.id(alice);
        world.command(alice, Command::OpenConversation { with: bob_id });
        world.command(bob, Command::OpenConversation { with: alice_id });
        send_and_arrive(&mut world, alice, bob, bob_id, "hello");
        let before = held(&world, &bob_id, Namespace::MESSAGES);
        let members = world.net.swarm_of(&bob_id.to_bytes());
        for member in &members {
            world.net.nodes[*member].behaviour = Behaviour::Silent;
        }
        send(&mut world, alice, bob_id, "later");
        world.run_for(MINUTE_MS);
        let last = |w: &World| w.clients[alice].shown.timeline.last().cloned().unwrap();
        if failed {
            world.now += 15 * 24 * HOUR_MS;
            world.run_for(MINUTE_MS);
            assert!(matches!(last(&world).state, Some(SendState::Failed(_))), "{:?}", last(&world));
        }
        let hint = world.clients[bob].shown.devices.link_hint.clone();
        world.command(alice, Command::FollowLink { who: bob_id, hint });
        for member in &members {
            world.net.nodes[*member].behaviour = Behaviour::Honest;
        }
        world.net.hidden_outboxes = false;
        if failed {
            world.run_for(MINUTE_MS);
            assert!(!shows(&world, bob, "later"));
            world.command(alice, Command::Retry { message: last(&world).id });
        }
        let arrived = world.run_until(5 * MINUTE_MS, |w| shows(w, bob, "later"));
        assert!(arrived.is_some(), "failed before: {failed}");
        let clear = held(&world, &bob_id, Namespace::MESSAGES);
        assert!(clear <= before, "failed before: {failed}");
        world.run_for(5_000);
        assert!(matches!(last(&world).state, Some(SendState::Sent | SendState::Delivered)), "{:?}", last(&world));
    }
}
