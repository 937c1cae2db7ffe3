//! Two engines with ZR1 over a simulated network (forward-secrecy): first contact, loss, crashes, devices that come, go and
//! fall back in time, contacts without it, and nodes that hide what is published.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{
    befriend, crash_after, hide, protection, second_device, secret_world, send, send_and_arrive, with_prefix,
};
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{DeviceStatus, Notice, Protection, SendState};
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::zr1::mailbox::{MANIFEST, WITNESSES, bundle_namespace};
use zwiebel_testkit::MINUTE_MS;
use zwiebel_testkit::node::{Behaviour, Stored};
use zwiebel_testkit::store::MemStore;
use zwiebel_testkit::world::World;

const SECRET: Protection = Protection::ForwardSecret { verified: false };

/// Messages in the mailbox that official clients read.
fn in_the_clear(world: &World, whose: &AccountId) -> usize {
    world.net.held_in(&whose.to_bytes(), Namespace::MESSAGES).len()
}

#[test]
fn first_contact_is_forward_secret_from_the_first_message() {
    let mut world = secret_world(201);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    assert_eq!(protection(&world, alice, &bob_id), SECRET);
    assert_eq!(protection(&world, bob, &alice_id), SECRET);
    assert_eq!((in_the_clear(&world, &alice_id), in_the_clear(&world, &bob_id)), (0, 0));
    let delivered = |w: &World| {
        w.clients[alice].shown.timeline.iter().all(|m| m.state.is_none_or(|state| state == SendState::Delivered))
    };
    assert!(world.run_until(2 * MINUTE_MS, delivered).is_some(), "a device acknowledges");
    assert_eq!(world.clients[alice].shown.devices.status, DeviceStatus::Listed);
    assert_eq!(world.clients[alice].shown.devices.devices.len(), 1);
    world.command(alice, Command::ShowSafetyNumber { with: bob_id });
    world.command(bob, Command::ShowSafetyNumber { with: alice_id });
    world.run_for(100);
    let number = world.clients[alice].shown.safety_number.clone().unwrap();
    assert_eq!(number.len(), 71, "60 digits in groups of five");
    assert_eq!(world.clients[bob].shown.safety_number, Some(number));
}

#[test]
fn both_write_first_at_once() {
    let mut world = secret_world(202);
    let (alice, alice_id) = world.add_account("Alice");
    let (bob, bob_id) = world.add_account("Bob");
    world.run_for(3_000);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.command(bob, Command::OpenConversation { with: alice_id });
    send(&mut world, alice, bob_id, "a0");
    send(&mut world, bob, alice_id, "b0");
    let both = |w: &World| with_prefix(w, bob, "a").len() == 1 && with_prefix(w, alice, "b").len() == 1;
    assert!(world.run_until(30_000, both).is_some());
    for n in 1..4 {
        send_and_arrive(&mut world, alice, bob, bob_id, &format!("a{n}"));
        send_and_arrive(&mut world, bob, alice, alice_id, &format!("b{n}"));
    }
    assert_eq!((with_prefix(&world, bob, "a").len(), with_prefix(&world, alice, "b").len()), (4, 4));
}

#[test]
fn replies_reactions_receipts_and_deletions_travel_inside() {
    let mut world = secret_world(203);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    let on = zwiebel_engine::view::Settings { read_receipts: true, typing_indicators: true };
    for client in [alice, bob] {
        world.command(client, Command::SetSettings(on));
    }
    send_and_arrive(&mut world, alice, bob, bob_id, "look");
    let message = world.clients[bob].shown.timeline.last().unwrap().id;
    world.command(bob, Command::React { message, emoji: "🧅".into(), remove: false });
    world.command(bob, Command::MarkRead { with: alice_id, up_to: message });
    world.command(bob, Command::Typing { with: alice_id, active: true });
    let done = |w: &World| {
        let last = w.clients[alice].shown.timeline.last().unwrap();
        last.reactions.len() == 1
            && last.state == Some(SendState::Read)
            && w.clients[alice].shown.typing.get(&bob_id) == Some(&true)
    };
    assert!(world.run_until(15_000, done).is_some());
    world.command(alice, Command::Delete { message, for_everyone: true });
    let gone = |w: &World| w.clients[bob].shown.timeline.iter().any(|m| m.id == message && m.deleted);
    assert!(world.run_until(15_000, gone).is_some());
    assert_eq!(in_the_clear(&world, &bob_id), 0);
}

