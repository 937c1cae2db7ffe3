//! Two engines talk over a simulated network: everything a person can do with another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use common::{befriend, send, send_and_arrive};
use rand::SeedableRng;
use rand::rngs::StdRng;
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{
    Connection, ConversationKind, MessageId, Refusal, RestoreStage, SendFailure, SendState, Settings,
};
use zwiebel_proto::account::Account;
use zwiebel_proto::content::{Attachment, Content, DataMessage, Payload};
use zwiebel_proto::envelope::seal_message;
use zwiebel_testkit::node::Behaviour;
use zwiebel_testkit::world::World;

#[test]
fn new_account_is_online_within_three_seconds() {
    let mut world = World::new(1);
    let (alice, _) = world.add_account("Alice");
    let took = world.run_until(3_000, |w| w.clients[alice].shown.network.state == Connection::Online);
    assert!(took.is_some());
    world.run_for(2_000);
    let network = &world.clients[alice].shown.network;
    assert_eq!(network.path.len(), 3);
    assert_eq!(network.swarm.len(), 5);
    assert_eq!(network.nodes, 10);
    assert!(network.last_poll_ms.is_some());
}

#[test]
fn first_contact_is_a_request_and_an_answer_accepts_it() {
    let mut world = World::new(2);
    let (alice, alice_id) = world.add_account("Alice");
    let (bob, bob_id) = world.add_account("Bob");
    world.run_for(3_000);
    world.command(bob, Command::OpenConversation { with: alice_id });
    send_and_arrive(&mut world, alice, bob, bob_id, "hello");
    let request = &world.clients[bob].shown.conversations[&alice_id];
    assert_eq!(request.kind, ConversationKind::Request);
    assert_eq!((request.display_name.as_str(), request.unread), ("Alice", 1));
    assert!(!world.clients[alice].shown.conversations[&bob_id].approved_me);

    world.command(bob, Command::AcceptRequest { from: alice_id });
    let told = world.run_until(5_000, |w| w.clients[alice].shown.conversations[&bob_id].approved_me);
    assert!(told.is_some(), "the first side learns that it was accepted");
    assert_eq!(world.clients[alice].shown.conversations[&bob_id].display_name, "Bob");
    assert_eq!(world.clients[bob].shown.conversations[&alice_id].kind, ConversationKind::Contact);
}

#[test]
fn chat_both_ways_keeps_order_and_states() {
    let mut world = World::new(3);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    for n in 0..5 {
        send(&mut world, alice, bob_id, &format!("a{n}"));
        send(&mut world, bob, alice_id, &format!("b{n}"));
        world.run_for(1_500);
    }
    world.run_for(6_000);
    let a: Vec<String> = world.clients[alice].shown.bodies().iter().map(|b| (*b).to_owned()).collect();
    let b: Vec<String> = world.clients[bob].shown.bodies().iter().map(|b| (*b).to_owned()).collect();
    assert_eq!(a, b);
    assert_eq!(a.len(), 12);
    let states = world.clients[alice].shown.timeline.iter().filter_map(|m| m.state);
    assert!(states.into_iter().all(|s| s == SendState::Sent));
}

#[test]
fn quote_reaction_and_deletion_travel() {
    let mut world = World::new(4);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    send_and_arrive(&mut world, alice, bob, bob_id, "original");
    let original = world.clients[bob].shown.timeline.last().unwrap().id;
    let reply = Command::SendText { to: alice_id, body: "reply".into(), quote: Some(original) };
    world.command(bob, reply);
    world.command(bob, Command::React { message: original, emoji: "🧅".into(), remove: false });
    world.run_for(6_000);
    let timeline = &world.clients[alice].shown.timeline;
    let quote = timeline.last().unwrap().quote.as_ref().unwrap();
    assert_eq!((quote.id, quote.text.as_deref(), quote.outgoing), (original, Some("original"), true));
    let reacted = timeline.iter().find(|m| m.id == original).unwrap();
    assert_eq!((reacted.reactions[0].emoji.as_str(), reacted.reactions[0].mine), ("🧅", false));

    world.command(bob, Command::React { message: original, emoji: "🧅".into(), remove: true });
    world.run_for(6_000);
    assert!(world.clients[alice].shown.timeline.iter().all(|m| m.reactions.is_empty()));

    let held = world.net.held(&bob_id.to_bytes()).len();
    world.command(alice, Command::Delete { message: original, for_everyone: true });
    world.run_for(8_000);
    for client in [alice, bob] {
        let gone = world.clients[client].shown.timeline.iter().find(|m| m.id == original).unwrap();
        assert!(gone.deleted && gone.body.is_empty());
    }
    // The unsend came in, the message went: the receiver deletes it from its own swarm.
    assert_eq!(world.net.held(&bob_id.to_bytes()).len(), held);
    let refused =
        Command::Delete { message: world.clients[alice].shown.timeline.last().unwrap().id, for_everyone: true };
    world.command(alice, refused);
    world.run_for(10);
    assert_eq!(world.clients[alice].shown.refused, [Refusal::NotYours]);
}

