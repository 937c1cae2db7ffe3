//! Signatures and key agreement against their RFCs and another implementation; keys and signatures that are traps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use hex_literal::hex;

use super::*;
use crate::testing::rng;

/// The u coordinates of small order, and encodings of them that are not reduced.
const SMALL_ORDER_U: [[u8; 32]; 7] = [
    [0; 32],
    hex!("0100000000000000000000000000000000000000000000000000000000000000"),
    hex!("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    hex!("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    hex!("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    hex!("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    hex!("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
];

#[test]
fn agreement_follows_rfc_7748() {
    let alice = X25519Secret::from_bytes(hex!("77076d0a7318a57d3c16c17251b26645df1f1d8edd16b53f8f6dbb6b4f4b0e5e"));
    let bob = X25519Secret::from_bytes(hex!("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    assert_eq!(bob.public().0, hex!("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    let shared = alice.agree(&bob.public()).unwrap();
    assert_eq!(shared, bob.agree(&alice.public()).unwrap());
}

#[test]
fn keys_of_small_order_are_refused() {
    let secret = X25519Secret::generate(&mut rng());
    for u in SMALL_ORDER_U {
        assert_eq!(secret.agree(&X25519Public(u)).err(), Some(WeakKey));
        assert!(!X25519Public(u).is_usable());
    }
    assert!(secret.public().is_usable());
}

#[test]
fn signatures_follow_rfc_8032() {
    let secret = Ed25519Secret::from_seed(hex!("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
    assert_eq!(secret.public().0, hex!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
    let signature = secret.sign(&[0x72]);
    assert_eq!(
        signature,
        hex!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        )
    );
    assert!(secret.public().verify(&[0x72], &signature));
    assert!(!secret.public().verify(&[0x73], &signature));
}

#[test]
fn a_signature_that_fits_every_message_is_refused() {
    // The identity as key and as R, S = 0: plain verification accepts this for any message.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!Ed25519Public(identity).verify(b"anything", &signature));
}

#[test]
fn signatures_with_a_large_s_are_refused() {
    let secret = Ed25519Secret::from_seed([7; 32]);
    let mut signature = secret.sign(b"message");
    let order = hex!("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut carry = 0_u16;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
    assert!(!secret.public().verify(b"message", &signature));
}

#[test]
fn keys_that_are_not_reduced_are_refused() {
    let mut key = [0xff; 32];
    key[0] = 0xf0; // p + 3
    key[31] = 0x7f;
    assert!(!is_canonical_y(&key));
    assert_eq!(Ed25519Public(key).to_x25519(), None);
    key[0] = 0xec; // p - 1
    assert!(is_canonical_y(&key));
}

#[test]
fn signing_and_agreement_keys_belong_together() {
    let mut rng = rng();
    for _ in 0..16 {
        let secret = Ed25519Secret::generate(&mut rng);
        assert_eq!(secret.public().to_x25519(), Some(secret.to_x25519().public()));
    }
    let mut identity = [0; 32];
    identity[0] = 1;
    assert_eq!(Ed25519Public(identity).to_x25519(), None);
}

#[test]
fn nothing_secret_is_printed() {
    let ed25519 = Ed25519Secret::from_seed([7; 32]);
    let x25519 = ed25519.to_x25519();
    let shared = x25519.agree(&X25519Public([9; 32])).unwrap();
    let printed = format!("{ed25519:?} {x25519:?} {shared:?} {:?} {:?}", x25519.public(), ed25519.public());
    assert_eq!(
        printed,
        "Ed25519Secret(..) X25519Secret(..) SharedSecret(Secret(..)) X25519Public(..) Ed25519Public(..)"
    );
}

/// `libsodium` in pure Rust says the same.
#[cfg(not(target_arch = "wasm32"))]
mod oracle {
    use dryoc::classic::crypto_sign::{crypto_sign_detached, crypto_sign_seed_keypair, crypto_sign_verify_detached};
    use dryoc::classic::crypto_sign_ed25519::{
        crypto_sign_ed25519_pk_to_curve25519, crypto_sign_ed25519_sk_to_curve25519,
    };
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn signing_keys_agree(seed: [u8; 32], message: Vec<u8>) {
            let secret = Ed25519Secret::from_seed(seed);
            let (public, long_secret) = crypto_sign_seed_keypair(&seed);
            prop_assert_eq!(secret.public().0, public);
            let mut signature = [0; 64];
            crypto_sign_detached(&mut signature, &message, &long_secret).unwrap();
            prop_assert_eq!(secret.sign(&message), signature);
            prop_assert!(crypto_sign_verify_detached(&signature, &message, &public).is_ok());
            let mut x25519 = [0; 32];
            crypto_sign_ed25519_sk_to_curve25519(&mut x25519, &long_secret);
            prop_assert_eq!(*secret.to_x25519().expose(), x25519);
            crypto_sign_ed25519_pk_to_curve25519(&mut x25519, &public).unwrap();
            prop_assert_eq!(secret.public().to_x25519().unwrap().0, x25519);
        }
    }
}
