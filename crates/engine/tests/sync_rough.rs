//! Account data when things go wrong: crashes, lost answers, lying members, forged and lost data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use base64ct::{Base64, Encoding};
use common::{befriend, second_device, send, settle};
use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::{blake2b, blake2b_keyed};
use zwiebel_engine::batch::{Batch, BatchId, Op, Table};
use zwiebel_engine::input::{Command, CommitFailure, Input};
use zwiebel_engine::view::{SyncProblem, SyncState};
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::config::{Config, Contacts, ConvoInfoVolatile, Priority, UserProfile};
use zwiebel_proto::storage_rpc::{Namespace, message_hash};
use zwiebel_testkit::DAY_MS;
use zwiebel_testkit::node::{Behaviour, Stored};
use zwiebel_testkit::world::World;

fn name(world: &World, device: usize) -> String {
    world.clients[device].shown.account.as_ref().map(|a| a.display_name.clone()).unwrap_or_default()
}

fn rename(world: &mut World, device: usize, name: &str) {
    world.command(device, Command::SetDisplayName(name.into()));
}

fn account(world: &mut World, device: usize) -> Account {
    world.command(device, Command::RevealPhrase);
    world.run_for(20);
    Account::from_phrase(&world.clients[device].shown.phrase.clone().unwrap().0).unwrap()
}

/// Two devices of one account that are in step.
fn pair(seed: u64) -> (World, usize, usize, AccountId) {
    let mut world = World::new(seed);
    let (first, id) = world.add_account("Zero");
    world.run_for(3_000);
    let second = second_device(&mut world, first);
    settle(&mut world, &[first, second]);
    (world, first, second, id)
}

fn stores(world: &World) -> usize {
    world.net.calls.iter().filter(|(_, method, _)| method == "store").count()
}

#[test]
fn device_may_crash_after_every_effect_of_a_change() {
    let (mut world, first, second, id) = pair(61);
    for after in (1..18).chain([21, 25, 32, 39]) {
        let (before, new) = (name(&world, first), format!("name {after}"));
        world.clients[first].crash_after = Some(after);
        rename(&mut world, first, &new);
        settle(&mut world, &[second]);
        world.clients[first].crash_after = None;
        settle(&mut world, &[first, second]);
        let now = name(&world, first);
        assert!(now == before || now == new, "after {after}: {now}");
        assert_eq!(now, name(&world, second), "after {after}");
        assert_eq!(world.net.held_in(&id.to_bytes(), Namespace::USER_PROFILE).len(), 1, "after {after}");
    }
    assert_eq!(name(&world, second), "name 39", "the last crash came long after the commit");
}

#[test]
fn receiver_may_crash_after_every_effect_of_a_poll() {
    let (mut world, first, second, _) = pair(62);
    for after in 1..20 {
        let new = format!("name {after}");
        world.clients[second].crash_after = Some(after);
        rename(&mut world, first, &new);
        world.run_for(9_000);
        world.clients[second].crash_after = None;
        settle(&mut world, &[first, second]);
        assert_eq!((name(&world, first), name(&world, second)), (new.clone(), new));
    }
}

#[test]
fn lost_repeated_and_late_pushes_lose_no_edit() {
    for seed in 0..2 {
        let mut world = World::new(630 + seed);
        let (alice, _, _, bob_id) = befriend(&mut world);
        let second = second_device(&mut world, alice);
        settle(&mut world, &[alice, second]);
        world.net.loss = 15;
        world.net.delay_ms = (20, 6_000);
        for n in 0..6 {
            world.command(alice, Command::SetNickname { who: bob_id, nickname: format!("nick {n}") });
            rename(&mut world, second, &format!("name {n}"));
            world.run_for(1_700);
            world.command(second, Command::SetPinned { with: bob_id, pinned: n % 2 == 1 });
            world.command(alice, Command::SetMuted { with: bob_id, muted: n % 2 == 1 });
            world.run_for(3_100);
        }
        world.run_for(60_000);
        world.net.loss = 0;
        world.net.delay_ms = (20, 80);
        settle(&mut world, &[alice, second]);
        for device in [alice, second] {
            let view = &world.clients[device].shown.conversations[&bob_id];
            assert_eq!((view.nickname.as_str(), view.pinned, view.muted), ("nick 5", true, true), "seed {seed}");
            assert_eq!(name(&world, device), "name 5", "seed {seed}");
        }
    }
}

