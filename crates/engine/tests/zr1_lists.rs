//! The own list of devices against nodes that show old ones, and against devices of the account that contradict each other
//! (forward-secrecy 2.4, 5.6).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_engine::view::DeviceStatus;
use zwiebel_engine::zr1::{Event, Notice, Published};
use zwiebel_proto::account::Account;
use zwiebel_proto::zr1::mailbox;
use zwiebel_proto::zr1::manifest::{Manifest, RevocationReason};
use zwiebel_testkit::zr1_sim::{Faults, Sim};
use zwiebel_testkit::{DAY_MS, HOUR_MS, MINUTE_MS};

fn published(sim: &Sim, account: usize) -> Manifest {
    let there = sim.swarm.outbox(&sim.ids[account], mailbox::MANIFEST, sim.now_ms);
    Manifest::verify(there.last().unwrap(), &sim.ids[account], sim.now_ms).unwrap()
}

fn id(sim: &Sim, device: usize) -> DeviceId {
    sim.devices[device].manager.device_id().unwrap()
}

/// Whether a device names another of its account as one that belongs to it.
fn names(sim: &Sim, device: usize, other: &DeviceId) -> bool {
    let own = sim.ids[sim.devices[device].account];
    sim.devices[device].manager.devices(&own, sim.now_ms).iter().any(|one| one.id == other.0)
}

/// Two months in which everybody who is there writes.
fn two_months(sim: &mut Sim, writer: usize) {
    for _ in 0..9 {
        sim.write_from(writer);
        sim.pass(14, DAY_MS / 2);
    }
}

#[test]
fn lists_from_before_a_forgotten_revocation_bring_no_device_back() {
    let mut sim = Sim::new(1, [3, 1], Faults::default());
    let (alice, lost) = (sim.ids[0], id(&sim, 2));
    let mut old = sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms);
    sim.pass(30, HOUR_MS);
    old.extend(sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms));
    old.dedup();
    assert!(old.len() > 1);
    sim.devices[2].away = true;
    sim.act(0, |manager, m| manager.revoke(lost, m));
    two_months(&mut sim, 3);
    for device in [0, 1] {
        let replayed = Published { manifests: old.clone(), nodes: 3, ..Published::default() };
        sim.act(device, |manager, m| manager.fetched(alice, replayed, m));
        assert!(!names(&sim, device, &lost));
    }
    sim.pass(3, HOUR_MS);
    assert!(published(&sim, 0).device(&lost).is_none());
}

#[test]
fn a_device_that_was_away_for_two_months_brings_none_back() {
    let mut sim = Sim::new(2, [3, 1], Faults::default());
    let (alice, lost, away) = (sim.ids[0], id(&sim, 2), id(&sim, 1));
    sim.devices[1].away = true;
    sim.devices[2].away = true;
    sim.act(0, |manager, m| manager.revoke(lost, m));
    two_months(&mut sim, 3);
    // Two months are enough to forget the revocation.
    let list = published(&sim, 0);
    let mut draft = list.list.clone();
    draft.revoked.clear();
    let signer = Account::from_seed16(sim.seeds[0]);
    let manifests = vec![draft.sign(signer.ed25519(), list.seq + 1, list.hash(), sim.now_ms).unwrap()];
    sim.act(0, |manager, m| manager.fetched(alice, Published { manifests, nodes: 3, ..Published::default() }, m));
    sim.pass(30, HOUR_MS);
    assert!(published(&sim, 0).list.revocation(&lost).is_none());
    sim.devices[1].away = false;
    sim.restart(1);
    sim.pass(6, 10 * MINUTE_MS);
    let list = published(&sim, 0);
    assert!(list.device(&lost).is_none());
    assert!(list.device(&away).is_some(), "it is listed itself");
}

#[test]
fn a_revocation_that_only_an_older_list_has_counts() {
    let mut sim = Sim::new(3, [3, 1], Faults::default());
    let (alice, lost) = (sim.ids[0], id(&sim, 2));
    sim.devices[2].away = true;
    // The first device revokes it; what it wrote is overwritten by a sibling that goes on from the list before.
    let before = sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms);
    sim.devices[1].away = true;
    sim.act(0, |manager, m| manager.revoke(lost, m));
    let with = sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms).pop().unwrap();
    sim.devices[0].away = true;
    sim.devices[1].away = false;
    sim.swarm.delete(&alice, mailbox::MANIFEST, &with);
    for days in 1..5 {
        let last = sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms).pop();
        let manifests = last.into_iter().chain(before.clone()).collect();
        sim.now_ms += days * DAY_MS / 2;
        sim.act(1, |manager, m| manager.fetched(alice, Published { manifests, nodes: 2, ..Published::default() }, m));
        sim.act(1, |manager, m| manager.tick(m));
    }
    assert!(names(&sim, 1, &lost));
    let late = Published { manifests: vec![with], nodes: 2, ..Published::default() };
    sim.act(1, |manager, m| manager.fetched(alice, late, m));
    assert!(!names(&sim, 1, &lost));
    assert_eq!(published(&sim, 0).list.revocation(&lost).unwrap().reason, RevocationReason::User);
}

