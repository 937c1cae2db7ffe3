//! A device that has made itself new keys (forward-secrecy 2.8, 6.4): what its successor gets of what it had not
//! acknowledged, in peace and while lists race, and that nobody else is taken for a successor.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_engine::zr1::{Event, Notice, Published};
use zwiebel_proto::account::Account;
use zwiebel_proto::zr1::mailbox;
use zwiebel_proto::zr1::manifest::{Draft, Manifest, Revocation, RevocationReason};
use zwiebel_testkit::zr1_sim::{Faults, Sim};
use zwiebel_testkit::{HOUR_MS, MINUTE_MS};

/// Device 0 of Alice; 1 and 2 of Bob, of which the second is switched off.
struct Scene {
    sim: Sim,
    /// Bob's second device as it was.
    before: DeviceId,
    /// What Alice wrote long ago and Bob's first device alone has.
    waiting: [u8; 16],
}

/// Alice's message waits for Bob's second device, whose store is put back to an earlier state: once it is on again, it will
/// notice, and make itself new keys.
fn about_to_renew(seed: u64) -> Scene {
    let mut sim = Sim::new(seed, [1, 2], Faults::default());
    for device in [0, 1, 2, 0] {
        sim.write_from(device);
        sim.pass(12, 2 * MINUTE_MS);
    }
    let (at, disk) = (sim.now_ms, sim.devices[2].disk.clone());
    sim.now_ms += 11 * MINUTE_MS;
    sim.restart(2); // its witness moves on
    sim.pass(10, 2 * MINUTE_MS);
    sim.devices[2].away = true;
    let waiting = sim.write_from(0);
    sim.pass(26, HOUR_MS); // questions about what was acknowledged are over
    assert!(sim.is_acked(&waiting) && sim.has(1, &waiting) && !sim.has(2, &waiting));
    let before = sim.devices[2].manager.device_id().unwrap();
    sim.put_back(2, disk, at);
    Scene { sim, before, waiting }
}

/// Bob's list as it is published now.
fn published(sim: &Sim) -> Manifest {
    let there = sim.swarm.outbox(&sim.ids[1], mailbox::MANIFEST, sim.now_ms);
    Manifest::verify(there.last().unwrap(), &sim.ids[1], sim.now_ms).unwrap()
}

/// A list of Bob's, as three nodes show it.
fn shown(sim: &Sim, draft: &Draft, seq: u64) -> Published {
    let signer = Account::from_seed16(sim.seeds[1]);
    let blob = draft.sign(signer.ed25519(), seq, &[7; 32], sim.now_ms).unwrap();
    Published { manifests: vec![blob], nodes: 3, ..Published::default() }
}

fn is_told(sim: &Sim, device: usize, notice: Notice) -> bool {
    sim.devices[device].events.contains(&Event::Notice { about: sim.ids[1], notice })
}

#[test]
fn a_renewed_device_gets_what_it_had_not_acknowledged() {
    let Scene { mut sim, before, waiting } = about_to_renew(1);
    sim.devices[2].away = false;
    sim.pass(30, 2 * MINUTE_MS);
    assert_ne!(sim.devices[2].manager.device_id().unwrap(), before);
    assert_eq!(published(&sim).list.revocation(&before).unwrap().reason, RevocationReason::Renewed);
    assert!(sim.has(2, &waiting));
    assert!(is_told(&sim, 0, Notice::DeviceAdded) && is_told(&sim, 0, Notice::DeviceRemoved));
    assert!(!is_told(&sim, 0, Notice::DeviceUnendorsed));
}

#[test]
fn a_device_that_renews_itself_while_lists_race_gets_it_as_well() {
    let Scene { mut sim, before, waiting } = about_to_renew(2);
    // Bob's first device writes the list, and so does the second one, with the same number: Alice sees both.
    let list = published(&sim);
    let bob = sim.ids[1];
    for device in [0, 1] {
        let of_first = shown(&sim, &list.list, list.seq + 1);
        sim.act(device, |manager, m| manager.fetched(bob, of_first, m));
    }
    sim.devices[1].away = true;
    sim.devices[2].away = false;
    sim.pass(3, MINUTE_MS);
    let of_second = published(&sim);
    assert_eq!(of_second.seq, list.seq + 1);
    assert_eq!(of_second.list.revocation(&before).unwrap().reason, RevocationReason::Renewed);
    let of_second = shown(&sim, &of_second.list, of_second.seq);
    sim.act(0, |manager, m| manager.fetched(bob, of_second, m));
    assert!(is_told(&sim, 0, Notice::DeviceRemoved), "the revocations of both count");
    sim.pass(3, MINUTE_MS);
    assert!(!sim.has(2, &waiting), "not before a list that counts names it");
    // The first device joins the two.
    sim.devices[1].away = false;
    sim.pass(40, 2 * MINUTE_MS);
    assert!(sim.has(2, &waiting));
}

#[test]
fn a_device_that_only_says_so_is_no_successor() {
    let Scene { mut sim, before, waiting } = about_to_renew(3);
    // Somebody who has the words adds a device of theirs, and revokes the absent one as renewed.
    let thief = sim.add_device(1, true);
    sim.pass(10, 2 * MINUTE_MS);
    let new = sim.devices[thief].manager.device_id().unwrap();
    let list = published(&sim);
    let mut draft = list.list.clone();
    draft.devices.retain(|entry| entry.public.id() != before);
    let entry = draft.devices.iter_mut().find(|entry| entry.public.id() == new).unwrap();
    entry.says_endorsed = true;
    entry.endorser = before;
    entry.endorsement = [9; 64];
    draft.revoked.push(Revocation { device: before, revoked_at_ms: sim.now_ms, reason: RevocationReason::Renewed });
    let (bob, lie) = (sim.ids[1], shown(&sim, &draft, list.seq + 1));
    sim.act(0, |manager, m| manager.fetched(bob, lie, m));
    assert!(is_told(&sim, 0, Notice::DeviceUnendorsed) && is_told(&sim, 0, Notice::DeviceRemoved));
    sim.pass(60, HOUR_MS);
    let later = sim.write_from(0);
    sim.pass(10, 2 * MINUTE_MS);
    assert!(sim.has(thief, &later), "it is spoken to");
    assert!(!sim.has(thief, &waiting), "and given nothing of what was before");
}
