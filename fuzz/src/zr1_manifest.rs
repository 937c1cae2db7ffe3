//! The signed list of devices. What is signed is signed by the target too, so that the fuzzer reaches what is behind the
//! signature; but only a part of it, because signatures cost a hundred times as much as the parser.

use std::sync::LazyLock;

use crate::zr1_support::{NO_SIGNATURE, NOW, Side, one_in};
use zwiebel_crypto::labels;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::SEQ_LIMIT;
use zwiebel_proto::zr1::manifest::{Manifest, MergeError, judge, merge};

static OWNER: LazyLock<(Side, AccountId)> = LazyLock::new(|| {
    let side = Side::new(1);
    let id = AccountId::from_key(side.account.public().to_x25519().expect("a point"));
    (side, id)
});

/// One run.
pub fn run(bytes: &[u8]) {
    let (side, id) = &*OWNER;
    let (mut text, signed) = (bytes.to_vec(), one_in(8, bytes));
    if let Some(account) = text.get_mut(8..40) {
        // Nobody's key where it is not signed: that is seen at once.
        account.copy_from_slice(&if signed { side.account.public().0 } else { [0; 32] });
    }
    if !signed {
        assert!(Manifest::verify(&[text.as_slice(), &NO_SIGNATURE].concat(), id, NOW).is_err());
        return;
    }
    let signature = side.account.sign(&[labels::MANIFEST, &text].concat());
    if let Ok(manifest) = Manifest::verify(&[text.as_slice(), &signature].concat(), id, NOW) {
        let _ = judge(&manifest, None);
        let _ = judge(&manifest, Some(&manifest));
        match merge(&manifest, &manifest, NOW) {
            Ok((list, seq)) if !list.devices.is_empty() => {
                assert!(list.sign(&side.account, seq, &[0; 32], NOW).is_ok());
            }
            Ok(_) => {}
            Err(error) => assert_eq!((error, manifest.seq), (MergeError::SeqExhausted, SEQ_LIMIT - 1)),
        }
    }
}