#[test]
fn member_that_shows_old_data_rolls_nothing_back() {
    let (mut world, first, second, id) = pair(64);
    let swarm = world.net.swarm_of(&id.to_bytes());
    let old: Vec<Stored> = world.net.nodes[swarm[0]].stored[&id.to_bytes()].clone();
    rename(&mut world, first, "New");
    settle(&mut world, &[first, second]);
    // Two members give the old data out again and again, and forget the new.
    for round in 0..4 {
        for n in &swarm[..2] {
            world.net.nodes[*n].stored.insert(id.to_bytes(), old.clone());
        }
        world.run_for(20_000);
        assert_eq!((name(&world, first), name(&world, second)), ("New".into(), "New".into()), "round {round}");
    }
    world.restart(first);
    settle(&mut world, &[first, second]);
    let third = second_device(&mut world, first);
    settle(&mut world, &[first, second, third]);
    assert_eq!(name(&world, third), "New");
}

#[test]
fn member_that_confirms_another_hash_is_not_believed() {
    let (mut world, first, second, id) = pair(65);
    let swarm = world.net.swarm_of(&id.to_bytes());
    for n in &swarm[..3] {
        world.net.nodes[*n].behaviour = Behaviour::WrongHash;
    }
    for round in 0..5 {
        let new = format!("name {round}");
        rename(&mut world, first, &new);
        assert!(world.run_until(30_000, |w| name(w, second) == new).is_some(), "round {round}");
    }
    settle(&mut world, &[first, second]);
}

/// A stored message of the own profile with this inside, sealed as only a device of the account can.
fn sealed(account: &Account, body: &[u8]) -> Vec<u8> {
    let mut padded = vec![0; 216 - body.len()];
    padded.extend_from_slice(body);
    let length = u64::try_from(padded.len()).unwrap().to_be_bytes();
    let key: [u8; 32] = blake2b(&[account.ed25519().seed(), &length, b"UserProfile"]);
    let nonce: [u8; 24] = blake2b_keyed(b"libsessionutil-config-encrypted-UserProfile", &[&padded]);
    let mut out = xchacha_seal(&key, &nonce, &[], &padded);
    out.extend_from_slice(&nonce);
    out
}

#[test]
fn forged_damaged_and_newer_data_is_ignored_and_nothing_lost() {
    let (mut world, first, second, id) = pair(66);
    let own = account(&mut world, first);
    let forger = Account::from_seed16([9; 16]);
    let mut forged: Config<UserProfile> = Config::new();
    forged.set_name("Mallory");
    let forged = forged.push(&forger).unwrap().unwrap().messages()[0].1.clone();
    let now = world.now;
    let damaged = sealed(&own, b"d1:#i9e1:&d1:n7:Mallory");
    for data in [vec![], vec![7; 300], forged, damaged] {
        for namespace in [2, 3, 4, 5] {
            world.net.inject_in(id.to_bytes(), Namespace(namespace), &data, now);
        }
    }
    world.run_for(10_000);
    assert!(world.clients[first].shown.sync.problem.is_none());
    // A key before the number: reserved for formats to come (session-config 3).
    let newer = sealed(&own, b"d1:!i2e1:#i9e1:&d1:n7:Malloryee");
    world.net.inject_in(id.to_bytes(), Namespace::USER_PROFILE, &newer, now);
    let told = |w: &World| w.clients[first].shown.sync.problem == Some(SyncProblem::NewerClient);
    assert!(world.run_until(10_000, told).is_some());
    assert_eq!((name(&world, first), name(&world, second)), ("Zero".into(), "Zero".into()));
    rename(&mut world, second, "Still here");
    assert!(world.run_until(8_000, |w| name(w, first) == "Still here").is_some());
    settle(&mut world, &[first, second]);
    let held = world.net.held_in(&id.to_bytes(), Namespace::USER_PROFILE);
    assert_eq!(held.len(), 6, "what cannot be read is not deleted");
}

