//! Onion requests (service-nodes 4 and 13): one packet, sealed once for every hop, and one sealed answer.
//!
//! Both sides are here. The client uses [`build`] and [`ReplyKey::open`]; a node uses [`outer`], [`peel`] and
//! [`ReplyKey::seal_node_reply`]. Knows nothing of paths, lists or transport.
//!
//! # Security
//! Every layer has an ephemeral key of its own, so that two packets, or two layers of one, share nothing. The answer
//! uses the key of the destination's layer in the other direction, with a random nonce.

use rand_core::CryptoRng;
use serde_json::{Map, Value};
use thiserror::Error;
use zwiebel_crypto::keys::{Ed25519Public, WeakKey, X25519Public, X25519Secret};

pub use self::hop_error::HopError;
pub use self::layer::Cipher;
pub use self::node::{Layer, OuterPacket, PeelError, ServerRequest, outer, peel};
pub use self::reply::{NodeReply, ReplyError, ReplyKey};
pub use self::sizes::{bucket, pad_request};
pub use self::unit::{UnitError, parse_unit};

mod hop_error;
mod layer;
mod node;
mod reply;
mod sizes;
mod unit;
pub mod v4;

/// The largest packet and the largest answer: what nodes accept as a body.
pub const MAX_PACKET: usize = 10 * 1024 * 1024;
/// The highest hop number a node accepts; also the longest path [`build`] makes.
pub const MAX_HOPS: u32 = 15;
/// What we ask of a node that is the destination: the JSON answer as it is, sealed, without base64.
const CONTROL: &str = r#"{"headers":{},"json":true,"base64":false}"#;

/// A service node as part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// Its address.
    pub ed25519: Ed25519Public,
    /// Opens its layer.
    pub x25519: X25519Public,
}

/// Where a packet ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A service node; the payload is [`node_payload`].
    Node(Hop),
    /// A server outside, reached by the last hop over HTTP(S); the payload is [`v4::encode_request`].
    Server { host: String, target: String, protocol: String, port: u16, x25519: X25519Public },
}

/// Why a packet could not be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OnionError {
    /// A server needs at least one hop in front of it.
    #[error("a path to a server has at least one hop")]
    EmptyPath,
    /// More than [`MAX_PACKET`] bytes.
    #[error("the request is too large")]
    TooLarge,
    /// More than [`MAX_HOPS`] hops.
    #[error("the path is too long")]
    TooManyHops,
    /// A key on the path is of small order.
    #[error("a key on the path is not usable")]
    WeakKey,
}

impl From<WeakKey> for OnionError {
    fn from(WeakKey: WeakKey) -> Self {
        Self::WeakKey
    }
}

/// Builds the packet for `path` (guard first) and `destination`: the body for the guard and the key for the answer.
///
/// With an empty path the destination itself is the guard.
///
/// # Errors
/// [`OnionError`].
pub fn build(
    path: &[Hop],
    destination: &Destination,
    payload: &[u8],
    cipher: Cipher,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(Vec<u8>, ReplyKey), OnionError> {
    let seal = |to: &X25519Public, plaintext: &[u8]| {
        let layer = layer::Sealing::start(X25519Secret::generate(rng), to, cipher)?;
        let sealed = layer.key.seal(plaintext, rng);
        Ok((sealed, layer))
    };
    build_with(path, destination, payload, Some(cipher), seal)
}

/// [`build`] with the sealing of one layer left to the caller; `named`: write the cipher's name, or leave it out
/// (which means AES-GCM).
fn build_with(
    path: &[Hop],
    destination: &Destination,
    payload: &[u8],
    named: Option<Cipher>,
    mut seal: impl FnMut(&X25519Public, &[u8]) -> Result<(Vec<u8>, layer::Sealing), WeakKey>,
) -> Result<(Vec<u8>, ReplyKey), OnionError> {
    if path.is_empty() && matches!(destination, Destination::Server { .. }) {
        return Err(OnionError::EmptyPath);
    }
    if path.len() >= MAX_HOPS as usize {
        return Err(OnionError::TooManyHops);
    }
    if payload.len() > MAX_PACKET / 2 {
        return Err(OnionError::TooLarge); // so that no sum of lengths below can exceed what a unit can say
    }

    let mut route = Map::new(); // how the holder of a blob passes it on; the JSON beside the blob
    let end = match destination {
        Destination::Node(hop) => {
            route.insert("destination".to_owned(), hex::encode(hop.ed25519.0).into());
            hop.x25519
        }
        Destination::Server { host, target, protocol, port, x25519 } => {
            route.insert("host".to_owned(), host.as_str().into());
            route.insert("method".to_owned(), "POST".into());
            route.insert("port".to_owned(), (*port).into());
            route.insert("protocol".to_owned(), protocol.as_str().into());
            route.insert("target".to_owned(), target.as_str().into());
            *x25519
        }
    };
    let (mut blob, last) = seal(&end, payload)?;
    let mut ephemeral = last.ephemeral;
    for hop in path.iter().rev() {
        let plaintext = unit::unit(&blob, &routing(route, ephemeral, named));
        let (sealed, layer) = seal(&hop.x25519, &plaintext)?;
        blob = sealed;
        ephemeral = layer.ephemeral;
        route = Map::new();
        route.insert("destination".to_owned(), hex::encode(hop.ed25519.0).into());
    }
    let packet = unit::unit(&blob, &routing(Map::new(), ephemeral, named)); // the guard is addressed by the request itself
    if packet.len() > MAX_PACKET { Err(OnionError::TooLarge) } else { Ok((packet, last.key)) }
}

/// Adds to a route how the blob beside it is opened.
fn routing(mut route: Map<String, Value>, ephemeral: X25519Public, named: Option<Cipher>) -> Vec<u8> {
    if let Some(cipher) = named {
        route.insert("enc_type".to_owned(), cipher.name().into());
    }
    route.insert("ephemeral_key".to_owned(), hex::encode(ephemeral.0).into());
    Value::Object(route).to_string().into_bytes()
}

/// The payload for a node: the request and the wish for a plain JSON answer.
#[must_use]
pub fn node_payload(request_json: &[u8]) -> Vec<u8> {
    unit::unit(request_json, CONTROL.as_bytes())
}

#[cfg(test)]
mod tests;
