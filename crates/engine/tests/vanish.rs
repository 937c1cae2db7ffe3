//! Disappearing messages (session-messages 5.5).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, hide, second_device, secret_world, send, send_and_arrive, settle};
use zwiebel_engine::input::{Command, Input};
use zwiebel_engine::view::{Expiry, MessageView, SendState};
use zwiebel_proto::account_id::AccountId;
use zwiebel_testkit::HOUR_MS;
use zwiebel_testkit::world::World;

fn expiry(world: &World, device: usize, with: AccountId) -> Expiry {
    world.clients[device].shown.conversations[&with].expiry
}

fn message<'a>(world: &'a World, device: usize, body: &str) -> Option<&'a MessageView> {
    world.clients[device].shown.timeline.iter().find(|m| m.body == body)
}

fn at(world: &World, device: usize, body: &str) -> Option<u64> {
    message(world, device, body).expect("the message").expires.expect("a time").at_ms
}

#[test]
fn after_sending_both_sides_and_the_swarm_forget() {
    let mut world = World::new(81);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.command(alice, Command::SetExpiry { with: bob_id, expiry: Expiry::AfterSend(7_200) });
    world.run_for(3_000);
    assert_eq!(expiry(&world, alice, bob_id), Expiry::AfterSend(7_200));
    let alice_id = world.id(alice);
    assert_eq!(expiry(&world, bob, alice_id), Expiry::Off, "the other side chooses for itself");
    let held = world.net.held(&bob_id.to_bytes()).len();
    send_and_arrive(&mut world, alice, bob, bob_id, "soon gone");
    let (mine, theirs) = (at(&world, alice, "soon gone").unwrap(), at(&world, bob, "soon gone").unwrap());
    assert!(mine.abs_diff(world.now + 2 * HOUR_MS) < 5_000);
    assert!(theirs.abs_diff(mine) < 5_000, "both in step");
    send_and_arrive(&mut world, bob, alice, alice_id, "stays");
    assert!(message(&world, alice, "stays").unwrap().expires.is_none());
    hide(&mut world, &[alice, bob]);
    world.run_for(HOUR_MS);
    assert!(message(&world, alice, "soon gone").is_some() && message(&world, bob, "soon gone").is_some());
    world.run_for(HOUR_MS + 10_000);
    for device in [alice, bob] {
        assert!(message(&world, device, "soon gone").is_none());
        assert!(message(&world, device, "stays").is_some());
    }
    let now = world.now;
    let nodes = world.net.swarm_of(&bob_id.to_bytes());
    let kept = world.net.nodes[nodes[0]].stored[&bob_id.to_bytes()].iter();
    let kept = kept.filter(|m| m.namespace.0 == 0 && m.expiration > now).count();
    assert_eq!(kept, held, "the copy of \"stays\" came, and the notice of the change went, too");
}

#[test]
fn after_reading_the_time_starts_with_reading_and_on_all_devices() {
    let mut world = World::new(82);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    let second = second_device(&mut world, bob);
    world.command(second, Command::OpenConversation { with: alice_id });
    settle(&mut world, &[bob, second]);
    world.command(alice, Command::SetExpiry { with: bob_id, expiry: Expiry::AfterRead(3_600) });
    send_and_arrive(&mut world, alice, bob, bob_id, "read me");
    assert_eq!(at(&world, bob, "read me"), None, "not read yet");
    assert!(at(&world, alice, "read me").is_some(), "for the sender it starts with sending");
    let arrived = |w: &World| message(w, second, "read me").is_some();
    assert!(world.run_until(8_000, arrived).is_some());
    let id = message(&world, bob, "read me").unwrap().id;
    world.command(bob, Command::MarkRead { with: alice_id, up_to: id });
    world.run_for(20);
    let read = at(&world, bob, "read me").unwrap();
    assert!(read.abs_diff(world.now + HOUR_MS) < 1_000);
    let there = |w: &World| at(w, second, "read me").is_some();
    assert!(world.run_until(15_000, there).is_some(), "the other device learns that it was read");
    let hash_kept = |w: &World| {
        let nodes = w.net.swarm_of(&bob_id.to_bytes());
        w.net.nodes[nodes[0]].stored[&bob_id.to_bytes()].iter().any(|m| m.expiration.abs_diff(read) < 1_000)
    };
    assert!(world.run_until(8_000, hash_kept).is_some(), "the swarm was told");
    hide(&mut world, &[alice, bob, second]);
    world.run_for(HOUR_MS + 60_000);
    for device in [alice, bob, second] {
        assert!(message(&world, device, "read me").is_none(), "device {device}");
    }
}

#[test]
fn setting_follows_to_other_devices_and_survives_a_restart() {
    let mut world = World::new(83);
    let (alice, _, alice_id, bob_id) = befriend(&mut world);
    let second = second_device(&mut world, alice);
    settle(&mut world, &[alice, second]);
    world.command(alice, Command::SetExpiry { with: bob_id, expiry: Expiry::AfterSend(86_400) });
    let there = |w: &World| expiry(w, second, bob_id) == Expiry::AfterSend(86_400);
    assert!(world.run_until(8_000, there).is_some());
    world.command(second, Command::SetExpiry { with: bob_id, expiry: Expiry::Off });
    assert!(world.run_until(8_000, |w| expiry(w, alice, bob_id) == Expiry::Off).is_some());
    world.command(alice, Command::OpenConversation { with: alice_id });
    world.command(alice, Command::SetExpiry { with: alice_id, expiry: Expiry::AfterRead(43_200) });
    world.run_for(20);
    assert_eq!(expiry(&world, alice, alice_id), Expiry::AfterSend(43_200), "nobody reads notes to self");
    settle(&mut world, &[alice, second]);
    let third = second_device(&mut world, alice);
    for device in [alice, second, third] {
        assert_eq!(
            (expiry(&world, device, bob_id), expiry(&world, device, alice_id)),
            (Expiry::Off, Expiry::AfterSend(43_200))
        );
    }
    world.restart(alice);
    assert_eq!(expiry(&world, alice, alice_id), Expiry::AfterSend(43_200));
}

