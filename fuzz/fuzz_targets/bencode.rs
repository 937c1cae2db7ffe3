//! Bencode: what decodes has exactly this encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zwiebel_proto::bencode::Bencode;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = Bencode::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
});
