//! Project Wycheproof's vectors: known answers and hostile inputs for every primitive they cover.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "tests")]

use wycheproof::{TestResult, aead, eddsa, mac, mlkem, xdh};
use zwiebel_crypto::aead as ours;
use zwiebel_crypto::hash::hmac_sha256;
use zwiebel_crypto::kem::{CIPHERTEXT_LEN, KemCiphertext, KemPublic, KemSecret, PUBLIC_LEN};
use zwiebel_crypto::keys::{Ed25519Public, X25519Public, X25519Secret};

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// A key agreement gives the known answer, or is refused because the answer would be zero.
#[test]
fn x25519() {
    let (mut agreed, mut refused) = (0, 0);
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let secret = X25519Secret::from_bytes(array(&test.private_key).unwrap());
        let Some(public) = array(&test.public_key) else { continue }; // a length that the type cannot hold
        match secret.agree(&X25519Public(public)) {
            Ok(shared) => {
                assert_eq!(shared.expose().as_slice(), test.shared_secret.as_ref(), "test {}", test.tc_id);
                agreed += 1;
            }
            Err(_) => {
                assert!(test.shared_secret.iter().all(|byte| *byte == 0), "test {}", test.tc_id);
                refused += 1;
            }
        }
    }
    assert!(agreed > 400 && refused > 10, "{agreed} agreed, {refused} refused");
}

#[test]
fn ed25519() {
    let (mut valid, mut invalid) = (0, 0);
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = Ed25519Public(array(&group.key.pk).unwrap());
        for test in group.tests {
            let holds = array(&test.sig).is_some_and(|signature| key.verify(&test.msg, &signature));
            assert_eq!(holds, test.result == TestResult::Valid, "test {}", test.tc_id);
            if holds { valid += 1 } else { invalid += 1 }
        }
    }
    assert!(valid > 50 && invalid > 50, "{valid} valid, {invalid} invalid");
}

#[test]
fn chacha20_poly1305() {
    aead_vectors(
        aead::TestName::ChaCha20Poly1305,
        300,
        |key, nonce, aad, text| Some(ours::chacha_seal(key, &array(nonce)?, aad, text)),
        |key, nonce, aad, sealed| ours::chacha_open(key, &array(nonce)?, aad, sealed),
    );
}

#[test]
fn xchacha20_poly1305() {
    aead_vectors(
        aead::TestName::XChaCha20Poly1305,
        250,
        |key, nonce, aad, text| Some(ours::xchacha_seal(key, &array(nonce)?, aad, text)),
        |key, nonce, aad, sealed| ours::xchacha_open(key, &array(nonce)?, aad, sealed),
    );
}

/// Only the vectors of the form that the Session network uses: 256-bit key, 96-bit nonce, no associated data.
#[test]
fn aes_256_gcm() {
    aead_vectors(
        aead::TestName::AesGcm,
        20,
        |key, nonce, aad, text| Some(ours::aes256gcm_seal(key, &array(nonce)?, text)).filter(|_| aad.is_empty()),
        |key, nonce, aad, sealed| ours::aes256gcm_open(key, &array(nonce)?, sealed).filter(|_| aad.is_empty()),
    );
}

/// `(key, nonce, associated data, text)`
type Aead = fn(&[u8; 32], &[u8], &[u8], &[u8]) -> Option<Vec<u8>>;

/// What is valid is what we seal, and opens; what is not does not open. Inputs of another form are passed over.
fn aead_vectors(name: aead::TestName, at_least: usize, seal: Aead, open: Aead) {
    let mut used = 0;
    for group in aead::TestSet::load(name).unwrap().test_groups {
        for test in group.tests {
            let Some(key) = array(&test.key) else { continue };
            let sealed = [test.ct.as_ref(), test.tag.as_ref()].concat();
            let opened = open(&key, &test.nonce, &test.aad, &sealed);
            if test.result == TestResult::Invalid {
                assert_eq!(opened, None, "test {}", test.tc_id);
                used += 1;
            } else if let Some(ours) = seal(&key, &test.nonce, &test.aad, &test.pt) {
                assert_eq!(ours, sealed, "test {}", test.tc_id);
                assert_eq!(opened.as_deref(), Some(test.pt.as_ref()), "test {}", test.tc_id);
                used += 1;
            }
        }
    }
    assert!(used >= at_least, "{used} used");
}

#[test]
fn hmac_with_sha256() {
    let mut used = 0;
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            let Some(tag) = array::<32>(&test.tag) else { continue }; // shortened tags: not used here
            let same = hmac_sha256(&test.key, &test.msg) == tag;
            assert_eq!(same, test.result == TestResult::Valid, "test {}", test.tc_id);
            used += 1;
        }
    }
    assert!(used > 50, "{used} used");
}

/// From the seed: the public key, and the secret in a ciphertext (also in one that nobody made).
#[test]
fn ml_kem_768() {
    let mut used = 0;
    for group in mlkem::TestSet::load(mlkem::TestName::MlKem768).unwrap().test_groups {
        for test in group.tests {
            let secret = test.seed.as_deref().and_then(|seed| array(seed)).map(KemSecret::from_seed);
            let ciphertext = test.ct.as_deref().and_then(|bytes| array::<CIPHERTEXT_LEN>(bytes));
            let (Some(secret), Some(ciphertext)) = (secret, ciphertext) else {
                assert_eq!(test.result, TestResult::Invalid, "test {}", test.tc_id);
                continue;
            };
            if let Some(public) = &test.encaps_key {
                assert_eq!(secret.public().as_bytes().as_slice(), public.as_ref(), "test {}", test.tc_id);
            }
            let shared = secret.decapsulate(&KemCiphertext::from_bytes(&ciphertext));
            let same = test.shared_secret.as_deref().is_some_and(|known| known == shared.expose());
            assert_eq!(same, test.result == TestResult::Valid, "test {}", test.tc_id);
            used += 1;
        }
    }
    assert!(used > 20, "{used} used");
}

/// A public key with a coefficient that is not below q is refused.
#[test]
fn ml_kem_768_public_keys() {
    let (mut valid, mut invalid) = (0, 0);
    for group in mlkem::TestSet::load(mlkem::TestName::MlKem768Encaps).unwrap().test_groups {
        for test in group.tests {
            let Some(key) = test.encaps_key.as_deref().and_then(|bytes| array::<PUBLIC_LEN>(bytes)) else { continue };
            let accepted = KemPublic::from_bytes(&key).is_ok();
            assert_eq!(accepted, test.result == TestResult::Valid, "test {}", test.tc_id);
            if accepted { valid += 1 } else { invalid += 1 }
        }
    }
    assert!(valid > 5 && invalid > 5, "{valid} valid, {invalid} invalid");
}
