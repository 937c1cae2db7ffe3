//! Node to node: requests in a sealed box of our own over HTTPS (`POST /sn/v1`).
//!
//! Body: version 1 | Ed25519 key of the sender, 32 | nonce, 24 | XChaCha20-Poly1305 under the static key agreement of both
//! nodes. Inside: u32 little endian N | N bytes JSON header | the body. The header names method, time and recipient, so that a
//! packet is of no use elsewhere or later. The answer is sealed under the same key, bound to the nonce of its request.
//! Who the sender is follows from the key: only two nodes can make or read it. Knows nothing of what the methods mean.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use rand::Rng;
use serde_json::Map;
use serde_json::Value;
use thiserror::Error;
use zeroize::Zeroizing;
use zwiebel_crypto::aead::xchacha_open;
use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::keys::X25519Public;

use crate::clock::Clock;
use crate::encoding;
use crate::keys::Keys;
use crate::limits;
use crate::registry::ListedNode;
use crate::registry::NodeList;

const VERSION: u8 = 1;
const KEY_LABEL: &[u8] = b"zwiebel node-to-node v1";
const REQUEST: &[u8] = b"request";
const ANSWER: &[u8] = b"answer";
const PREFIX: usize = 1 + 32 + 24;

/// Why a peer gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PeerError {
    #[error("the peer's answer makes no sense")]
    Malformed,
    #[error("the peer did not answer in time")]
    Timeout,
    #[error("the peer cannot be reached")]
    Unreachable,
}

/// What a peer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// A request of a peer that has proved who it is.
#[derive(Debug, Clone)]
pub struct PeerRequest {
    pub from: Ed25519Public,
    pub method: String,
    pub header: Map<String, Value>,
    pub body: Vec<u8>,
    nonce: [u8; 24],
}

/// What to send.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    pub method: &'a str,
    pub header: Map<String, Value>,
    pub body: &'a [u8],
    pub timeout: Duration,
}

type PairKey = Zeroizing<[u8; 32]>;

/// One node's connections to its peers and the keys it shares with them.
#[derive(Debug)]
pub struct Transport {
    keys: Arc<Keys>,
    http: reqwest::Client,
    pairs: Mutex<HashMap<X25519Public, PairKey>>,
}

impl Transport {
    /// The transport of the node with these keys, over this client.
    #[must_use]
    pub fn new(keys: Arc<Keys>, http: reqwest::Client) -> Self {
        Self { keys, http, pairs: Mutex::default() }
    }

    /// Asks a peer.
    ///
    /// # Errors
    /// If no readable answer came.
    pub async fn call(&self, clock: &Clock, to: &ListedNode, outgoing: Outgoing<'_>) -> Result<PeerAnswer, PeerError> {
        let key = self.pair(&to.x25519).ok_or(PeerError::Unreachable)?;
        let mut header = outgoing.header;
        header.insert("method".to_owned(), outgoing.method.into());
        header.insert("at".to_owned(), clock.now().into());
        header.insert("to".to_owned(), hex::encode(to.ed25519.0).into());
        let nonce = fresh_nonce();
        let inside = frame(header, outgoing.body);
        let mut packet = Vec::with_capacity(PREFIX + inside.len() + 16);
        packet.push(VERSION);
        packet.extend_from_slice(&self.keys.ed25519_public.0);
        packet.extend_from_slice(&nonce);
        packet.extend_from_slice(&xchacha_seal(&key, &nonce, REQUEST, &inside));
        let url = format!("https://{}:{}/sn/v1", to.ip, to.port);
        let sealed =
            tokio::time::timeout(outgoing.timeout, self.post(&url, packet)).await.map_err(|_| PeerError::Timeout)??;
        open_answer(&key, &nonce, &sealed).ok_or(PeerError::Malformed)
    }

    /// Whether the node at this address says that it is the one that is meant (service-nodes 5.6).
    pub async fn ping(&self, to: &ListedNode, timeout: Duration) -> bool {
        let url = format!("https://{}:{}/ping_test/v1", to.ip, to.port);
        let Ok(answer) = self.http.post(url).timeout(timeout).send().await else { return false };
        let name = answer.headers().get("x-oxen-snode-pubkey");
        answer.status() == 200 && name.is_some_and(|name| name.as_bytes() == encoding::base64(&to.ed25519.0).as_bytes())
    }

    async fn post(&self, url: &str, packet: Vec<u8>) -> Result<Vec<u8>, PeerError> {
        let answer = self.http.post(url).body(packet).send().await.map_err(|error| kind_of(&error))?;
        if answer.status() != 200 {
            return Err(PeerError::Malformed);
        }
        read_limited(answer, limits::PEER_BODY).await
    }

