//! The shell of a stored message, sealed to an account by itself, so that a fuzzer reaches what is behind the cipher.

use zwiebel_crypto::keys::X25519Secret;
use zwiebel_crypto::seal::seal_with_ephemeral;
use zwiebel_proto::account::Account;

/// `content` signed by `account`, sealed to it, and wrapped:
/// `WebSocketMessage { type 1, request { body: Envelope { type 6, timestamp 1, content } } }`
pub(crate) fn sealed(account: &Account, content: &[u8]) -> Option<Vec<u8>> {
    let (key, to) = (account.ed25519().public(), account.id().key());
    let signature = account.ed25519().sign(&[content, &key.0, &to.0].concat());
    let inner = [content, &key.0, &signature].concat();
    let sealed = seal_with_ephemeral(X25519Secret::from_bytes([8; 32]), &to, &inner).ok()?;
    let envelope = [&[0x08, 6, 0x28, 1], field(0x42, &sealed).as_slice()].concat();
    let request = field(0x1a, &envelope);
    Some([&[0x08, 1], field(0x12, &request).as_slice()].concat())
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
