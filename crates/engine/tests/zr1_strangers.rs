//! What people who are nobody here may leave on a device: little, and not more the more of them there are (forward-secrecy 3.4,
//! 4.4, 4.5).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use rand::SeedableRng;
use rand::rngs::StdRng;
use zwiebel_crypto::handshake::{Certificate, DeviceId, DeviceKeys, Initiator, Reason, Statement, initiate};
use zwiebel_crypto::ratchet::Session;
use zwiebel_engine::zr1::Event;
use zwiebel_proto::account::Account;
use zwiebel_proto::content::{Content, Payload};
use zwiebel_proto::envelope::seal_message;
use zwiebel_proto::zr1::bundle::Bundle;
use zwiebel_proto::zr1::container::{Kind, Recipient, seal};
use zwiebel_proto::zr1::content::{self, ContentKind, ManifestHint, Message, MessageId};
use zwiebel_proto::zr1::envelope::OuterKey;
use zwiebel_proto::zr1::mailbox::{self, Mailbox};
use zwiebel_proto::zr1::manifest::Manifest;
use zwiebel_testkit::world::World;
use zwiebel_testkit::zr1_sim::{Faults, Sim};

const MINUTE_MS: u64 = 60_000;

/// Somebody with a device of their own who has read what the victim publishes.
struct Stranger {
    account: Account,
    keys: DeviceKeys,
    rng: StdRng,
}

impl Stranger {
    fn new(n: u8) -> Self {
        let mut rng = StdRng::seed_from_u64(u64::from(n));
        let account = Account::generate(&mut rng);
        Self { account, keys: DeviceKeys::generate(&mut rng), rng }
    }

    /// A session with device `whose` of the simulation, as its bundle says.
    fn begin(&mut self, sim: &Sim, whose: usize) -> (DeviceId, Session) {
        let (now, owner) = (sim.now_ms, sim.ids[whose]);
        let list = sim.swarm.outbox(&owner, mailbox::MANIFEST, now).pop().unwrap();
        let list = Manifest::verify(&list, &owner, now).unwrap();
        let device = list.active().next().unwrap().public;
        let bundle = sim.swarm.outbox(&owner, mailbox::bundle_namespace(0).unwrap(), now).pop().unwrap();
        let bundle = Bundle::verify(&bundle, &list.account, &device, now).unwrap();
        let certificate = Certificate::issue(self.account.ed25519(), &self.keys.public(), now);
        let us = Initiator { account: self.account.ed25519().public(), device: &self.keys, certificate: &certificate };
        let statement = Statement {
            manifest_seq: 1,
            manifest_hash: [0; 32],
            init_ms: now,
            replace: false,
            reason: Reason::First,
            caps: 0,
        };
        (device.id(), initiate(&us, &bundle.peer(), &statement, now, &mut self.rng).unwrap())
    }

    /// A message to device 0 of the simulation in these sessions.
    fn write(&mut self, sim: &Sim, id: u8, sessions: &mut [(DeviceId, Session)]) -> Vec<u8> {
        let message = Message {
            id: MessageId([id; 16]),
            sent_at_ms: sim.now_ms,
            from: self.account.id().to_bytes(),
            to: sim.ids[0].to_bytes(),
            kind: ContentKind::Chat,
            session_content: Some(vec![1, 2, 3]),
            acks: Vec::new(),
            nacks: Vec::new(),
            mine: None,
            yours: None,
            manifest: None,
            hello: None,
            sync: None,
            resend: 0,
            settled: Vec::new(),
            copied: None,
        };
        let mut recipients: Vec<Recipient<'_>> =
            sessions.iter_mut().map(|(device, session)| Recipient { device: *device, session }).collect();
        let to = OuterKey::of_account(&sim.ids[0]);
        seal(Kind::Peer, &content::encode(&message), &mut recipients, &to, &mut self.rng).unwrap().envelope
    }
}

fn victim(seed: u64) -> Sim {
    let mut sim = Sim::new(seed, [1, 1], Faults::default());
    sim.pass(5, MINUTE_MS);
    sim
}

fn deliver(sim: &mut Sim, blob: &[u8]) {
    sim.act(0, |manager, m| {
        manager.poll_begins();
        manager.receive(Mailbox::Others, blob, m);
    });
}

