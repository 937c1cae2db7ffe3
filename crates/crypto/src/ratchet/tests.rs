//! One pair of sessions, step by step: orders, limits, stored rows, refusals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use hex_literal::hex;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::keys::{ChainKey, RootKey};
use super::*;
use crate::keys::{SharedSecret, X25519Secret};
use crate::zr1_testing::{INIT_TS, bind, content_key, deliver, live_pair, restore, rows, seal};

mod oracle;
mod properties;

const NOW: u64 = INIT_TS;

fn pair(seed: u64) -> (Session, Session, StdRng) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (a, b) = live_pair(&mut rng);
    (a, b, rng)
}

fn agreed() -> SharedSecret {
    X25519Secret::from_bytes([0x16; 32]).agree(&X25519Secret::from_bytes([0x24; 32]).public()).unwrap()
}

/// KAT-1: RK1, CK0, mk0, CK1.
#[test]
fn kat_1_root_and_chain() {
    let root = RootKey::new(hex!("3051481f562ac6c7d758c1a5e7c10d1e303c8edeb863e458d8d6a0b471c139f0"));
    let (root, chain) = root.step(&agreed(), None);
    assert_eq!(root.expose(), &hex!("8d213635696e057580a31eff4728a9a4bca4134c94e0dd86f3edbd38e58ee7c3"));
    assert_eq!(chain.expose(), &hex!("cf6b6a0706637a4ad16bb002f87ba40ebd213a2b1528bf01b0de4c96e8036f77"));
    let (key, chain) = chain.step();
    assert_eq!(key.expose(), &hex!("88ffd3835ae269098a586c2e94f44e3755360a5d5a9b6bda1de897a18a5dd4f3"));
    assert_eq!(chain.expose(), &hex!("7666acabd57b1831099fab9b567128b41d261a62d069d11be0e551b98207fb34"));
}

/// The root step of protocol 1.1; the values are those of the independent script (crates/proto/tests/zr1_check.py).
#[test]
fn a_kem_secret_is_mixed_into_the_root_step() {
    let (root, chain) = RootKey::new([1; 32]).step(&agreed(), Some(&Secret::new([2; 32])));
    assert_eq!(root.expose(), &hex!("465b3a3a78e71ade9d2611e0934cace86650209c79045d0aa6559a298e5666b6"));
    assert_eq!(chain.expose(), &hex!("88480e2187f9eb1a9da6f2039494f76d714ac27d0428b8dc2dc139d10704a6de"));
    let (plain, _) = RootKey::new([1; 32]).step(&agreed(), None);
    assert_ne!(root.expose(), plain.expose());
}

#[test]
fn a_conversation_goes_both_ways() {
    let (mut a, mut b, mut rng) = pair(1);
    for number in 1..40 {
        let (from, to) = if number % 5 < 3 { (&mut b, &mut a) } else { (&mut a, &mut b) };
        let (capsule, _) = seal(from, number, &mut rng);
        assert_eq!(capsule.len(), CAPSULE_LEN);
        deliver(to, number, &capsule, NOW);
    }
    assert!(a.opening().is_none(), "answered");
    assert_eq!((a.skipped_len(), b.skipped_len()), (0, 0));
}

/// Order N = 0, 2, 1, and a chain closed by PN with a message of it still on the way.
#[test]
fn late_messages_open_once() {
    let (mut a, mut b, mut rng) = pair(2);
    let capsules: Vec<_> = (1..=4).map(|number| seal(&mut a, number, &mut rng).0).collect();
    deliver(&mut b, 1, &capsules[0], NOW);
    deliver(&mut b, 3, &capsules[2], NOW);
    assert_eq!(b.skipped_len(), 1);
    deliver(&mut b, 2, &capsules[1], NOW);
    assert_eq!(b.skipped_len(), 0);

    let (reply, _) = seal(&mut b, 5, &mut rng);
    deliver(&mut a, 5, &reply, NOW);
    let (next_chain, _) = seal(&mut a, 6, &mut rng); // PN = 5: the fourth is missing
    deliver(&mut b, 6, &next_chain, NOW);
    assert_eq!(b.skipped_len(), 1);
    deliver(&mut b, 4, &capsules[3], NOW);
    assert_eq!(b.skipped_len(), 0);

    for (number, capsule) in (1..).zip(&capsules) {
        let again = b.receive(capsule, &bind(number));
        assert!(matches!(again, Err(ReceiveError::Consumed(_))), "{number}: {again:?}");
    }
}

#[test]
fn a_duplicate_names_the_same_position() {
    let (mut a, mut b, mut rng) = pair(3);
    let (capsule, at) = seal(&mut a, 1, &mut rng);
    let received = b.receive(&capsule, &at).unwrap();
    let position = received.position();
    b.apply(received, Trust::Approved, NOW).unwrap();
    assert_eq!(b.receive(&capsule, &at).unwrap_err(), ReceiveError::Consumed(position));
}