fn forget_configs(world: &mut World, id: &AccountId, members: &[usize]) {
    for n in members {
        let stored = world.net.nodes[*n].stored.get_mut(&id.to_bytes()).unwrap();
        stored.retain(|m| m.namespace == Namespace::MESSAGES);
    }
}

#[test]
fn expired_data_is_put_back_and_the_person_is_told() {
    let mut world = World::new(67);
    let (alice, _, alice_id, bob_id) = befriend(&mut world);
    settle(&mut world, &[alice]);
    let swarm = world.net.swarm_of(&alice_id.to_bytes());
    forget_configs(&mut world, &alice_id, &swarm);
    world.restart(alice);
    let told = |w: &World| w.clients[alice].shown.sync.problem == Some(SyncProblem::Renewed);
    assert!(world.run_until(15_000, told).is_some());
    assert_eq!(world.net.held_in(&alice_id.to_bytes(), Namespace::CONTACTS).len(), 1);
    world.restart(alice);
    world.run_for(100);
    assert_eq!(world.clients[alice].shown.sync.problem, Some(SyncProblem::Renewed), "until it is acknowledged");
    world.command(alice, Command::DismissSync);
    world.run_for(100);
    assert_eq!(world.clients[alice].shown.sync.problem, None);
    let second = second_device(&mut world, alice);
    assert_eq!(world.clients[second].shown.conversations[&bob_id].display_name, "Bob");
}

#[test]
fn data_that_some_members_lost_is_put_back_without_a_word() {
    let (mut world, first, second, id) = pair(68);
    let swarm = world.net.swarm_of(&id.to_bytes());
    forget_configs(&mut world, &id, &swarm[..2]);
    world.restart(first);
    let held = |w: &World, n: &usize| {
        w.net.nodes[*n].stored[&id.to_bytes()].iter().any(|m| m.namespace == Namespace::USER_PROFILE)
    };
    assert!(world.run_until(20_000, |w| swarm.iter().all(|n| held(w, n))).is_some());
    settle(&mut world, &[first, second]);
    assert_eq!(world.clients[first].shown.sync.problem, None);
    let before = stores(&world);
    world.restart(first);
    world.run_for(30_000);
    assert_eq!(stores(&world), before, "only once");
}

#[test]
fn unused_account_is_warned_and_renews_itself() {
    let mut world = World::new(69);
    let (alice, id) = world.add_account("Alice");
    settle(&mut world, &[alice]);
    let expires = world.clients[alice].shown.sync.expires_ms.unwrap();
    assert!(expires.abs_diff(world.now + 30 * DAY_MS) < 60_000);
    world.clients[alice].engine = None;
    world.run_for(16 * DAY_MS);
    world.clients[alice].offline = true;
    world.restart(alice);
    world.run_for(1_000);
    let sync = world.clients[alice].shown.sync;
    assert_eq!((sync.problem, sync.state), (Some(SyncProblem::NearExpiry), SyncState::Waiting));
    world.clients[alice].offline = false;
    world.input(alice, Input::Online(true));
    let well = |w: &World| w.clients[alice].shown.sync.problem.is_none();
    assert!(world.run_until(20_000, well).is_some());
    let limit = world.now + 29 * DAY_MS;
    for n in world.net.swarm_of(&id.to_bytes()) {
        let stored = &world.net.nodes[n].stored[&id.to_bytes()];
        assert!(stored.iter().filter(|m| m.namespace == Namespace::USER_PROFILE).all(|m| m.expiration > limit));
    }
}