#[test]
fn receipts_and_typing_need_both_settings() {
    let mut world = World::new(5);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    let read = |world: &mut World, body: &str| {
        send_and_arrive(world, alice, bob, bob_id, body);
        let id = world.clients[bob].shown.timeline.last().unwrap().id;
        world.command(bob, Command::MarkRead { with: alice_id, up_to: id });
        world.command(bob, Command::Typing { with: alice_id, active: true });
        world.run_for(5_000);
        world.clients[alice].shown.timeline.last().unwrap().state
    };
    assert_eq!(read(&mut world, "one"), Some(SendState::Sent));
    assert!(world.clients[alice].shown.typing.is_empty());
    let on = Settings { read_receipts: true, typing_indicators: true };
    world.command(bob, Command::SetSettings(on));
    assert_eq!(read(&mut world, "two"), Some(SendState::Sent), "one side alone shows nothing");
    world.command(alice, Command::SetSettings(on));
    world.run_for(20_000);
    assert_eq!(read(&mut world, "three"), Some(SendState::Read));
    assert_eq!(world.clients[alice].shown.typing.get(&bob_id), Some(&true));
    world.run_for(16_000);
    assert_eq!(world.clients[alice].shown.typing.get(&bob_id), Some(&false));
}

#[test]
fn blocked_and_declined_people_are_gone() {
    let mut world = World::new(6);
    let (alice, alice_id) = world.add_account("Alice");
    let (bob, bob_id) = world.add_account("Bob");
    world.run_for(2_000);
    send(&mut world, alice, bob_id, "first");
    world.run_for(5_000);
    world.command(bob, Command::DeclineRequest { from: alice_id });
    world.run_for(5_000);
    assert!(world.clients[bob].shown.conversations.is_empty());
    send(&mut world, alice, bob_id, "second");
    world.run_for(5_000);
    assert_eq!(world.clients[bob].shown.conversations[&alice_id].kind, ConversationKind::Request);
    assert_eq!(world.clients[bob].shown.conversations[&alice_id].unread, 1);
    world.command(bob, Command::SetBlocked { who: alice_id, blocked: true });
    send(&mut world, alice, bob_id, "third");
    world.run_for(5_000);
    assert_eq!(world.clients[bob].shown.conversations[&alice_id].last.as_ref().unwrap().text, "second");
    send(&mut world, bob, alice_id, "no");
    assert_eq!(world.clients[bob].shown.refused, [Refusal::Blocked]);
}

#[test]
fn second_device_gets_the_conversations_back_and_stays_in_step() {
    let mut world = World::new(7);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.net.page = 4; // many answers
    for n in 0..12 {
        send(&mut world, alice, bob_id, &format!("m{n}"));
        world.run_for(600);
    }
    world.run_for(8_000);
    let (carol, _) = world.add_account("Carol");
    world.run_for(1_500);
    let alice_id = world.id(alice);
    send(&mut world, carol, alice_id, "who are you?");
    world.run_for(6_000);

    world.command(alice, Command::RevealPhrase);
    let phrase = world.clients[alice].shown.phrase.clone().unwrap().0;
    let second = world.add_client();
    world.command(second, Command::RestoreAccount { phrase: "not a phrase".into() });
    world.run_for(20);
    assert!(world.clients[second].shown.restore_refused);
    world.command(second, Command::RestoreAccount { phrase });
    let done = |w: &World| w.clients[second].shown.restores.last().is_some_and(|r| r.stage == RestoreStage::Done);
    assert!(world.run_until(20_000, done).is_some());
    let percents: Vec<u8> = world.clients[second].shown.restores.iter().map(|r| r.percent).collect();
    assert!(percents.is_sorted(), "{percents:?}");
    assert_eq!(world.id(second), alice_id);
    world.command(second, Command::OpenConversation { with: bob_id });
    world.run_for(10);
    let device = &world.clients[second].shown;
    assert_eq!(device.bodies(), world.clients[alice].shown.bodies());
    assert_eq!(device.conversations[&bob_id].kind, ConversationKind::Contact);
    assert_eq!(device.conversations[&world.id(carol)].kind, ConversationKind::Request);

    // From now on each sees what the other sends.
    send(&mut world, second, bob_id, "from the second device");
    world.run_for(8_000);
    assert_eq!(world.clients[alice].shown.bodies().last(), Some(&"from the second device"));
    assert_eq!(world.clients[bob].shown.bodies().last(), Some(&"from the second device"));
}

