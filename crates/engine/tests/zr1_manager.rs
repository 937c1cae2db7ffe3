//! The session manager with others of its kind, scene by scene: siblings that pass messages on, a device that makes up for
//! what it lost by going back in time, acknowledgements of what nobody sees, witnesses, other apps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use zwiebel_engine::view::DeviceStatus;
use zwiebel_engine::zr1::{Event, Notice, Protection, Published};
use zwiebel_proto::account::Account;
use zwiebel_proto::zr1::content::ManifestHint;
use zwiebel_proto::zr1::mailbox::{self, Mailbox};
use zwiebel_proto::zr1::manifest::{Draft, Manifest, RevocationReason};
use zwiebel_testkit::zr1_sim::{Faults, Sim};
use zwiebel_testkit::{DAY_MS, HOUR_MS, MINUTE_MS};

/// Devices 0 of Alice, 1 (and further ones) of Bob, who have written to each other.
fn acquainted(seed: u64, devices: [usize; 2]) -> Sim {
    let mut sim = Sim::new(seed, devices, Faults::default());
    for device in [0, devices[0], 0] {
        let id = sim.write_from(device);
        sim.pass(12, 2 * MINUTE_MS);
        assert!(sim.is_acked(&id));
    }
    sim
}

fn times_shown(sim: &Sim, device: usize, id: &[u8; 16]) -> usize {
    sim.devices[device].disk.history.iter().filter(|(_, shown)| shown == id).count()
}

#[test]
fn siblings_pass_on_what_a_sender_with_an_old_list_left_out() {
    let mut sim = acquainted(1, [1, 2]);
    sim.devices[0].away = true;
    // As the engine names what is written now; it leaves later.
    let mut before = [9; 16];
    before[..8].copy_from_slice(&sim.now_ms.to_be_bytes());
    let third = sim.add_device(1, true);
    sim.pass(20, 2 * MINUTE_MS);
    let id = sim.write_from(0);
    let bob = sim.ids[1];
    sim.act(0, |manager, m| manager.send(bob, before, vec![7; 40], m));
    sim.pass(5, MINUTE_MS);
    for id in [&before, &id] {
        assert!(sim.has(1, id) && sim.has(2, id), "the devices that Alice knows");
    }
    assert!(sim.has(third, &id), "the one she does not know yet is given what she wrote after it came");
    assert!(!sim.has(third, &before), "nobody has vouched for it, so it is given nothing older");
    let unknown = sim.devices[third].manager.device_id().unwrap();
    sim.act(1, |manager, m| manager.endorse(unknown, m));
    sim.pass(5, MINUTE_MS);
    assert!(sim.has(third, &before), "now it has that as well");
    let relayed = sim.devices[third].events.iter().any(
        |event| matches!(event, Event::Message { from, id: of, relayed: true, .. } if *of == id && *from == sim.ids[0]),
    );
    assert!(relayed);
    // Alice hears of the new list, and writes to the third device herself: nothing is shown twice.
    sim.devices[0].away = false;
    sim.pass(40, HOUR_MS);
    let next = sim.write_from(0);
    sim.pass(10, 5 * MINUTE_MS);
    let direct = |event: &Event| matches!(event, Event::Message { id, relayed: false, .. } if *id == next);
    assert!(sim.devices[third].events.iter().any(direct));
    for device in 1..=third {
        assert_eq!((times_shown(&sim, device, &id), times_shown(&sim, device, &next)), (1, 1), "device {device}");
    }
}

/// The newest list of an account with what `change` makes of it, as nodes show it.
fn next_list(sim: &Sim, account: usize, change: impl FnOnce(&mut Draft)) -> Published {
    let own = sim.ids[account];
    let there = sim.swarm.outbox(&own, mailbox::MANIFEST, sim.now_ms);
    let list = Manifest::verify(there.last().unwrap(), &own, sim.now_ms).unwrap();
    let mut draft = Draft { ..list.list.clone() };
    change(&mut draft);
    let signer = Account::from_seed16(sim.seeds[account]);
    let blob = draft.sign(signer.ed25519(), list.seq + 1, list.hash(), sim.now_ms).unwrap();
    Published { manifests: vec![blob], nodes: 3, ..Published::default() }
}

