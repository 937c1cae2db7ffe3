//! HKDF against RFC 5869 and another implementation.

#![allow(clippy::unwrap_used, reason = "tests")]

use hex_literal::hex;
use hkdf::Hkdf;
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

#[test]
fn rfc_5869_test_case_1() {
    let out = hkdf::<42, 13>(&hex!("000102030405060708090a0b0c"), &[&[0x0b; 22]], &[&hex!("f0f1f2f3f4f5f6f7f8f9")]);
    let expected = hex!("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    assert_eq!(out.expose(), &expected);
}

/// No salt is the same as 32 zero bytes.
#[test]
fn rfc_5869_test_case_3() {
    let out = hkdf::<42, 32>(&ZERO_SALT, &[&[0x0b; 22]], &[]);
    let expected = hex!("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    assert_eq!(out.expose(), &expected);
}

#[test]
fn parts_are_joined_without_separator() {
    let joined = hkdf::<44, 32>(&[7; 32], &[b"abcdef"], &[b"label", b"rest"]);
    let parts = hkdf::<44, 32>(&[7; 32], &[b"ab", b"", b"cdef"], &[b"labelre", b"st"]);
    assert_eq!(joined, parts);
    assert_eq!(digest(&[b"abc"]), digest(&[b"a", b"bc"]));
    assert_eq!(short_digest::<4>(&[b"abc"]), hex!("ba7816bf"));
}

proptest! {
    #[test]
    fn equals_the_hkdf_crate(salt: [u8; 32], ikm: Vec<u8>, info: Vec<u8>) {
        let mut expected = [0_u8; 144];
        Hkdf::<Sha256>::new(Some(&salt), &ikm).expand(&info, &mut expected).unwrap();
        let ours = hkdf::<144, 32>(&salt, &[&ikm], &[&info]);
        prop_assert_eq!(ours.expose(), &expected);
    }
}
