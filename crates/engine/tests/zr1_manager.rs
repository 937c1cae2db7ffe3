//! The session manager with others of its kind, scene by scene: siblings that pass messages on, a device that makes up for
//! what it lost by going back in time, acknowledgements of what nobody sees, witnesses, other apps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use zwiebel_engine::zr1::Event;
use zwiebel_proto::zr1::mailbox;
use zwiebel_testkit::zr1_sim::{Faults, Sim};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

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
    let third = sim.add_device(1, true);
    sim.pass(20, 2 * MINUTE_MS);
    let id = sim.write_from(0);
    sim.pass(5, MINUTE_MS);
    assert!(sim.has(1, &id) && sim.has(2, &id), "the devices that Alice knows");
    assert!(sim.has(third, &id), "and the one she does not know");
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
    sim.pass(9, 2 * MINUTE_MS);
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
