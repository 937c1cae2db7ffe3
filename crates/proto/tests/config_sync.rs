//! Config sync through its public interface: the story of the vectors, bad input, and convergence of devices.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::Value as Json;
use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::{blake2b, blake2b_keyed};
use zwiebel_proto::account::Account;
use zwiebel_proto::bencode::Bencode;
use zwiebel_proto::config::{MergeReport, Object};
use zwiebel_proto::storage_rpc::{MessageHash, Namespace, message_hash};

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

#[path = "config_sync/bad_input.rs"]
mod bad_input;
#[cfg(not(target_arch = "wasm32"))]
#[path = "config_sync/devices.rs"]
mod devices;
#[path = "config_sync/life.rs"]
mod life;
#[path = "config_sync/story.rs"]
mod story;

/// What is stored in one namespace.
type Swarm = BTreeMap<MessageHash, Vec<u8>>;

fn vectors() -> Json {
    serde_json::from_str(include_str!("../../../vectors/config.json")).unwrap()
}

fn unhex(value: &Json) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

/// The account of the vectors.
fn account() -> Account {
    Account::from_seed16(hex_literal::hex!("0123456789abcdef0123456789abcdef"))
}

fn hash_of(namespace: Namespace, data: &[u8]) -> MessageHash {
    message_hash(&account().id().to_bytes(), namespace, data)
}

/// Merges these messages under their right names.
fn take(object: &mut Object, messages: &[&[u8]]) -> MergeReport {
    let namespace = object.namespace();
    let inputs: Vec<_> = messages.iter().map(|data| (hash_of(namespace, data), *data)).collect();
    object.merge(&account(), &inputs, 1_700_000_000_000)
}

/// The serialised message inside: part of every dump.
fn plaintext(object: &Object) -> Vec<u8> {
    let Ok(Bencode::Dict(mut entries)) = Bencode::decode(&object.clone().dump()) else { panic!("no dump") };
    let Some(Bencode::Bytes(message)) = entries.remove(b"$".as_slice()) else { panic!("no message") };
    message
}

/// Pushes, stores, deletes, confirms.
fn push(object: &mut Object, swarm: &mut Swarm) {
    let Some(push) = object.push(&account()).unwrap() else { return };
    swarm.extend(push.messages().iter().cloned());
    push.obsolete().for_each(|hash| drop(swarm.remove(hash)));
    object.confirm_pushed(push.receipt());
}

/// Merges everything stored.
fn poll(object: &mut Object, swarm: &Swarm) -> MergeReport {
    let inputs: Vec<_> = swarm.iter().map(|(hash, data)| (*hash, data.as_slice())).collect();
    object.merge(&account(), &inputs, 1_700_000_000_000)
}

/// Encrypts any body as a config message, without shell.
fn seal(account: &Account, domain: &str, body: &[u8]) -> Vec<u8> {
    let mut padded = vec![0; (body.len() + 40).next_multiple_of(256) - 40 - body.len()];
    padded.extend_from_slice(body);
    let length = u64::try_from(padded.len()).unwrap().to_be_bytes();
    let key: [u8; 32] = blake2b(&[account.ed25519().seed(), &length, domain.as_bytes()]);
    let nonce_key = format!("libsessionutil-config-encrypted-{domain}");
    let nonce: [u8; 24] = blake2b_keyed(nonce_key.as_bytes(), &[&padded]);
    [xchacha_seal(&key, &nonce, &[], &padded), nonce.to_vec()].concat()
}
