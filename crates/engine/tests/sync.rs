//! Two and more devices of one account: what is changed on one is the same on the others (session-config).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, second_device, send, send_and_arrive, settle};
use zwiebel_engine::input::{Command, Input};
use zwiebel_engine::view::{ConversationView, Expiry, SyncState};
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_testkit::world::World;

fn seen(world: &World, device: usize, with: AccountId) -> &ConversationView {
    world.clients[device].shown.conversations.get(&with).expect("a conversation")
}

fn go_offline(world: &mut World, device: usize, offline: bool) {
    world.clients[device].offline = offline;
    world.input(device, Input::Online(!offline));
}

#[test]
fn restored_device_knows_names_pins_mutes_and_read_positions() {
    let mut world = World::new(51);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.command(alice, Command::MarkRead { with: bob_id, up_to: world.clients[alice].shown.timeline[1].id });
    world.command(alice, Command::SetNickname { who: bob_id, nickname: "Bobby".into() });
    world.command(alice, Command::SetPinned { with: bob_id, pinned: true });
    world.command(alice, Command::SetMuted { with: bob_id, muted: true });
    world.command(alice, Command::SetExpiry { with: bob_id, expiry: Expiry::AfterRead(3_600) });
    world.command(alice, Command::OpenConversation { with: alice_id });
    world.command(alice, Command::OpenConversation { with: bob_id });
    settle(&mut world, &[alice]);
    send(&mut world, bob, alice_id, "unread");
    world.run_for(3_000);

    let second = second_device(&mut world, alice);
    let account = world.clients[second].shown.account.clone().unwrap();
    assert_eq!(account.display_name, "Alice");
    let view = seen(&world, second, bob_id);
    assert_eq!((view.name.as_str(), view.display_name.as_str()), ("Bobby", "Bob"));
    assert!(view.pinned && view.muted && view.listed && view.accepted && view.approved_me && !view.blocked);
    assert_eq!((view.unread, view.expiry), (1, Expiry::AfterRead(3_600)));
    assert!(seen(&world, second, alice_id).listed, "the note to self is back");
    settle(&mut world, &[alice, second]);
    let sync = world.clients[second].shown.sync;
    assert!(sync.last_ms.is_some() && sync.expires_ms.is_some() && sync.problem.is_none(), "{sync:?}");
}

#[test]
fn changes_on_one_device_are_on_the_other_within_a_poll() {
    let mut world = World::new(52);
    let (alice, _, alice_id, bob_id) = befriend(&mut world);
    let second = second_device(&mut world, alice);
    settle(&mut world, &[alice, second]);

    world.command(alice, Command::SetDisplayName("Alice the Second".into()));
    let name = |w: &World| w.clients[second].shown.account.as_ref().unwrap().display_name == "Alice the Second";
    assert!(world.run_until(6_000, name).is_some());
    world.command(second, Command::SetPinned { with: bob_id, pinned: true });
    assert!(world.run_until(6_000, |w| seen(w, alice, bob_id).pinned).is_some());
    world.command(second, Command::SetPinned { with: bob_id, pinned: false });
    assert!(world.run_until(6_000, |w| !seen(w, alice, bob_id).pinned).is_some());
    world.command(alice, Command::MarkUnread { with: bob_id, unread: true });
    assert!(world.run_until(12_000, |w| seen(w, second, bob_id).marked_unread).is_some());
    world.command(second, Command::OpenConversation { with: bob_id });
    assert!(world.run_until(12_000, |w| !seen(w, alice, bob_id).marked_unread).is_some());

    // A request that is accepted on one is a contact on the other, and what is read on one is read on the other.
    let (carol, _) = world.add_account("Carol");
    let carol_id = world.id(carol);
    send(&mut world, carol, alice_id, "who are you?");
    let arrived = |w: &World| [alice, second].iter().all(|d| w.clients[*d].shown.conversations.contains_key(&carol_id));
    assert!(world.run_until(8_000, arrived).is_some());
    world.command(second, Command::AcceptRequest { from: carol_id });
    assert!(world.run_until(8_000, |w| seen(w, alice, carol_id).accepted).is_some());
    let up_to = seen(&world, second, carol_id).first_unread.unwrap();
    world.command(second, Command::MarkRead { with: carol_id, up_to });
    assert!(world.run_until(12_000, |w| seen(w, alice, carol_id).unread == 0).is_some());
    settle(&mut world, &[alice, second]);
    for namespace in [2, 3, 4] {
        let held = world.net.held_in(&alice_id.to_bytes(), Namespace(namespace));
        assert_eq!(held.len(), 1, "nothing obsolete is left in namespace {namespace}");
    }
}

