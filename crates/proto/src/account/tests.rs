//! Accounts against vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::testing::{Vector, alice, messages, rng};

#[test]
fn accounts_follow_from_their_seeds() {
    for vector in messages()["accounts"].list() {
        let account = Account::from_seed16(vector["seed16_hex"].array());
        assert_eq!(account.ed25519().public(), vector["ed25519_pk_hex"].ed25519());
        assert_eq!(*account.x25519().expose(), vector["x25519_sk_hex"].array::<32>());
        assert_eq!(account.id().to_string(), vector["account_id"].text());
        assert_eq!(account.phrase().as_str(), vector["phrase"].text());
        assert_eq!(Account::from_phrase(vector["phrase"].text()).unwrap().id(), account.id());
    }
}

#[test]
fn both_public_keys_name_the_same_account() {
    let account = Account::generate(&mut rng());
    assert_eq!(account.ed25519().public().to_x25519().map(AccountId::from_key), Some(account.id()));
    assert_eq!(Account::from_seed16(*account.seed16()).id(), account.id());
}

#[test]
fn an_account_prints_nothing() {
    assert_eq!(format!("{:?} {:?}", alice(), alice().id()), "Account(..) AccountId(..)");
}