    /// Opens a packet that came in, if a listed node made it for this node just now.
    #[must_use]
    pub fn open(&self, clock: &Clock, list: &NodeList, packet: &[u8]) -> Option<PeerRequest> {
        let (version, rest) = packet.split_first()?;
        let (from, rest) = rest.split_first_chunk::<32>()?;
        let (nonce, sealed) = rest.split_first_chunk::<24>()?;
        let from = Ed25519Public(*from);
        if *version != VERSION || from == self.keys.ed25519_public {
            return None;
        }
        let key = self.pair(&list.find(&from)?.x25519)?;
        let inside = xchacha_open(&key, nonce, REQUEST, sealed)?;
        let (header, body) = unframe(&inside)?;
        let to = header.get("to").and_then(Value::as_str).and_then(encoding::array_from_hex::<32>)?;
        let off = header.get("at").and_then(Value::as_i64)?.saturating_sub(clock.now());
        if to != self.keys.ed25519_public.0 || off.saturating_abs() > limits::PEER_TOLERANCE {
            return None;
        }
        let method = header.get("method").and_then(Value::as_str)?.to_owned();
        Some(PeerRequest { from, method, header, body: body.to_vec(), nonce: *nonce })
    }

    /// Seals the answer to a request.
    #[must_use]
    pub fn seal_answer(&self, list: &NodeList, to: &PeerRequest, answer: &PeerAnswer) -> Option<Vec<u8>> {
        let key = self.pair(&list.find(&to.from)?.x25519)?;
        let mut header = Map::new();
        header.insert("status".to_owned(), answer.status.into());
        let nonce = fresh_nonce();
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(&xchacha_seal(&key, &nonce, &answer_label(&to.nonce), &frame(header, &answer.body)));
        Some(sealed)
    }

    /// The key that only these two nodes can compute.
    fn pair(&self, peer: &X25519Public) -> Option<PairKey> {
        let known = self.pairs.lock().unwrap_or_else(PoisonError::into_inner).get(peer).cloned();
        if known.is_some() {
            return known;
        }
        let shared = self.keys.x25519.agree(peer).ok()?;
        let own = &self.keys.x25519_public;
        let (low, high) = if own < peer { (own, peer) } else { (peer, own) };
        let key = Zeroizing::new(blake2b::<32>(&[KEY_LABEL, shared.expose(), &low.0, &high.0]));
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner).insert(*peer, key.clone());
        Some(key)
    }
}

/// Who a packet says it is from, once so much of it is there. Proves nothing.
#[must_use]
pub(crate) fn sender(packet: &[u8]) -> Option<Ed25519Public> {
    packet.get(1..)?.first_chunk().copied().map(Ed25519Public)
}

/// 24 random bytes do not repeat.
fn fresh_nonce() -> [u8; 24] {
    let mut nonce = [0_u8; 24];
    rand::rng().fill_bytes(&mut nonce);
    nonce
}

fn answer_label(request_nonce: &[u8; 24]) -> Vec<u8> {
    [ANSWER, request_nonce].concat()
}

fn open_answer(key: &PairKey, request_nonce: &[u8; 24], sealed: &[u8]) -> Option<PeerAnswer> {
    let (nonce, sealed) = sealed.split_first_chunk::<24>()?;
    let inside = xchacha_open(key, nonce, &answer_label(request_nonce), sealed)?;
    let (header, body) = unframe(&inside)?;
    let status = header.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok())?;
    Some(PeerAnswer { status, body: body.to_vec() })
}

fn frame(header: Map<String, Value>, body: &[u8]) -> Vec<u8> {
    let header = Value::Object(header).to_string();
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(4 + header.len() + body.len());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(body);
    out
}

fn unframe(bytes: &[u8]) -> Option<(Map<String, Value>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (header, body) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    match serde_json::from_slice(header).ok()? {
        Value::Object(header) => Some((header, body)),
        _ => None,
    }
}

fn kind_of(error: &reqwest::Error) -> PeerError {
    if error.is_timeout() { PeerError::Timeout } else { PeerError::Unreachable }
}

/// Reads an answer that may not be longer than this.
pub(crate) async fn read_limited(mut answer: reqwest::Response, limit: usize) -> Result<Vec<u8>, PeerError> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| kind_of(&error))? {
        if body.len() + part.len() > limit {
            return Err(PeerError::Malformed);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