#[test]
fn a_capsule_is_bound_to_its_container() {
    let (mut a, b, mut rng) = pair(4);
    let (capsule, _) = seal(&mut a, 1, &mut rng);
    assert_eq!(b.receive(&capsule, &bind(2)).unwrap_err(), ReceiveError::NoSession);
    assert!(!b.recognises(&capsule, &bind(2)));
    assert!(b.recognises(&capsule, &bind(1)));
}

#[test]
fn a_damaged_content_key_is_told_apart_from_a_strange_capsule() {
    let (mut a, b, mut rng) = pair(5);
    let (mut capsule, at) = seal(&mut a, 1, &mut rng);
    *capsule.last_mut().unwrap() ^= 1;
    assert!(matches!(b.receive(&capsule, &at), Err(ReceiveError::BadKey(_))));
    capsule.truncate(CAPSULE_LEN - 1);
    assert_eq!(b.receive(&capsule, &at).unwrap_err(), ReceiveError::NoSession);
    assert_eq!(b.receive(&[], &at).unwrap_err(), ReceiveError::NoSession);
}

#[test]
fn a_jump_up_to_the_limit_is_followed() {
    let (mut a, mut b, mut rng) = pair(6);
    for number in 1..=u64::from(MAX_SKIP) {
        seal(&mut a, number, &mut rng);
    }
    let mut late = restore(&rows(&b));
    let (capsule, _) = seal(&mut a, 7, &mut rng);
    deliver(&mut b, 7, &capsule, NOW);
    assert_eq!(b.skipped_len(), MAX_SKIPPED);

    let (too_far, at) = seal(&mut a, 8, &mut rng);
    assert!(matches!(late.receive(&too_far, &at), Err(ReceiveError::TooFar(_))));
    deliver(&mut late, 7, &capsule, NOW); // the one before it still opens
}

#[test]
fn strangers_may_store_little_and_the_oldest_goes() {
    let (mut a, mut b, mut rng) = pair(7);
    let capsules: Vec<_> = (1..=200).map(|number| seal(&mut a, number, &mut rng)).collect();
    let (last, at) = capsules.last().unwrap();
    let received = b.receive(last, at).unwrap();
    let changes = b.apply(received, Trust::Stranger, NOW).unwrap();
    assert_eq!(b.skipped_len(), MAX_SKIPPED_STRANGER);
    assert_eq!((changes.added.len(), changes.removed.len()), (199, 99));
    assert!(matches!(b.receive(&capsules[98].0, &capsules[98].1), Err(ReceiveError::Consumed(_))));
    assert!(b.receive(&capsules[99].0, &capsules[99].1).is_ok());
}

#[test]
fn skipped_keys_die_of_age() {
    let (mut a, mut b, mut rng) = pair(8);
    let (first, at) = seal(&mut a, 1, &mut rng);
    let (second, _) = seal(&mut a, 2, &mut rng);
    deliver(&mut b, 2, &second, NOW);
    assert!(b.expire_skipped(NOW + MAX_SKIPPED_AGE_MS).is_empty());
    assert!(b.receive(&first, &at).is_ok());
    assert_eq!(b.expire_skipped(NOW + MAX_SKIPPED_AGE_MS + 1).len(), 1);
    assert!(matches!(b.receive(&first, &at), Err(ReceiveError::Consumed(_))));
}

#[test]
fn a_received_message_fits_only_the_state_it_was_made_from() {
    let (mut a, mut b, mut rng) = pair(9);
    let (first, at) = seal(&mut a, 1, &mut rng);
    let (second, _) = seal(&mut a, 2, &mut rng);
    let stale = b.receive(&first, &at).unwrap();
    deliver(&mut b, 2, &second, NOW);
    let before = rows(&b);
    assert_eq!(b.apply(stale, Trust::Approved, NOW), Err(Stale));
    assert_eq!(rows(&b), before);
    deliver(&mut b, 1, &first, NOW);
}

#[test]
fn a_session_comes_back_from_its_rows() {
    let (mut a, mut b, mut rng) = pair(10);
    let capsules: Vec<_> = (1..=3).map(|number| seal(&mut a, number, &mut rng).0).collect();
    deliver(&mut b, 3, &capsules[2], NOW);
    b.note_sent_at(5);
    b.note_sent_at(4);
    let mut again = restore(&rows(&b));
    assert_eq!(rows(&again), rows(&b));
    assert_eq!(again.peer_sent_at_ms(), 5);
    assert_eq!(again.received(), 2);
    deliver(&mut again, 2, &capsules[1], NOW);
    let a_rows = rows(&a);
    assert_eq!(rows(&restore(&a_rows)), a_rows, "with an init block");
    assert!(a_rows[1].len() < 300, "the hot row stays small");
}

