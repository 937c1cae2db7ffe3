//! The shell of protobuf around a user config (session-config 6.6).
//!
//! It dates from clients that knew only messages. Clients still write it and read both forms, so we write it too:
//! devices that merge the same then push the same bytes. It protects nothing that the encryption inside does not.

use prost::Message;
use zeroize::Zeroizing;
use zwiebel_crypto::hash::{blake2b_keyed, sha512};
use zwiebel_crypto::keys::{Ed25519Public, X25519Secret};
use zwiebel_crypto::seal;

use crate::account::Account;
use crate::{envelope, wire};

/// One client once wrapped twice.
const MAX_LAYERS: usize = 2;
/// `WebSocketMessage.type`: REQUEST.
const REQUEST: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Content {
    #[prost(message, optional, tag = "11")]
    config: Option<SharedConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct SharedConfig {
    #[prost(int32, optional, tag = "1")]
    kind: Option<i32>,
    #[prost(int64, optional, tag = "2")]
    seqno: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "3")]
    data: Option<Vec<u8>>,
}

/// Wraps an encrypted config; `None` only if the account's own key is unusable.
pub(super) fn wrap(account: &Account, kind: i32, seqno: i64, encrypted: Vec<u8>) -> Option<Vec<u8>> {
    let config = SharedConfig { kind: Some(kind), seqno: Some(seqno), data: Some(encrypted) };
    let mut content = Content { config: Some(config) }.encode_to_vec();
    content.push(0x80);
    let own = account.x25519().public();
    let signed = envelope::sign(account.ed25519(), &own, &content);
    // The ephemeral key follows from seed and content: never the same for two contents.
    let seed = Zeroizing::new(blake2b_keyed::<32>(
        b"SessionBoxEphemeralHashKey",
        &[account.ed25519().seed(), &own.0, &content],
    ));
    let digest = Zeroizing::new(sha512(seed.as_slice()));
    let ephemeral = X25519Secret::from_bytes(*digest.first_chunk::<32>()?);
    let sealed = seal::seal_with_ephemeral(ephemeral, &own, &signed).ok()?;
    Some(envelope::wrap(&envelope::envelope(1, sealed, None)))
}

/// What is inside all shells; the bytes themselves where there is none.
pub(super) fn unwrap(account: &Account, kind: i32, stored: &[u8]) -> Vec<u8> {
    let mut bytes = stored.to_vec();
    for _ in 0..MAX_LAYERS {
        match unwrap_layer(account, kind, &bytes) {
            Some(inner) => bytes = inner,
            None => break,
        }
    }
    bytes
}

fn unwrap_layer(account: &Account, kind: i32, stored: &[u8]) -> Option<Vec<u8>> {
    let message = wire::WebSocketMessage::decode(stored).ok()?;
    if message.r#type != Some(REQUEST) {
        return None;
    }
    let envelope = wire::Envelope::decode(message.request?.body?.as_slice()).ok()?;
    let signed = seal::open(account.x25519(), &envelope.content?).ok()?;
    let (rest, signature) = signed.split_last_chunk::<64>()?;
    let (content, sender) = rest.split_last_chunk::<32>()?;
    let own = account.ed25519().public();
    if Ed25519Public(*sender) != own || !own.verify(&[rest, &account.x25519().public().0].concat(), signature) {
        return None;
    }
    let end = content.iter().rposition(|byte| *byte != 0)?;
    let (content, padding) = content.split_at_checked(end)?;
    if padding.first() != Some(&0x80) {
        return None;
    }
    let config = Content::decode(content).ok()?.config?;
    if config.kind == Some(kind) { config.data } else { None }
}