#[test]
fn a_fifth_of_the_stores_may_vanish() {
    let mut world = secret_world(204);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    hide(&mut world, &[alice, bob]);
    world.net.swallowed = 20;
    for n in 0..24 {
        send(&mut world, alice, bob_id, &format!("a{n:02}"));
        send(&mut world, bob, alice_id, &format!("b{n:02}"));
        world.run_for(MINUTE_MS);
    }
    world.net.swallowed = 0;
    // Later messages that are acknowledged show which earlier ones are missing.
    for n in 24..27 {
        send(&mut world, alice, bob_id, &format!("a{n:02}"));
        send(&mut world, bob, alice_id, &format!("b{n:02}"));
        world.run_for(20 * MINUTE_MS);
    }
    // What was lost twice waits a day.
    world.run_for(20 * MINUTE_MS);
    world.now += 24 * 60 * MINUTE_MS;
    let done = |w: &World| with_prefix(w, bob, "a").len() == 27 && with_prefix(w, alice, "b").len() == 27;
    assert!(world.run_until(30 * MINUTE_MS, done).is_some());
    let single = |mut all: Vec<String>| {
        let count = all.len();
        all.sort();
        all.dedup();
        all.len() == count
    };
    assert!(single(with_prefix(&world, bob, "a")) && single(with_prefix(&world, alice, "b")));
}

/// Nothing is lost or shown twice by a crash, and both go on forward secretly.
fn survives(n: u64, sender: bool) -> bool {
    let after = crash_after(secret_world(30), n, sender);
    assert_eq!(protection(&after.world, after.alice, &after.bob_id), SECRET);
    after.crashed
}

#[test]
fn sender_may_crash_after_every_effect() {
    let crashes = (1..10).filter(|n| survives(*n, true)).count();
    assert!(crashes > 6, "{crashes}");
}

#[test]
fn receiver_may_crash_after_every_effect() {
    let crashes = (1..10).filter(|n| survives(*n, false)).count();
    assert!(crashes > 6, "{crashes}");
}

/// The rows of a client as they are, and after them a new witness in the swarm.
fn copy_before_a_witness(world: &mut World, client: usize) -> MemStore {
    let copy = world.clients[client].store.clone();
    world.now += 12 * MINUTE_MS;
    world.run_for(10_000);
    world.restart(client);
    world.run_for(MINUTE_MS);
    copy
}

