//! The prekeys of a device. A part of what parses is signed by the target, as the owner of any device could.

use std::sync::LazyLock;

use crate::zr1_support::{NO_SIGNATURE, NOW, Side, one_in};
use zwiebel_crypto::handshake::DevicePublic;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::labels;
use zwiebel_proto::zr1::BlobError;
use zwiebel_proto::zr1::bundle::Bundle;

static OWNER: LazyLock<(Side, Ed25519Public, DevicePublic)> = LazyLock::new(|| {
    let side = Side::new(1);
    let (account, device) = (side.account.public(), side.device.public());
    (side, account, device)
});

/// One run.
pub fn run(bytes: &[u8]) {
    let (side, account, device) = &*OWNER;
    let mut text = bytes.to_vec();
    if let Some(id) = text.get_mut(8..24) {
        id.copy_from_slice(&device.id().0);
    }
    let unsigned = Bundle::verify(&[text.as_slice(), &NO_SIGNATURE].concat(), account, device, NOW);
    if unsigned != Err(BlobError::Signature) || !one_in(8, bytes) {
        assert!(unsigned.is_err());
        return;
    }
    assert_eq!(Bundle::claimed_device(&text), Some(device.id()));
    let signature = side.device.dsk().sign(&[labels::BUNDLE, &account.0, &text].concat());
    if let Ok(bundle) = Bundle::verify(&[text.as_slice(), &signature].concat(), account, device, NOW) {
        let _ = bundle.name(&side.account);
    }
}
