//! The ciphers against the texts that specify them, and changed ciphertexts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use hex_literal::hex;

use super::*;

#[test]
fn xchacha_agrees_with_the_draft() {
    // draft-irtf-cfrg-xchacha-03, A.3.1
    let key: [u8; 32] = std::array::from_fn(|i| 0x80 + u8::try_from(i).unwrap());
    let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + u8::try_from(i).unwrap());
    let aad = hex!("50515253c0c1c2c3c4c5c6c7");
    let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let sealed = xchacha_seal(&key, &nonce, &aad, plaintext);
    assert!(sealed.starts_with(&hex!("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb")));
    assert!(sealed.ends_with(&hex!("c0875924c1c7987947deafd8780acf49")));
    assert_eq!(xchacha_open(&key, &nonce, &aad, &sealed).unwrap(), plaintext);
    assert_eq!(xchacha_open(&key, &nonce, b"other", &sealed), None);
}

#[test]
fn aes_gcm_agrees_with_the_specification() {
    // Test case 14 of the GCM specification.
    let sealed = aes256gcm_seal(&[0; 32], &[0; 12], &[0; 16]);
    assert_eq!(sealed, hex!("cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
    assert_eq!(aes256gcm_open(&[0; 32], &[0; 12], &sealed).unwrap(), [0; 16]);
}

#[test]
fn nothing_opens_that_was_changed() {
    let sealed = [aes256gcm_seal(&[1; 32], &[2; 12], b"text"), xchacha_seal(&[1; 32], &[2; 24], &[], b"text")];
    for position in 0..sealed[0].len() {
        let mut changed = sealed.clone();
        changed.iter_mut().for_each(|bytes| bytes[position] ^= 1);
        assert_eq!(aes256gcm_open(&[1; 32], &[2; 12], &changed[0]), None);
        assert_eq!(xchacha_open(&[1; 32], &[2; 24], &[], &changed[1]), None);
    }
    assert_eq!(aes256gcm_open(&[1; 32], &[2; 12], &[]), None);
    assert_eq!(xchacha_open(&[1; 32], &[2; 24], &[], &[]), None);
}
