//! Properties of session managers among each other (forward-secrecy 9.1): P3, P7, P8, P10, P11, P15 to P20. The others are
//! properties of a pair of sessions (P1, P2, P4, P5, P6, P9, P13: `zwiebel-crypto`) and of formats (P12 to P14:
//! `zwiebel-proto`); P5 and P6 of a whole device are in `zr1_secrecy.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use zwiebel_engine::view::DeviceStatus;
use zwiebel_engine::zr1::{Event, Manager, Moment, Published, Tier};
use zwiebel_proto::account::Account;
use zwiebel_proto::zr1::content::ManifestHint;
use zwiebel_proto::zr1::mailbox::{self, Mailbox};
use zwiebel_proto::zr1::manifest::{Draft, Manifest, Mode};
use zwiebel_testkit::rng::seeded;
use zwiebel_testkit::zr1_sim::{Faults, Recorded, Sim};
use zwiebel_testkit::{HOUR_MS, MINUTE_MS};

fn few() -> ProptestConfig {
    ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() }
}

fn calm(seed: u64, devices: [usize; 2]) -> Sim {
    Sim::new(seed, devices, Faults::default())
}

/// Writes and waits until it is acknowledged.
fn delivers(sim: &mut Sim, device: usize) {
    let id = sim.write_from(device);
    sim.pass(12, 2 * MINUTE_MS);
    assert!(sim.is_acked(&id), "from device {device}");
}

fn agree(sim: &Sim, a: usize, b: usize) -> bool {
    let end = |n: usize| (sim.ids[sim.devices[n].account], sim.devices[n].manager.device_id().unwrap());
    let (of_a, of_b) = (end(a), end(b));
    let there = sim.devices[a].manager.active_session(&of_b.0, &of_b.1);
    there.is_some() && there == sim.devices[b].manager.active_session(&of_a.0, &of_a.1)
}

/// What a device put into mailboxes of others, and its own devices'.
fn posted(sim: &Sim, account: usize) -> usize {
    let mailboxes = [mailbox::FROM_OTHERS, mailbox::OWN_DEVICES];
    sim.swarm.record.iter().filter(|r| r.to != sim.ids[account] && mailboxes.contains(&r.namespace)).count()
}

fn notices(sim: &Sim, device: usize) -> usize {
    sim.devices[device].events.iter().filter(|event| matches!(event, Event::Notice { .. } | Event::Renewed)).count()
}

