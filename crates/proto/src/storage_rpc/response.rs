//! Nodes' answers to a client (service-nodes 2.4, 3.5 to 3.11).
//!
//! Strict about what matters, bounded before anything is built, and patient with single bad entries: they are left out
//! or counted as failed. Confirmations count only with a valid signature of the node they name.

use std::net::Ipv4Addr;

use base64ct::{Base64Unpadded, Encoding};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;
use zwiebel_crypto::keys::{Ed25519Public, X25519Public};

use super::{MAX_BATCH, MAX_MESSAGE, MessageHash, confirmation};
use crate::account_id::AccountId;
use crate::swarm::SwarmId;

/// The most members of a swarm we look at.
const MAX_MEMBERS: usize = 200;
/// The most messages of one answer: more do not fit in the most a node sends.
const MAX_MESSAGES: usize = 60_000;
/// The largest answer body.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// Why an answer is not usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ResponseError {
    /// Not JSON, or of another shape.
    #[error("the answer is malformed")]
    Malformed,
    /// More than a node ever sends.
    #[error("the answer is too large")]
    TooLarge,
}

/// What became of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreResponse {
    pub hash: MessageHash,
    /// Members that stored it, proved by their signatures.
    pub confirmed: Vec<Ed25519Public>,
    /// Members that did not, or could not prove it.
    pub failed: usize,
    /// The node's clock, Unix milliseconds.
    pub t: Option<u64>,
}

/// What a retrieval found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrieveResponse {
    /// In the order of the node, which is the order for `last_hash`.
    pub messages: Vec<StoredMessage>,
    /// There is more after these.
    pub more: bool,
    pub t: Option<u64>,
}

/// A message as a node keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredMessage {
    pub hash: MessageHash,
    pub timestamp: u64,
    pub expiration: u64,
    /// Empty if it was not base64: it opens to nothing, but its hash still counts as seen.
    pub data: Vec<u8>,
}

/// The swarm of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmResponse {
    pub swarm_id: SwarmId,
    pub nodes: Vec<SwarmNode>,
    pub t: Option<u64>,
}

/// A member of a swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmNode {
    pub ed25519: Ed25519Public,
    pub x25519: X25519Public,
    pub ip: Ipv4Addr,
    /// HTTPS port.
    pub port: u16,
}

/// A node about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InfoResponse {
    pub t: u64,
    pub version: [u16; 3],
    /// Hard fork and revision.
    pub hf: [u16; 2],
}

/// What became of a delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteResponse {
    /// Members that carried it out, proved by their signatures. Having had nothing to delete counts too.
    pub confirmed: Vec<Ed25519Public>,
    /// Members that did not, or could not prove it.
    pub failed: usize,
    pub t: Option<u64>,
}

/// What became of an expire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireResponse {
    /// Members that carried it out, proved by their signatures, and the messages each of them still has.
    pub confirmed: Vec<(Ed25519Public, Vec<MessageHash>)>,
    /// Members that did not, or could not prove it.
    pub failed: usize,
    pub t: Option<u64>,
}

/// When messages expire; those the node does not have are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiriesResponse(pub Vec<(MessageHash, u64)>);

/// Status and body of each request of a batch or sequence, in order. Error bodies are JSON strings.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchResponse(pub Vec<(u16, Value)>);

#[derive(Deserialize)]
struct WireMembers {
    swarm: Map<String, Value>,
    hash: Option<MessageHash>,
    t: Option<u64>,
}

#[derive(Deserialize)]
struct WireRetrieve {
    messages: Vec<Value>,
    #[serde(default)]
    more: bool,
    t: Option<u64>,
}

#[derive(Deserialize)]
struct WireMessage {
    hash: MessageHash,
    timestamp: u64,
    expiration: u64,
    data: Value,
}

#[derive(Deserialize)]
struct WireSwarm {
    snodes: Vec<Value>,
    swarm: String,
    t: Option<u64>,
}

#[derive(Deserialize)]
struct WireInfo {
    version: [u16; 3],
    t: u64,
    hf: [u16; 2],
}

#[derive(Deserialize)]
struct WireBatch {
    results: Vec<WireResult>,
}