/// What an account looked like before there were configs.
fn strip(world: &mut World, device: usize, id: &AccountId) {
    let swarm = world.net.swarm_of(&id.to_bytes());
    forget_configs(world, id, &swarm);
    let rows = world.clients[device].store.rows();
    let old = |row: &zwiebel_engine::batch::Row| {
        let config = row.table == Table::Meta && (row.key == b"sync" || row.key.starts_with(b"config/"));
        config || (row.table == Table::Cursor && !row.key.ends_with(&[0, 0]))
    };
    let delete = |row: zwiebel_engine::batch::Row| Op::Delete { table: row.table, key: row.key };
    let ops = rows.into_iter().filter(old).map(delete).collect();
    world.clients[device].store.apply(&Batch { id: BatchId(0), ops });
}

#[test]
fn account_from_before_writes_its_rows_once_the_network_was_asked() {
    let mut world = World::new(70);
    let (alice, bob, alice_id, bob_id) = befriend(&mut world);
    let last = world.clients[alice].shown.timeline.last().unwrap().id;
    world.command(alice, Command::MarkRead { with: bob_id, up_to: last });
    world.command(alice, Command::SetNickname { who: bob_id, nickname: "Bobby".into() });
    settle(&mut world, &[alice]);
    let own = account(&mut world, alice);
    world.clients[alice].engine = None;
    strip(&mut world, alice, &alice_id);
    // Another client of the account has a newer name in the network.
    let mut profile: Config<UserProfile> = Config::new();
    profile.set_name("Alice elsewhere");
    let now = world.now;
    let data = profile.push(&own).unwrap().unwrap().messages()[0].1.clone();
    world.net.inject_in(alice_id.to_bytes(), Namespace::USER_PROFILE, &data, now);

    world.restart(alice);
    settle(&mut world, &[alice]);
    assert_eq!(name(&world, alice), "Alice elsewhere", "nothing in the network is rolled back");
    let second = second_device(&mut world, alice);
    let view = &world.clients[second].shown.conversations[&bob_id];
    assert_eq!((view.nickname.as_str(), view.unread), ("Bobby", 0));
    assert_eq!(name(&world, second), "Alice elsewhere");
    send(&mut world, bob, alice_id, "new");
    let unread = |w: &World| w.clients[second].shown.conversations[&bob_id].unread == 1;
    assert!(world.run_until(8_000, unread).is_some());
}

/// An account whose contacts another device left in the network, in order of their numbers; restored on a device.
fn with_contacts(world: &mut World, count: u16) -> (usize, AccountId, Vec<AccountId>) {
    let own = Account::from_seed16([77; 16]);
    let person = |n: u16| {
        let mut seed = [3; 16];
        seed[..2].copy_from_slice(&n.to_be_bytes());
        Account::from_seed16(seed).id()
    };
    let ids: Vec<AccountId> = (0..count).map(person).collect();
    let mut contacts: Config<Contacts> = Config::new();
    for (n, id) in ids.iter().enumerate() {
        contacts.edit(id, |contact| {
            contact.name = Some(format!("Person {n}"));
            (contact.approved, contact.approved_me, contact.created_s) = (true, true, 1_700_000_000);
            contact.priority = Priority(i64::from(n == 7));
        });
    }
    let now = world.now;
    for (_, data) in contacts.push(&own).unwrap().unwrap().messages() {
        world.net.inject_in(own.id().to_bytes(), Namespace::CONTACTS, data, now);
    }
    let device = world.add_client();
    world.command(device, Command::RestoreAccount { phrase: own.phrase().to_string() });
    (device, own.id(), ids)
}

#[test]
fn thousand_contacts_come_back_in_one_event() {
    let mut world = World::new(71);
    let (device, ..) = with_contacts(&mut world, 1_000);
    let all = |w: &World| w.clients[device].shown.conversations.len() == 1_000;
    assert!(world.run_until(5_000, all).is_some());
    assert!(world.clients[device].shown.events < 40, "{} events", world.clients[device].shown.events);
    settle(&mut world, &[device]);
    assert_eq!(world.clients[device].shown.conversations.values().filter(|c| c.pinned).count(), 1);
}

