//! What a thief of a device gets (forward-secrecy 9.1, P5 and P6, and the residues of G2 in section 1): every stored row
//! of a device and the words of its account, against everything that was ever stored in the swarm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use zeroize::Zeroizing;
use zwiebel_engine::zr1::{Event, Manager, Moment};
use zwiebel_proto::zr1::mailbox::{self, Mailbox};
use zwiebel_testkit::rng::seeded;
use zwiebel_testkit::zr1_sim::{Faults, Sim};
use zwiebel_testkit::{DAY_MS, HOUR_MS, MINUTE_MS};

const ALICE: usize = 0;
const BOB: usize = 1;

type Rows = BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>;

/// Bob's device, stolen.
struct Thief {
    words: [u8; 16],
    rows: Rows,
    now_ms: u64,
}

impl Thief {
    /// A full dump. What only remembers and opens nothing is thrown away, so that it does not stand in the thief's way:
    /// used positions, closed chains, names of what was taken in, ids of sessions that are gone.
    fn of(sim: &Sim) -> Self {
        let remembers = |key: &[u8]| b"uCmt".contains(&key[0]);
        let rows = sim.devices[BOB].disk.rows.iter().filter(|(key, _)| !remembers(key));
        let rows = rows.map(|(key, value)| (key.clone(), value.clone())).collect();
        Self { words: sim.seeds[BOB], rows, now_ms: sim.now_ms }
    }

    /// The same without sessions: what the prekeys alone open.
    fn without_sessions(&self) -> Self {
        let session = |key: &[u8]| b"sFHCS".contains(&key[0]);
        let rows = self.rows.iter().filter(|(key, _)| !session(key));
        let rows = rows.map(|(key, value)| (key.clone(), value.clone())).collect();
        Self { words: self.words, rows, now_ms: self.now_ms }
    }

    fn manager(&self) -> Manager {
        let rows = self.rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        Manager::load(self.words, rows).unwrap()
    }

    /// Whether the dump opens an envelope, by any of its keys.
    fn opens(&self, blob: &[u8]) -> bool {
        [self.manager(), self.without_sessions().manager()].iter_mut().any(|manager| self.reads(manager, blob))
    }

    fn reads(&self, manager: &mut Manager, blob: &[u8]) -> bool {
        let mut m = Moment { now_ms: self.now_ms, rng: &mut seeded(9) };
        manager.poll_begins();
        manager.receive(Mailbox::Others, blob, &mut m);
        let step = manager.take_step();
        let held = step.rows.iter().any(|(key, value)| key[0] == b'h' && value.is_some());
        held || step.events.iter().any(|event| matches!(event, Event::Message { .. }))
    }
}

/// What was stored for Bob, in order, with its time.
fn recorded(sim: &Sim) -> Vec<(u64, Vec<u8>)> {
    let to_bob = sim.swarm.record.iter().filter(|r| r.to == sim.ids[BOB] && r.namespace == mailbox::FROM_OTHERS);
    to_bob.map(|record| (record.at_ms, record.data.clone())).collect()
}

fn say(sim: &mut Sim, from: usize, minutes: u32) {
    sim.write_from(from);
    sim.pass(minutes, MINUTE_MS);
}

/// Alice writes three times before Bob's device is there to answer; then both talk for a while.
fn conversation(seed: u64) -> (Sim, usize) {
    let mut sim = Sim::new(seed, [1, 1], Faults::default());
    sim.devices[BOB].away = true;
    for _ in 0..3 {
        say(&mut sim, ALICE, 2);
    }
    let first_flight = recorded(&sim).len();
    sim.devices[BOB].away = false;
    sim.pass(20, MINUTE_MS);
    for n in 0..20 {
        say(&mut sim, if n % 3 == 2 { BOB } else { ALICE }, 7);
    }
    sim.pass(20, MINUTE_MS);
    (sim, first_flight)
}

/// P5, residue (c): until the prekey is gone, the dump opens the first flight and nothing else; afterwards nothing.
#[test]
fn a_stolen_device_opens_nothing_but_the_first_flight_and_later_not_even_that() {
    let (mut sim, first_flight) = conversation(1);
    assert_eq!(first_flight, 3);
    let all = recorded(&sim);
    assert!(all.len() > 14);
    let thief = Thief::of(&sim);
    let opened: Vec<usize> = (0..all.len()).filter(|n| thief.opens(&all[*n].1)).collect();
    assert_eq!(opened, [0, 1, 2], "the first flight, while its prekey is kept");

    // The device is online daily: it is in use for a day and kept for three more.
    let began = sim.now_ms;
    let closed = loop {
        sim.pass(1, HOUR_MS);
        if !Thief::of(&sim).opens(&all[0].1) {
            break sim.now_ms - began;
        }
        assert!(sim.now_ms - began < 7 * DAY_MS);
    };
    let thief = Thief::of(&sim);
    assert!(!all.iter().any(|(_, blob)| thief.opens(blob)));
    println!("residue: the first flight stays open for {} h", closed / HOUR_MS);
    assert!(closed <= 98 * HOUR_MS, "25 h in use and 72 h kept: {} h", closed / HOUR_MS);
}

