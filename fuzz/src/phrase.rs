//! A phrase that a person typed.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::phrase::{complete, decode, encode};

/// One run.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(seed) = decode(text) {
        assert_eq!(decode(&encode(&seed)), Ok(seed));
    }
    assert!(complete(text).all(|word| word.starts_with(&text.to_lowercase())));
    if let Ok(id) = AccountId::parse(text) {
        assert_eq!(AccountId::parse(&id.to_string()), Ok(id));
    }
}