#[test]
fn devices_that_revoke_each_other_are_both_out_and_say_so() {
    let mut sim = Sim::new(4, [2, 1], Faults::default());
    for device in [0, 1, 2] {
        sim.write_from(device);
        sim.pass(12, 2 * MINUTE_MS);
    }
    let before = [0, 1].map(|device| id(&sim, device));
    sim.act(0, |manager, m| manager.revoke(before[1], m));
    sim.act(1, |manager, m| manager.revoke(before[0], m));
    sim.pass(40, 2 * MINUTE_MS);
    for device in [0, 1] {
        assert!(sim.devices[device].events.contains(&Event::Revoked), "device {device}");
    }
    // In the simulation the person takes both up again, as new ones.
    let list = published(&sim, 0);
    for device in [0, 1] {
        assert_eq!(sim.devices[device].manager.status(), DeviceStatus::Listed);
        assert!(list.is_revoked(&before[device]) && list.device(&id(&sim, device)).is_some());
    }
    let message = sim.write_from(0);
    sim.pass(60, HOUR_MS);
    assert!(sim.has(2, &message));
    let answer = sim.write_from(2);
    sim.pass(20, HOUR_MS);
    assert!(sim.has(0, &answer) && sim.has(1, &answer));
}

/// Bob, and a device of Alice whose list only it has seen: what it wrote, and Alice's list without it.
fn unlisted(seed: u64) -> (Sim, [u8; 16], Vec<Vec<u8>>) {
    let mut sim = Sim::new(seed, [1, 1], Faults::default());
    for device in [0, 1] {
        sim.write_from(device);
        sim.pass(12, 2 * MINUTE_MS);
    }
    sim.devices[0].away = true; // it would write a list of the same number within a day
    let (alice, bob) = (sim.ids[0], sim.ids[1]);
    let old = sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms);
    let new = sim.add_device(0, true);
    sim.devices[new].away = true;
    let shown = Published { manifests: old.clone(), nodes: 3, ..Published::default() };
    sim.act(new, |manager, m| manager.fetched(alice, shown, m));
    assert_eq!(sim.devices[new].manager.status(), DeviceStatus::Listed);
    for blob in sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms) {
        if !old.contains(&blob) {
            sim.swarm.delete(&alice, mailbox::MANIFEST, &blob);
        }
    }
    let of_bob = |namespace: i16| sim.swarm.outbox(&bob, namespace, sim.now_ms);
    let bundles = mailbox::bundle_namespace(0).map(of_bob).unwrap();
    let shown = Published { manifests: of_bob(mailbox::MANIFEST), bundles, nodes: 3, ..Published::default() };
    sim.act(new, |manager, m| manager.fetched(bob, shown, m));
    let id = sim.write_from(new);
    (sim, id, old)
}

fn shown(sim: &Sim, id: &[u8; 16]) -> Option<bool> {
    sim.devices[1].events.iter().find_map(|event| match event {
        Event::Message { id: of, unconfirmed, .. } if of == id => Some(*unconfirmed),
        _ => None,
    })
}

#[test]
fn a_list_that_nobody_shows_for_a_day_names_no_device() {
    let (mut sim, id, _) = unlisted(5);
    let alice = sim.ids[0];
    sim.pass(23, HOUR_MS);
    let dropped =
        |sim: &Sim| sim.devices[1].events.contains(&Event::Notice { about: alice, notice: Notice::UnlistedDevice });
    assert!(shown(&sim, &id).is_none() && !dropped(&sim), "its list may be on its way");
    sim.pass(40, 4 * MINUTE_MS);
    assert!(shown(&sim, &id).is_none() && dropped(&sim), "three nodes have had a day to show it");
}

#[test]
fn without_any_answer_for_a_day_a_message_is_shown_with_a_mark() {
    let (mut sim, id, _) = unlisted(6);
    sim.pass(1, MINUTE_MS);
    sim.devices[1].away = true; // from the network
    sim.now_ms += 25 * HOUR_MS;
    sim.act(1, |manager, m| manager.tick(m));
    assert_eq!(shown(&sim, &id), Some(true));
}

#[test]
fn a_device_whose_list_comes_in_time_is_heard() {
    let (mut sim, id, _) = unlisted(7);
    sim.pass(10, HOUR_MS);
    assert!(shown(&sim, &id).is_none());
    sim.devices[2].away = false; // it finds that its list is gone, and stores it again
    sim.pass(4, HOUR_MS);
    assert_eq!(shown(&sim, &id), Some(false));
}

#[test]
fn without_the_witnesses_only_time_in_which_others_answer_counts() {
    let mut sim = Sim::new(8, [1, 1], Faults::default());
    for device in [0, 1] {
        sim.write_from(device);
        sim.pass(12, 2 * MINUTE_MS);
    }
    let bob = sim.ids[1];
    sim.restart(0);
    sim.devices[0].away = true; // nothing but what the test lets through
    sim.write_from(0);
    let sent =
        |sim: &Sim| sim.swarm.record.iter().filter(|r| r.to == bob && r.namespace == mailbox::FROM_OTHERS).count();
    let before = sent(&sim);
    sim.now_ms += 3 * HOUR_MS;
    sim.act(0, |manager, m| manager.tick(m));
    assert_eq!(sent(&sim), before, "there is no network");
    let mut minutes = 0;
    while sent(&sim) == before && minutes < 200 {
        sim.now_ms += MINUTE_MS;
        minutes += 1;
        sim.act(0, |manager, m| manager.tick(m));
        if sim.devices[0].manager.wanted(sim.now_ms).iter().any(|wanted| wanted.owner == bob) {
            let manifests = sim.swarm.outbox(&bob, mailbox::MANIFEST, sim.now_ms);
            let answer = Published { manifests, nodes: 2, ..Published::default() };
            sim.act(0, |manager, m| manager.fetched(bob, answer, m));
        }
    }
    assert!((60..70).contains(&minutes), "{minutes}");
}
