//! An answer through the onion: as it is, and as the plaintext of one that opens.

use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::X25519Secret;
use zwiebel_proto::onion::{Cipher, ReplyKey, peel};

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((key, shared)) = reply_key() else { return };
    let _ = key.open(bytes);
    let sealed = [[9; 24].as_slice(), &xchacha_seal(&shared, &[9; 24], &[], bytes)].concat();
    let _ = key.open(&sealed);
}

/// A key as a node gets it, and its bytes.
fn reply_key() -> Option<(ReplyKey, [u8; 32])> {
    let node = X25519Secret::from_bytes([7; 32]);
    let client = X25519Secret::from_bytes([8; 32]);
    let shared = client.agree(&node.public()).ok()?;
    let key: [u8; 32] = blake2b(&[shared.expose(), &client.public().0, &node.public().0]);
    let plaintext = [&[0; 4], br#"{"headers":{}}"#.as_slice()].concat();
    let blob = [[9; 24].as_slice(), &xchacha_seal(&key, &[9; 24], &[], &plaintext)].concat();
    peel(&node, &blob, &client.public(), Cipher::XChaCha20).ok().map(|(_, reply)| (reply, key))
}
