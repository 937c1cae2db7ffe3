//! Content from anybody: decodes or not, and what decodes survives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zwiebel_proto::content::{decode, encode};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(content) = decode(bytes) {
        assert_eq!(decode(&encode(&content)), Ok(content));
    }
});
