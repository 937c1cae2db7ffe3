//! Hashes against known answers and another implementation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use hex_literal::hex;

use super::*;

#[test]
fn blake2b_agrees_with_known_answers() {
    // RFC 7693, appendix A.
    assert_eq!(
        blake2b::<64>(&[b"abc"]),
        hex!(
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1
             7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
        )
    );
    // The reference implementation's keyed test vectors: key 00..3f, message 00..01.
    let key: [u8; 64] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    assert_eq!(
        blake2b_keyed::<64>(&key, &[&[0, 1]]),
        hex!(
            "da2cfbe2d8409a0f38026113884f84b50156371ae304c4430173d08a99d9fb1b
             983164a3770706d537f49e0c916d9f32b95cc37a95b99d857436f0232c88a965"
        )
    );
}

#[test]
fn parts_hash_like_their_concatenation() {
    let long = vec![7_u8; 300];
    let parts: [&[u8]; 5] = [&long[..1], &long[1..128], &[], &long[128..256], &long[256..]];
    assert_eq!(blake2b::<24>(&parts), blake2b::<24>(&[&long]));
    assert_eq!(blake2b_keyed::<33>(b"key", &parts), blake2b_keyed::<33>(b"key", &[&long]));
    assert_ne!(blake2b_keyed::<33>(b"key", &parts), blake2b_keyed::<33>(b"kez", &parts));
}

#[test]
fn hmac_agrees_with_rfc_4231() {
    assert_eq!(
        hmac_sha256(b"Jefe", b"what do ya want for nothing?"),
        hex!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    );
    assert_eq!(
        hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
        hex!("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    );
}

#[test]
fn sha_2_agrees_with_fips_180() {
    assert_eq!(sha256(b"abc"), hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(
        sha512(b"abc"),
        hex!(
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        )
    );
}

/// `libsodium` in pure Rust says the same.
#[cfg(not(target_arch = "wasm32"))]
mod oracle {
    use dryoc::classic::crypto_generichash::crypto_generichash;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn generic_hashes_agree(key in prop::collection::vec(any::<u8>(), 16..=64), message: Vec<u8>) {
            let mut expected = [0; 32];
            crypto_generichash(&mut expected, &message, None).unwrap();
            prop_assert_eq!(blake2b::<32>(&[&message]), expected);
            let mut expected = [0; 49];
            crypto_generichash(&mut expected, &message, Some(&key)).unwrap();
            prop_assert_eq!(blake2b_keyed::<49>(&key, &[&message]), expected);
        }
    }
}
