//! Lists of devices: rules, endorsements, revocations, and what merging two of them must give.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use zwiebel_crypto::handshake::DeviceKeys;

use super::super::tests::{ADDED_AT, Mail as _, NOW, Side};
use super::*;

/// A device with keys of one repeated byte.
fn device(byte: u8) -> DeviceKeys {
    DeviceKeys::from_bytes([byte; 32], [byte ^ 0x80; 32], [byte; 32])
}

fn entry(byte: u8, slot: u8, added_at_ms: u64) -> DeviceEntry {
    DeviceEntry {
        slot,
        says_endorsed: false,
        caps: 0,
        added_at_ms,
        public: device(byte).public(),
        endorser: DeviceId([0; 16]),
        endorsement: [0; 64],
    }
}

fn endorsed(byte: u8, slot: u8, by: u8) -> DeviceEntry {
    let account = Side::a().account.public();
    let mut entry = entry(byte, slot, ADDED_AT + u64::from(byte));
    entry.says_endorsed = true;
    entry.endorser = device(by).id();
    entry.endorsement = endorse(&device(by), &account, &entry.public, entry.added_at_ms);
    entry
}

fn revoked(byte: u8, reason: RevocationReason) -> Revocation {
    Revocation { device: device(byte).id(), revoked_at_ms: ADDED_AT, reason }
}

fn list(devices: Vec<DeviceEntry>, revoked: Vec<Revocation>) -> Draft {
    Draft { mode: Mode::On, restored: false, devices, revoked }
}

/// Two lists joined, written at once.
fn merge_lists(a: &Draft, b: &Draft, now_ms: u64) -> Draft {
    merge::merge_lists(a, b, &Side::a().account.public(), now_ms)
}

fn signed(list: &Draft, seq: u64) -> Vec<u8> {
    list.sign(&Side::a().account, seq, &[0; 32], NOW).unwrap()
}

fn accepted(list: &Draft, seq: u64) -> Manifest {
    Manifest::verify(&signed(list, seq), &Side::a().id(), NOW).unwrap()
}

#[test]
fn what_is_signed_is_accepted() {
    let list = list(
        vec![entry(1, 0, ADDED_AT), endorsed(2, 1, 1), entry(3, 4, 5), entry(4, 7, 6)],
        vec![revoked(9, RevocationReason::User), revoked(8, RevocationReason::Other(77))],
    );
    let blob = signed(&list, 3);
    assert_eq!(blob.len(), 864, "four devices and two revocations");
    let manifest = Manifest::verify(&blob, &Side::a().id(), NOW).unwrap();
    assert_eq!(manifest.list, list);
    assert_eq!((manifest.seq, manifest.issued_at_ms), (3, NOW));
    assert_eq!(manifest.hash(), &digest(&[&blob]));
    assert!(!manifest.is_expired(NOW + MAX_VALIDITY_MS));
    assert!(manifest.is_expired(NOW + MAX_VALIDITY_MS + 1));
    assert!(manifest.device(&device(2).id()).is_some());
    assert!(manifest.is_revoked(&device(9).id()));
}

#[test]
fn only_the_account_itself_can_sign() {
    let blob = signed(&list(vec![entry(1, 0, 0)], vec![]), 1);
    assert_eq!(Manifest::verify(&blob, &Side::b().id(), NOW).unwrap_err(), BlobError::Signature);
}