proptest! {
    #![proptest_config(few())]

    /// P3: both begin at once; after two exchanges they use one session, and nothing is lost.
    #[test]
    fn both_begin_at_once_and_settle_on_one_session(seed: u64, first in 0..2_usize) {
        let mut sim = calm(seed, [1, 1]);
        let ids = [sim.write_from(first), sim.write_from(1 - first)];
        sim.pass(3, MINUTE_MS);
        for device in [first, 1 - first, first, 1 - first] {
            sim.write_from(device);
            sim.pass(2, MINUTE_MS);
        }
        prop_assert!(sim.has(1 - first, &ids[0]) && sim.has(first, &ids[1]));
        prop_assert!(agree(&sim, 0, 1));
    }

    /// P8: put back to any state its disk ever had: nothing unacknowledged is lost, and at most one new device.
    #[test]
    fn any_rollback_costs_one_device_and_nothing_unacknowledged(seed: u64, back in 0..4_usize, more in 1..4_usize) {
        let mut sim = calm(seed, [1, 1]);
        delivers(&mut sim, 0);
        let mut disks = Vec::new();
        for n in 0..4 {
            disks.push((sim.now_ms, sim.devices[1].disk.clone()));
            sim.now_ms += 11 * MINUTE_MS;
            sim.restart(1);
            sim.pass(2, MINUTE_MS);
            delivers(&mut sim, n % 2);
        }
        sim.devices[1].away = true;
        let waiting: Vec<[u8; 16]> = (0..more).map(|_| sim.write_from(0)).collect();
        sim.devices[1].away = false;
        let before = sim.devices[1].manager.device_id();
        let (at, disk) = disks.swap_remove(back);
        sim.put_back(1, disk, at);
        sim.pass(40, 10 * MINUTE_MS);
        prop_assert!(waiting.iter().all(|id| sim.has(1, id)));
        prop_assert_ne!(sim.devices[1].manager.device_id(), before);
        let renewals = sim.devices[1].events.iter().filter(|event| **event == Event::Renewed).count();
        prop_assert_eq!(renewals, 1);
        prop_assert_eq!(sim.devices[0].manager.devices(&sim.ids[1], sim.now_ms).len(), 1);
        delivers(&mut sim, 0);
        delivers(&mut sim, 1);
    }

    /// P11: whatever nodes answer, a contact that has been seen with ZR1 gets nothing as v1.
    #[test]
    fn no_answers_of_nodes_talk_anybody_down(
        seed: u64,
        confirmed: bool,
        answers in proptest::collection::vec((0..6_u8, 0..72_u64), 1..24),
    ) {
        let mut sim = calm(seed, [1, 1]);
        let (alice, bob) = (sim.ids[0], sim.ids[1]);
        let old = sim.swarm.outbox(&bob, mailbox::MANIFEST, sim.now_ms);
        if confirmed {
            delivers(&mut sim, 0);
        } else {
            sim.act(0, |manager, m| manager.hinted(bob, &ManifestHint { seq: 1, hash: [0; 16] }, true, m.now_ms));
        }
        for (which, hours) in answers {
            sim.now_ms += hours * HOUR_MS;
            let mut answer = Published { nodes: 1 + which % 3, ..Published::default() };
            answer.manifests = match which {
                0 | 1 => vec![],
                2 => old.clone(),
                3 => sim.swarm.outbox(&alice, mailbox::MANIFEST, sim.now_ms), // somebody else's
                4 => old.iter().map(|blob| blob[..blob.len() - 1].to_vec()).collect(),
                _ => vec![vec![which; 300]],
            };
            answer.bundles = if which % 2 == 0 { vec![] } else { vec![vec![which; 1_428]] };
            sim.act(0, |manager, m| {
                manager.hinted(bob, &ManifestHint { seq: 1, hash: [0; 16] }, true, m.now_ms);
                manager.fetched(bob, answer, m);
            });
            let tier = sim.act(0, |manager, m| manager.tier(bob, m.now_ms));
            prop_assert_ne!(tier, Tier::V1);
            if which % 2 == 0 {
                sim.write_from(0);
            }
            sim.restart(0);
        }
        let fell = sim.devices[0].events.iter().any(|event| matches!(event, Event::Fallback { .. }));
        prop_assert!(!fell);
    }

    /// P15: a device restored from the words gets everything that no device had acknowledged.
    #[test]
    fn a_restored_device_gets_all_that_was_unacknowledged(seed: u64, siblings in 1..3_usize, count in 1..6_usize) {
        let mut sim = calm(seed, [siblings, 1]);
        delivers(&mut sim, 0);
        let bob = siblings;
        sim.devices[bob].away = true;
        let waiting: Vec<[u8; 16]> = (0..count).map(|n| sim.write_from(n % siblings)).collect();
        sim.pass(5, HOUR_MS);
        sim.devices[bob].away = false;
        sim.restore(bob);
        sim.pass(40, HOUR_MS);
        prop_assert!(waiting.iter().all(|id| sim.has(bob, id)));
    }

    /// P16: resets stay bounded while stores vanish, and there are none after that.
    #[test]
    fn resets_end_when_the_faults_do(seed: u64) {
        let tally = Sim::random(seed, Faults { lost: 25, ..Faults::default() }).run(12);
        prop_assert_eq!((tally.lost, tally.late_resets), (0, 0));
        prop_assert!(tally.resets <= tally.messages * 9, "{:?}", tally);
    }

    /// P17: what strangers send causes no traffic, no notice and no renewal.
    #[test]
    fn strangers_set_nothing_in_motion(seed: u64, junk in proptest::collection::vec((0..4_u8, any::<u16>()), 1..30)) {
        let mut sim = calm(seed, [1, 1]);
        let bob = sim.ids[1];
        sim.act(0, |manager, _| manager.set_contact(bob, false, false));
        let (before, told) = (posted(&sim, 0), notices(&sim, 0));
        let device = sim.devices[0].manager.device_id();
        for (which, at) in junk {
            let blob = match (which, sim.swarm.record.iter().rev().find(|r| r.namespace == mailbox::FROM_OTHERS)) {
                (0, _) | (_, None) => {
                    sim.write_from(1); // a real message
                    sim.pass(1, MINUTE_MS);
                    continue;
                }
                (1, Some(record)) => record.data.clone(),
                (2, Some(record)) => {
                    let mut blob = record.data.clone();
                    let at = usize::from(at) % blob.len();
                    blob[at] ^= 1;
                    blob
                }
                (_, Some(record)) => record.data[..usize::from(at) % record.data.len()].to_vec(),
            };
            sim.act(0, |manager, m| manager.receive(Mailbox::Others, &blob, m));
            sim.act(0, |manager, m| manager.receive(Mailbox::OwnDevices, &blob, m));
        }
        sim.pass(20, HOUR_MS);
        prop_assert_eq!((posted(&sim, 0), notices(&sim, 0)), (before, told));
        prop_assert_eq!(sim.devices[0].manager.device_id(), device);
    }

    /// P18: nodes that replay, withhold or mix witnesses make no device renew itself.
    #[test]
    fn no_choice_of_witnesses_renews_a_device(
        seed: u64,
        reads in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..6), 1..12),
    ) {
        let mut sim = calm(seed, [1, 1]);
        let own = sim.ids[0];
        let device = sim.devices[0].manager.device_id();
        for read in reads {
            sim.now_ms += 11 * MINUTE_MS;
            sim.restart(0);
            let ever: Vec<Vec<u8>> = sim
                .swarm
                .record
                .iter()
                .filter(|record| record.to == own && record.namespace == mailbox::WITNESSES)
                .map(|record| record.data.clone())
                .collect();
            let shown: Vec<Vec<u8>> = read.iter().map(|index| index.get(&ever).clone()).collect();
            sim.act(0, |manager, m| manager.witnesses_read(&shown, m));
            prop_assert_eq!(sim.devices[0].manager.device_id(), device);
        }
    }

    /// P19: however wrong one clock was, an hour after it is right again messages go both ways.
    #[test]
    fn a_clock_that_lied_parts_nobody_for_long(seed: u64, who in 0..2_usize, wrong_h in -240..17_520_i64) {
        let mut sim = calm(seed, [1, 1]);
        delivers(&mut sim, 0);
        sim.set_clock(who, wrong_h * 3_600_000);
        for device in [0, 1, 0] {
            sim.write_from(device);
            sim.pass(4, 10 * MINUTE_MS);
        }
        sim.set_clock(who, 0);
        sim.pass(6, 10 * MINUTE_MS);
        let ids = [sim.write_from(0), sim.write_from(1)];
        sim.pass(6, 5 * MINUTE_MS);
        prop_assert!(sim.has(1, &ids[0]) && sim.has(0, &ids[1]), "{} h", wrong_h);
    }

    /// P20: a device that its account's list does not name wipes nothing; only a revocation of its id does that.
    #[test]
    fn absence_from_the_list_is_no_revocation(seed: u64, hours in 0..60_u64) {
        let mut sim = calm(seed, [1, 1]);
        delivers(&mut sim, 0);
        let account = Account::from_seed16(sim.seeds[0]);
        let known = Manifest::verify(&sim.swarm.outbox(&sim.ids[0], mailbox::MANIFEST, sim.now_ms).pop().unwrap(), &sim.ids[0], sim.now_ms);
        let known = known.unwrap();
        let other = Manager::load(sim.seeds[0], std::iter::empty()).map(|mut manager| {
            manager.set_up("other", true, true, &mut Moment { now_ms: sim.now_ms, rng: &mut seeded(seed ^ 1) });
            let answer = Published { nodes: 3, ..Published::default() };
            manager.fetched(manager.own_id(), answer, &mut Moment { now_ms: sim.now_ms, rng: &mut seeded(seed ^ 2) });
            let store = manager.take_step().stores.into_iter().find(|store| store.namespace == mailbox::MANIFEST);
            Manifest::verify(&store.unwrap().data, &manager.own_id(), sim.now_ms).unwrap()
        });
        let devices = other.unwrap().list.devices;
        let draft = Draft { mode: Mode::On, restored: false, devices, revoked: vec![] };
        sim.devices[0].away = true;
        sim.now_ms += hours * HOUR_MS;
        let list = draft.sign(account.ed25519(), known.seq + 5, known.hash(), sim.now_ms).unwrap();
        let sessions = |sim: &Sim| sim.devices[0].disk.rows.keys().filter(|key| key[0] == b's').count();
        let before = sessions(&sim);
        sim.restart(0);
        let own = sim.ids[0];
        let answer = Published { nodes: 2, manifests: vec![list], ..Published::default() };
        sim.act(0, |manager, m| manager.fetched(own, answer, m));
        prop_assert_eq!(sessions(&sim), before);
        prop_assert!(!sim.devices[0].events.contains(&Event::Revoked));
        let expected = if hours < 24 { DeviceStatus::Listed } else { DeviceStatus::Dropped };
        prop_assert_eq!(sim.devices[0].manager.status(), expected);
    }
}

