//! The shell of protobuf around a config: from anybody, and as content that we signed and sealed ourselves.

use std::sync::OnceLock;

use zwiebel_proto::account::Account;
use zwiebel_proto::config::{Config, Contacts};
use zwiebel_proto::storage_rpc::message_hash;

use crate::shell::sealed;

/// One run.
pub fn run(bytes: &[u8]) {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    let account = ACCOUNT.get_or_init(|| Account::from_seed16([7; 16]));
    merge(account, bytes);
    // One input in 32 also goes behind the cipher: that costs a hundred times as much. Which one, mutation cannot choose.
    if bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte)) & 31 == 0 {
        if let Some(stored) = sealed(account, bytes) {
            merge(account, &stored);
        }
    }
}

fn merge(account: &Account, stored: &[u8]) {
    let mut contacts = Config::<Contacts>::new();
    let hash = message_hash(&account.id().to_bytes(), contacts.namespace(), stored);
    let report = contacts.merge(account, &[(hash, stored)], 0);
    assert_eq!(report.accepted.len() + report.ignored.len(), 1);
}