#[test]
fn rules_of_the_format() {
    let sign = |devices, seq| list(devices, vec![]).sign(&Side::a().account, seq, &[0; 32], NOW).map(|_| ());
    assert_eq!(sign(vec![entry(1, 0, 0)], 0), Err(BlobError::Invalid));
    assert_eq!(sign(vec![entry(1, 0, 0)], SEQ_LIMIT), Err(BlobError::Invalid));
    assert_eq!(sign(vec![entry(1, 0, 0)], SEQ_LIMIT - 1), Ok(()));
    assert_eq!(sign(vec![], 1), Err(BlobError::Invalid), "nobody listed, but on");
    assert_eq!(sign(vec![entry(1, 8, 0)], 1), Err(BlobError::Invalid), "slot 8");
    assert_eq!(sign(vec![entry(1, 1, 0), entry(2, 0, 0)], 1), Err(BlobError::Invalid), "order");
    assert_eq!(sign(vec![entry(1, 0, 0), entry(2, 0, 0)], 1), Err(BlobError::Invalid), "slot twice");
    assert_eq!(sign(vec![entry(1, 0, 0), entry(1, 1, 0)], 1), Err(BlobError::Invalid), "device twice");
    let mut same_dik = entry(2, 1, 0);
    same_dik.public.dik = entry(1, 0, 0).public.dik;
    assert_eq!(sign(vec![entry(1, 0, 0), same_dik], 1), Err(BlobError::Invalid), "DIK twice");
    let off = Draft { mode: Mode::Off, restored: false, devices: vec![], revoked: vec![] };
    assert_eq!(accepted(&off, 2).list, off);
}

#[test]
fn times_ahead_of_ours_are_refused() {
    let blob = signed(&list(vec![entry(1, 0, 0)], vec![]), 1);
    let verify = |blob: &[u8], now| Manifest::verify(blob, &Side::a().id(), now).map(|_| ());
    assert_eq!(verify(&blob, NOW - MAX_AHEAD_MS), Ok(()));
    assert_eq!(verify(&blob, NOW - MAX_AHEAD_MS - 1), Err(BlobError::FromTheFuture));
    let late = signed(&list(vec![entry(1, 0, NOW + MAX_AHEAD_MS + 1)], vec![]), 1);
    assert_eq!(verify(&late, NOW), Err(BlobError::FromTheFuture));
}

#[test]
fn endorsements_are_judged_by_signature_along_chains() {
    let before = accepted(&list(vec![entry(1, 0, 0)], vec![]), 1);
    let new =
        list(vec![entry(1, 0, 0), endorsed(2, 1, 1), endorsed(3, 2, 2), entry(4, 3, 0), endorsed(5, 4, 4)], vec![]);
    let new = accepted(&new, 2);
    let id = |byte| device(byte).id();
    assert_eq!(
        judge(&new, Some(&before)),
        [
            (id(1), Standing::Known),
            (id(2), Standing::Endorsed(id(1))),
            (id(3), Standing::Endorsed(id(2))),
            (id(4), Standing::Unendorsed),
            (id(5), Standing::Unendorsed),
        ]
    );
    assert!(judge(&new, None).iter().all(|(_, standing)| *standing == Standing::FirstSeen));

    let mut forged = endorsed(2, 1, 1);
    forged.added_at_ms += 1;
    let new = accepted(&list(vec![entry(1, 0, 0), forged], vec![]), 2);
    assert_eq!(judge(&new, Some(&before))[1].1, Standing::Unendorsed);
}

#[test]
fn a_revoked_endorser_may_only_name_one_successor() {
    let before = accepted(&list(vec![entry(1, 0, 0), entry(9, 1, 0)], vec![]), 1);
    let standing = |reason, devices| {
        let new = accepted(&list(devices, vec![revoked(1, reason)]), 2);
        judge(&new, Some(&before)).into_iter().map(|(_, standing)| standing).collect::<Vec<_>>()
    };
    let one = || vec![endorsed(2, 0, 1), entry(9, 1, 0)];
    let by_one = Standing::Endorsed(device(1).id());
    assert_eq!(standing(RevocationReason::Renewed, one()), [by_one, Standing::Known]);
    assert_eq!(standing(RevocationReason::User, one()), [Standing::Unendorsed, Standing::Known]);
    let two = vec![endorsed(2, 0, 1), endorsed(3, 1, 1)];
    assert_eq!(standing(RevocationReason::Renewed, two), [by_one, Standing::Unendorsed]);

    let gone = accepted(&list(vec![entry(9, 1, 0)], vec![revoked(1, RevocationReason::Renewed)]), 2);
    let later = accepted(&list(vec![endorsed(2, 0, 1), entry(9, 1, 0)], vec![]), 3);
    assert_eq!(judge(&later, Some(&gone))[0].1, Standing::Unendorsed, "revoked before");
}

