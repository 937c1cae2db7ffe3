//! Names that stand for accounts (service-nodes 3.10, `ons_resolve`): what is asked, and what the answer holds.

use zwiebel_crypto::aead::xchacha_open;
use zwiebel_crypto::hash::{blake2b, blake2b_keyed};

use crate::account_id::AccountId;

/// What nodes are asked for: the hash of the name in lower case, in base64.
#[must_use]
pub fn name_hash(name: &str) -> [u8; 32] {
    blake2b(&[name.to_lowercase().as_bytes()])
}

/// Opens the answer: the account of this name.
#[must_use]
pub fn open(name: &str, nonce: &[u8; 24], encrypted: &[u8]) -> Option<AccountId> {
    let id = xchacha_open(&value_key(name), nonce, &[], encrypted)?;
    AccountId::parse(&hex::encode(id)).ok()
}

fn value_key(name: &str) -> [u8; 32] {
    blake2b_keyed(&name_hash(name), &[name.to_lowercase().as_bytes()])
}

#[cfg(test)]
mod tests;