#[test]
fn message_that_was_not_sent_does_not_disappear_and_a_restart_forgets_no_time() {
    let mut world = World::new(84);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.command(alice, Command::SetExpiry { with: bob_id, expiry: Expiry::AfterSend(7_200) });
    world.run_for(3_000);
    world.clients[bob].engine = None;
    world.clients[alice].offline = true;
    world.input(alice, Input::Online(false));
    send(&mut world, alice, bob_id, "waits");
    hide(&mut world, &[alice]);
    world.run_for(HOUR_MS);
    assert_eq!(message(&world, alice, "waits").unwrap().state, Some(SendState::Sending));
    assert_eq!(at(&world, alice, "waits"), None);
    world.clients[alice].offline = false;
    world.input(alice, Input::Online(true));
    let sent = |w: &World| message(w, alice, "waits").is_some_and(|m| m.state == Some(SendState::Sent));
    assert!(world.run_until(10_000, sent).is_some());
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    hide(&mut world, &[alice]);
    world.run_for(HOUR_MS);
    assert!(message(&world, alice, "waits").is_some());
    world.run_for(HOUR_MS + 60_000);
    assert!(message(&world, alice, "waits").is_none());
}

/// Two people with forward secrecy; what Alice sends disappears two hours after it was sent.
fn secret_friends(seed: u64) -> (World, usize, usize, AccountId, AccountId) {
    let mut world = secret_world(seed);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.command(alice, Command::SetExpiry { with: bob_id, expiry: Expiry::AfterSend(7_200) });
    world.run_for(60_000);
    hide(&mut world, &[alice, bob]);
    (world, alice, bob, alice_id, bob_id)
}

/// Whether a device's store still holds these words anywhere.
fn stored(world: &World, device: usize, words: &str) -> bool {
    let holds = |row: &zwiebel_engine::batch::Row| row.value.windows(words.len()).any(|part| part == words.as_bytes());
    world.clients[device].store.rows().iter().any(holds)
}

fn start_again(world: &mut World, device: usize, with: AccountId) {
    world.restart(device);
    world.command(device, Command::OpenConversation { with });
    hide(world, &[device]);
}

#[test]
fn what_has_disappeared_is_nowhere_and_is_never_sent_again() {
    let (mut world, alice, bob, alice_id, bob_id) = secret_friends(85);
    world.clients[bob].engine = None;
    world.net.swallowed = 100;
    send(&mut world, alice, bob_id, "soon gone");
    let sent = |w: &World| message(w, alice, "soon gone").is_some_and(|m| m.state == Some(SendState::Sent));
    assert!(world.run_until(120_000, sent).is_some());
    world.net.swallowed = 0;
    assert!(stored(&world, alice, "soon gone"), "it waits for its acknowledgement");
    world.run_for(2 * HOUR_MS + 60_000);
    assert!(message(&world, alice, "soon gone").is_none());
    assert!(!stored(&world, alice, "soon gone"), "gone from the store as well");
    send(&mut world, alice, bob_id, "later");
    start_again(&mut world, bob, alice_id);
    world.run_for(60_000);
    world.now += 25 * HOUR_MS; // whatever is not acknowledged is said again after a day
    world.run_for(20 * 60_000);
    let bodies = world.clients[bob].shown.bodies();
    assert!(!bodies.contains(&"soon gone") && !stored(&world, bob, "soon gone"), "nothing is said a second time");
}

#[test]
fn what_was_over_before_it_was_fetched_is_not_shown() {
    let (mut world, alice, bob, alice_id, bob_id) = secret_friends(86);
    world.clients[bob].engine = None;
    send(&mut world, alice, bob_id, "too late");
    world.run_for(HOUR_MS);
    send(&mut world, alice, bob_id, "in time");
    world.run_for(HOUR_MS + 120_000);
    start_again(&mut world, bob, alice_id);
    assert!(world.run_until(120_000, |w| message(w, bob, "in time").is_some()).is_some());
    assert!(message(&world, bob, "too late").is_none() && !stored(&world, bob, "too late"));
    let (mine, theirs) = (at(&world, alice, "in time").unwrap(), at(&world, bob, "in time").unwrap());
    assert!(mine.abs_diff(theirs) < 5_000, "both in step, although it came an hour later");
}

#[test]
fn message_that_left_late_is_not_over_when_it_comes() {
    let (mut world, alice, bob, _, bob_id) = secret_friends(87);
    world.clients[alice].offline = true;
    world.input(alice, Input::Online(false));
    send(&mut world, alice, bob_id, "from the tunnel");
    world.run_for(3 * HOUR_MS);
    assert_eq!(at(&world, alice, "from the tunnel"), None);
    world.clients[alice].offline = false;
    world.input(alice, Input::Online(true));
    assert!(world.run_until(10 * 60_000, |w| message(w, bob, "from the tunnel").is_some()).is_some(), "not lost");
    let left = at(&world, bob, "from the tunnel").unwrap().abs_diff(world.now + 2 * HOUR_MS);
    assert!(left < 10 * 60_000, "its time began when it left");
}
