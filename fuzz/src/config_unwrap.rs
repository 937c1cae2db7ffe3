//! The shell of protobuf around a config: from anybody, and as content that we signed and sealed ourselves.

use std::sync::OnceLock;

use zwiebel_crypto::keys::X25519Secret;
use zwiebel_crypto::seal::seal_with_ephemeral;
use zwiebel_proto::account::Account;
use zwiebel_proto::config::{Config, Contacts};
use zwiebel_proto::storage_rpc::message_hash;

/// One run.
pub fn run(bytes: &[u8]) {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    let account = ACCOUNT.get_or_init(|| Account::from_seed16([7; 16]));
    merge(account, bytes);
    // One input in 32 also goes behind the cipher: that costs a hundred times as much. Which one, mutation cannot choose.
    if bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte)) & 31 == 0 {
        let (key, to) = (account.ed25519().public(), account.id().key());
        let signature = account.ed25519().sign(&[bytes, &key.0, &to.0].concat());
        let inner = [bytes, &key.0, &signature].concat();
        if let Ok(sealed) = seal_with_ephemeral(X25519Secret::from_bytes([8; 32]), &to, &inner) {
            merge(account, &wrapped(&sealed));
        }
    }
}

fn merge(account: &Account, stored: &[u8]) {
    let mut contacts = Config::<Contacts>::new();
    let hash = message_hash(&account.id().to_bytes(), contacts.namespace(), stored);
    let report = contacts.merge(account, &[(hash, stored)], 0);
    assert_eq!(report.accepted.len() + report.ignored.len(), 1);
}

/// `WebSocketMessage { type 1, request { body: Envelope { type 6, timestamp 1, content } } }`
fn wrapped(sealed: &[u8]) -> Vec<u8> {
    let envelope = [&[0x08, 6, 0x28, 1], field(0x42, sealed).as_slice()].concat();
    let request = field(0x1a, &envelope);
    [&[0x08, 1], field(0x12, &request).as_slice()].concat()
}

fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let mut length = bytes.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}
