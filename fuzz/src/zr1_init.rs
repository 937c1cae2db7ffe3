//! Init accept: any bytes as an init block, and a good block with some of its bytes changed. Only the unchanged one
//! leads to a session.

use std::sync::OnceLock;

use crate::zr1_support::{Counter, NOW, Side, bind, seal};
use zwiebel_crypto::handshake::{InitBlock, Origin};

static GOOD: OnceLock<(Side, Box<[u8; InitBlock::LEN]>, Vec<u8>)> = OnceLock::new();

/// One run.
pub fn run(bytes: &[u8]) {
    let (side, block, capsule) = GOOD.get_or_init(|| {
        let (a, b) = (Side::new(1), Side::new(101));
        let mut rng = Counter(0);
        let mut session = a.initiate(&b, &mut rng);
        let block = Box::new(*session.opening().expect("opening").as_bytes());
        let capsule = seal(&mut session, 1, &mut rng);
        (b, block, capsule)
    });
    let mut changed = block.clone();
    if bytes.len() >= InitBlock::LEN {
        changed.copy_from_slice(&bytes[..InitBlock::LEN]);
        changed[2..6].copy_from_slice(&side.prekey.id().0); // past the look-up of the prekey
    } else {
        for change in bytes.chunks_exact(3) {
            let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
            changed[at] ^= change[2];
        }
    }
    let same = changed == *block;
    let answer = side.responder().answer(&InitBlock::from_bytes(&changed), &side.prekey, Origin::Public, NOW);
    let opened = answer.ok().is_some_and(|answer| answer.proposal.receive(capsule, &bind(1)).is_ok());
    assert_eq!(opened, same);
}