#[test]
fn note_to_self_reaches_the_own_devices_only() {
    let mut world = World::new(8);
    let (alice, alice_id) = world.add_account("Alice");
    world.run_for(2_000);
    world.command(alice, Command::RevealPhrase);
    let phrase = world.clients[alice].shown.phrase.clone().unwrap().0;
    let second = world.add_client();
    world.command(second, Command::RestoreAccount { phrase });
    world.run_for(5_000);
    world.command(alice, Command::OpenConversation { with: alice_id });
    send(&mut world, alice, alice_id, "milk");
    world.run_for(6_000);
    let note = &world.clients[second].shown.conversations[&alice_id];
    assert_eq!((note.kind, note.unread), (ConversationKind::SelfNote, 0));
    assert_eq!(note.last.as_ref().unwrap().text, "milk");
    assert_eq!(world.clients[alice].shown.timeline.len(), 1);
    assert_eq!(world.clients[alice].shown.timeline[0].state, Some(SendState::Sent));
    let id = world.clients[alice].shown.timeline[0].id;
    world.command(alice, Command::Delete { message: id, for_everyone: true });
    world.run_for(6_000);
    assert!(world.clients[second].shown.conversations[&alice_id].last.is_none());
    assert!(world.clients[alice].shown.timeline.is_empty());
}

#[test]
fn offline_messages_wait_and_leave() {
    let mut world = World::new(9);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.clients[alice].offline = true;
    for n in 0..4 {
        send(&mut world, alice, bob_id, &format!("later {n}"));
    }
    world.run_for(60_000);
    assert_eq!(world.clients[alice].shown.network.state, Connection::Offline);
    assert!(world.clients[alice].shown.timeline.iter().rev().take(4).all(|m| m.state == Some(SendState::Sending)));
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.run_for(30_000);
    world.clients[alice].offline = false;
    world.input(alice, zwiebel_engine::input::Input::Online(true));
    let sent = |w: &World| {
        w.clients[alice].shown.timeline.iter().filter(|m| m.outgoing).all(|m| m.state == Some(SendState::Sent))
    };
    assert!(world.run_until(10_000, sent).is_some());
    world.run_for(5_000);
    let arrived = world.clients[bob].shown.bodies().len();
    assert_eq!(&world.clients[bob].shown.bodies()[arrived - 4..], ["later 0", "later 1", "later 2", "later 3"]);
}

#[test]
fn drafts_names_pins_and_windows_survive_a_restart() {
    let mut world = World::new(10);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    for n in 0..130 {
        send(&mut world, alice, bob_id, &format!("{n}"));
    }
    world.run_for(120_000);
    world.command(alice, Command::SetDraft { with: bob_id, text: "half a sent".into() });
    world.command(alice, Command::SetNickname { who: bob_id, nickname: "Bobby".into() });
    world.command(alice, Command::SetPinned { with: bob_id, pinned: true });
    world.run_for(50);
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.run_for(10);
    let device = &world.clients[alice].shown;
    let view = &device.conversations[&bob_id];
    assert_eq!((view.draft.as_str(), view.name.as_str(), view.display_name.as_str()), ("half a sent", "Bobby", "Bob"));
    assert!(view.pinned);
    assert_eq!((device.timeline.len(), device.has_earlier), (100, true));
    world.command(alice, Command::LoadEarlier { with: bob_id });
    world.run_for(10);
    assert_eq!((world.clients[alice].shown.timeline.len(), world.clients[alice].shown.has_earlier), (132, false));
    assert!(world.clients[bob].shown.conversations[&world.id(alice)].unread >= 130);
}

#[test]
fn every_message_has_its_own_millisecond() {
    let mut world = World::new(11);
    let (alice, _, _, bob_id) = befriend(&mut world);
    for n in 0..20 {
        send(&mut world, alice, bob_id, &format!("{n}"));
    }
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    for n in 0..20 {
        send(&mut world, alice, bob_id, &format!("again {n}"));
    }
    world.run_for(50);
    let mut ids: Vec<MessageId> = world.clients[alice].shown.timeline.iter().map(|m| m.id).collect();
    ids.dedup_by_key(|id| id.sent_ms);
    assert!(ids.len() >= 21, "what was not committed is gone, nothing collides");
}

