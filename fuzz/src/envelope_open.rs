//! Stored bytes from anybody: as they are, and as signed content of a sealed box.

use zwiebel_proto::account::Account;
use zwiebel_proto::envelope::open_message;
use zwiebel_proto::padding::{pad, unpad};

use crate::shell::sealed;

/// One run.
pub fn run(bytes: &[u8]) {
    let account = Account::from_seed16([7; 16]);
    let _ = open_message(&account, bytes);

    let padded = pad(bytes);
    assert_eq!(unpad(&padded), bytes);
    if let Some(stored) = sealed(&account, &padded) {
        let _ = open_message(&account, &stored);
    }
}