/// P7: the program of either side dies at each place where it can, once; afterwards everything is there exactly once.
#[test]
fn dying_at_any_commit_or_store_shows_everything_once() {
    let mut places = [0, 0];
    for (victim, places) in places.iter_mut().enumerate() {
        for n in 0.. {
            let mut sim = calm(70, [1, 1]);
            delivers(&mut sim, 0);
            sim.dies = Some((victim, n));
            let mut ids = Vec::new();
            for device in [0, 1, 0] {
                ids.push((1 - device, sim.write_from(device)));
                sim.pass(1, 4 * MINUTE_MS);
            }
            let died = sim.dies.take().is_none();
            sim.pass(15, 2 * MINUTE_MS);
            let missing = ids.iter().filter(|(to, id)| !sim.has(*to, id)).count();
            // A draft that was not committed is not sent; the person sees that.
            let drafts =
                usize::from(died && missing == 1 && ids.iter().any(|(to, id)| *to != victim && !sim.has(*to, id)));
            assert_eq!(missing, drafts, "victim {victim}, place {n}");
            for device in &sim.devices {
                let single: BTreeSet<_> = device.disk.history.iter().collect();
                assert_eq!(single.len(), device.disk.history.len(), "twice: victim {victim}, place {n}");
            }
            if !died {
                break;
            }
            *places += 1;
        }
    }
    assert!(places.iter().all(|places| *places > 10), "{places:?}");
}

