//! The answer of a node that is the destination (service-nodes 4.6): `{"body":…,"status":…}`, sealed.

use std::fmt;

use base64ct::{Base64, Encoding};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;
use zwiebel_crypto::secret::Secret;

use super::layer::Cipher;
use super::sizes::pad_reply;

/// The largest answer: ten megabytes of messages and their armour.
const MAX_REPLY: usize = 16 * 1024 * 1024;

/// The key of the destination's layer: opens the answer at the client, seals it at the node.
pub struct ReplyKey {
    pub(super) key: Secret<32>,
    pub(super) cipher: Cipher,
}

/// What a node answered.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeReply {
    /// As an HTTP status; 200 is good.
    pub status: u16,
    /// JSON if all went well, often plain text if not.
    pub body: Vec<u8>,
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReplyError {
    /// It does not open: somebody on the way tampered with it, or answered in the destination's place.
    #[error("the answer does not open")]
    Ciphertext,
    /// It opens, but is not what a node answers.
    #[error("the answer is malformed")]
    Malformed,
    /// More than a node ever answers.
    #[error("the answer is too large")]
    TooLarge,
}

#[derive(Deserialize, Serialize)]
struct Wire<'a> {
    #[serde(borrow)]
    body: &'a RawValue,
    status: u16,
}

impl ReplyKey {
    /// Opens a node's answer, whether it came raw (as we ask) or as base64 (the default of nodes).
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn open(&self, body: &[u8]) -> Result<NodeReply, ReplyError> {
        if body.len() > MAX_REPLY {
            return Err(ReplyError::TooLarge);
        }
        let plaintext = match self.open_raw(body) {
            Some(plaintext) => plaintext,
            None => lenient_base64(body).and_then(|raw| self.open_raw(&raw)).ok_or(ReplyError::Ciphertext)?,
        };
        let reply: Wire<'_> = serde_json::from_slice(&plaintext).map_err(|_| ReplyError::Malformed)?;
        let json = reply.body.get();
        let body = if json.starts_with('"') {
            serde_json::from_str::<String>(json).map_err(|_| ReplyError::Malformed)?.into_bytes()
        } else {
            json.as_bytes().to_vec()
        };
        Ok(NodeReply { status: reply.status, body })
    }

    /// Seals a node's answer, padded to one of few sizes ([`super::bucket`]).
    ///
    /// `as_json`: embed `body` as JSON (only if it is JSON, else it becomes a string as without); `base64`: armour the
    /// result. Both come from the request's control object, [`super::Layer::Final`].
    #[must_use]
    pub fn seal_node_reply(
        &self,
        status: u16,
        body: &[u8],
        as_json: bool,
        base64: bool,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Vec<u8> {
        let plaintext = pad_reply(plaintext(status, body, as_json), base64, self.cipher);
        let sealed = self.seal(&plaintext, rng);
        if base64 { Base64::encode_string(&sealed).into_bytes() } else { sealed }
    }
}

/// The JSON that [`ReplyKey::seal_node_reply`] seals.
pub(super) fn plaintext(status: u16, body: &[u8], as_json: bool) -> Vec<u8> {
    let embedded = if as_json { serde_json::from_slice::<&RawValue>(body).ok() } else { None };
    let body = match embedded {
        Some(json) => json.get().to_owned(),
        None => serde_json::Value::from(String::from_utf8_lossy(body)).to_string(),
    };
    format!(r#"{{"body":{body},"status":{status}}}"#).into_bytes()
}

/// Base64 with or without padding, as nodes accept and write it.
fn lenient_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim_end().trim_end_matches('=');
    base64ct::Base64Unpadded::decode_vec(text).ok()
}

impl fmt::Debug for ReplyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyKey(..)")
    }
}

impl fmt::Debug for NodeReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeReply").field("status", &self.status).finish_non_exhaustive()
    }
}