#[test]
fn block_on_one_device_holds_on_the_other() {
    let mut world = World::new(53);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    let second = second_device(&mut world, alice);
    settle(&mut world, &[alice, second]);
    world.command(second, Command::SetBlocked { who: bob_id, blocked: true });
    assert!(world.run_until(6_000, |w| seen(w, alice, bob_id).blocked).is_some());
    send(&mut world, bob, alice_id, "let me in");
    world.run_for(8_000);
    for device in [alice, second] {
        assert_ne!(seen(&world, device, bob_id).last.as_ref().unwrap().text, "let me in");
    }
    world.command(alice, Command::SetBlocked { who: bob_id, blocked: false });
    assert!(world.run_until(6_000, |w| !seen(w, second, bob_id).blocked).is_some());
}

#[test]
fn edits_made_while_both_were_offline_merge() {
    let mut world = World::new(54);
    let (alice, _, _, bob_id) = befriend(&mut world);
    let second = second_device(&mut world, alice);
    settle(&mut world, &[alice, second]);
    go_offline(&mut world, alice, true);
    go_offline(&mut world, second, true);
    world.command(alice, Command::SetNickname { who: bob_id, nickname: "Bobby".into() });
    world.command(alice, Command::SetDisplayName("A".into()));
    world.run_for(1_000);
    world.command(second, Command::SetMuted { with: bob_id, muted: true });
    world.command(second, Command::SetPinned { with: bob_id, pinned: true });
    world.run_for(60_000);
    go_offline(&mut world, alice, false);
    world.run_for(2_000);
    go_offline(&mut world, second, false);
    settle(&mut world, &[alice, second]);
    for device in [alice, second] {
        let view = seen(&world, device, bob_id);
        assert!(view.muted && view.pinned && view.nickname == "Bobby", "device {device}");
        assert_eq!(world.clients[device].shown.account.as_ref().unwrap().display_name, "A");
    }
}

#[test]
fn deleted_conversation_is_hidden_and_a_declined_request_gone_on_both() {
    let mut world = World::new(55);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    let second = second_device(&mut world, alice);
    let (carol, _) = world.add_account("Carol");
    let carol_id = world.id(carol);
    send(&mut world, carol, alice_id, "who are you?");
    settle(&mut world, &[alice, second]);
    world.command(alice, Command::DeleteConversation { with: bob_id });
    assert!(world.run_until(6_000, |w| !seen(w, second, bob_id).listed).is_some());
    world.command(second, Command::DeclineRequest { from: carol_id });
    let gone = |w: &World| !w.clients[alice].shown.conversations.contains_key(&carol_id);
    assert!(world.run_until(6_000, gone).is_some());
    settle(&mut world, &[alice, second]);

    // A third device sees it the same way; old messages bring nothing back, new ones do.
    world.run_for(130_000);
    world.command(alice, Command::SetDisplayName("Alice".into()));
    world.command(alice, Command::SetBlocked { who: carol_id, blocked: true });
    settle(&mut world, &[alice, second]);
    let third = second_device(&mut world, alice);
    let listed =
        |w: &World, device: usize| w.clients[device].shown.conversations.get(&bob_id).is_some_and(|c| c.listed);
    assert!(!listed(&world, third));
    send_and_arrive(&mut world, bob, bob, alice_id, "I am back");
    for device in [alice, second, third] {
        assert!(world.run_until(8_000, |w| listed(w, device)).is_some(), "device {device}");
    }
}

#[test]
fn new_account_without_second_device_is_synchronised_after_a_moment() {
    let mut world = World::new(56);
    let (alice, alice_id) = world.add_account("Alice");
    let done = |w: &World| w.clients[alice].shown.sync.state == SyncState::Synchronised;
    assert!(world.run_until(5_000, done).is_some());
    assert_eq!(world.net.held_in(&alice_id.to_bytes(), Namespace::USER_PROFILE).len(), 1);
    assert!(world.net.held_in(&alice_id.to_bytes(), Namespace::CONTACTS).is_empty());
    let stores = world.net.calls.iter().filter(|(_, method, _)| method == "store").count();
    world.run_for(120_000);
    let later = world.net.calls.iter().filter(|(_, method, _)| method == "store").count();
    assert_eq!(stores, later, "nothing is pushed twice");
}