#[test]
fn merging_moves_the_younger_device_and_leaves_the_ninth_out() {
    let a = list(vec![entry(1, 0, 10), entry(2, 1, 20)], vec![]);
    let b = list(vec![entry(3, 0, 30), entry(4, 2, 5)], vec![]);
    let merged = merge_lists(&a, &b, NOW);
    let slots: Vec<_> = merged.devices.iter().map(|entry| (entry.slot, entry.public)).collect();
    let key = |byte| device(byte).public();
    assert_eq!(slots, [(0, key(1)), (1, key(2)), (2, key(4)), (3, key(3))]);

    let eight: Vec<_> =
        (1..=8).map(|byte| if byte == 1 { entry(1, 0, 0) } else { endorsed(byte, byte - 1, 1) }).collect();
    // Whatever it says of itself.
    let mut ninth = endorsed(9, 0, 10);
    ninth.added_at_ms = 1;
    let merged = merge_lists(&list(eight.clone(), vec![]), &list(vec![ninth], vec![]), NOW);
    assert_eq!(merged.devices, eight);
    assert_eq!(
        merged.revoked,
        [Revocation { device: device(9).id(), revoked_at_ms: NOW, reason: RevocationReason::Overflow }]
    );
}

#[test]
fn of_two_entries_the_one_that_is_vouched_for_is_kept() {
    let mut boastful = entry(2, 1, ADDED_AT);
    boastful.says_endorsed = true;
    boastful.caps = 99;
    let good = list(vec![entry(1, 0, 0), endorsed(2, 1, 1)], vec![]);
    for (other, kept) in [(boastful, good.devices[1]), (entry(2, 1, 9), good.devices[1])] {
        let other = list(vec![entry(1, 0, 0), other], vec![]);
        assert_eq!(merge_lists(&good, &other, NOW).devices[1], kept);
        assert_eq!(merge_lists(&other, &good, NOW).devices[1], kept);
    }
    // A device that was thrown out vouches for nobody.
    let out = list(vec![boastful], vec![revoked(1, RevocationReason::User)]);
    assert_eq!(merge_lists(&good, &out, NOW).devices, [boastful]);
}

#[test]
fn a_revocation_is_not_made_a_renewal_afterwards() {
    let at = |reason, revoked_at_ms| Revocation { reason, revoked_at_ms, ..revoked(1, reason) };
    for reason in [RevocationReason::User, RevocationReason::Stale, RevocationReason::Overflow] {
        let (said, later) = (at(reason, NOW - 5), at(RevocationReason::Renewed, NOW));
        let (said, later) = (list(vec![], vec![said]), list(vec![], vec![later]));
        assert_eq!(merge_lists(&said, &later, NOW).revoked, [at(reason, NOW)]);
        assert_eq!(merge_lists(&later, &said, NOW).revoked, [at(reason, NOW)]);
    }
}

#[test]
fn only_lists_of_one_race_name_devices_together() {
    let old = list(vec![entry(1, 0, 0), entry(2, 1, 0)], vec![revoked(3, RevocationReason::User)]);
    let new = list(vec![entry(1, 0, 0), entry(4, 1, 1)], vec![]);
    let merged = |old_seq, new_seq, now_ms| {
        let (old, new) = (accepted(&old, old_seq), accepted(&new, new_seq));
        let (merged, seq) = merge(&old, &new, now_ms).unwrap();
        assert_eq!((&merged, seq), (&merge(&new, &old, now_ms).unwrap().0, new_seq + 1));
        assert!(merged.revocation(&device(3).id()).is_some(), "a revocation always counts");
        merged.devices.len()
    };
    assert_eq!(merged(7, 7, NOW), 3);
    assert_eq!(merged(7, 8, NOW), 3);
    assert_eq!(merged(7, 9, NOW), 2);
    assert_eq!(merged(7, 8, NOW + MAX_VALIDITY_MS + 1), 2, "it has run out");
}

