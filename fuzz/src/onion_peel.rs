//! A layer that opens: the bytes are the plaintext.

use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::X25519Secret;
use zwiebel_proto::onion::{Cipher, peel};

/// One run.
pub fn run(bytes: &[u8]) {
    let node = X25519Secret::from_bytes([7; 32]);
    let client = X25519Secret::from_bytes([8; 32]);
    let Ok(shared) = client.agree(&node.public()) else { return };
    let key: [u8; 32] = blake2b(&[shared.expose(), &client.public().0, &node.public().0]);
    let blob = [[9; 24].as_slice(), &xchacha_seal(&key, &[9; 24], &[], bytes)].concat();
    let _ = peel(&node, &blob, &client.public(), Cipher::XChaCha20);
    let _ = peel(&node, bytes, &client.public(), Cipher::AesGcm);
}
