//! Account data at its limits: too large, not stored for long, strangers without number, and renewed by the polls.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::{send, settle};
use zwiebel_engine::input::{Command, Input};
use zwiebel_engine::view::{SyncProblem, SyncState};
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::config::{Config, Contacts, Value};
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_testkit::node::Behaviour;
use zwiebel_testkit::world::World;

fn own() -> Account {
    Account::from_seed16([77; 16])
}

fn person(n: u16) -> AccountId {
    let mut seed = [3; 16];
    seed[..2].copy_from_slice(&n.to_be_bytes());
    Account::from_seed16(seed).id()
}

/// A device of [`own`], restored with these contacts from the network.
fn restored_with(world: &mut World, mut contacts: Config<Contacts>) -> usize {
    let now = world.now;
    for (_, data) in contacts.push(&own()).unwrap().unwrap().messages() {
        world.net.inject_in(own().id().to_bytes(), Namespace::CONTACTS, data, now);
    }
    let device = world.add_client();
    world.command(device, Command::RestoreAccount { phrase: own().phrase().to_string() });
    settle(world, &[device]);
    device
}

/// The contacts as they are in the network.
fn stored(world: &World) -> Config<Contacts> {
    let id = own().id().to_bytes();
    let member = world.net.swarm_of(&id)[0];
    let messages = world.net.nodes[member].stored[&id].iter().filter(|m| m.namespace == Namespace::CONTACTS);
    let messages: Vec<_> = messages.map(|m| (m.hash, m.data.as_slice())).collect();
    let mut contacts = Config::new();
    contacts.merge(&own(), &messages, world.now);
    contacts
}

fn problem(world: &World, device: usize) -> Option<SyncProblem> {
    world.clients[device].shown.sync.problem
}

#[test]
fn too_large_is_told_and_over_as_soon_as_it_fits_again() {
    let mut world = World::new(91);
    let mut contacts: Config<Contacts> = Config::new();
    // What a newer client may keep there: nothing makes it smaller, and it nearly fills what the network takes.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    contacts.set(&[], b"zz", Some(Value::bytes(noise.take(4_996_400).collect::<Vec<u8>>())));
    let people: Vec<AccountId> = (0..4).map(person).collect();
    for id in &people {
        contacts.edit(id, |contact| (contact.approved, contact.approved_me) = (true, true));
    }
    let device = restored_with(&mut world, contacts);
    let before = world.net.held_in(&own().id().to_bytes(), Namespace::CONTACTS);
    assert!(before.len() > 60, "{} parts", before.len());

    let rename = |world: &mut World, nickname: &dyn Fn(&AccountId) -> String| {
        for who in &people {
            world.command(device, Command::SetNickname { who: *who, nickname: nickname(who) });
        }
    };
    rename(&mut world, &|who| who.to_string().chars().rev().collect());
    let told = |w: &World| problem(w, device) == Some(SyncProblem::TooLarge);
    assert!(world.run_until(20_000, told).is_some());
    let after = world.net.held_in(&own().id().to_bytes(), Namespace::CONTACTS);
    assert_eq!(before, after, "what is stored stays");
    rename(&mut world, &|_| String::new());
    settle(&mut world, &[device]);
    assert_eq!(problem(&world, device), None);
}

#[test]
fn swarm_that_takes_nothing_is_told_after_ten_minutes() {
    let mut world = World::new(92);
    let (alice, id) = world.add_account("Alice");
    settle(&mut world, &[alice]);
    let swarm = world.net.swarm_of(&id.to_bytes());
    for n in &swarm {
        world.net.nodes[*n].behaviour = Behaviour::WrongHash;
    }
    world.command(alice, Command::SetDisplayName("Alicia".into()));
    world.run_for(9 * 60_000);
    assert_eq!(problem(&world, alice), None);
    let told = |w: &World| problem(w, alice) == Some(SyncProblem::Unreachable);
    assert!(world.run_until(3 * 60_000, told).is_some());
    world.restart(alice);
    for n in &swarm {
        world.net.nodes[*n].behaviour = Behaviour::Honest;
    }
    world.input(alice, Input::Online(true));
    settle(&mut world, &[alice]);
    assert_eq!(problem(&world, alice), None);
    assert_eq!(world.clients[alice].shown.account.as_ref().unwrap().display_name, "Alicia");
}

#[test]
fn strangers_do_not_fill_the_account() {
    for (known, written) in [(199, true), (200, false)] {
        let mut world = World::new(93);
        let mut contacts: Config<Contacts> = Config::new();
        for n in 0..known {
            contacts.edit(&person(n), |contact| contact.approved_me = true);
        }
        let device = restored_with(&mut world, contacts);
        let (carol, carol_id) = world.add_account("Carol");
        send(&mut world, carol, own().id(), "hello");
        let asked = |w: &World| w.clients[device].shown.conversations.contains_key(&carol_id);
        assert!(world.run_until(20_000, asked).is_some(), "the request is there all the same");
        settle(&mut world, &[device]);
        assert_eq!(stored(&world).contact(&carol_id).is_some(), written, "beside {known}");
        world.command(device, Command::AcceptRequest { from: carol_id });
        settle(&mut world, &[device]);
        assert!(stored(&world).contact(&carol_id).is_some_and(|contact| contact.approved), "beside {known}");
    }
}

#[test]
fn polls_renew_what_is_stored() {
    let mut world = World::new(94);
    let (alice, id) = world.add_account("Alice");
    settle(&mut world, &[alice]);
    let expiry = |world: &World| {
        let swarm = world.net.swarm_of(&id.to_bytes()).into_iter();
        let stored = swarm.flat_map(|n| &world.net.nodes[n].stored[&id.to_bytes()]);
        stored.filter(|m| m.namespace == Namespace::USER_PROFILE).map(|m| m.expiration).min().unwrap()
    };
    let calls = |world: &World, method: &str| world.net.calls.iter().filter(|(_, m, _)| m == method).count();
    let mut last = expiry(&world);
    let (expires, minute) = (calls(&world, "expire"), 60_000);
    for _ in 0..2 {
        world.run_for(15 * minute);
        let now = expiry(&world);
        assert!(now >= last + 4 * minute, "{} after {last}", now - last);
        last = now;
    }
    assert!(calls(&world, "expire") - expires <= 3, "ten minutes apart");
    assert_eq!(world.clients[alice].shown.sync.state, SyncState::Synchronised);
}
