//! Hashes of names and sealed answers against vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use base64ct::{Base64, Encoding};

use super::*;
use crate::testing::{Vector, storage};

#[test]
fn hashes_and_keys_of_names_agree() {
    let vector = &storage()["ons_name_hash"];
    let name = vector["name"].text();
    assert_eq!(Base64::encode_string(&name_hash(name)), vector["name_hash_b64"].text());
    assert_eq!(name_hash(&name.to_uppercase()), name_hash(name));
    assert_eq!(hex::encode(value_key(name)), vector["decryption_key_hex"].text());
}

#[test]
fn answers_open() {
    let id = crate::testing::bob().id();
    let encrypted = zwiebel_crypto::aead::xchacha_seal(&value_key("bob"), &[7; 24], &[], &id.to_bytes());
    assert_eq!(open("Bob", &[7; 24], &encrypted), Some(id));
    assert_eq!(open("alice", &[7; 24], &encrypted), None);
}