/// P5, residues (a) and (b): what has not been fetched, and what was skipped, opens; once read it does not.
#[test]
fn what_was_not_fetched_or_was_skipped_opens_until_it_is_read() {
    let (mut sim, _) = conversation(2);
    let before = recorded(&sim).len();
    sim.devices[BOB].away = true;
    for _ in 0..4 {
        say(&mut sim, ALICE, 2);
    }
    let all = recorded(&sim);
    let thief = Thief::of(&sim);
    assert!(all[before..].iter().all(|(_, blob)| thief.opens(blob)), "not fetched");

    // Bob reads the last one only: keys of the three before it are kept.
    let last = all.last().unwrap().1.clone();
    sim.act(BOB, |manager, m| manager.receive(Mailbox::Others, &last, m));
    let thief = Thief::of(&sim);
    let open: Vec<bool> = all[before..].iter().map(|(_, blob)| thief.opens(blob)).collect();
    assert_eq!(open, [true, true, true, false], "skipped keys");
    sim.devices[BOB].away = false;
    sim.pass(3, MINUTE_MS);
    let thief = Thief::of(&sim);
    assert!(!all[before..].iter().any(|(_, blob)| thief.opens(blob)), "read, and gone");
}

/// Skipped keys whose messages never come are gone after 15 days.
#[test]
fn skipped_keys_are_gone_after_fifteen_days() {
    let (mut sim, _) = conversation(3);
    sim.devices[BOB].away = true;
    let before = recorded(&sim).len();
    say(&mut sim, ALICE, 2);
    say(&mut sim, ALICE, 2);
    let all = recorded(&sim);
    let (skipped, last) = (all[before].1.clone(), all[before + 1].1.clone());
    sim.act(BOB, |manager, m| manager.receive(Mailbox::Others, &last, m));
    assert!(Thief::of(&sim).opens(&skipped));
    sim.now_ms += 15 * DAY_MS + HOUR_MS;
    sim.act(BOB, |manager, m| manager.tick(m));
    assert!(!Thief::of(&sim).opens(&skipped));
}

/// P6: who has the dump and only listens reads on until the device has answered once; what is written after that round
/// trip is closed again. The thief follows with everything that was stored, in order, in one state that goes along.
#[test]
fn one_round_trip_closes_the_conversation_again() {
    let (mut sim, _) = conversation(4);
    let stolen = Thief::of(&sim);
    let before = recorded(&sim).len();
    say(&mut sim, ALICE, 1);
    let until = recorded(&sim).len();
    say(&mut sim, BOB, 1); // the answer brings a key that is not in the dump
    say(&mut sim, ALICE, 1);
    let healed = recorded(&sim).len();
    for n in 0..6 {
        say(&mut sim, if n % 2 == 0 { ALICE } else { BOB }, 3);
    }
    let all = recorded(&sim);
    assert!(before < until && until < healed && healed < all.len());

    let mut listening = stolen.manager();
    let read: Vec<bool> = all[before..].iter().map(|(_, blob)| stolen.reads(&mut listening, blob)).collect();
    println!("residue: {} of {} messages after the theft", read.iter().filter(|read| **read).count(), read.len());
    assert!(read[0], "until then the dump opens what comes");
    let after = &read[healed - 1 - before..];
    assert!(!after.contains(&true), "after one round trip nothing: {read:?}");
    let fresh = all[healed - 1..].iter().any(|(_, blob)| stolen.opens(blob));
    assert!(!fresh, "nor with the dump as it was");
}

/// The words alone, without the device, open nothing of what was ever said (G1).
#[test]
fn the_words_alone_open_nothing() {
    let (sim, _) = conversation(5);
    let stranger = Thief { words: sim.seeds[BOB], rows: Rows::new(), now_ms: sim.now_ms };
    let mut manager = stranger.manager();
    let mut m = Moment { now_ms: sim.now_ms, rng: &mut seeded(7) };
    manager.set_up("thief", true, true, &mut m);
    manager.set_contact(sim.ids[ALICE], true, false);
    for (_, blob) in recorded(&sim) {
        assert!(!stranger.reads(&mut manager, &blob));
    }
}