#[test]
fn erased_account_leaves_an_empty_store_and_a_working_client() {
    let mut world = World::new(12);
    let (alice, _, _, _) = befriend(&mut world);
    world.command(alice, Command::EraseAccount);
    world.run_for(200);
    assert!(world.clients[alice].shown.erased);
    for table in zwiebel_engine::batch::Table::ALL {
        if table != zwiebel_engine::batch::Table::Meta {
            assert_eq!(world.clients[alice].store.count(table), 0, "{}", table.name());
        }
    }
    world.restart(alice);
    assert!(world.clients[alice].shown.account.is_none());
    world.command(alice, Command::CreateAccount { display_name: String::new() });
    world.run_for(3_000);
    assert!(world.clients[alice].shown.account.is_some());
}

#[test]
fn refused_message_fails_and_leaves_on_retry() {
    let mut world = World::new(13);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    let members = world.net.swarm_of(&bob_id.to_bytes());
    for n in &members {
        world.net.nodes[*n].behaviour = Behaviour::Says(400, "invalid request: no".into());
    }
    send(&mut world, alice, bob_id, "please");
    let refused = SendState::Failed(SendFailure::Refused);
    let state = |w: &World| w.clients[alice].shown.timeline.last().unwrap().state;
    assert!(world.run_until(20_000, |w| state(w) == Some(refused)).is_some());
    for n in members {
        world.net.nodes[n].behaviour = Behaviour::Honest;
    }
    world.restart(alice);
    world.command(alice, Command::OpenConversation { with: bob_id });
    world.run_for(10_000);
    assert_eq!(state(&world), Some(refused), "only the person sends it again");
    let message = world.clients[alice].shown.timeline.last().unwrap().id;
    world.command(alice, Command::Retry { message });
    assert!(world.run_until(10_000, |w| state(w) == Some(SendState::Sent)).is_some());
    let arrived = world.run_until(15_000, |w| w.clients[bob].shown.timeline.last().unwrap().id == message);
    assert!(arrived.is_some(), "the same message, the same time");
}

#[test]
fn message_older_than_swarms_keep_it_fails() {
    let mut world = World::new(14);
    let (alice, _, _, bob_id) = befriend(&mut world);
    world.clients[alice].offline = true;
    send(&mut world, alice, bob_id, "too long");
    world.run_for(1_000);
    world.now += 15 * 86_400_000;
    world.run_for(1_000);
    let state = world.clients[alice].shown.timeline.last().unwrap().state;
    assert_eq!(state, Some(SendState::Failed(SendFailure::NotReached)));
}

#[test]
fn deleting_a_conversation_does_not_bring_it_back() {
    let mut world = World::new(15);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    world.command(bob, Command::DeleteConversation { with: alice_id });
    world.run_for(30_000);
    world.restart(bob);
    world.run_for(30_000);
    assert!(world.clients[bob].shown.conversations.is_empty());
    send(&mut world, alice, bob_id, "again");
    world.run_for(5_000);
    let view = &world.clients[bob].shown.conversations[&alice_id];
    assert_eq!((view.kind, view.unread), (ConversationKind::Contact, 1));
}

#[test]
fn script_tags_and_long_texts_stay_text() {
    let mut world = World::new(16);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    send_and_arrive(&mut world, alice, bob, bob_id, "<script>alert(1)</script>\n\u{202e}x");
    let longest = "🧅".repeat(2_000);
    send_and_arrive(&mut world, alice, bob, bob_id, &longest);
    send(&mut world, alice, bob_id, &"x".repeat(2_001));
    send(&mut world, alice, bob_id, " \n\t ");
    world.command(alice, Command::SetDraft { with: bob_id, text: "y".repeat(1_000_000) });
    world.run_for(50);
    let device = &world.clients[alice].shown;
    assert_eq!(device.refused, [Refusal::MessageTooLong, Refusal::EmptyMessage]);
    assert!(device.conversations[&bob_id].draft.len() < 100_000);
}

#[test]
fn message_of_attachments_alone_is_there_without_text() {
    let mut world = World::new(31);
    let (alice, alice_id) = world.add_account("Alice");
    world.run_for(3_000);
    let mut rng = StdRng::seed_from_u64(31);
    let stranger = Account::generate(&mut rng);
    world.command(alice, Command::OpenConversation { with: stranger.id() });
    for (attachments, sent_ms) in [(vec![Attachment::default()], world.now), (Vec::new(), world.now + 1)] {
        let data = DataMessage { attachments, body: Some(" ".into()), ..DataMessage::default() };
        let content = Content::new(sent_ms, Payload::Data(data));
        let sealed = seal_message(&stranger, &alice_id, &content, &mut rng).expect("sealed");
        world.net.inject(alice_id.to_bytes(), &sealed, world.now);
    }
    world.run_for(8_000);
    let shown = &world.clients[alice].shown;
    assert_eq!(shown.bodies(), [""], "the one with nothing in it is not shown");
    assert_eq!(shown.conversations[&stranger.id()].unread, 1);
}