#[test]
fn contacts_too_many_for_one_message_travel_in_parts() {
    let mut world = World::new(77);
    let (first, own, ids) = with_contacts(&mut world, 1_600);
    settle(&mut world, &[first]);
    let second = second_device(&mut world, first);
    settle(&mut world, &[first, second]);
    let before = world.net.held_in(&own.to_bytes(), Namespace::CONTACTS);
    assert!(before.len() > 1, "in parts");
    world.command(first, Command::SetNickname { who: ids[9], nickname: "Nine".into() });
    let there = |w: &World| w.clients[second].shown.conversations[&ids[9]].nickname == "Nine";
    assert!(world.run_until(20_000, there).is_some());
    settle(&mut world, &[first, second]);
    let after = world.net.held_in(&own.to_bytes(), Namespace::CONTACTS);
    assert!(after.len() > 1 && after.iter().all(|hash| !before.contains(hash)), "the old parts are gone");
}

#[test]
fn polling_does_not_read_everything_again_at_a_new_member() {
    let mut world = World::new(72);
    let (alice, bob, _, bob_id) = befriend(&mut world);
    world.clients[bob].engine = None;
    for n in 0..70 {
        send(&mut world, alice, bob_id, &format!("message {n}"));
        world.run_for(300);
    }
    world.run_for(10_000);
    world.restart(bob);
    world.run_for(20_000);
    let before = world.net.calls.len();
    world.run_for(5 * 60_000);
    let bob_key = bob_id.to_string();
    let messages = |(_, method, params): &&(usize, String, serde_json::Value)| {
        method == "retrieve" && params["namespace"] == 0 && params["pubkey"] == bob_key.as_str()
    };
    let asked: Vec<_> = world.net.calls[before..].iter().filter(messages).collect();
    let members: BTreeSet<usize> = asked.iter().map(|(n, ..)| *n).collect();
    assert!(members.len() > 2, "the pair was drawn again");
    assert!(asked.iter().all(|(_, _, params)| params["last_hash"] != ""), "never from the start");
}

#[test]
fn nothing_is_pushed_offline_or_while_restoring() {
    let (mut world, first, second, _) = pair(73);
    world.clients[first].offline = true;
    world.input(first, Input::Online(false));
    let before = stores(&world);
    for n in 0..20 {
        rename(&mut world, first, &format!("name {n}"));
        world.run_for(5_000);
    }
    assert_eq!(stores(&world), before);
    assert_eq!(world.clients[first].shown.sync.state, SyncState::Changed);
    rename(&mut world, second, "from the second");
    settle(&mut world, &[second]);
    world.clients[first].offline = false;
    world.input(first, Input::Online(true));
    settle(&mut world, &[first, second]);
    assert_eq!(name(&world, first), name(&world, second));
}

/// The sequence number of a stored message of the own profile.
fn seqno(own: &Account, data: &str) -> Option<i64> {
    let data = Base64::decode_vec(data).unwrap();
    let hash = message_hash(&own.id().to_bytes(), Namespace::USER_PROFILE, &data);
    let mut config: Config<UserProfile> = Config::new();
    let report = config.merge(own, &[(hash, data.as_slice())], 0);
    (report.accepted.len() == 1).then(|| config.seqno())
}

#[test]
fn no_number_is_used_for_two_versions() {
    let mut world = World::new(74);
    let (alice, id) = world.add_account("Alice");
    settle(&mut world, &[alice]);
    let own = account(&mut world, alice);
    for after in 1..30 {
        let life = world.clients[alice].shown.ready;
        world.clients[alice].crash_after = Some(after);
        rename(&mut world, alice, &format!("before {after}"));
        let crashed = |w: &World| w.clients[alice].engine.is_none();
        if world.run_until(3_000, crashed).is_some() {
            world.run_until(2_000, |w| w.clients[alice].engine.is_some() && w.clients[alice].shown.ready != life + 1);
        }
        world.clients[alice].crash_after = None;
        // Before the restarted device knows what became of its push, and while the next one is on its way.
        rename(&mut world, alice, &format!("between {after}"));
        world.run_for(300 + 8 * after);
        rename(&mut world, alice, &format!("after {after}"));
        settle(&mut world, &[alice]);
        assert_eq!(name(&world, alice), format!("after {after}"));
    }
    let mut versions: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for (_, method, params) in &world.net.calls {
        if method == "store" && params["namespace"] == 2 && params["pubkey"] == id.to_string() {
            let data = params["data"].as_str().unwrap().to_owned();
            versions.entry(seqno(&own, &data).unwrap()).or_default().insert(data);
        }
    }
    assert!(versions.len() > 30);
    assert!(versions.values().all(|texts| texts.len() == 1), "one version for each number");
}

