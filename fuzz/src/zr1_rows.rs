//! Stored rows of a session: whatever the store gives back, nothing panics; what is restored encodes to the same rows.

use crate::zr1_support::{Counter, Rows, bind, one_in};
use zwiebel_crypto::ratchet::{Parts, Session};
use zwiebel_crypto::secret::Secret;

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((&[fixed, hot], rest)) = bytes.split_first_chunk::<2>() else { return };
    let Some((fixed, rest)) = rest.split_at_checked(usize::from(fixed)) else { return };
    let Some((hot, rest)) = rest.split_at_checked(usize::from(hot)) else { return };
    let (closed, skipped) = rest.split_at(rest.len().min(9));
    let parts = Parts { fixed, hot, closed };
    if let Ok(mut session) = Session::restore(&parts, skipped.chunks(77)) {
        let rows = Rows::of(&session);
        let _ = session.receive(&[0; 136], &bind(1));
        // Public keys and agreements cost a hundred times as much as the parser.
        if one_in(16, bytes) {
            assert_eq!(Rows::of(&rows.restore()).0, rows.0);
            let _ = session.seal(&Secret::new([0; 32]), &bind(0), &mut Counter(0));
        }
    }
}