/// P10: a copy of a device asks for a container, as if it could not read it. It is answered for a day after the
/// acknowledgement and not at all later: else whoever copied a device could have all that was recorded encrypted again.
#[test]
fn a_copied_device_gets_nothing_that_was_acknowledged_long_ago() {
    for (hours, answered) in [(1, true), (26, false)] {
        let mut sim = calm(80, [1, 1]);
        delivers(&mut sim, 0);
        delivers(&mut sim, 1);
        let (at, copy) = (sim.now_ms, sim.devices[1].disk.clone());
        let id = sim.write_from(0);
        let blob = to_bob(&sim).last().unwrap().clone();
        sim.pass(12, 2 * MINUTE_MS);
        assert!(sim.is_acked(&id));
        sim.pass(hours, HOUR_MS);

        sim.put_back(1, copy, at); // younger than the last witness: nobody notices
        sim.swarm.delete(&sim.ids[1].clone(), mailbox::FROM_OTHERS, &blob); // only the contact has it now
        let damaged = sim.with_damaged_capsule(1, &blob);
        sim.act(1, |manager, m| manager.receive(Mailbox::Others, &damaged, m));
        let asked = sim.devices[1].events.iter().any(|event| matches!(event, Event::Unreadable { .. }));
        assert!(asked, "the copy has the key and asks");
        sim.pass(6, 5 * MINUTE_MS);
        assert_eq!(sim.has(1, &id), answered, "after {hours} h");
    }
}

/// What was stored for Bob.
fn to_bob(sim: &Sim) -> Vec<Vec<u8>> {
    let for_bob = |r: &&Recorded| r.to == sim.ids[1] && r.namespace == mailbox::FROM_OTHERS;
    sim.swarm.record.iter().filter(for_bob).map(|record| record.data.clone()).collect()
}
