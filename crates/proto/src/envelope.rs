//! The way from content to the stored bytes and back (session-messages 2.1 to 2.4):
//! `WebSocketMessage(Envelope(sealed(padded content || sender key || signature)))`.
//!
//! Opening makes every check of 2.4 that needs no memory; blocking, duplicates and approval are the engine's.
//!
//! # Security
//! The sender is who signed, never what the envelope says. The signature covers the receiver's key, so that nobody can
//! pass a message on in somebody else's name.

use prost::Message;
use rand_core::CryptoRng;
use thiserror::Error;
use zwiebel_crypto::keys::{Ed25519Public, Ed25519Secret, X25519Public};
use zwiebel_crypto::seal;

use crate::account::Account;
use crate::account_id::AccountId;
use crate::content::{self, CallKind, Content, ContentError, Payload};
use crate::storage_rpc::MAX_MESSAGE;
use crate::{padding, wire};

/// What follows the padded content inside the box: sender key and signature.
const TRAILER: usize = 96;
/// `WebSocketMessage.type`: REQUEST.
const REQUEST: i32 = 1;
/// `Envelope.type`: SESSION_MESSAGE.
const SESSION_MESSAGE: i32 = 6;

/// What came out of a stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Proved by the signature.
    pub sender: AccountId,
    pub content: Content,
    /// The envelope's time, which equals `content.sent_ms` where that is present.
    pub sent_ms: u64,
}

/// Why a message could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// Everything sent has a time.
    #[error("the content has no timestamp")]
    NoTimestamp,
    /// More than [`MAX_MESSAGE`] bytes.
    #[error("the message is too long to be stored")]
    TooLong,
    /// The receiver's key is of small order.
    #[error("the receiver's key is not usable")]
    WeakKey,
}

/// Why stored bytes are no message for us. All of these mean: drop it, remember its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenMessageError {
    /// The signature holds, but what was signed is no content.
    #[error("the content is malformed: {0}")]
    Content(ContentError),
    /// Not a whole and valid wrapping.
    #[error("the envelope is malformed: {0}")]
    Envelope(&'static str),
    /// From ourselves, but of a kind that is not synchronised between own devices.
    #[error("this kind of message is not accepted from oneself")]
    NotFromSelf,
    /// The box is not for us.
    #[error("the sealed box does not open")]
    Sealed,
    /// The sender's key cannot belong to an account.
    #[error("the sender's key is not usable")]
    SenderKey,
    /// Not signed by the key it carries, or not for us.
    #[error("the signature does not hold")]
    Signature,
    /// A sync copy from somebody else.
    #[error("a sync copy that is not from oneself")]
    SyncTarget,
    /// Envelope and content disagree about the time.
    #[error("envelope and content have different times")]
    Timestamp,
    /// A message of protocol version 2, which starts with a zero byte.
    #[error("a message of protocol version 2")]
    Version2,
}

/// Seals `content` for `to`: the raw bytes of a store request's `data`, before base64.
///
/// A decoy `proSig` by a throw-away key is always added: without one, messages of paying users would stand out.
///
/// # Errors
/// [`SealError`].
pub fn seal_message(
    from: &Account,
    to: &AccountId,
    content: &Content,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, SealError> {
    let timestamp = content.sent_ms.ok_or(SealError::NoTimestamp)?;
    let padded = padding::pad(&content::encode(content));
    let inner = sign(from.ed25519(), &to.key(), &padded);
    let sealed = seal::seal(&to.key(), &inner, rng).map_err(|_| SealError::WeakKey)?;
    let decoy = Ed25519Secret::generate(rng).sign(&sealed);
    let data = wrap(&envelope(timestamp, sealed, Some(&decoy)));
    if data.len() > MAX_MESSAGE { Err(SealError::TooLong) } else { Ok(data) }
}

/// Opens stored bytes and makes all checks of 2.4 that need no memory.
///
/// # Errors
/// [`OpenMessageError`].
pub fn open_message(account: &Account, data: &[u8]) -> Result<Opened, OpenMessageError> {
    let (timestamp, sealed) = unwrap(data)?;
    let inner = seal::open(account.x25519(), &sealed).map_err(|_| OpenMessageError::Sealed)?;
    let (sender, padded) = verify(&account.id(), &inner)?;
    let content = content::decode(padding::unpad(padded)).map_err(OpenMessageError::Content)?;
    if content.sent_ms.is_some_and(|sent| sent != timestamp) {
        return Err(OpenMessageError::Timestamp);
    }
    check_payload(&content.body, sender == account.id(), timestamp)?;
    Ok(Opened { sender, content, sent_ms: timestamp })
}

/// `padded || sender key || signature over (padded || sender key || receiver key)`.
pub(crate) fn sign(from: &Ed25519Secret, to: &X25519Public, padded: &[u8]) -> Vec<u8> {
    let sender = from.public();
    let signature = from.sign(&[padded, &sender.0, &to.0].concat());
    [padded, &sender.0, &signature].concat()
}

/// Splits what [`sign`] made and checks it: who signed for `me`, and what.
fn verify<'a>(me: &AccountId, inner: &'a [u8]) -> Result<(AccountId, &'a [u8]), OpenMessageError> {
    let malformed = OpenMessageError::Envelope("the box is too short");
    let (rest, signature) = inner.split_last_chunk::<64>().ok_or(malformed)?;
    let (padded, key) = rest.split_last_chunk::<32>().ok_or(malformed)?;
    let key = Ed25519Public(*key);
    if !key.verify(&[rest, &me.key().0].concat(), signature) {
        return Err(OpenMessageError::Signature);
    }
    let sender = key.to_x25519().ok_or(OpenMessageError::SenderKey)?;
    Ok((AccountId::from_key(sender), padded))
}

