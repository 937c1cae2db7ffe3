//! A live pair of sessions under a hostile network: the input says who writes, what arrives, what is damaged. Nothing
//! opens twice, nothing opens to other bytes, and what fails changes nothing.

use std::sync::OnceLock;

use crate::zr1_support::{Counter, NOW, Rows, bind, live_pair, seal};
use zwiebel_crypto::ratchet::{MAX_SKIPPED, Trust};

static START: OnceLock<(Rows, Rows)> = OnceLock::new();

/// One run.
pub fn run(bytes: &[u8]) {
    let (a, b) = START.get_or_init(|| {
        let (a, b) = live_pair(&mut Counter(0));
        (Rows::of(&a), Rows::of(&b))
    });
    let mut sessions = [a.restore(), b.restore()];
    let mut rng = Counter(1 << 32);
    let mut sent: Vec<(usize, u8, Vec<u8>, bool)> = Vec::new(); // to, number, capsule, opened
    for step in bytes.chunks_exact(4).take(24) {
        let side = usize::from(step[0] & 1);
        if step[0] & 6 == 0 && sent.len() < 200 {
            let number = sent.len() as u8 + 1;
            let capsule = seal(&mut sessions[side], number, &mut rng);
            sent.push((1 - side, number, capsule, false));
            continue;
        }
        if sent.is_empty() {
            continue;
        }
        let index = usize::from(step[1]) % sent.len();
        let (to, number, capsule, opened) = &mut sent[index];
        let mut arrived = capsule.clone();
        let damaged = step[0] & 8 != 0 && step[3] != 0;
        if damaged {
            let at = usize::from(step[2]) % arrived.len();
            arrived[at] ^= step[3];
        }
        let before = sessions[*to].encode_hot();
        match sessions[*to].receive(&arrived, &bind(*number)) {
            Ok(received) => {
                assert!(!damaged && !*opened);
                assert_eq!(received.content_key().expose(), &[*number; 32]);
                sessions[*to].apply(received, Trust::Approved, NOW).expect("fresh");
                *opened = true;
            }
            Err(_) => assert_eq!(before, sessions[*to].encode_hot()),
        }
        assert!(sessions[*to].skipped_len() <= MAX_SKIPPED);
    }
}
