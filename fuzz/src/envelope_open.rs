//! Stored bytes from anybody: as they are, and as signed content of a sealed box.

use zwiebel_crypto::keys::X25519Secret;
use zwiebel_crypto::seal::seal_with_ephemeral;
use zwiebel_proto::account::Account;
use zwiebel_proto::envelope::open_message;
use zwiebel_proto::padding::{pad, unpad};

/// One run.
pub fn run(bytes: &[u8]) {
    let account = Account::from_seed16([7; 16]);
    let _ = open_message(&account, bytes);

    let padded = pad(bytes);
    assert_eq!(unpad(&padded), bytes);
    let key = account.ed25519().public();
    let to = account.id().key();
    let signature = account.ed25519().sign(&[padded.as_slice(), &key.0, &to.0].concat());
    let inner = [padded.as_slice(), &key.0, &signature].concat();
    if let Ok(sealed) = seal_with_ephemeral(X25519Secret::from_bytes([8; 32]), &to, &inner) {
        let _ = open_message(&account, &wrapped(&sealed));
    }
}

/// `WebSocketMessage { type 1, request { body: Envelope { type 6, timestamp 1, content } } }`
fn wrapped(sealed: &[u8]) -> Vec<u8> {
    let envelope = [&[0x08, 6, 0x28, 1], field(0x42, sealed).as_slice()].concat();
    let request = field(0x1a, &envelope);
    [&[0x08, 1], field(0x12, &request).as_slice()].concat()
}

/// A length-delimited protobuf field.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}