#[test]
fn rows_put_back_are_noticed_and_the_device_becomes_another() {
    let mut world = secret_world(205);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    let id = |w: &World| w.clients[alice].shown.devices.devices.iter().find(|d| d.this).map(|d| d.id);
    let before = id(&world).unwrap();
    let copy = copy_before_a_witness(&mut world, alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "before");
    send_and_arrive(&mut world, bob, alice, alice_id, "this, too");
    world.clients[alice].store = copy;
    world.restart(alice);
    let another = |w: &World| {
        w.clients[alice].shown.devices.status == DeviceStatus::Listed && id(w).is_some_and(|now| now != before)
    };
    assert!(world.run_until(MINUTE_MS, another).is_some(), "{:?}", world.clients[alice].shown.devices);
    assert_eq!(world.clients[alice].shown.devices.devices.len(), 1, "the old one is revoked");
    world.command(alice, Command::OpenConversation { with: bob_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "after");
    world.run_for(MINUTE_MS);
    send_and_arrive(&mut world, bob, alice, alice_id, "welcome back");
    let notices = &world.clients[bob].shown.conversations[&alice_id].notices;
    assert!(notices.iter().any(|n| n.notice == Notice::DeviceAdded), "{notices:?}");
    assert!(notices.iter().all(|n| n.notice != Notice::DeviceUnendorsed), "vouched for by the old keys");
}

#[test]
fn one_member_alone_cannot_hide_that_rows_were_put_back() {
    let mut world = secret_world(216);
    let (alice, _, alice_id, _) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    let id = |w: &World| w.clients[alice].shown.devices.devices.iter().find(|d| d.this).map(|d| d.id);
    let before = id(&world).unwrap();
    let copy = copy_before_a_witness(&mut world, alice);
    // One member hides it, and no other one is there.
    let members = world.net.swarm_of(&alice_id.to_bytes());
    for (n, member) in members.iter().enumerate() {
        let node = &mut world.net.nodes[*member];
        if n == 0 {
            let mail = node.stored.get_mut(&alice_id.to_bytes()).unwrap();
            mail.retain(|stored| stored.namespace != Namespace(WITNESSES));
        } else {
            node.behaviour = Behaviour::Dead;
        }
    }
    world.clients[alice].store = copy;
    world.restart(alice);
    world.run_for(MINUTE_MS);
    assert_eq!(id(&world), Some(before));
    for member in members {
        world.net.nodes[member].behaviour = Behaviour::Honest;
    }
    let another = |w: &World| {
        w.clients[alice].shown.devices.status == DeviceStatus::Listed && id(w).is_some_and(|now| now != before)
    };
    assert!(world.run_until(3 * MINUTE_MS, another).is_some(), "{:?}", world.clients[alice].shown.devices);
}

#[test]
fn plain_restarts_change_no_device() {
    let mut world = secret_world(206);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let id = |w: &World| w.clients[alice].shown.devices.devices.first().map(|d| d.id);
    let before = id(&world);
    for n in 0..4 {
        world.now += 11 * MINUTE_MS;
        world.run_for(3_000);
        world.restart(alice);
        world.run_for(3_000);
        world.command(alice, Command::OpenConversation { with: bob_id });
        send_and_arrive(&mut world, alice, bob, bob_id, &format!("again {n}"));
    }
    assert_eq!(id(&world), before);
}

#[test]
fn contact_without_it_is_standard_until_it_has_it() {
    let mut world = secret_world(207);
    world.forward_secrecy = false;
    let (bob, bob_id) = world.add_account("Bob");
    world.forward_secrecy = true;
    let (alice, alice_id) = world.add_account("Alice");
    world.run_for(3_000);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.command(bob, Command::OpenConversation { with: alice_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "hello");
    send_and_arrive(&mut world, bob, alice, alice_id, "hello you");
    assert_eq!(protection(&world, alice, &bob_id), Protection::Standard);
    assert!(in_the_clear(&world, &bob_id) > 0);

    // Bob's app is updated: his account was made here, so it goes on.
    world.clients[bob].forward_secrecy = true;
    world.restart(bob);
    world.run_for(5_000);
    world.command(bob, Command::OpenConversation { with: alice_id });
    send_and_arrive(&mut world, bob, alice, alice_id, "now with keys");
    let before = in_the_clear(&world, &bob_id);
    send_and_arrive(&mut world, alice, bob, bob_id, "so have I");
    assert_eq!(protection(&world, alice, &bob_id), SECRET);
    assert_eq!(protection(&world, bob, &alice_id), SECRET);
    assert_eq!(in_the_clear(&world, &bob_id), before);
}

#[test]
fn nodes_that_hide_the_outbox_cannot_talk_anybody_down() {
    let mut world = secret_world(208);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.net.hidden_outboxes = true;
    world.now += 26 * 60 * MINUTE_MS; // the lists are older than a day
    world.run_for(MINUTE_MS);
    send_and_arrive(&mut world, alice, bob, bob_id, "still closed");
    send_and_arrive(&mut world, bob, alice, alice_id, "still closed, too");
    assert_eq!((in_the_clear(&world, &alice_id), in_the_clear(&world, &bob_id)), (0, 0));
    assert_eq!(protection(&world, alice, &bob_id), SECRET);
}

#[test]
fn a_hidden_outbox_at_first_contact_is_found_by_the_hint() {
    let mut world = secret_world(209);
    world.net.hidden_outboxes = true;
    let (alice, alice_id) = world.add_account("Alice");
    let (bob, bob_id) = world.add_account("Bob");
    world.run_for(3_000);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.command(bob, Command::OpenConversation { with: alice_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "hello");
    assert_eq!(protection(&world, alice, &bob_id), Protection::Standard);
    world.run_for(3_000);
    let before = in_the_clear(&world, &alice_id); // her own copy
    send(&mut world, bob, alice_id, "only with keys");
    world.run_for(MINUTE_MS);
    assert_eq!(protection(&world, bob, &alice_id), Protection::Waiting, "the hint was in the request");
    assert!(with_prefix(&world, alice, "only").is_empty());
    assert_eq!(in_the_clear(&world, &alice_id), before);
    world.net.hidden_outboxes = false;
    world.now += 62 * MINUTE_MS;
    let arrived = world.run_until(5 * MINUTE_MS, |w| with_prefix(w, alice, "only").len() == 1);
    assert!(arrived.is_some());
    let answered = world.run_until(MINUTE_MS, |w| protection(w, bob, &alice_id) == SECRET);
    assert!(answered.is_some(), "an acknowledgement is an answer");
    assert_eq!(in_the_clear(&world, &alice_id), before);
}

/// Bob writes to Alice, of whose swarm only one member serves at first; that one does as `lies` says.
fn written_while_one_member_serves(seed: u64, lies: impl Fn(&mut Vec<Stored>)) {
    let mut world = secret_world(seed);
    let (alice, alice_id) = world.add_account("Alice");
    let (bob, _) = world.add_account("Bob");
    world.run_for(5_000);
    let before = in_the_clear(&world, &alice_id);
    let members = world.net.swarm_of(&alice_id.to_bytes());
    for (n, member) in members.iter().enumerate() {
        let node = &mut world.net.nodes[*member];
        match n {
            0 => lies(node.stored.get_mut(&alice_id.to_bytes()).unwrap()),
            _ => node.behaviour = Behaviour::Silent,
        }
    }
    world.command(bob, Command::OpenConversation { with: alice_id });
    send(&mut world, bob, alice_id, "only with keys");
    world.run_for(MINUTE_MS);
    assert_eq!(in_the_clear(&world, &alice_id), before, "one alone is not believed");
    for member in members {
        world.net.nodes[member].behaviour = Behaviour::Honest;
    }
    let arrived = world.run_until(2 * MINUTE_MS, |w| {
        protection(w, bob, &alice_id) != Protection::Standard && w.clients[alice].shown.conversations.len() == 1
    });
    assert!(arrived.is_some());
    assert_eq!(in_the_clear(&world, &alice_id), before);
}

#[test]
fn a_member_that_shows_nothing_while_the_others_are_silent_talks_nobody_down() {
    written_while_one_member_serves(220, |stored| stored.retain(|one| one.namespace != Namespace(MANIFEST)));
}

#[test]
fn a_member_full_of_junk_while_the_others_are_silent_talks_nobody_down() {
    written_while_one_member_serves(221, |stored| fill_with_junk(stored, MANIFEST));
}

/// Values that come before every true one in any order, in the place of the true one.
fn fill_with_junk(stored: &mut Vec<Stored>, namespace: i16) {
    let at = stored.iter().position(|one| one.namespace == Namespace(namespace)).unwrap();
    let one = stored.remove(at);
    stored.extend((0..20).map(|n| Stored { data: vec![n], ..one.clone() }));
}

#[test]
fn junk_of_one_member_hides_nothing_that_the_others_show() {
    let mut world = secret_world(222);
    let (alice, alice_id) = world.add_account("Alice");
    let (bob, bob_id) = world.add_account("Bob");
    world.run_for(5_000);
    let bundle = bundle_namespace(0).unwrap();
    let members = world.net.swarm_of(&alice_id.to_bytes());
    // Of every three members that are asked one at least is honest, and one at least lies.
    for member in &members[..members.len() - 2] {
        let stored = world.net.nodes[*member].stored.get_mut(&alice_id.to_bytes()).unwrap();
        fill_with_junk(stored, MANIFEST);
        fill_with_junk(stored, bundle);
    }
    world.command(alice, Command::OpenConversation { with: bob_id });
    send(&mut world, bob, alice_id, "only with keys");
    let arrived = world.run_until(MINUTE_MS, |w| with_prefix(w, alice, "only").len() == 1);
    assert!(arrived.is_some());
    assert_eq!(in_the_clear(&world, &alice_id), 0);
}

#[test]
fn second_device_joins_and_both_receive_until_one_is_revoked() {
    let mut world = secret_world(210);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    let second = second_device(&mut world, alice);
    let joined = |w: &World| w.clients[second].shown.devices.status == DeviceStatus::Listed;
    assert!(world.run_until(2 * MINUTE_MS, joined).is_some(), "its account's list says that ZR1 is on");
    assert_eq!(world.clients[second].shown.devices.devices.len(), 2);
    world.command(second, Command::OpenConversation { with: bob_id });
    world.run_for(2 * MINUTE_MS);
    let told = |w: &World| {
        let notices = &w.clients[bob].shown.conversations[&alice_id].notices;
        notices.iter().any(|n| n.notice == Notice::DeviceUnendorsed)
    };
    assert!(world.run_until(3 * MINUTE_MS, told).is_some());
    send_and_arrive(&mut world, bob, alice, alice_id, "to both of you");
    let both = |w: &World| with_prefix(w, second, "to both").len() == 1;
    assert!(world.run_until(MINUTE_MS, both).is_some());
    send_and_arrive(&mut world, second, bob, bob_id, "from the second");
    let synced = |w: &World| with_prefix(w, alice, "from the second").len() == 1;
    assert!(world.run_until(MINUTE_MS, synced).is_some(), "what one sends appears on the other");

    let gone = world.clients[alice].shown.devices.devices.iter().find(|d| !d.this).unwrap().id;
    world.command(alice, Command::RevokeDevice(gone));
    let revoked = |w: &World| w.clients[second].shown.devices.status == DeviceStatus::Revoked;
    assert!(world.run_until(20_000, revoked).is_some(), "it is told at once");
    assert_eq!(with_prefix(&world, second, "to both").len(), 1, "it keeps its messages");
    let known = |w: &World| {
        let notices = &w.clients[bob].shown.conversations[&alice_id].notices;
        notices.iter().any(|n| n.notice == Notice::DeviceRemoved)
    };
    assert!(world.run_until(3 * MINUTE_MS, known).is_some());
    send_and_arrive(&mut world, bob, alice, alice_id, "only for the first");
    world.run_for(MINUTE_MS);
    assert!(with_prefix(&world, second, "only for").is_empty());
}

#[test]
fn a_new_device_shows_itself_is_vouched_for_and_given_the_history() {
    let mut world = secret_world(212);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    for n in 0..300 {
        // Long enough for several parts.
        send(&mut world, bob, alice_id, &format!("old {n:03} {}", "x".repeat(400)));
    }
    assert!(world.run_until(3 * MINUTE_MS, |w| with_prefix(w, alice, "old").len() == 300).is_some());
    let message = world.clients[alice].shown.timeline.last().unwrap().id;
    world.command(alice, Command::React { message, emoji: "🧅".into(), remove: false });
    let second = second_device(&mut world, alice);
    let seen = |w: &World| w.clients[alice].shown.devices.devices.iter().any(|d| !d.this && d.unendorsed);
    assert!(world.run_until(20_000, seen).is_some(), "the first device is told at once");
    world.command(second, Command::OpenConversation { with: bob_id });
    world.run_for(5_000);
    assert!(with_prefix(&world, second, "old").is_empty(), "nothing is sent unasked");

    // Both screens show the same seven emoji.
    let id = world.clients[alice].shown.devices.devices.iter().find(|d| !d.this).unwrap().id;
    for client in [alice, second] {
        world.command(client, Command::ShowDeviceCode(id));
    }
    world.run_for(100);
    let code = world.clients[alice].shown.device_code.unwrap();
    assert_eq!(world.clients[second].shown.device_code, Some(code));

    world.command(alice, Command::EndorseDevice(id));
    world.command(alice, Command::SendHistory { device: id, days: 14 });
    world.run_for(MINUTE_MS);
    for _ in 0..3 {
        world.command(second, Command::LoadEarlier { with: bob_id });
    }
    let all = |w: &World| with_prefix(w, second, "old").len() == 300;
    assert!(world.run_until(MINUTE_MS, all).is_some(), "{}", with_prefix(&world, second, "old").len());
    let reacted =
        |w: &World| w.clients[second].shown.timeline.iter().any(|m| m.id == message && m.reactions.len() == 1);
    assert!(world.run_until(20_000, reacted).is_some());
    assert_eq!(with_prefix(&world, second, "hi").len(), 1, "own messages, too");
    for client in [alice, second] {
        assert!(!world.clients[client].shown.devices.devices.iter().any(|d| d.unendorsed));
    }

    // The contact is told, and not warned, once it is vouched for.
    world.now += 13 * MINUTE_MS; // what is shown and owed travels with the next acknowledgement
    world.run_for(2 * MINUTE_MS);
    send_and_arrive(&mut world, alice, bob, bob_id, "I have two now");
    let told = |w: &World| {
        let notices = &w.clients[bob].shown.conversations[&alice_id].notices;
        notices.iter().any(|n| n.notice == Notice::DeviceAdded)
            && notices.iter().all(|n| n.notice != Notice::DeviceUnendorsed)
    };
    assert!(world.run_until(15 * MINUTE_MS, told).is_some());
}

#[test]
fn a_scanned_code_links_a_device_without_a_question() {
    let mut world = secret_world(213);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    let second = world.add_client();
    world.command(second, Command::ShowLinkCode);
    world.run_for(3_000);
    let text = world.clients[second].shown.link_code.clone().unwrap();
    world.command(alice, Command::AnswerLinkCode { text: "zrl1:AAAA".into(), days: 14 });
    world.run_for(100);
    assert_eq!(world.clients[alice].shown.refused.last(), Some(&zwiebel_engine::view::Refusal::NotALinkCode));
    world.command(alice, Command::AnswerLinkCode { text, days: 14 });
    let linked = |w: &World| {
        let devices = &w.clients[second].shown.devices;
        devices.status == DeviceStatus::Listed && devices.devices.iter().all(|d| !d.unendorsed)
    };
    assert!(world.run_until(MINUTE_MS, linked).is_some(), "{:?}", world.clients[second].shown.devices);
    assert_eq!(world.clients[second].shown.account.as_ref().unwrap().id, alice_id);
    world.command(second, Command::OpenConversation { with: bob_id });
    let both = |w: &World| with_prefix(w, second, "hi").len() == 1 && with_prefix(w, second, "ho").len() == 1;
    assert!(world.run_until(MINUTE_MS, both).is_some(), "the history came with it");
    send_and_arrive(&mut world, second, bob, bob_id, "from the second");
    let warned =
        world.clients[bob].shown.conversations[&alice_id].notices.iter().any(|n| n.notice == Notice::DeviceUnendorsed);
    assert!(!warned, "the contact saw a device that is vouched for");
}

#[test]
fn the_only_device_is_lost_and_the_words_bring_what_nobody_acknowledged() {
    let mut world = secret_world(211);
    let (alice, bob, alice_id, _) = befriend(&mut world);
    world.run_for(MINUTE_MS);
    world.command(alice, Command::RevealPhrase);
    world.run_for(10);
    let old = world.clients[alice].shown.devices.devices[0].id;
    let phrase = world.clients[alice].shown.phrase.clone().unwrap().0;
    world.clients[alice].engine = None;
    world.clients[alice].offline = true;
    send(&mut world, bob, alice_id, "are you there?");
    world.run_for(MINUTE_MS);
    let new = world.add_client();
    world.command(new, Command::RestoreAccount { phrase });
    let joined = |w: &World| w.clients[new].shown.devices.status == DeviceStatus::Listed;
    assert!(world.run_until(3 * MINUTE_MS, joined).is_some());
    world.command(new, Command::RevokeDevice(old));
    let bob_id = world.id(bob);
    world.command(new, Command::OpenConversation { with: bob_id });
    // A device nobody vouches for waits a day for what was written before, so that the others could object.
    world.run_for(3 * MINUTE_MS); // it presents itself
    world.now += 22 * 60 * MINUTE_MS;
    world.run_for(2 * MINUTE_MS);
    assert!(with_prefix(&world, new, "are you").is_empty());
    world.now += 3 * 60 * MINUTE_MS;
    let arrived = world.run_until(10 * MINUTE_MS, |w| with_prefix(w, new, "are you").len() == 1);
    assert!(arrived.is_some());
}

#[test]
fn list_and_bundle_written_together_are_read_back_together() {
    let mut world = secret_world(240);
    let (alice, id) = world.add_account("Alice");
    world.run_for(6 * MINUTE_MS);
    assert_eq!(world.clients[alice].shown.devices.status, DeviceStatus::Listed);
    let list = |(_, method, params): &&(usize, String, serde_json::Value)| {
        method == "retrieve" && params["namespace"] == -6001 && params["pubkey"] == id.to_string()
    };
    // Three members are asked before anything is written, two soon after it, two some minutes later; fewer if paths lead to
    // no others.
    let reads = world.net.calls.iter().filter(list).count();
    assert!((5..=3 + 2 + 2).contains(&reads), "{reads}");
}