#[test]
fn nothing_is_pushed_before_the_network_was_asked() {
    let mut world = World::new(75);
    let (alice, _) = world.add_account("Alice");
    settle(&mut world, &[alice]);
    world.clients[alice].offline = true;
    rename(&mut world, alice, "changed");
    world.run_for(5_000);
    world.clients[alice].offline = false;
    world.net.delay_ms = (900, 900);
    world.net.calls.clear();
    world.restart(alice);
    let called = |w: &World, what: &str| w.net.calls.iter().any(|(_, m, p)| m == what && p["namespace"] == 2);
    assert!(world.run_until(20_000, |w| called(w, "retrieve")).is_some());
    let waited = world.run_until(20_000, |w| called(w, "store"));
    assert!(waited.is_some_and(|ms| ms >= 900), "{waited:?}");
}

#[test]
fn nothing_is_pushed_before_its_dump_is_committed() {
    let mut world = World::new(76);
    let (alice, _) = world.add_account("Alice");
    settle(&mut world, &[alice]);
    rename(&mut world, alice, "changed");
    world.run_for(50);
    world.clients[alice].refuse_commits = Some(CommitFailure::Other);
    let before = stores(&world);
    for _ in 0..1_000 {
        world.run_for(1);
        world.input(alice, Input::Tick);
    }
    assert_eq!(stores(&world), before);
    world.clients[alice].refuse_commits = None;
    let pushed = |w: &World| stores(w) > before && w.clients[alice].shown.sync.state == SyncState::Synchronised;
    assert!(world.run_until(20_000, pushed).is_some());
}

/// With whom conversations have a read mark in the network.
fn marked(world: &World, own: &Account) -> Vec<AccountId> {
    let id = own.id().to_bytes();
    let stored = &world.net.nodes[world.net.swarm_of(&id)[0]].stored[&id];
    let messages = stored.iter().filter(|m| m.namespace == Namespace::CONVERSATIONS);
    let messages: Vec<_> = messages.map(|m| (m.hash, m.data.as_slice())).collect();
    let mut marks: Config<ConvoInfoVolatile> = Config::new();
    marks.merge(own, &messages, world.now);
    marks.one_to_one().map(|(with, _)| with).collect()
}

#[test]
fn marks_of_long_ago_leave_together_with_the_next_one() {
    let mut world = World::new(77);
    let (alice, _, alice_id, bob_id) = befriend(&mut world);
    let last = world.clients[alice].shown.timeline.last().unwrap().id;
    world.command(alice, Command::MarkRead { with: bob_id, up_to: last });
    settle(&mut world, &[alice]);
    let own = account(&mut world, alice);
    assert_eq!(marked(&world, &own), [bob_id]);
    world.clients[alice].engine = None;
    world.now += 46 * DAY_MS;
    world.restart(alice);
    settle(&mut world, &[alice]);
    assert_eq!(marked(&world, &own), [bob_id], "nothing is pushed for that alone");

    let (carol, carol_id) = world.add_account("Carol");
    world.run_for(3_000);
    send(&mut world, carol, alice_id, "it is me");
    let arrived = |w: &World| w.clients[alice].shown.conversations.contains_key(&carol_id);
    assert!(world.run_until(20_000, arrived).is_some());
    world.command(alice, Command::AcceptRequest { from: carol_id });
    let up_to = world.clients[alice].shown.conversations[&carol_id].first_unread.unwrap();
    world.command(alice, Command::MarkRead { with: carol_id, up_to });
    settle(&mut world, &[alice]);
    assert_eq!(marked(&world, &own), [carol_id]);
    assert_eq!(world.clients[alice].shown.conversations[&bob_id].unread, 0);
}