#[derive(Deserialize)]
struct WireResult {
    code: u16,
    #[serde(default)]
    body: Value,
}

impl StoreResponse {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        Self::from_wire(&read(body)?)
    }

    /// Reads one result of a batch.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_value(value: &Value) -> Result<Self, ResponseError> {
        Self::from_wire(&read_value(value)?)
    }

    fn from_wire(wire: &WireMembers) -> Result<Self, ResponseError> {
        let hash = wire.hash.ok_or(ResponseError::Malformed)?;
        let text = confirmation::store(&hash);
        let (confirmed, failed) = confirmations(&wire.swarm, |_| Some((text.clone(), ())))?;
        let confirmed = confirmed.into_iter().map(|(node, ())| node).collect();
        Ok(Self { hash, confirmed, failed, t: wire.t })
    }
}

impl DeleteResponse {
    /// Reads the answer to [`super::delete`] with these hashes, one result of a batch.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_value(value: &Value, account: &AccountId, requested: &[MessageHash]) -> Result<Self, ResponseError> {
        let (wire, account): (WireMembers, _) = (read_value(value)?, account.to_bytes());
        let (confirmed, failed) = confirmations(&wire.swarm, |member| {
            let deleted = hashes(member.get("deleted")?)?;
            Some((confirmation::delete(&account, requested, &deleted), ()))
        })?;
        Ok(Self { confirmed: confirmed.into_iter().map(|(node, ())| node).collect(), failed, t: wire.t })
    }
}

impl ExpireResponse {
    /// Reads the answer to [`super::expire`] with these hashes, one result of a batch.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_value(value: &Value, account: &AccountId, requested: &[MessageHash]) -> Result<Self, ResponseError> {
        let (wire, account): (WireMembers, _) = (read_value(value)?, account.to_bytes());
        let (confirmed, failed) = confirmations(&wire.swarm, |member| {
            let updated = hashes(member.get("updated")?)?;
            let unchanged = match member.get("unchanged") {
                None | Some(Value::Null) => Vec::new(),
                Some(unchanged) => expiries(unchanged)?,
            };
            let applied = match member.get("expiry")? {
                Value::Array(values) => values.iter().map(Value::as_u64).collect::<Option<Vec<_>>>()?,
                value => vec![value.as_u64()?],
            };
            let text = confirmation::expire(&account, &applied, requested, &updated, &unchanged);
            Some((text, updated.into_iter().chain(unchanged.into_iter().map(|(hash, _)| hash)).collect()))
        })?;
        Ok(Self { confirmed, failed, t: wire.t })
    }
}

impl RetrieveResponse {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        Self::from_wire(read(body)?)
    }

    /// Reads one result of a batch.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_value(value: &Value) -> Result<Self, ResponseError> {
        Self::from_wire(read_value(value)?)
    }

    fn from_wire(wire: WireRetrieve) -> Result<Self, ResponseError> {
        if wire.messages.len() > MAX_MESSAGES {
            return Err(ResponseError::TooLarge);
        }
        let messages = wire.messages.into_iter().filter_map(stored_message).collect();
        Ok(Self { messages, more: wire.more, t: wire.t })
    }
}

impl SwarmResponse {
    /// Reads the body of an answer to `get_swarm`, or of any 421.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        Self::from_wire(&read(body)?)
    }

    /// Reads one result of a batch.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_value(value: &Value) -> Result<Self, ResponseError> {
        Self::from_wire(&read_value(value)?)
    }

    fn from_wire(wire: &WireSwarm) -> Result<Self, ResponseError> {
        if wire.snodes.len() > MAX_MEMBERS {
            return Err(ResponseError::TooLarge);
        }
        let swarm_id = wire.swarm.parse().map_err(|_| ResponseError::Malformed)?;
        Ok(Self { swarm_id, nodes: wire.snodes.iter().filter_map(swarm_node).collect(), t: wire.t })
    }
}

impl InfoResponse {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        read(body).map(|WireInfo { version, t, hf }| Self { t, version, hf })
    }

    /// Reads one result of a batch.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_value(value: &Value) -> Result<Self, ResponseError> {
        read_value(value).map(|WireInfo { version, t, hf }| Self { t, version, hf })
    }
}