/// The list of an account as one side of a race writes it: without this device, which nobody has revoked.
fn list_without(sim: &Sim, account: usize, device: usize) -> Published {
    let gone = sim.devices[device].manager.device_id().unwrap();
    next_list(sim, account, |draft| {
        let before = draft.devices.len();
        draft.devices.retain(|entry| entry.public.id() != gone);
        assert_eq!(draft.devices.len() + 1, before);
    })
}

#[test]
fn what_a_contact_says_of_our_list_makes_us_read_it() {
    let mut sim = acquainted(11, [1, 1]);
    let bob = sim.ids[1];
    let reads = |sim: &Sim| sim.devices[1].manager.wanted(sim.now_ms).iter().any(|it| it.owner == bob);
    // Somebody who has Bob's words writes his list. Alice sees it before Bob's hourly look.
    let theirs = next_list(&sim, 1, |_| {});
    sim.act(0, |manager, m| manager.fetched(bob, theirs, m));
    assert!(!reads(&sim));
    let _ = sim.write_from(0);
    let mail = sim.swarm.mailbox(&bob, mailbox::FROM_OTHERS, sim.now_ms, &BTreeSet::new());
    sim.act(1, |manager, m| manager.receive(Mailbox::Others, &mail.last().unwrap().data, m));
    assert!(reads(&sim));
}

#[test]
fn a_device_that_one_list_leaves_out_is_spoken_to_again_when_the_next_one_names_it() {
    let mut sim = acquainted(8, [1, 2]);
    for device in [1, 2] {
        sim.write_from(device);
        sim.pass(12, 2 * MINUTE_MS);
    }
    let (bob, begun) = (sim.ids[1], |sim: &Sim| sim.devices.iter().map(|d| d.manager.begun().0).sum::<u64>());
    let before = begun(&sim);
    // Alice and Bob's first device see the one side of the race. Alice writes meanwhile, and so does the one left out.
    sim.devices[2].away = true;
    for device in [0, 1] {
        let partial = list_without(&sim, 1, 2);
        sim.act(device, |manager, m| manager.fetched(bob, partial, m));
        assert_eq!(sim.devices[device].manager.devices(&bob, sim.now_ms).len(), if device == 0 { 1 } else { 2 });
    }
    let meanwhile = sim.write_from(0);
    sim.devices[2].away = false;
    let from_it = sim.write_from(2);
    sim.pass(30, 2 * MINUTE_MS);
    assert_eq!(sim.devices[0].manager.devices(&bob, sim.now_ms).len(), 2, "the lists are joined");
    let (of_first, of_it) = (sim.write_from(1), sim.write_from(0));
    sim.pass(12, 2 * MINUTE_MS);
    assert!(sim.has(0, &from_it) && sim.is_acked(&from_it));
    assert!(sim.has(2, &meanwhile) && sim.has(2, &of_it), "what Alice wrote");
    let synced = |event: &Event| matches!(event, Event::Synced { id, .. } if *id == of_first);
    assert!(sim.devices[2].events.iter().any(synced), "what Bob wrote on the other device");
    assert_eq!(begun(&sim), before, "in the sessions they had");
}

#[test]
fn the_keys_of_a_new_list_are_looked_for_again_within_seconds() {
    let mut sim = Sim::new(9, [1, 1], Faults::default());
    sim.devices[0].away = true;
    sim.add_device(1, true);
    sim.pass(20, 500);
    let bob = sim.ids[1];
    // The list was faster than the prekeys behind it.
    let manifests = sim.swarm.outbox(&bob, mailbox::MANIFEST, sim.now_ms);
    let of_list = Manifest::verify(manifests.last().unwrap(), &bob, sim.now_ms).unwrap();
    assert!(sim.now_ms - of_list.issued_at_ms < MINUTE_MS);
    sim.act(0, |manager, m| manager.fetched(bob, Published { manifests, nodes: 3, ..Published::default() }, m));
    let _ = sim.write_from(0);
    let asks =
        |sim: &Sim, in_ms: u64| sim.devices[0].manager.wanted(sim.now_ms + in_ms).iter().any(|it| it.owner == bob);
    assert_eq!((asks(&sim, 0), asks(&sim, 2_000)), (false, true));
}

