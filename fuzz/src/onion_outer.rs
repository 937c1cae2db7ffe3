//! What a guard and an inner hop are handed.

use zwiebel_proto::bencode::Bencode;
use zwiebel_proto::onion::{HopError, OuterPacket, outer, v4};

/// One run.
pub fn run(bytes: &[u8]) {
    let _ = outer(bytes);
    if let Ok(packet) = OuterPacket::decode_hop(bytes) {
        assert_eq!(OuterPacket::decode_hop(&packet.encode_hop()), Ok(packet));
    }
    if let Ok(value) = Bencode::decode(bytes) {
        assert_eq!(value.encode(), bytes);
    }
    let _ = v4::decode_response(bytes);
    let _ = HopError::parse(502, bytes);
}
