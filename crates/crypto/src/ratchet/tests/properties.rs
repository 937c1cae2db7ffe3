//! Properties of one pair of devices over random histories: P1, P2, P4, P5, P6, P9, P13 of forward-secrecy 9.1;
//! and of the keys a whole device keeps: P17.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// How far a thief's chains are followed: past the longest chain of these histories that was still accepted.
const AHEAD: usize = 12;

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A (or B) writes; the capsule goes into the other's queue.
    Write { by_a: bool },
    /// Something of the receiver's queue arrives; it may stay in the queue and arrive again.
    Arrive { at_a: bool, which: u16, keep: bool },
    /// Something of the queue is lost for ever.
    Lose { at_a: bool, which: u16 },
    /// Something arrives damaged in one bit.
    Damage { at_a: bool, which: u16, bit: u16 },
    /// A party is stopped and comes back from its rows.
    Restart { a: bool },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<bool>().prop_map(|by_a| Event::Write { by_a }),
        5 => any::<(bool, u16, bool)>().prop_map(|(at_a, which, keep)| Event::Arrive { at_a, which, keep }),
        1 => any::<(bool, u16)>().prop_map(|(at_a, which)| Event::Lose { at_a, which }),
        1 => any::<(bool, u16, u16)>().prop_map(|(at_a, which, bit)| Event::Damage { at_a, which, bit }),
        1 => any::<bool>().prop_map(|a| Event::Restart { a }),
    ]
}

