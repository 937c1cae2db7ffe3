//! Blobs that anybody may serve: manifest, bundle, witness, sticky set, link request, content. What needs a signature
//! to be read is signed by the target too, so that the fuzzer reaches what is behind it.

use crate::zr1_support::{NOW, Side};
use zwiebel_crypto::labels;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::bundle::Bundle;
use zwiebel_proto::zr1::link::{LinkCode, LinkRequest};
use zwiebel_proto::zr1::manifest::{Manifest, judge, merge};
use zwiebel_proto::zr1::safety::SafetyCode;
use zwiebel_proto::zr1::sticky::StickySet;
use zwiebel_proto::zr1::{content, witness};

/// One run.
pub fn run(bytes: &[u8]) {
    let side = Side::new(1);
    let account = side.account.public();
    let id = AccountId::from_key(account.to_x25519().expect("a point"));

    let _ = Manifest::verify(bytes, &id, NOW);
    let signature = side.account.sign(&[labels::MANIFEST, bytes].concat());
    if let Ok(manifest) = Manifest::verify(&[bytes, &signature].concat(), &id, NOW) {
        let _ = judge(&manifest, None);
        let _ = judge(&manifest, Some(&manifest));
        let (list, seq) = merge(&manifest, &manifest, NOW).expect("the same account");
        if !list.devices.is_empty() {
            assert!(list.sign(&side.account, seq, &[0; 32], NOW).is_ok());
        }
    }
    let device = side.device.public();
    let signature = side.device.dsk().sign(&[labels::BUNDLE, &account.0, bytes].concat());
    if let Ok(bundle) = Bundle::verify(&[bytes, &signature].concat(), &account, &device, NOW) {
        let _ = bundle.name(&side.account);
    }
    let _ = Bundle::claimed_device(bytes);
    let _ = witness::open(&side.device, bytes);
    let _ = StickySet::open(&side.account, bytes);
    let _ = LinkRequest::open(&side.account, bytes, NOW);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = LinkCode::parse(text);
        let _ = SafetyCode::parse(text);
    }
    if let Ok(message) = content::decode(bytes) {
        assert_eq!(content::decode(&content::encode(&message)).as_ref(), Ok(&message));
    }
}