#[test]
fn a_list_that_was_named_is_looked_for_at_once_and_then_ever_less_often() {
    let mut sim = Sim::new(10, [1, 1], Faults::default());
    let stranger = Account::from_seed16([9; 16]).id();
    let hint = ManifestHint { seq: 1, hash: [1; 16] };
    sim.act(0, |manager, m| manager.hinted(stranger, &hint, true, m.now_ms));
    let begun = sim.now_ms;
    let asks = |sim: &Sim, at: u64| sim.devices[0].manager.wanted(at).iter().any(|it| it.owner == stranger);
    let mut times = Vec::new();
    while sim.devices[0].manager.protection(&stranger) == Protection::Waiting {
        assert!(asks(&sim, sim.now_ms));
        times.push((sim.now_ms - begun) / 1_000);
        let none = Published { nodes: 3, ..Published::default() };
        sim.act(0, |manager, m| manager.fetched(stranger, none, m));
        let next = (1..=HOUR_MS).step_by(1_000).map(|ms| sim.now_ms + ms - 1).find(|at| asks(&sim, *at));
        sim.now_ms = next.unwrap_or(sim.now_ms);
    }
    assert_eq!(times, [0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096], "seconds");
    assert_eq!(sim.devices[0].manager.protection(&stranger), Protection::Asking, "the person decides");
}

#[test]
fn what_went_with_a_rollback_is_asked_for_again() {
    let mut sim = acquainted(2, [1, 1]);
    let (at, old) = (sim.now_ms, sim.devices[1].disk.clone());
    let long_ago = sim.write_from(0);
    sim.pass(15, 2 * HOUR_MS);
    let (later, disk) = (sim.now_ms, sim.devices[1].disk.clone());
    assert!(at < later && !old.history.iter().any(|(_, id)| *id == long_ago));
    sim.now_ms += 11 * MINUTE_MS;
    sim.restart(1); // its witness moves on
    sim.pass(3, MINUTE_MS);
    let lost: Vec<[u8; 16]> = (0..3)
        .map(|_| {
            let id = sim.write_from(0);
            sim.pass(10, 2 * MINUTE_MS);
            id
        })
        .collect();
    assert!(lost.iter().all(|id| sim.has(1, id) && sim.is_acked(id)));
    let before = sim.devices[1].manager.device_id();

    sim.put_back(1, disk, later);
    assert!(lost.iter().all(|id| !sim.has(1, id)));
    sim.pass(30, 2 * MINUTE_MS);
    assert_ne!(sim.devices[1].manager.device_id(), before, "it has become another device");
    assert!(lost.iter().all(|id| times_shown(&sim, 1, id) == 1), "what it had acknowledged came again");
}

#[test]
fn what_was_acknowledged_more_than_a_day_ago_is_not_sent_again() {
    let mut sim = acquainted(3, [1, 1]);
    let (at, disk) = (sim.now_ms, sim.devices[1].disk.clone());
    let long_ago = sim.write_from(0);
    sim.pass(15, 2 * HOUR_MS);
    sim.now_ms += 11 * MINUTE_MS;
    sim.restart(1);
    sim.pass(3, MINUTE_MS);
    let lately = sim.write_from(0);
    sim.pass(10, 2 * MINUTE_MS);
    sim.put_back(1, disk, at);
    sim.pass(60, 20 * MINUTE_MS);
    assert!(sim.has(1, &lately) && !sim.has(1, &long_ago));
}