#[test]
fn merging_counts_on_and_keeps_to_one_account() {
    let a = accepted(&list(vec![entry(1, 0, 0)], vec![]), 4);
    let off = Draft { mode: Mode::Off, restored: false, devices: vec![], revoked: vec![] };
    let b = accepted(&off, 5);
    let (merged, seq) = merge(&a, &b, NOW).unwrap();
    assert_eq!((merged.mode, seq), (Mode::On, 6));
    let blob = off.sign(&Side::b().account, 1, &[0; 32], NOW).unwrap();
    let other = Manifest::verify(&blob, &Side::b().id(), NOW).unwrap();
    assert_eq!(merge(&a, &other, NOW).unwrap_err(), MergeError::OtherAccount);
    let last = accepted(&off, SEQ_LIMIT - 1);
    assert_eq!(merge(&a, &last, NOW).unwrap_err(), MergeError::SeqExhausted);
}

#[test]
fn old_revocations_are_forgotten_and_the_newest_sixteen_kept() {
    let mut many: Vec<_> = (0..16).map(|byte| revoked(byte, RevocationReason::User)).collect();
    for (number, revocation) in (0..).zip(&mut many) {
        revocation.revoked_at_ms = NOW - number;
    }
    let mut old = revoked(99, RevocationReason::User);
    old.revoked_at_ms = NOW - REVOCATION_KEPT_MS - 1;
    let mut new = revoked(100, RevocationReason::User);
    new.revoked_at_ms = NOW;
    let merged = merge_lists(&list(vec![], many.clone()), &list(vec![], vec![old, new]), NOW);
    assert_eq!(merged.revoked.len(), MAX_REVOKED);
    assert!(merged.revoked.contains(&new));
    assert!(!merged.revoked.contains(&old));
    assert!(!merged.revoked.contains(&many[15]), "the oldest made room");

    // What people said goes last, as long as a list from before it may be valid.
    let mut list = list(vec![entry(50, 0, 0)], vec![]);
    list.revoke(device(50).id(), RevocationReason::User, NOW - 9);
    (0..16).for_each(|byte| list.revoke(device(byte).id(), RevocationReason::Renewed, NOW));
    assert!(list.devices.is_empty() && list.revocation(&device(50).id()).is_some());
    assert_eq!(list.revoked.len(), MAX_REVOKED);
    list.revoke(device(60).id(), RevocationReason::Renewed, NOW + MAX_VALIDITY_MS);
    assert!(list.revocation(&device(50).id()).is_none());
}

/// Two things over three lists depend on the order, whatever the rule: see the module's text. This is why P12 is
/// checked here without them.
#[test]
fn slots_and_overflow_depend_on_the_order_of_three_lists() {
    let lists = [(1, 0, 10), (2, 0, 20), (3, 1, 30)].map(|(byte, slot, at)| list(vec![entry(byte, slot, at)], vec![]));
    let [a, b, c] = &lists;
    let left = merge_lists(&merge_lists(a, b, NOW), c, NOW);
    let right = merge_lists(a, &merge_lists(b, c, NOW), NOW);
    let slot_of = |list: &Draft, byte| {
        list.devices.iter().find(|entry| entry.public == device(byte).public()).map(|entry| entry.slot)
    };
    assert_eq!((slot_of(&left, 2), slot_of(&left, 3)), (Some(1), Some(2)));
    assert_eq!((slot_of(&right, 2), slot_of(&right, 3)), (Some(2), Some(1)));

    let a = list((1..=8).map(|byte| entry(byte, byte - 1, u64::from(byte))).collect(), vec![]);
    let b = list(vec![entry(9, 0, 9)], vec![]);
    let c = list(vec![], vec![revoked(1, RevocationReason::User)]);
    let left = merge_lists(&merge_lists(&a, &b, NOW), &c, NOW);
    let right = merge_lists(&a, &merge_lists(&b, &c, NOW), NOW);
    assert_eq!((left.devices.len(), right.devices.len()), (7, 8));
}

