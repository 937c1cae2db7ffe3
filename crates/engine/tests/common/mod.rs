//! What the tests of this folder share.
#![allow(dead_code, reason = "each test file uses some of it")]

use zwiebel_engine::input::{Command, Input};
use zwiebel_engine::view::{Protection, RestoreStage, SendState, SyncState};
use zwiebel_proto::account_id::AccountId;
use zwiebel_testkit::world::World;

/// A world whose people have forward secrecy.
pub(crate) fn secret_world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.forward_secrecy = true;
    world
}

/// How a conversation is protected, as the person is told.
pub(crate) fn protection(world: &World, client: usize, with: &AccountId) -> Protection {
    world.clients[client].shown.conversations[with].protection
}

/// The bodies a device shows that start like this, in order.
pub(crate) fn with_prefix(world: &World, client: usize, prefix: &str) -> Vec<String> {
    let bodies = world.clients[client].shown.bodies();
    bodies.into_iter().filter(|b| b.starts_with(prefix)).map(str::to_owned).collect()
}

/// Polls once a minute, so that hours pass quickly.
pub(crate) fn hide(world: &mut World, devices: &[usize]) {
    devices.iter().for_each(|device| world.input(*device, Input::Visible(false)));
}

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

/// A conversation in which one side crashed.
pub(crate) struct AfterCrash {
    pub(crate) world: World,
    pub(crate) alice: usize,
    pub(crate) bob: usize,
    pub(crate) bob_id: AccountId,
    /// Whether it came to that: the side had as many effects.
    pub(crate) crashed: bool,
}

/// Both write while one of them, Alice if `sender`, crashes after its `n`-th effect; afterwards both have everything once.
pub(crate) fn crash_after(mut world: World, n: u64, sender: bool) -> AfterCrash {
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    let victim = if sender { alice } else { bob };
    world.clients[victim].crash_after = Some(n);
    let before = world.clients[victim].effects;
    send(&mut world, alice, bob_id, "x0");
    world.run_for(900);
    send(&mut world, bob, alice_id, "y0");
    world.run_for(9_000);
    let crashed = world.clients[victim].crash_after.take().is_none();
    world.run_for(1_000);
    for (client, with) in [(alice, bob_id), (bob, alice_id)] {
        world.command(client, Command::OpenConversation { with });
    }
    world.run_for(8_000);
    let happened = world.clients[victim].effects - before;
    for prefix in ["x", "y"] {
        let (a, b) = (with_prefix(&world, alice, prefix), with_prefix(&world, bob, prefix));
        assert_eq!(a, b, "crash after {n} of {happened}: both see the same");
        let author_crashed = (prefix == "x") == sender;
        // What was typed into a page whose engine died before the first commit was never promised.
        assert!(a.len() == 1 || (author_crashed && a.is_empty()), "{prefix}: {a:?} after {n}");
    }
    AfterCrash { world, alice, bob, bob_id, crashed }
}
