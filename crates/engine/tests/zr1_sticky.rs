//! The sticky set: what contacts have shown survives a restore, is known to every device, and does not pile up
//! (forward-secrecy 3.5).
#![allow(clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;

use zwiebel_engine::zr1::Protection;
use zwiebel_proto::zr1::mailbox;
use zwiebel_testkit::zr1_sim::{Faults, Sim};
use zwiebel_testkit::{DAY_MS, MINUTE_MS};

/// Alice with so many devices and Bob, who have written to each other.
fn acquainted(seed: u64, devices: usize) -> Sim {
    let mut sim = Sim::new(seed, [devices, 1], Faults::default());
    for device in [0, devices] {
        sim.write_from(device);
        sim.pass(20, 2 * MINUTE_MS);
    }
    sim
}

fn there(sim: &Sim) -> Vec<Vec<u8>> {
    let values = sim.swarm.mailbox(&sim.ids[0], mailbox::STICKY, sim.now_ms, &BTreeSet::new());
    values.into_iter().map(|blob| blob.data).collect()
}

/// A device of Alice reads what is there, knowing Bob already or not.
fn reads(sim: &mut Sim, device: usize, knows: bool) {
    let (values, contacts) = (there(sim), if knows { vec![sim.ids[1]] } else { Vec::new() });
    sim.act(device, |manager, m| manager.sticky_read(&values, &contacts, m.now_ms));
}

fn of_bob(sim: &Sim, device: usize) -> Protection {
    sim.devices[device].manager.protection(&sim.ids[1])
}

const SECRET: Protection = Protection::ForwardSecret { verified: false };
const VERIFIED: Protection = Protection::ForwardSecret { verified: true };

#[test]
fn the_set_is_written_within_an_hour_and_every_week_and_old_values_go() {
    let mut sim = acquainted(1, 2);
    sim.pass(3, 20 * MINUTE_MS);
    let first = there(&sim);
    assert!(!first.is_empty());
    for device in [0, 1] {
        reads(&mut sim, device, true);
    }
    sim.pass(15, DAY_MS);
    let later = there(&sim);
    assert!(first.iter().all(|old| !later.contains(old)), "they said nothing that the new ones do not say");
    assert!((1..=4).contains(&later.len()), "what each device has written since it last read: {}", later.len());
    reads(&mut sim, 0, true);
    sim.pass(15, DAY_MS);
    assert!(!there(&sim).is_empty(), "nothing has changed for a month");
}

#[test]
fn what_other_devices_wrote_is_in_what_takes_its_place() {
    let mut sim = acquainted(2, 1);
    sim.pass(3, 20 * MINUTE_MS);
    // A device from the words, which does not know of any contact, writes its own set.
    let new = sim.add_device(0, true);
    sim.devices[0].away = true;
    reads(&mut sim, new, false);
    let bob = sim.ids[1];
    sim.act(new, |manager, _| manager.set_contact(bob, false, false));
    let before = there(&sim);
    sim.pass(3, 8 * DAY_MS);
    let after = there(&sim);
    assert!(!after.is_empty() && before.iter().all(|old| !after.contains(old)));
    let last = sim.add_device(0, true);
    sim.devices[last].away = true;
    reads(&mut sim, last, true);
    assert_ne!(of_bob(&sim, last), Protection::Standard);
}

#[test]
fn a_contact_that_comes_after_the_set_was_read_is_known_from_it() {
    let mut sim = acquainted(3, 1);
    let bob = sim.ids[1];
    sim.act(0, |manager, m| manager.set_verified(bob, true, m.now_ms));
    sim.pass(3, 20 * MINUTE_MS);
    let new = sim.add_device(0, true);
    sim.devices[new].away = true;
    reads(&mut sim, new, false);
    assert_eq!(of_bob(&sim, new), Protection::Standard);
    sim.act(new, |manager, m| manager.recall(bob, m.now_ms));
    assert_eq!(of_bob(&sim, new), Protection::Waiting);
    sim.devices[new].away = false;
    for device in [1, new] {
        sim.write_from(device);
        sim.pass(20, 2 * MINUTE_MS);
    }
    assert_eq!(of_bob(&sim, new), VERIFIED);
}

#[test]
fn a_sibling_learns_that_a_contact_is_verified_and_may_take_it_back() {
    let mut sim = acquainted(4, 2);
    sim.write_from(2);
    sim.pass(20, 2 * MINUTE_MS);
    let bob = sim.ids[1];
    sim.write_from(1);
    sim.pass(20, 2 * MINUTE_MS);
    assert_eq!(of_bob(&sim, 1), SECRET);
    sim.act(0, |manager, m| manager.set_verified(bob, true, m.now_ms));
    sim.pass(3, 20 * MINUTE_MS);
    reads(&mut sim, 1, true);
    assert_eq!(of_bob(&sim, 1), VERIFIED);
    sim.act(1, |manager, m| manager.set_verified(bob, false, m.now_ms));
    for _ in 0..2 {
        reads(&mut sim, 1, true);
        assert_eq!(of_bob(&sim, 1), SECRET, "what others say of it does not count any more");
        sim.restart(1);
    }
    sim.act(1, |manager, m| manager.set_verified(bob, true, m.now_ms));
    assert_eq!(of_bob(&sim, 1), VERIFIED);
}
