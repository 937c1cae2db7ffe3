//! What a container's payload says.

use zwiebel_proto::zr1::content;

/// One run.
pub fn run(bytes: &[u8]) {
    if let Ok(message) = content::decode(bytes) {
        assert_eq!(content::decode(&content::encode(&message)).as_ref(), Ok(&message));
    }
}
