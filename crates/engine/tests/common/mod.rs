//! What the tests of this folder share.
#![allow(dead_code, reason = "each test file uses some of it")]

use zwiebel_engine::input::Command;
use zwiebel_engine::view::{RestoreStage, SendState, SyncState};
use zwiebel_proto::account_id::AccountId;
use zwiebel_testkit::world::World;

/// Writes a text.
pub(crate) fn send(world: &mut World, from: usize, to: AccountId, body: &str) {
    world.command(from, Command::SendText { to, body: body.to_owned(), quote: None });
}

/// Writes a text and waits until the other side, with the conversation open, shows it.
pub(crate) fn send_and_arrive(world: &mut World, from: usize, at: usize, to: AccountId, body: &str) {
    send(world, from, to, body);
    let arrived = world.run_until(30_000, |w| w.clients[at].shown.bodies().last() == Some(&body));
    assert!(arrived.is_some(), "{body} did not arrive");
    let sent = world.run_until(10_000, |w| {
        w.clients[from].shown.open != Some(to)
            || w.clients[from].shown.timeline.iter().all(|m| m.state != Some(SendState::Sending))
    });
    assert!(sent.is_some(), "{body} is not sent");
}

/// Two people who accepted each other, each with the conversation open; one message each way.
pub(crate) fn befriend(world: &mut World) -> (usize, usize, AccountId, AccountId) {
    let (alice, alice_id) = world.add_account("Alice");
    let (bob, bob_id) = world.add_account("Bob");
    world.run_for(2_500);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.command(bob, Command::OpenConversation { with: alice_id });
    world.run_for(10);
    send_and_arrive(world, alice, bob, bob_id, "hi");
    send_and_arrive(world, bob, alice, alice_id, "ho");
    world.run_for(2_000);
    (alice, bob, alice_id, bob_id)
}

/// Another device of the account, restored.
pub(crate) fn second_device(world: &mut World, first: usize) -> usize {
    world.command(first, Command::RevealPhrase);
    world.run_for(10);
    let phrase = world.clients[first].shown.phrase.clone().expect("a phrase").0;
    let second = world.add_client();
    world.command(second, Command::RestoreAccount { phrase });
    let done = |w: &World| w.clients[second].shown.restores.last().is_some_and(|r| r.stage == RestoreStage::Done);
    assert!(world.run_until(30_000, done).is_some(), "restored");
    second
}

/// Waits until these devices say that everything is in the network.
pub(crate) fn settle(world: &mut World, devices: &[usize]) {
    world.run_for(8_000); // what is on its way arrives, and is answered
    let quiet = |w: &World| devices.iter().all(|d| w.clients[*d].shown.sync.state == SyncState::Synchronised);
    assert!(world.run_until(60_000, quiet).is_some(), "synchronised");
}
