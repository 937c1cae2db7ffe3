//! Bodies of onion requests at a node, from outside and from another hop; and once more as the opened layer.

use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::X25519Secret;
use zwiebel_node::onion::{from_client, from_hop};
use zwiebel_node::rpc::Body;
use zwiebel_proto::onion::{Cipher, OuterPacket};

use crate::node_support::ask;

/// One run.
pub fn run(bytes: &[u8]) {
    ask(async |node| from_client(node, bytes).await);
    ask(async |node| from_hop(node, bytes).await);
    let client = X25519Secret::from_bytes([8; 32]);
    let said = ask(async |node| {
        let to = node.keys.x25519_public;
        let Ok(shared) = client.agree(&to) else { panic!("a usable key") };
        let key: [u8; 32] = blake2b(&[shared.expose(), &client.public().0, &to.0]);
        let blob = [[9; 24].as_slice(), &xchacha_seal(&key, &[9; 24], &[], bytes)].concat();
        let packet = OuterPacket { blob, ephemeral: client.public(), cipher: Cipher::XChaCha20, hop_no: 1 };
        from_hop(node, &packet.encode_hop()).await
    });
    // The layer opened: either it goes on, and there is nobody to go on to, or the answer is sealed.
    assert!(matches!((said.status, said.body), (200, Body::Bytes(_)) | (429 | 502 | 503, Body::Text(_))));
}
