//! Bundles of prekeys: rules, times, damaged bytes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::super::tests::{NOW, Script, Side};
use super::*;

fn signed(side: &Side, name: &str) -> Vec<u8> {
    let facts = BundleFacts { seq: 7, caps: 1, name };
    let mut rng = Script::new(&[(0x1d, 24)]);
    sign(&side.account, &side.device, side.prekey.public(), &facts, NOW, &mut rng).unwrap()
}

fn verify(side: &Side, blob: &[u8], now: u64) -> Result<Bundle, BlobError> {
    Bundle::verify(blob, &side.account.public(), &side.device.public(), now)
}

#[test]
fn what_is_signed_is_accepted() {
    let b = Side::b();
    let blob = signed(&b, "Küchen-Tablet");
    assert_eq!(blob.len(), BUNDLE_LEN);
    assert_eq!(Bundle::claimed_device(&blob), Some(b.device.id()));
    let bundle = verify(&b, &blob, NOW).unwrap();
    assert_eq!((bundle.seq, bundle.caps), (7, 1));
    assert_eq!(bundle.issued_at_ms % HOUR_MS, 0, "to the hour");
    assert_eq!(bundle.expires_at_ms % HOUR_MS, 0);
    assert_eq!(&bundle.prekey, b.prekey.public());
    assert_eq!(bundle.name(&b.account).as_deref(), Some("Küchen-Tablet"));
    assert_eq!(bundle.name(&Side::a().account), None, "with the words only");
    assert_eq!(bundle.peer().device, b.device.public());
}

#[test]
fn long_names_are_cut_at_a_character() {
    let b = Side::b();
    let name = "ä".repeat(30);
    let bundle = verify(&b, &signed(&b, &name), NOW).unwrap();
    assert_eq!(bundle.name(&b.account).unwrap(), "ä".repeat(24));
    assert_eq!(verify(&b, &signed(&b, ""), NOW).unwrap().name(&b.account).unwrap(), "");
}

#[test]
fn a_bundle_belongs_to_one_device_of_one_account() {
    let (a, b) = (Side::a(), Side::b());
    let blob = signed(&b, "");
    let other_account = Bundle::verify(&blob, &a.account.public(), &b.device.public(), NOW);
    assert_eq!(other_account.unwrap_err(), BlobError::Signature);
    let other_device = Bundle::verify(&blob, &b.account.public(), &a.device.public(), NOW);
    assert_eq!(other_device.unwrap_err(), BlobError::Signature);
}

#[test]
fn time_decides() {
    let b = Side::b();
    let blob = signed(&b, "");
    let expires = verify(&b, &blob, NOW).unwrap().expires_at_ms;
    assert!(verify(&b, &blob, expires).is_ok());
    assert_eq!(verify(&b, &blob, expires + 1).unwrap_err(), BlobError::Expired);
    let issued = expires - MAX_VALIDITY_MS;
    assert!(verify(&b, &blob, issued - MAX_AHEAD_MS).is_ok());
    assert_eq!(verify(&b, &blob, issued - MAX_AHEAD_MS - 1).unwrap_err(), BlobError::FromTheFuture);
}

/// Signed by the right device, and still refused: KEM key, prekey id, SPK, validity, sequence number.
#[test]
fn rules_hold_for_signed_bundles_too() {
    let b = Side::b();
    let good = signed(&b, "");
    let changes: [(usize, &[u8]); 5] =
        [(84, &[0x01, 0x0d]), (48, &[0xff]), (52 + 31, &[0xff]), (46, &[0xff]), (30, &[1])];
    for (at, bytes) in changes {
        let mut blob = good[..good.len() - 64].to_vec();
        blob[at..at + bytes.len()].copy_from_slice(bytes);
        let signature = b.device.dsk().sign(&text(&b.account.public(), &blob));
        blob.extend(signature);
        assert_eq!(verify(&b, &blob, NOW).unwrap_err(), BlobError::Invalid, "{at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// P13 for bundles.
    #[test]
    fn any_flipped_bit_is_refused(at in 0..BUNDLE_LEN, bit in 0..8_u32) {
        let b = Side::b();
        let mut blob = signed(&b, "x");
        blob[at] ^= 1 << bit;
        prop_assert!(verify(&b, &blob, NOW).is_err());
    }

    #[test]
    fn any_bytes_are_parsed_without_harm(blob in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(verify(&Side::b(), &blob, NOW).is_err());
        let _ = Bundle::claimed_device(&blob);
    }
}
