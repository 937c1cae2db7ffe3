//! Sealed boxes against libsodium's format in another implementation, and what must not open.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::testing::rng;

#[test]
fn what_is_sealed_opens_for_its_owner_alone() {
    let mut rng = rng();
    let [owner, other] = [(); 2].map(|()| X25519Secret::generate(&mut rng));
    for length in [0, 1, 31, 32, 33, 64, 1000] {
        let plaintext = vec![0x6b; length];
        let sealed = seal(&owner.public(), &plaintext, &mut rng).unwrap();
        assert_eq!(sealed.len(), length + OVERHEAD);
        assert_eq!(open(&owner, &sealed).unwrap(), plaintext);
        assert_eq!(open(&other, &sealed), Err(OpenError));
    }
}

#[test]
fn nothing_opens_that_was_changed_or_cut() {
    let mut rng = rng();
    let owner = X25519Secret::generate(&mut rng);
    let sealed = seal(&owner.public(), b"text", &mut rng).unwrap();
    for position in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[position] ^= 0x40;
        assert_eq!(open(&owner, &changed), Err(OpenError));
        assert_eq!(open(&owner, &sealed[..position]), Err(OpenError));
    }
}

#[test]
fn weak_keys_are_refused_on_both_sides() {
    let mut rng = rng();
    assert_eq!(seal(&X25519Public([0; 32]), b"text", &mut rng), Err(WeakKey));
    assert_eq!(open(&X25519Secret::generate(&mut rng), &[0; 64]), Err(OpenError));
}

/// `libsodium` in pure Rust opens what we seal, and the other way round.
#[cfg(not(target_arch = "wasm32"))]
mod oracle {
    use dryoc::classic::crypto_box::{crypto_box_seal, crypto_box_seal_open};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sealed_boxes_agree(secret: [u8; 32], plaintext: Vec<u8>) {
            let secret = X25519Secret::from_bytes(secret);
            let public = secret.public();

            let sealed = seal(&public, &plaintext, &mut rng()).unwrap();
            let mut opened = vec![0; plaintext.len()];
            crypto_box_seal_open(&mut opened, &sealed, &public.0, secret.expose()).unwrap();
            prop_assert_eq!(&opened, &plaintext);

            let mut sealed = vec![0; plaintext.len() + OVERHEAD];
            crypto_box_seal(&mut sealed, &plaintext, &public.0).unwrap();
            prop_assert_eq!(open(&secret, &sealed).unwrap(), plaintext);
        }

        #[test]
        fn arbitrary_bytes_do_not_open(bytes: Vec<u8>) {
            prop_assert_eq!(open(&X25519Secret::from_bytes([1; 32]), &bytes), Err(OpenError));
        }
    }
}
