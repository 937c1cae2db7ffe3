//! Envelope and container: stored bytes from anybody, as they are, and as the body of an envelope that opens.

use crate::zr1_support::{Counter, Side};
use zwiebel_crypto::secret::Secret;
use zwiebel_proto::zr1::container::Container;
use zwiebel_proto::zr1::envelope::{self, OuterKey};

/// One run.
pub fn run(bytes: &[u8]) {
    let side = Side::new(1);
    let secret = side.account.to_x25519();
    let _ = envelope::open(&secret, bytes);
    let to = OuterKey::of_signer(&side.account.public()).expect("a point");
    let sealed = envelope::seal(&to, bytes, &mut Counter(0)).expect("seals");
    match envelope::open(&secret, &sealed) {
        Some(body) => assert_eq!(body, bytes),
        None => assert!(sealed.len() > 76_800),
    }
    if let Ok(container) = Container::parse(bytes) {
        if let Ok(entries) = container.entries_for(&side.device.id()) {
            assert!(entries.len() <= 2);
        }
        let _ = container.open_payload(&Secret::new([0; 32]));
    }
}