#[test]
fn the_words_alone_buy_nothing_that_was_acknowledged() {
    let mut sim = acquainted(4, [1, 1]);
    let delivered = sim.write_from(0);
    sim.pass(10, 2 * MINUTE_MS);
    assert!(sim.is_acked(&delivered));
    sim.devices[1].away = true;
    let waiting = sim.write_from(0);
    sim.pass(5, MINUTE_MS);
    sim.devices[1].away = false;
    sim.restore(1);
    sim.pass(60, HOUR_MS);
    assert!(sim.has(1, &waiting) && !sim.has(1, &delivered));
}

#[test]
fn what_nobody_sees_is_acknowledged_twice_a_day_at_most() {
    let mut sim = acquainted(5, [1, 1]);
    let alice = sim.ids[0];
    let unseen = |sim: &mut Sim| {
        let id = sim.write_from(0);
        sim.pass(1, MINUTE_MS);
        assert!(sim.has(1, &id) && !sim.is_acked(&id));
        sim.act(1, |manager, m| manager.left_nothing(&alice, &id, m));
        id
    };
    let first = unseen(&mut sim);
    sim.pass(20, MINUTE_MS);
    assert!(sim.is_acked(&first));
    let second = unseen(&mut sim);
    sim.pass(10, HOUR_MS);
    assert!(!sim.is_acked(&second), "not within 12 hours of the first");
    let seen = sim.write_from(0);
    // To the other side, at most a quarter of an hour there, and back.
    sim.pass(12, 2 * MINUTE_MS);
    assert!(sim.is_acked(&seen) && !sim.is_acked(&second), "what is seen is acknowledged as always");
    sim.pass(12, HOUR_MS / 2);
    assert!(sim.is_acked(&second));
}

#[test]
fn old_witnesses_do_not_pile_up() {
    let mut sim = acquainted(6, [1, 1]);
    let own = sim.ids[1];
    for _ in 0..6 {
        sim.now_ms += 11 * MINUTE_MS;
        sim.restart(1);
        sim.pass(3, MINUTE_MS);
    }
    let held = sim.swarm.mailbox(&own, mailbox::WITNESSES, sim.now_ms, &BTreeSet::new());
    assert_eq!(held.len(), 1, "only the newest");
    let before = sim.devices[1].manager.device_id();
    sim.now_ms += 11 * MINUTE_MS;
    sim.restart(1);
    sim.pass(3, MINUTE_MS);
    assert_eq!(sim.devices[1].manager.device_id(), before);
}

#[test]
fn an_app_without_forward_secrecy_on_the_account_is_noticed() {
    let mut sim = acquainted(7, [1, 1]);
    let hint = sim.devices[0].manager.own_hint().unwrap();
    let now = sim.now_ms + 2 * HOUR_MS;
    let noticed = |sim: &Sim| sim.devices[0].events.contains(&Event::OtherApp);
    sim.act(0, |manager, _| {
        manager.own_v1_came(Some(&hint), now, now);
        manager.own_v1_came(None, now - 48 * HOUR_MS, now);
    });
    assert!(!noticed(&sim), "our own devices' copies, and old ones");
    sim.act(0, |manager, _| manager.own_v1_came(None, now, now));
    assert!(noticed(&sim));
    sim.restart(0);
    assert!(sim.devices[0].manager.other_app().is_some(), "until the person has seen it");
    sim.act(0, |manager, _| manager.dismiss_other_app());
    sim.restart(0);
    assert_eq!(sim.devices[0].manager.other_app(), None);
}

fn told(sim: &Sim, device: usize, notice: Notice) -> bool {
    let manager = &sim.devices[device].manager;
    manager.notices(&manager.own_id()).iter().any(|(_, one)| *one == notice)
}

