//! What goes to whom, and how: contacts without ZR1 and those that are asked about, devices that nobody vouches for, nodes
//! that lie about what somebody publishes (forward-secrecy 2.3, 3.1, 3.5, 5.2, 5.5).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use zwiebel_engine::zr1::{Event, Protection, Published};
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::content::ManifestHint;
use zwiebel_proto::zr1::mailbox;
use zwiebel_testkit::zr1_sim::{Faults, Sim};
use zwiebel_testkit::{DAY_MS, HOUR_MS, MINUTE_MS};

const HINT: ManifestHint = ManifestHint { seq: 1, hash: [1; 16] };

/// Somebody who publishes nothing.
fn plain() -> AccountId {
    Account::from_seed16([9; 16]).id()
}

/// What nodes say of somebody who publishes nothing.
fn nothing() -> Published {
    Published { nodes: 3, ..Published::default() }
}

/// Device 0 has them as a contact and writes to them.
fn write_to_plain(sim: &mut Sim, id: u8) -> [u8; 16] {
    let id = [id; 16];
    sim.act(0, |manager, m| {
        manager.set_contact(plain(), true, false);
        manager.send(plain(), id, b"hello".to_vec(), m);
    });
    id
}

fn count(sim: &Sim, device: usize, of: impl Fn(&Event) -> bool) -> usize {
    sim.devices[device].events.iter().filter(|event| of(event)).count()
}

fn went_plain(sim: &Sim, id: &[u8; 16]) -> usize {
    count(sim, 0, |event| matches!(event, Event::Fallback { id: of, .. } if of == id))
}

fn synced(sim: &Sim, device: usize, id: &[u8; 16]) -> usize {
    count(sim, device, |event| matches!(event, Event::Synced { id: of, .. } if of == id))
}

#[test]
fn with_a_second_device_what_a_contact_cannot_read_still_goes_out() {
    let mut sim = Sim::new(1, [2, 1], Faults::default());
    let id = write_to_plain(&mut sim, 7);
    sim.pass(5, MINUTE_MS);
    assert_eq!((went_plain(&sim, &id), synced(&sim, 1, &id)), (1, 1), "once, and once on the other device");
    sim.pass(30, HOUR_MS);
    assert_eq!((went_plain(&sim, &id), synced(&sim, 1, &id)), (1, 1));
}

/// The contact named a list that no node shows: after two searches the person is asked.
fn until_asked(sim: &mut Sim) {
    for _ in 0..2 {
        sim.now_ms += 61 * MINUTE_MS;
        sim.act(0, |manager, m| manager.fetched(plain(), nothing(), m));
    }
    assert_eq!(sim.devices[0].manager.protection(&plain()), Protection::Asking);
}

#[test]
fn with_a_second_device_what_waits_for_a_decision_goes_out_with_it_and_nobody_is_asked_again() {
    let mut sim = Sim::new(2, [2, 1], Faults::default());
    sim.act(0, |manager, m| {
        manager.set_contact(plain(), true, false);
        manager.hinted(plain(), &HINT, true, m.now_ms);
    });
    let id = write_to_plain(&mut sim, 7);
    until_asked(&mut sim);
    sim.pass(5, MINUTE_MS);
    assert_eq!((went_plain(&sim, &id), synced(&sim, 1, &id)), (0, 1), "the other device has it already");
    sim.act(0, |manager, m| manager.decide(plain(), true, m.now_ms));
    assert_eq!(went_plain(&sim, &id), 1);

    // Nothing new was named: the next messages go out without a search, and without a question.
    for n in 0..3 {
        let tier = sim.act(0, |manager, m| manager.tier(plain(), m.now_ms));
        assert_eq!(tier, zwiebel_engine::zr1::Tier::V1, "{n}");
        sim.pass(3, HOUR_MS);
        assert_eq!(sim.devices[0].manager.protection(&plain()), Protection::Standard);
    }
}

/// A device of Alice's account by somebody who stole her words. It claims to be as old as the world.
fn thief(sim: &mut Sim) -> usize {
    let now_ms = std::mem::replace(&mut sim.now_ms, 1);
    let thief = sim.add_device(0, true);
    sim.now_ms = now_ms;
    thief
}

#[test]
fn a_thief_of_the_words_is_given_nothing_of_what_an_own_device_wrote_before() {
    let mut sim = Sim::new(3, [2, 1], Faults::default());
    let acked = sim.write_from(0);
    sim.pass(12, 2 * MINUTE_MS);
    assert!(sim.is_acked(&acked) && synced(&sim, 1, &acked) == 1);
    sim.devices[2].away = true;
    let waiting = sim.write_from(0);
    sim.pass(3, MINUTE_MS);
    let thief = thief(&mut sim);
    sim.pass(30, HOUR_MS);
    let devices = sim.devices[0].manager.devices(&sim.ids[0], sim.now_ms);
    assert!(devices.len() >= 3 && devices.iter().any(|device| device.unendorsed), "it is listed, and in doubt");
    let later = sim.write_from(0);
    sim.pass(5, MINUTE_MS);
    let has: Vec<usize> = [&acked, &waiting, &later].into_iter().map(|id| synced(&sim, thief, id)).collect();
    assert_eq!(has, [0, 0, 1], "only what was written when it could be seen");
}

