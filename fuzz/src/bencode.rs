//! Bencode: what decodes has exactly this encoding.

use zwiebel_proto::bencode::Bencode;

/// One run.
pub fn run(bytes: &[u8]) {
    if let Ok(value) = Bencode::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
}