/// Rows of a kind, beside those of the two who know each other.
fn rows(sim: &Sim, kind: u8) -> usize {
    let known: Vec<Vec<u8>> = sim.ids.iter().map(|id| [&[kind], id.to_bytes().as_slice()].concat()).collect();
    let keys = sim.devices[0].disk.rows.keys();
    keys.filter(|key| key.first() == Some(&kind) && !known.iter().any(|known| key.starts_with(known))).count()
}

#[test]
fn skipped_keys_of_all_strangers_stay_within_their_share() {
    let mut sim = victim(1);
    for n in 0..12 {
        let mut stranger = Stranger::new(n);
        let mut sessions = [stranger.begin(&sim, 0)];
        for id in 0..96 {
            stranger.write(&sim, id, &mut sessions);
        }
        let late = stranger.write(&sim, 96, &mut sessions);
        deliver(&mut sim, &late);
    }
    let kept = rows(&sim, b'S');
    assert!((900..=1_000).contains(&kept), "{kept}");
}

#[test]
fn nothing_stays_of_strangers_whose_sessions_had_to_go() {
    let mut sim = victim(2);
    for n in 0..=230 {
        let mut stranger = Stranger::new(n);
        let mut sessions = [stranger.begin(&sim, 0)];
        let blob = stranger.write(&sim, 1, &mut sessions);
        deliver(&mut sim, &blob);
        sim.now_ms += u64::from(n % 2); // some come at the same moment
    }
    assert_eq!(rows(&sim, b's'), 200);
    assert!(rows(&sim, b'v') <= 200 && rows(&sim, b'a') <= 200, "{} {}", rows(&sim, b'v'), rows(&sim, b'a'));
    assert_eq!(rows(&sim, b'p'), 0);
}

#[test]
fn messages_of_strangers_that_show_nothing_leave_no_name() {
    let mut sim = victim(3);
    let mut stranger = Stranger::new(1);
    let (mut sessions, who) = ([stranger.begin(&sim, 0)], stranger.account.id());
    let before = rows(&sim, b'm');
    for id in 0..20 {
        let blob = stranger.write(&sim, id, &mut sessions);
        deliver(&mut sim, &blob);
        sim.act(0, |manager, m| manager.left_nothing(&who, &[id; 16], m));
    }
    assert_eq!(rows(&sim, b'm'), before);
}

#[test]
fn entry_of_another_device_with_our_hint_does_not_hide_ours() {
    let mut sim = victim(4);
    let mut stranger = Stranger::new(1);
    let (ours, (_, other)) = (stranger.begin(&sim, 0), stranger.begin(&sim, 1));
    let id = ours.0;
    let blob = stranger.write(&sim, 9, &mut [(id, other), ours]);
    deliver(&mut sim, &blob);
    let read = |event: &Event| matches!(event, Event::Message { id, .. } if *id == [9; 16]);
    assert!(sim.devices[0].events.iter().any(read));
    assert_eq!(rows(&sim, b'r'), 0, "and it is not kept");
}

#[test]
fn lists_that_nobody_in_particular_names_are_not_remembered() {
    let mut world = World::new(5);
    world.forward_secrecy = true;
    let (alice, alice_id) = world.add_account("Alice");
    world.run_for(3_000);
    let mut rng = StdRng::seed_from_u64(5);
    let people = |w: &World| {
        let rows = w.clients[alice].store.rows();
        rows.iter()
            .filter(|row| row.table == zwiebel_engine::batch::Table::Zr1 && row.key.first() == Some(&b'p'))
            .count()
    };
    let before = people(&world);
    for n in 1..20 {
        let stranger = Account::generate(&mut rng);
        let typing = Payload::Typing { timestamp: world.now + n, started: true };
        let content = Content::new(world.now + n, typing).with_hint(Some(ManifestHint { seq: n, hash: [1; 16] }));
        let sealed = seal_message(&stranger, &alice_id, &content, &mut rng).unwrap();
        world.net.inject(alice_id.to_bytes(), &sealed, world.now);
    }
    world.run_for(20_000);
    assert_eq!(people(&world), before);
}