impl ExpiriesResponse {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        Self::from_value(&read(body)?)
    }

    /// Reads one result of a batch.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn from_value(value: &Value) -> Result<Self, ResponseError> {
        value.get("expiries").and_then(expiries).map(Self).ok_or(ResponseError::Malformed)
    }
}

impl BatchResponse {
    /// Reads the body of an answer to a batch or sequence.
    ///
    /// # Errors
    /// [`ResponseError`].
    pub fn parse(body: &[u8]) -> Result<Self, ResponseError> {
        let wire: WireBatch = read(body)?;
        if wire.results.len() > MAX_BATCH {
            return Err(ResponseError::TooLarge);
        }
        Ok(Self(wire.results.into_iter().map(|result| (result.code, result.body)).collect()))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ResponseError> {
    if body.len() > MAX_BODY {
        return Err(ResponseError::TooLarge);
    }
    serde_json::from_slice(body).map_err(|_| ResponseError::Malformed)
}

fn read_value<'a, T: Deserialize<'a>>(value: &'a Value) -> Result<T, ResponseError> {
    T::deserialize(value).map_err(|_| ResponseError::Malformed)
}

/// The members whose signature over what `claim` makes of their entry is valid, with what else it makes; and how many
/// others there are.
fn confirmations<T>(
    members: &Map<String, Value>,
    mut claim: impl FnMut(&Value) -> Option<(Vec<u8>, T)>,
) -> Result<(Vec<(Ed25519Public, T)>, usize), ResponseError> {
    if members.len() > MAX_MEMBERS {
        return Err(ResponseError::TooLarge);
    }
    let confirmed: Vec<_> = members
        .iter()
        .filter_map(|(node, entry)| {
            let node = Ed25519Public(key32(node)?);
            let signature = signature(entry.get("signature")?.as_str()?)?;
            let (text, more) = claim(entry)?;
            node.verify(&text, &signature).then_some((node, more))
        })
        .collect();
    let failed = members.len() - confirmed.len();
    Ok((confirmed, failed))
}

fn stored_message(value: Value) -> Option<StoredMessage> {
    let WireMessage { hash, timestamp, expiration, data } = serde_json::from_value(value).ok()?;
    let data = data.as_str().filter(|text| text.len() <= MAX_MESSAGE / 3 * 4);
    let data = data.and_then(|text| Base64Unpadded::decode_vec(text.trim_end_matches('=')).ok()).unwrap_or_default();
    Some(StoredMessage { hash, timestamp, expiration, data })
}

/// A usable member; nodes without an address are left out.
fn swarm_node(value: &Value) -> Option<SwarmNode> {
    let port = match value.get("port_https").or_else(|| value.get("port"))? {
        Value::String(text) => text.parse().ok()?,
        number => u16::try_from(number.as_u64()?).ok()?,
    };
    let ip: Ipv4Addr = value.get("ip")?.as_str()?.parse().ok()?;
    if ip.is_unspecified() || port == 0 {
        return None;
    }
    let ed25519 = Ed25519Public(key32(value.get("pubkey_ed25519")?.as_str()?)?);
    let x25519 = X25519Public(key32(value.get("pubkey_x25519")?.as_str()?)?);
    Some(SwarmNode { ed25519, x25519, ip, port })
}

fn hashes(value: &Value) -> Option<Vec<MessageHash>> {
    value.as_array()?.iter().map(|hash| MessageHash::parse(hash.as_str()?).ok()).collect()
}

fn expiries(value: &Value) -> Option<Vec<(MessageHash, u64)>> {
    value.as_object()?.iter().map(|(hash, expiry)| Some((MessageHash::parse(hash).ok()?, expiry.as_u64()?))).collect()
}

fn key32(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text, &mut key).ok()?;
    Some(key)
}

fn signature(text: &str) -> Option<[u8; 64]> {
    let mut signature = [0; 64];
    let length = Base64Unpadded::decode(text.trim_end_matches('='), &mut signature).ok()?.len();
    (length == 64).then_some(signature)
}

/// Redacted.
impl std::fmt::Debug for StoredMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredMessage(..)")
    }
}
