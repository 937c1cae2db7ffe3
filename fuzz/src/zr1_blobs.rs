//! What an account keeps in its own swarm for itself: the rollback witness and the sticky set, as they are and sealed by
//! the target. The first byte chooses.

use std::sync::LazyLock;

use crate::zr1_support::{Counter, Side, account_key};
use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::labels;
use zwiebel_proto::zr1::sticky::StickySet;
use zwiebel_proto::zr1::witness;

static OWNER: LazyLock<(Side, [u8; 32])> = LazyLock::new(|| {
    let side = Side::new(1);
    let key = account_key(&side.account, labels::STICKY);
    (side, key)
});

/// One run.
pub fn run(bytes: &[u8]) {
    let (side, key) = &*OWNER;
    let Some((which, bytes)) = bytes.split_first() else { return };
    match which % 4 {
        0 => {
            let _ = witness::open(&side.device, bytes);
            let _ = StickySet::open(&side.account, bytes);
        }
        _ => {
            let nonce = [7; 24];
            let blob = [b"ZRS1\x01\0\0\0".as_slice(), &nonce, &xchacha_seal(key, &nonce, &[], bytes)].concat();
            if let Ok(set) = StickySet::open(&side.account, &blob) {
                let again = StickySet::open(&side.account, &set.seal(&side.account, &mut Counter(0)));
                assert_eq!(again.map(|set| set.len()), Ok(set.len()));
                let merged = StickySet::merge(&[set.clone(), set]);
                let _ = merged.is_empty();
            }
        }
    }
}