struct Pair {
    sessions: [Session; 2],
    queues: [Vec<(u64, Vec<u8>)>; 2],
    opened: BTreeMap<u64, u32>,
    accepted: [Vec<(u64, Vec<u8>)>; 2],
    rng: StdRng,
    written: u64,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let (a, b, rng) = pair(seed);
        Self {
            sessions: [a, b],
            queues: Default::default(),
            opened: BTreeMap::new(),
            accepted: Default::default(),
            rng,
            written: 0,
        }
    }

    fn write(&mut self, by: usize) -> (u64, Vec<u8>) {
        self.written += 1;
        let (capsule, _) = seal(&mut self.sessions[by], self.written, &mut self.rng);
        (self.written, capsule)
    }

    /// Writes, and says the message's key: the same randomness makes the same step beside the session.
    fn write_and_show(&mut self, by: usize) -> (u64, Vec<u8>, keys::MessageKey) {
        let seed = self.rng.next_u64();
        let ratchet = &self.sessions[by].ratchet;
        let turned = ratchet.step_due.then(|| ratchet.turn(&mut StdRng::seed_from_u64(seed)).unwrap().2);
        let (key, _) = turned.as_ref().unwrap_or(&ratchet.sending).chain.step();
        let mine = std::mem::replace(&mut self.rng, StdRng::seed_from_u64(seed));
        let (number, capsule) = self.write(by);
        self.rng = mine;
        (number, capsule, key)
    }

    fn pick(&self, at: usize, which: u16) -> Option<usize> {
        (!self.queues[at].is_empty()).then(|| usize::from(which) % self.queues[at].len())
    }

    fn arrive(&mut self, at: usize, number: u64, capsule: &[u8]) {
        let before = rows(&self.sessions[at]);
        match self.sessions[at].receive(capsule, &bind(number)) {
            Ok(received) => {
                assert_eq!(received.content_key(), &content_key(number), "the same bytes");
                self.sessions[at].apply(received, Trust::Approved, NOW).unwrap();
                *self.opened.entry(number).or_default() += 1;
                self.accepted[at].push((number, capsule.to_vec()));
            }
            Err(ReceiveError::Consumed(_)) => {
                assert!(self.opened.contains_key(&number), "only what was opened is consumed");
                assert_eq!(rows(&self.sessions[at]), before, "failure changes nothing");
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    fn step(&mut self, event: Event) {
        let side = |a: bool| usize::from(!a);
        match event {
            Event::Write { by_a } => {
                let message = self.write(side(by_a));
                self.queues[side(!by_a)].push(message);
            }
            Event::Arrive { at_a, which, keep } => {
                let at = side(at_a);
                let Some(index) = self.pick(at, which) else { return };
                let (number, capsule) =
                    if keep { self.queues[at][index].clone() } else { self.queues[at].swap_remove(index) };
                self.arrive(at, number, &capsule);
            }
            Event::Lose { at_a, which } => {
                let at = side(at_a);
                if let Some(index) = self.pick(at, which) {
                    self.queues[at].swap_remove(index);
                }
            }
            Event::Damage { at_a, which, bit } => {
                let at = side(at_a);
                let Some(index) = self.pick(at, which) else { return };
                let (number, mut capsule) = self.queues[at][index].clone();
                let bit = usize::from(bit) % (capsule.len() * 8);
                capsule[bit / 8] ^= 1 << (bit % 8);
                let before = rows(&self.sessions[at]);
                assert!(self.sessions[at].receive(&capsule, &bind(number)).is_err(), "a flipped bit is refused");
                assert_eq!(rows(&self.sessions[at]), before, "failure changes nothing");
            }
            Event::Restart { a } => {
                let at = side(a);
                self.sessions[at] = restore(&rows(&self.sessions[at]));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// P1: any interleaving, loss, duplication and reordering: each delivered message opens once, to the same bytes.
    /// P2: failure leaves the state byte-identical. P4: the caps hold. P13 for capsules.
    #[test]
    fn every_delivered_message_opens_once(seed: u64, events in proptest::collection::vec(event(), 1..80)) {
        let mut pair = Pair::new(seed);
        for event in events {
            pair.step(event);
            prop_assert!(pair.sessions.iter().all(|session| session.skipped_len() <= MAX_SKIPPED));
        }
        for at in [0, 1] {
            for (number, capsule) in std::mem::take(&mut pair.queues[at]) {
                pair.arrive(at, number, &capsule);
            }
        }
        prop_assert!(pair.opened.values().all(|times| *times == 1));
    }

    /// P9: no cipher key and nonce is used twice, even by a party that goes back to an earlier state again and again.
    #[test]
    fn no_cipher_key_and_nonce_is_used_twice(
        seed: u64,
        steps in proptest::collection::vec((0..2_usize, 0..4_u8, any::<u16>()), 1..80),
    ) {
        let mut pair = Pair::new(seed);
        let mut states = [vec![rows(&pair.sessions[0])], vec![rows(&pair.sessions[1])]];
        let mut used = BTreeSet::new();
        for (who, what, which) in steps {
            match what {
                0 | 1 => {
                    let (number, capsule, message_key) = pair.write_and_show(who);
                    prop_assert!(opens_with(&pair.sessions[1 - who], &message_key, number, &capsule), "that is the key");
                    let (key, nonce) = message_key.cipher(capsule.first_chunk().unwrap());
                    prop_assert!(used.insert((*key.expose(), nonce)));
                    pair.queues[1 - who].push((number, capsule));
                }
                2 => {
                    let Some(index) = pair.pick(who, which) else { continue };
                    let (number, capsule) = pair.queues[who].swap_remove(index);
                    if let Ok(received) = pair.sessions[who].receive(&capsule, &bind(number)) {
                        pair.sessions[who].apply(received, Trust::Approved, NOW).unwrap();
                    }
                    states[who].push(rows(&pair.sessions[who]));
                }
                _ => pair.sessions[who] = restore(&states[who][usize::from(which) % states[who].len()]),
            }
        }
    }

    /// P17: however many keys strangers make a device keep, contacts lose none by that.
    #[test]
    fn strangers_evict_nothing_of_contacts(
        contacts in proptest::collection::vec(0..=MAX_SKIPPED, 0..16),
        strangers in proptest::collection::vec(0..=2 * MAX_SKIPPED, 0..64),
    ) {
        let of = |trust, counts: &[usize]| counts.iter().map(|count| (trust, *count)).collect::<Vec<_>>();
        let alone = evictions(&of(Trust::Approved, &contacts));
        let together = evictions(&[of(Trust::Approved, &contacts), of(Trust::Stranger, &strangers)].concat());
        prop_assert_eq!(&together[..contacts.len()], &alone[..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))] // each case tries every key on every message

    /// P5: from a snapshot, nothing that was accepted before it opens: not by receiving it, and not with any key that
    /// can be computed from the stored rows.
    #[test]
    fn a_snapshot_opens_nothing_accepted_before(
        seed: u64,
        events in proptest::collection::vec(event(), 20..60),
    ) {
        let mut pair = Pair::new(seed);
        events.into_iter().for_each(|event| pair.step(event));
        for at in [0, 1] {
            let stolen = restore(&rows(&pair.sessions[at]));
            let keys = reachable_keys(&stolen, AHEAD);
            for (number, capsule) in &pair.accepted[at] {
                prop_assert!(stolen.receive(capsule, &bind(*number)).is_err());
                prop_assert!(!keys.iter().any(|key| opens_with(&stolen, key, *number, capsule)));
            }
        }
    }

    /// P6: a snapshot and one honest round trip; what is written after that does not open from the snapshot.
    #[test]
    fn one_round_trip_heals(seed: u64, events in proptest::collection::vec(event(), 1..40), thief_at_a: bool) {
        let mut pair = Pair::new(seed);
        events.into_iter().for_each(|event| pair.step(event));
        pair.queues = Default::default();
        let (victim, peer) = if thief_at_a { (0, 1) } else { (1, 0) };
        let stolen = restore(&rows(&pair.sessions[victim]));
        // One turn of each side after the theft: peer, victim, peer, victim.
        for by in [peer, victim, peer, victim] {
            let (number, capsule) = pair.write(by);
            pair.arrive(1 - by, number, &capsule);
        }
        let keys = reachable_keys(&stolen, AHEAD);
        let mut thief = restore(&rows(&stolen));
        for by in [peer, victim] {
            let (number, capsule) = pair.write(by);
            prop_assert!(thief.receive(&capsule, &bind(number)).is_err());
            prop_assert!(!keys.iter().any(|key| opens_with(&stolen, key, number, &capsule)));
            pair.arrive(1 - by, number, &capsule);
        }
        let (number, capsule) = (pair.written + 1, seal(&mut thief, pair.written + 1, &mut pair.rng).0);
        let at_peer = pair.sessions[peer].receive(&capsule, &bind(number));
        prop_assert!(at_peer.is_err(), "and the thief is not believed any more");
    }
}

/// Every message key that a thief of this state can compute: skipped ones, and both chains `ahead` steps on.
fn reachable_keys(stolen: &Session, ahead: usize) -> Vec<keys::MessageKey> {
    let mut keys: Vec<_> = stolen.skipped.iter().map(|skipped| skipped.key.duplicate()).collect();
    let receiving = stolen.ratchet.receiving.as_ref().map(|receiving| receiving.chain.duplicate());
    for mut chain in [Some(stolen.ratchet.sending.chain.duplicate()), receiving].into_iter().flatten() {
        for _ in 0..ahead {
            let (key, next) = chain.step();
            keys.push(key);
            chain = next;
        }
    }
    keys
}

/// Whether the capsule's content key opens with this message key, the header's own checks aside.
fn opens_with(session: &Session, key: &keys::MessageKey, number: u64, capsule: &[u8]) -> bool {
    let bind = bind(number);
    let parts = capsule::Capsule::parse(capsule).unwrap();
    let seal =
        capsule::HeaderSeal { key: &session.fixed.header_in, transcript: &session.fixed.transcript, bind: &bind };
    let cipher = key.cipher(parts.nonce);
    capsule::open_content_key(&cipher, &seal.key_aad(parts.before), parts.content_key).is_some()
}