#[test]
fn rows_of_another_version_or_length_are_refused() {
    let (a, _, _) = pair(11);
    let good = rows(&a);
    for row in 0..3 {
        for change in 0..3 {
            let mut bad = good.clone();
            match change {
                0 => bad[row][0] = 2,
                1 => bad[row].push(0),
                _ => drop(bad[row].pop()),
            }
            let parts = Parts { fixed: &bad[0], hot: &bad[1], closed: &bad[2] };
            let restored = Session::restore(&parts, std::iter::empty());
            // A row of closed chains may be missing altogether.
            assert_eq!(restored.is_ok(), row == 2 && change == 2, "row {row}, change {change}");
        }
    }
    let parts = Parts { fixed: &good[0], hot: &good[1], closed: &good[2] };
    assert!(Session::restore(&parts, [[1_u8; 76].as_slice()].into_iter()).is_err());
}

#[test]
fn evictions_take_from_whoever_holds_most() {
    use Trust::{Approved, Stranger};
    assert_eq!(evictions(&[(Approved, 2_000), (Stranger, 100)]), [0, 0]);
    let strangers = vec![(Stranger, 100); 11];
    let plan = evictions(&strangers);
    assert_eq!(plan.iter().sum::<usize>(), 100);
    assert!(plan.iter().all(|number| (9..=10).contains(number)));
    // Strangers never cost a contact a key.
    let mut mixed = vec![(Stranger, 100); 50];
    mixed.push((Approved, 2_000));
    let plan = evictions(&mixed);
    assert_eq!(plan[50], 0);
    assert_eq!(plan.iter().sum::<usize>(), 4_000);
    let mut full = vec![(Approved, 1_000); 20];
    full.push((Stranger, 1));
    assert_eq!(evictions(&full), [vec![0; 20], vec![1]].concat(), "a stranger's key is the one too many");
    let contacts = vec![(Approved, 2_000); 12];
    assert_eq!(evictions(&contacts).iter().sum::<usize>(), 4_000);
}

#[test]
fn closed_chains_are_bounded() {
    let mut closed = ClosedChains::default();
    for number in 0..u64::try_from(MAX_CLOSED_CHAINS).unwrap() + 1 {
        closed.push(number.to_le_bytes());
    }
    assert!(!closed.contains(&0_u64.to_le_bytes()));
    assert!(closed.contains(&1_u64.to_le_bytes()));
    assert_eq!(closed.encode().len(), 8 * MAX_CLOSED_CHAINS);
    assert!(ClosedChains::decode(&vec![0; 8 * MAX_CLOSED_CHAINS + 8]).is_err());
}

#[test]
fn a_chain_does_not_overflow() {
    let (mut a, _, mut rng) = pair(13);
    a.ratchet.sending.next = u32::MAX;
    let before = rows(&a);
    assert_eq!(a.seal(&content_key(1), &bind(1), &mut rng), Err(SealError::ChainExhausted));
    assert_eq!(rows(&a), before);
}

#[test]
fn refresh_is_due_by_age_or_count() {
    let (mut a, _, _) = pair(14);
    assert!(!a.needs_refresh(NOW + REFRESH_AGE_MS));
    assert!(a.needs_refresh(NOW + REFRESH_AGE_MS + 1));
    a.ratchet.sent = REFRESH_SENT;
    assert!(a.needs_refresh(NOW));
    let (mut a, _, _) = pair(15);
    for number in 0..u64::try_from(REFRESH_CLOSED).unwrap() {
        assert!(!a.needs_refresh(NOW));
        a.closed.push(number.to_le_bytes());
    }
    assert!(a.needs_refresh(NOW), "before a closed chain would be forgotten");
}

#[test]
fn extensions_must_be_whole_single_and_optional() {
    let header = |ext: &[u8]| {
        let mut bytes = vec![0; 44];
        bytes[0] = 9;
        bytes[42..44].copy_from_slice(&u16::try_from(ext.len()).unwrap().to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(ext);
        capsule::Header::parse(&bytes).is_ok()
    };
    assert!(header(&[]));
    assert!(header(&[0x80, 0, 1, 0, 7]));
    assert!(header(&[0x80, 0, 1, 0, 7, 0x81, 0xff, 0, 0]));
    assert!(!header(&[0x80, 0, 2, 0, 7]), "value cut off");
    assert!(!header(&[0x80, 0, 1, 0]), "value missing");
    assert!(!header(&[0x80, 0]), "length missing");
    assert!(!header(&[0x80, 0, 0, 0, 0x80, 0, 0, 0]), "twice");
    assert!(!header(&[0x01, 0, 0, 0]), "critical");
}

#[test]
fn debug_shows_nothing() {
    let (mut a, b, mut rng) = pair(15);
    let (capsule, at) = seal(&mut a, 1, &mut rng);
    let received = b.receive(&capsule, &at).unwrap();
    let text = format!("{a:?} {received:?} {at:?} {:?} {:?}", a.id(), received.position());
    assert_eq!(text, "Session(..) Received(..) Bind(..) SessionId(..) Position(..)");
}

/// The chain key is the only thing that advances without a new secret: one way only.
#[test]
fn a_chain_step_gives_two_different_keys() {
    let (key, next) = ChainKey::new([3; 32]).step();
    assert_ne!(key.expose(), next.expose());
}