pub(crate) fn envelope(timestamp: u64, sealed: Vec<u8>, pro_sig: Option<&[u8; 64]>) -> wire::Envelope {
    wire::Envelope {
        r#type: Some(SESSION_MESSAGE),
        timestamp: Some(timestamp),
        content: Some(sealed),
        pro_sig: pro_sig.map(|signature| signature.to_vec()),
        ..wire::Envelope::default()
    }
}

/// The two WebSocket layers, filled as current clients fill them.
pub(crate) fn wrap(envelope: &wire::Envelope) -> Vec<u8> {
    let request = wire::WebSocketRequest {
        verb: Some(String::new()),
        path: Some(String::new()),
        body: Some(envelope.encode_to_vec()),
        request_id: Some(0),
    };
    wire::WebSocketMessage { r#type: Some(REQUEST), request: Some(request) }.encode_to_vec()
}

/// The envelope's time and the sealed box.
fn unwrap(data: &[u8]) -> Result<(u64, Vec<u8>), OpenMessageError> {
    use OpenMessageError::Envelope;

    if data.first() == Some(&0) {
        return Err(OpenMessageError::Version2);
    }
    if data.len() > MAX_MESSAGE {
        return Err(Envelope("longer than any stored message"));
    }
    let message = wire::WebSocketMessage::decode(data).map_err(|_| Envelope("no WebSocket message"))?;
    let body = message.request.and_then(|request| request.body).ok_or(Envelope("no request body"))?;
    let envelope = wire::Envelope::decode(body.as_slice()).map_err(|_| Envelope("no envelope"))?;
    if envelope.r#type != Some(SESSION_MESSAGE) {
        return Err(Envelope("not the envelope of a session message"));
    }
    if envelope.source.is_some_and(|source| !source.is_empty() && source.len() != 66) {
        return Err(Envelope("a source that is no Account ID"));
    }
    if envelope.pro_sig.is_some_and(|signature| signature.len() != 64) {
        return Err(Envelope("a proSig that is no signature"));
    }
    let timestamp = envelope.timestamp.ok_or(Envelope("no timestamp"))?;
    let sealed = envelope.content.ok_or(Envelope("no content"))?;
    if sealed.len() < seal::OVERHEAD + TRAILER {
        return Err(Envelope("the box is too short"));
    }
    Ok((timestamp, sealed))
}

/// What may come from oneself, what may not come from others, and the time inside a typing message.
fn check_payload(payload: &Payload, from_self: bool, timestamp: u64) -> Result<(), OpenMessageError> {
    match payload {
        Payload::Data(data) if !from_self && data.sync_target.is_some() => Err(OpenMessageError::SyncTarget),
        Payload::Typing { timestamp: inner, .. } if *inner != timestamp => Err(OpenMessageError::Timestamp),
        Payload::Receipt { .. } | Payload::Typing { .. } | Payload::DataExtraction { .. } if from_self => {
            Err(OpenMessageError::NotFromSelf)
        }
        Payload::Call(call) if from_self && !matches!(call.kind, CallKind::Answer | CallKind::EndCall) => {
            Err(OpenMessageError::NotFromSelf)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