#[test]
fn a_device_in_doubt_makes_no_trusted_one() {
    let mut sim = Sim::new(4, [1, 1], Faults::default());
    sim.write_from(0);
    sim.write_from(1);
    sim.pass(12, 2 * MINUTE_MS);
    let first = thief(&mut sim);
    sim.pass(12, 2 * MINUTE_MS);
    let of_first = sim.devices[first].manager.device_id().unwrap();
    // It lives for half a year already: it makes itself new keys, and vouches for them.
    for _ in 0..12 {
        sim.write_from(1);
        sim.pass(4, HOUR_MS);
    }
    assert_ne!(sim.devices[first].manager.device_id().unwrap(), of_first, "renewed");
    let unendorsed = |sim: &Sim, device: usize| {
        let all = sim.devices[device].manager.devices(&sim.ids[0], sim.now_ms);
        all.iter().filter(|device| device.unendorsed).count()
    };
    assert_eq!((unendorsed(&sim, 0), unendorsed(&sim, 1)), (1, 1), "the doubt goes along");
}

#[test]
fn one_node_alone_does_not_say_that_somebody_publishes_nothing() {
    let mut sim = Sim::new(5, [1, 1], Faults::default());
    let id = write_to_plain(&mut sim, 7);
    let alone = || Published { nodes: 1, unheard: 4, ..Published::default() };
    let asks = |sim: &Sim, in_ms: u64| {
        sim.devices[0].manager.wanted(sim.now_ms + in_ms).iter().any(|wanted| wanted.owner == plain())
    };
    for minute in 0..10 {
        sim.act(0, |manager, m| manager.fetched(plain(), alone(), m));
        assert_eq!(went_plain(&sim, &id), 0, "after {minute} minutes");
        assert!(!asks(&sim, 0) && asks(&sim, 3_000), "it is asked again, soon");
        sim.now_ms += MINUTE_MS;
    }
    sim.now_ms += 1;
    sim.act(0, |manager, m| manager.fetched(plain(), alone(), m));
    assert_eq!(went_plain(&sim, &id), 1, "what is left of a swarm is believed in the end");

    // Two are enough, and so is a swarm of one.
    for (nodes, unheard) in [(2, 3), (1, 0)] {
        let mut sim = Sim::new(5, [1, 1], Faults::default());
        let id = write_to_plain(&mut sim, nodes);
        sim.act(0, |manager, m| manager.fetched(plain(), Published { nodes, unheard, ..Published::default() }, m));
        assert_eq!(went_plain(&sim, &id), 1);
    }
}

/// Two who have written to each other; Bob is away from now on. With his list as it was before he wrote the next one.
fn with_an_old_list(seed: u64) -> (Sim, Vec<Vec<u8>>) {
    let mut sim = Sim::new(seed, [1, 1], Faults::default());
    let bob = sim.ids[1];
    sim.write_from(0);
    sim.write_from(1);
    sim.pass(12, 2 * MINUTE_MS);
    let old = sim.swarm.outbox(&bob, mailbox::MANIFEST, sim.now_ms);
    sim.pass(30, HOUR_MS);
    let new = sim.swarm.outbox(&bob, mailbox::MANIFEST, sim.now_ms);
    assert_ne!(old.last(), new.last(), "it is written daily");
    sim.devices[1].away = true;
    (sim, old)
}

#[test]
fn a_list_older_than_the_known_one_makes_that_no_younger() {
    let (mut sim, old) = with_an_old_list(6);
    let bob = sim.ids[1];
    let posted = |sim: &Sim| {
        sim.swarm.record.iter().filter(|one| one.to == bob && one.namespace == mailbox::FROM_OTHERS).count()
    };
    sim.act(0, |manager, m| {
        let _ = manager.tier(bob, m.now_ms);
    });
    sim.pass(2, HOUR_MS);
    let before = posted(&sim);
    sim.now_ms += 8 * DAY_MS; // too long for an existing session as well
    sim.act(0, |manager, m| {
        manager.fetched(bob, Published { nodes: 3, manifests: old, ..Published::default() }, m);
        manager.send(bob, [7; 16], b"hello".to_vec(), m);
    });
    assert_eq!(posted(&sim), before, "it waits for a list of these days");
    sim.pass(3, MINUTE_MS); // the nodes show the newest that there is
    assert!(posted(&sim) > before);
}

#[test]
fn no_session_is_begun_by_a_list_that_has_run_out() {
    let mut sim = Sim::new(7, [1, 1], Faults::default());
    let bob = sim.ids[1];
    let old = sim.swarm.outbox(&bob, mailbox::MANIFEST, sim.now_ms);
    sim.devices[0].away = true;
    sim.pass(31, DAY_MS);
    let bundles = sim.swarm.outbox(&bob, mailbox::bundle_namespace(0).unwrap(), sim.now_ms);
    let posted = |sim: &Sim| {
        sim.swarm.record.iter().filter(|one| one.to == bob && one.namespace == mailbox::FROM_OTHERS).count()
    };
    sim.restart(0);
    sim.devices[0].away = false;
    sim.devices[1].away = true;
    let answer = Published { nodes: 3, manifests: old, bundles, ..Published::default() };
    sim.act(0, |manager, m| {
        manager.tick(m);
        manager.fetched(bob, answer, m);
        manager.send(bob, [7; 16], b"hello".to_vec(), m);
    });
    sim.act(0, |manager, m| manager.witnesses_read(&[], m));
    assert_eq!((sim.devices[0].manager.protection(&bob), posted(&sim)), (Protection::Waiting, 0));
    sim.pass(5, MINUTE_MS);
    assert_eq!(posted(&sim), 1, "with the list of today");
}
