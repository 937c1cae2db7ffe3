//! Envelope, container and the header in a capsule: stored bytes from anybody, at each depth. The first byte chooses.

use std::sync::LazyLock;

use crate::zr1_support::{Counter, Side, one_in};
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::keys::X25519Secret;
use zwiebel_crypto::secret::Secret;
use zwiebel_crypto::zr1_testing::is_header;
use zwiebel_proto::zr1::container::Container;
use zwiebel_proto::zr1::envelope::{self, OuterKey};

static OWNER: LazyLock<(X25519Secret, OuterKey, DeviceId)> = LazyLock::new(|| {
    let side = Side::new(1);
    let to = OuterKey::of_signer(&side.account.public()).expect("a point");
    (side.account.to_x25519(), to, side.device.id())
});

/// One run.
pub fn run(bytes: &[u8]) {
    let (secret, to, device) = &*OWNER;
    let Some((which, bytes)) = bytes.split_first() else { return };
    match which {
        0..128 => container(bytes, device),
        128..240 => {
            if is_header(bytes) {
                assert!(bytes.len() >= 48);
            }
        }
        // Agreements cost a hundred times as much as the parser: only a part of these is run.
        240..254 if one_in(16, bytes) => {
            let _ = envelope::open(secret, bytes);
        }
        254.. if one_in(64, bytes) => {
            let sealed = envelope::seal(to, bytes, &mut Counter(0)).expect("seals");
            match envelope::open(secret, &sealed) {
                Some(body) => assert_eq!(body, bytes),
                None => assert!(sealed.len() > 76_800),
            }
        }
        _ => {}
    }
}

fn container(bytes: &[u8], device: &DeviceId) {
    if let Ok(container) = Container::parse(bytes) {
        if let Ok(entries) = container.entries_for(device) {
            assert!(entries.len() <= 2);
        }
        let _ = container.open_payload(&Secret::new([0; 32]));
    }
}
