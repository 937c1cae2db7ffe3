//! The body of a config message that opens: canonical or ignored, and what is taken in survives everything.

use std::sync::OnceLock;

use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::{blake2b, blake2b_keyed};
use zwiebel_proto::account::Account;
use zwiebel_proto::bencode::Bencode;
use zwiebel_proto::config::{Config, UserProfile};
use zwiebel_proto::storage_rpc::message_hash;

/// One run.
pub fn run(bytes: &[u8]) {
    if bytes.len() > 70_000 {
        return;
    }
    static FIXED: OnceLock<(Account, Vec<u8>)> = OnceLock::new();
    let (account, empty) = FIXED.get_or_init(|| (Account::from_seed16([7; 16]), Config::<UserProfile>::new().dump()));
    let stored = seal(account, bytes);
    let mut profile = Config::<UserProfile>::new();
    let hash = message_hash(&account.id().to_bytes(), profile.namespace(), &stored);
    let report = profile.merge(account, &[(hash, &stored)], 0);
    assert_eq!(report.accepted.len() + report.ignored.len(), 1);
    let _ = Config::<UserProfile>::load(bytes);
    if report.accepted.is_empty() {
        assert_eq!(&profile.dump(), empty);
        return;
    }
    if bytes.first() == Some(&b'd') {
        assert_eq!(message(&profile), bytes);
        assert!(!profile.needs_push());
    }
    let dump = profile.dump();
    assert_eq!(Config::<UserProfile>::load(&dump).map(|mut loaded| loaded.dump()), Ok(dump));

    // With an edit of one's own at the same time, twice, and after a restart.
    let mut other = Config::<UserProfile>::new();
    other.set_name("A");
    other.merge(account, &[(hash, &stored), (hash, &stored)], 0);
    let dump = other.dump();
    assert_eq!(Config::<UserProfile>::load(&dump).map(|mut loaded| loaded.dump()), Ok(dump));
    let _ = (other.name(), other.picture(), other.updated_s());
}

/// The message in a dump.
fn message(profile: &Config<UserProfile>) -> Vec<u8> {
    match Bencode::decode(&profile.clone().dump()) {
        Ok(Bencode::Dict(mut entries)) => match entries.remove(b"$".as_slice()) {
            Some(Bencode::Bytes(message)) => message,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Encrypted without padding.
fn seal(account: &Account, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u64).to_be_bytes();
    let key: [u8; 32] = blake2b(&[account.ed25519().seed(), &length, b"UserProfile"]);
    let nonce: [u8; 24] = blake2b_keyed(b"libsessionutil-config-encrypted-UserProfile", &[body]);
    [xchacha_seal(&key, &nonce, &[], body), nonce.to_vec()].concat()
}
