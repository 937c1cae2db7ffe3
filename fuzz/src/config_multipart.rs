//! Parts of configs, in any order, several sets at once: the input is a list of part bodies, each after its length.

use std::sync::OnceLock;

use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::{blake2b, blake2b_keyed};
use zwiebel_proto::account::Account;
use zwiebel_proto::config::{Config, UserProfile};
use zwiebel_proto::storage_rpc::{MessageHash, message_hash};

/// Enough for several sets at once.
const MAX_PARTS: usize = 12;

/// One run.
pub fn run(bytes: &[u8]) {
    static ACCOUNT: OnceLock<Account> = OnceLock::new();
    let account = ACCOUNT.get_or_init(|| Account::from_seed16([7; 16]));
    let mut profile = Config::<UserProfile>::new();
    let mut rest = bytes;
    let bodies = std::iter::from_fn(|| {
        let (length, left) = rest.split_first()?;
        let (body, left) = left.split_at(usize::from(*length).min(left.len()));
        rest = left;
        Some(body)
    });
    let stored: Vec<Vec<u8>> = bodies.take(MAX_PARTS).map(|body| seal(account, &part(body))).collect();
    let hash = |stored: &Vec<u8>| message_hash(&account.id().to_bytes(), profile.namespace(), stored);
    let messages: Vec<(MessageHash, &[u8])> = stored.iter().map(|stored| (hash(stored), stored.as_slice())).collect();
    // Two polls some days apart: parts of the first may be forgotten by the second.
    let (first, second) = messages.split_at(messages.len() / 2);
    for (now, messages) in [(0, first), (8 * 86_400_000, second)] {
        let report = profile.merge(account, messages, now);
        assert_eq!(report.accepted.len() + report.ignored.len(), messages.len());
    }
    let dump = profile.dump();
    assert_eq!(Config::<UserProfile>::load(&dump).map(|mut loaded| loaded.dump()), Ok(dump));
}

/// As it is, or as index, count and chunk of the parts of one known config, whose hash a fuzzer could not guess.
fn part(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [b'P', index, count, chunk @ ..] => {
            let whole: [u8; 32] = blake2b(&[b"d1:#i1e1:&d1:n1:Ae1:<le1:=d1:n0:ee"]);
            let head = [b"ml32:".as_slice(), &whole, b"1:", &[*index], b"1:", &[*count]].concat();
            [head.as_slice(), format!("{}:", chunk.len()).as_bytes(), chunk, b"e"].concat()
        }
        _ => bytes.to_vec(),
    }
}

/// Encrypted without padding.
fn seal(account: &Account, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u64).to_be_bytes();
    let key: [u8; 32] = blake2b(&[account.ed25519().seed(), &length, b"UserProfile"]);
    let nonce: [u8; 24] = blake2b_keyed(b"libsessionutil-config-encrypted-UserProfile", &[body]);
    [xchacha_seal(&key, &nonce, &[], body), nonce.to_vec()].concat()
}
