//! Content from anybody: decodes or not, and what decodes survives.

use zwiebel_proto::content::{decode, encode};

/// One run.
pub fn run(bytes: &[u8]) {
    if let Ok(content) = decode(bytes) {
        assert_eq!(decode(&encode(&content)), Ok(content));
    }
}
