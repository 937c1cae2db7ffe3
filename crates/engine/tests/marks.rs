//! What a person is told of the way of a message (forward-secrecy 3.4, 5.2): from a device that could not be confirmed, or
//! passed on by another device of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, hide, second_device, secret_world, send, send_and_arrive};
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{DeviceStatus, Mark, SendState};
use zwiebel_testkit::world::World;
use zwiebel_testkit::{HOUR_MS, MINUTE_MS};

fn mark(world: &World, client: usize, body: &str) -> Option<Mark> {
    world.clients[client].shown.timeline.iter().find(|m| m.body == body).map(|m| m.mark)
}

fn listed(world: &mut World, client: usize) {
    let joined = |w: &World| w.clients[client].shown.devices.status == DeviceStatus::Listed;
    assert!(world.run_until(3 * MINUTE_MS, joined).is_some());
}

#[test]
fn message_of_a_device_that_no_list_confirms_is_shown_after_a_day_with_a_mark() {
    let mut world = secret_world(231);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    world.clients[bob].engine = None;
    let second = second_device(&mut world, alice);
    listed(&mut world, second);
    world.command(second, Command::OpenConversation { with: bob_id });
    send(&mut world, second, bob_id, "from the new one");
    let sent = |w: &World| w.clients[second].shown.timeline.iter().any(|m| m.state == Some(SendState::Sent));
    assert!(world.run_until(3 * MINUTE_MS, sent).is_some());
    world.net.hidden_outboxes = true;
    world.restart(bob);
    world.command(bob, Command::OpenConversation { with: alice_id });
    hide(&mut world, &[bob]);
    world.run_for(2 * MINUTE_MS);
    world.now += 23 * HOUR_MS;
    world.run_for(2 * MINUTE_MS);
    assert_eq!(mark(&world, bob, "from the new one"), None, "held, its list is not known");
    let shown = |w: &World| mark(w, bob, "from the new one").is_some();
    world.now += HOUR_MS;
    assert!(world.run_until(5 * MINUTE_MS, shown).is_some());
    assert_eq!(mark(&world, bob, "from the new one"), Some(Mark::Unconfirmed));
    world.restart(bob);
    world.command(bob, Command::OpenConversation { with: alice_id });
    world.run_for(1_000);
    assert_eq!(mark(&world, bob, "from the new one"), Some(Mark::Unconfirmed), "also after a restart");
    assert_eq!(mark(&world, bob, "hi"), Some(Mark::None));
}

#[test]
fn what_another_own_device_passed_on_says_so() {
    let mut world = secret_world(232);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    world.clients[bob].engine = None;
    let second = second_device(&mut world, alice);
    listed(&mut world, second);
    let other = |w: &World| w.clients[alice].shown.devices.devices.iter().find(|d| !d.this).map(|d| d.id);
    assert!(world.run_until(MINUTE_MS, |w| other(w).is_some()).is_some());
    let id = other(&world).unwrap();
    world.command(alice, Command::EndorseDevice(id));
    world.run_for(MINUTE_MS);
    // The contact does not learn of it from the nodes.
    world.net.hidden_outboxes = true;
    world.restart(bob);
    world.command(bob, Command::OpenConversation { with: alice_id });
    send_and_arrive(&mut world, bob, alice, alice_id, "only for one");
    world.command(second, Command::OpenConversation { with: bob_id });
    let there = |w: &World| mark(w, second, "only for one").is_some();
    assert!(world.run_until(10 * MINUTE_MS, there).is_some());
    assert_eq!(mark(&world, second, "only for one"), Some(Mark::Relayed));
    assert_eq!(mark(&world, alice, "only for one"), Some(Mark::None));
}