/// Lists of one account: devices 1 to 6 with fixed slots, some revoked, so that neither slots nor overflow matter.
fn any_list() -> impl Strategy<Value = Draft> {
    let devices = proptest::collection::btree_set(1_u8..=6, 0..6);
    let revocations = proptest::collection::btree_map(1_u8..=9, 0_u64..1_000, 0..4);
    (any::<bool>(), any::<bool>(), devices, revocations, 0_u16..3).prop_map(|(on, restored, devices, revoked, caps)| {
        let devices = devices.into_iter().map(|byte| {
            let mut entry = entry(byte, byte - 1, u64::from(byte));
            entry.caps = caps;
            entry
        });
        let revoked = revoked.into_iter().map(|(byte, at)| Revocation {
            device: device(byte).id(),
            revoked_at_ms: NOW - at,
            reason: if at % 2 == 0 { RevocationReason::User } else { RevocationReason::Stale },
        });
        let mode = if on { Mode::On } else { Mode::Off };
        Draft { mode, restored, devices: devices.collect(), revoked: revoked.collect() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// P12.
    #[test]
    fn merging_is_commutative_associative_idempotent(a in any_list(), b in any_list(), c in any_list()) {
        let join = |a: &Draft, b: &Draft| merge_lists(a, b, NOW);
        prop_assert_eq!(join(&a, &b), join(&b, &a));
        let once = join(&a, &a);
        prop_assert_eq!(&join(&once, &once), &once);
        prop_assert_eq!(join(&join(&a, &b), &c), join(&a, &join(&b, &c)));
        let all = join(&join(&a, &b), &c);
        for revocation in a.revoked.iter().chain(&b.revoked).chain(&c.revoked) {
            prop_assert!(all.devices.iter().all(|entry| entry.public.id() != revocation.device), "revoke wins");
        }
    }

    /// P12 where devices clash for slots: still commutative, idempotent, and always a list that can be signed.
    #[test]
    fn merging_gives_a_valid_list(
        a in proptest::collection::btree_map(1_u8..=12, 0_u8..8, 0..8),
        b in proptest::collection::btree_map(1_u8..=12, 0_u8..8, 0..8),
    ) {
        let to_list = |devices: std::collections::BTreeMap<u8, u8>| {
            let mut used = std::collections::BTreeSet::new();
            let mut entries: Vec<_> = devices
                .into_iter()
                .filter(|(_, slot)| used.insert(*slot))
                .map(|(byte, slot)| entry(byte, slot, u64::from(byte)))
                .collect();
            entries.sort_by_key(|entry| entry.slot);
            list(entries, vec![])
        };
        let (a, b) = (to_list(a), to_list(b));
        let merged = merge_lists(&a, &b, NOW);
        prop_assert_eq!(&merged, &merge_lists(&b, &a, NOW));
        prop_assert_eq!(&merge_lists(&merged, &merged, NOW), &merged);
        prop_assert!(merged.check().is_ok());
        prop_assert_eq!(&merge_lists(&merged, &a, NOW), &merged, "writing again settles");
    }

    /// P13 for manifests.
    #[test]
    fn any_flipped_bit_is_refused(at in 0..512_usize, bit in 0..8_u32) {
        let list = list(vec![entry(1, 0, 0), entry(2, 1, 0)], vec![revoked(3, RevocationReason::User)]);
        let mut blob = signed(&list, 1);
        let at = at % blob.len();
        blob[at] ^= 1 << bit;
        prop_assert!(Manifest::verify(&blob, &Side::a().id(), NOW).is_err());
    }

    #[test]
    fn any_bytes_are_parsed_without_harm(mut blob in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Manifest::verify(&blob, &Side::a().id(), NOW).is_err());
        if blob.len() > 8 {
            blob[..8].copy_from_slice(b"ZRM1\x01\x01\x01\x01");
        }
        prop_assert!(Manifest::verify(&blob, &Side::a().id(), NOW).is_err());
    }
}