#[test]
fn a_device_that_nobody_has_seen_for_two_months_is_given_up() {
    let mut sim = acquainted(8, [2, 1]);
    let gone = sim.devices[1].manager.device_id().unwrap();
    let listed = |sim: &Sim| {
        let now = sim.now_ms;
        sim.devices[0].manager.devices(&sim.ids[0], now).iter().any(|device| device.id == gone.0)
    };
    sim.devices[1].away = true;
    let weeks = |sim: &mut Sim, weeks: u32| {
        for _ in 0..weeks {
            sim.write_from(2);
            sim.pass(14, DAY_MS / 2);
        }
    };
    weeks(&mut sim, 12); // its keys are good for 30 days, and missing for 54
    assert!(listed(&sim) && !told(&sim, 0, Notice::DeviceStale));
    weeks(&mut sim, 2);
    assert!(!listed(&sim), "60 days without keys");
    assert!(told(&sim, 0, Notice::DeviceStale), "with a notice");
    let list = sim.swarm.outbox(&sim.ids[0], mailbox::MANIFEST, sim.now_ms).pop().unwrap();
    let list = Manifest::verify(&list, &sim.ids[0], sim.now_ms).unwrap();
    assert_eq!(list.list.revocation(&gone).unwrap().reason, RevocationReason::Stale);
    assert!(sim.devices[1].disk.rows.keys().any(|key| key[0] == b's'), "absence has wiped nothing (P20)");
    sim.devices[1].away = false;
    sim.restart(1);
    sim.pass(3, MINUTE_MS);
    assert!(sim.devices[1].events.contains(&Event::Revoked), "the signed revocation does");
}

#[test]
fn only_time_that_was_watched_counts_against_an_absent_device() {
    let mut sim = acquainted(9, [2, 1]);
    let [first, second] = [0, 1].map(|device| sim.devices[device].manager.device_id().unwrap());
    for device in [0, 1] {
        sim.devices[device].away = true;
    }
    sim.pass(20, 10 * DAY_MS);
    sim.devices[0].away = false;
    for _ in 0..4 {
        sim.write_from(2);
        sim.pass(14, DAY_MS / 2);
    }
    let revoked = |sim: &Sim| sim.devices[1].events.contains(&Event::Revoked);
    sim.devices[1].away = false;
    sim.pass(6, HOUR_MS);
    assert!(!revoked(&sim) && sim.devices[1].manager.status() != DeviceStatus::Revoked);
    let now: Vec<_> = [0, 1].map(|device| sim.devices[device].manager.device_id().unwrap()).to_vec();
    assert!(now[0] == first || now[1] == second || !told(&sim, 0, Notice::DeviceStale));
}

/// Takes the last blob out of Bob's mailbox and gives him one that does not open in its place.
fn damage_last(sim: &mut Sim) {
    let bob = sim.ids[1];
    let for_bob = sim.swarm.record.iter().rev().find(|r| r.to == bob && r.namespace == mailbox::FROM_OTHERS);
    let blob = for_bob.unwrap().data.clone();
    sim.swarm.delete(&bob, mailbox::FROM_OTHERS, &blob);
    let damaged = sim.with_damaged_capsule(1, &blob);
    sim.act(1, |manager, m| manager.receive(Mailbox::Others, &damaged, m));
}

#[test]
fn a_placeholder_for_what_carried_nothing_to_see_goes_and_every_other_is_replaced() {
    let mut sim = acquainted(10, [1, 1]);
    let alice = sim.ids[0];
    let open = |sim: &Sim| sim.devices[1].manager.unreadable(&alice, sim.now_ms).len();
    sim.write_from(1);
    sim.devices[1].away = true;
    sim.pass(12, 2 * MINUTE_MS);
    damage_last(&mut sim); // an acknowledgement
    assert_eq!(open(&sim), 1, "nobody can know yet what it was");
    let id = sim.write_from(0);
    damage_last(&mut sim); // a message
    assert_eq!(open(&sim), 2);
    sim.devices[1].away = false;
    sim.pass(20, 2 * MINUTE_MS);
    assert!(sim.has(1, &id));
    assert_eq!(open(&sim), 0);
    let ends: Vec<_> = sim.devices[1].events.iter().filter(|event| matches!(event, Event::Replaced { .. })).collect();
    let by = |event: &&Event, with: Option<[u8; 16]>| matches!(event, Event::Replaced { by, .. } if *by == with);
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().any(|event| by(event, Some(id))), "the message takes its place");
    assert!(ends.iter().any(|event| by(event, None)), "the other one held nothing");
}

#[test]
fn a_placeholder_that_nobody_answers_says_so_and_stays() {
    let mut sim = acquainted(11, [1, 1]);
    let alice = sim.ids[0];
    sim.write_from(0);
    damage_last(&mut sim);
    sim.devices[0].away = true;
    sim.now_ms += 15 * DAY_MS;
    sim.pass(2, HOUR_MS);
    assert!(matches!(sim.devices[1].manager.unreadable(&alice, sim.now_ms)[..], [(_, true)]));
    sim.now_ms += 60 * DAY_MS;
    sim.pass(2, HOUR_MS);
    assert_eq!(sim.devices[1].manager.unreadable(&alice, sim.now_ms).len(), 1, "nothing disappears");
}

#[test]
fn a_copied_device_is_told_to_its_siblings_who_only_show_it() {
    let mut sim = acquainted(12, [2, 1]);
    let (alice, device) = (sim.ids[0], sim.devices[0].manager.device_id().unwrap());
    sim.now_ms += 11 * MINUTE_MS;
    sim.restart(0);
    sim.pass(1, MINUTE_MS);
    sim.write_from(0); // in the middle of a chain
    sim.pass(1, MINUTE_MS);
    let (at, copy) = (sim.now_ms, sim.devices[0].disk.clone());
    for n in 0..4 {
        sim.write_from(0);
        sim.pass(1, MINUTE_MS);
        if n < 3 {
            for blob in sim.swarm.mailbox(&alice, mailbox::FROM_OTHERS, sim.now_ms, &BTreeSet::new()) {
                sim.swarm.delete(&alice, mailbox::FROM_OTHERS, &blob.data); // it never hears that it is not understood
            }
            sim.put_back(0, copy.clone(), at); // younger than its last witness: it does not notice
        }
    }
    sim.devices[0].away = true;
    sim.pass(10, MINUTE_MS);
    let noticed = sim.devices[2].manager.notices(&alice).iter().any(|(_, one)| *one == Notice::MayBeCopied);
    assert!(noticed, "the contact sees contradicting messages");
    assert!(told(&sim, 1, Notice::SaidCopied { device: device.0 }), "and says so to the other device");
    let now = sim.now_ms;
    assert!(sim.devices[1].manager.devices(&alice, now).iter().any(|one| one.id == device.0), "which does nothing");
    assert!(!told(&sim, 0, Notice::SaidCopied { device: device.0 }));
}

#[test]
fn a_newer_list_that_no_node_shows_for_a_day_is_a_warning() {
    let mut sim = acquainted(13, [1, 1]);
    let alice = sim.ids[0];
    let old = sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms);
    sim.devices[1].away = true; // only what the test shows him
    sim.add_device(0, true);
    sim.pass(4, HOUR_MS);
    sim.write_from(0);
    let withheld = |sim: &Sim| sim.devices[1].manager.notices(&alice).iter().any(|(_, one)| *one == Notice::Withheld);
    let mail = sim.swarm.mailbox(&sim.ids[1], mailbox::FROM_OTHERS, sim.now_ms, &BTreeSet::new());
    for hours in [0, 2, 24] {
        sim.now_ms += hours * HOUR_MS;
        for blob in &mail {
            sim.act(1, |manager, m| manager.receive(Mailbox::Others, &blob.data, m));
        }
        assert!(!withheld(&sim), "{hours} h");
        for nodes in [2, 3] {
            let wanted = sim.act(1, |manager, m| manager.wanted(m.now_ms + DAY_MS));
            assert!(wanted.iter().any(|wanted| wanted.owner == alice));
            let answer = Published { nodes, manifests: old.clone(), ..Default::default() };
            sim.act(1, |manager, m| manager.fetched(alice, answer, m));
        }
    }
    assert!(withheld(&sim));
}
