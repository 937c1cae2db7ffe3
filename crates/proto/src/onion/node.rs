//! A node's side of a packet (service-nodes 4.1, 4.4, 13): read the outside, open one layer, see what it says.

use serde_json::{Map, Value};
use thiserror::Error;
use zwiebel_crypto::keys::{Ed25519Public, X25519Public, X25519Secret};

use super::layer::Cipher;
use super::reply::ReplyKey;
use super::unit::{UnitError, parse_unit};
use super::{MAX_HOPS, MAX_PACKET};
use crate::bencode::{Bencode, Dict};

/// The JSON of a unit may be padded with unknown keys; more than this is no padding.
const MAX_JSON: usize = 256 * 1024;

/// What a node is handed: a sealed layer and how to open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OuterPacket {
    pub blob: Vec<u8>,
    pub ephemeral: X25519Public,
    pub cipher: Cipher,
    /// How many hops it passed, as far as the client lets nodes know.
    pub hop_no: u32,
}

/// What an opened layer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// This node is the destination.
    Final {
        /// JSON `{"method","params"}`, not looked at.
        request: Vec<u8>,
        /// The client wants a JSON answer embedded as JSON, not as text.
        json: bool,
        /// The client wants the sealed answer in base64.
        base64: bool,
    },
    /// Pass the blob on.
    Next { destination: Ed25519Public, blob: Vec<u8>, ephemeral: X25519Public, cipher: Cipher },
    /// Post the body to a server.
    Server(ServerRequest),
}

/// A checked request to a server outside (always POST).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerRequest {
    pub host: String,
    pub port: u16,
    /// `http` or `https`.
    pub protocol: String,
    /// Path; starts with `/loki/` or `/oxen/`, ends with `/lsrpc`.
    pub target: String,
    /// The whole opened layer: the server reads its own key from the JSON in it.
    pub body: Vec<u8>,
}

/// Why a layer could not be taken off.
#[derive(Debug, Error)]
pub enum PeelError {
    /// It does not open with our key: answer 400 `Invalid ciphertext`, in plain.
    #[error("the layer does not open")]
    Ciphertext,
    /// It opens, but its JSON is wrong: answer 400 `Invalid json`, sealed with this key.
    #[error("the layer's JSON is malformed")]
    Json(ReplyKey),
    /// It asks for a server address that is not allowed: answer 400 `Invalid url`, sealed with this key.
    #[error("the layer's address is not allowed")]
    Url(ReplyKey),
}

/// Reads the body of a request to a guard.
///
/// # Errors
/// [`UnitError`] for anything else; answer 400.
pub fn outer(bytes: &[u8]) -> Result<OuterPacket, UnitError> {
    if bytes.len() > MAX_PACKET {
        return Err(UnitError);
    }
    let (blob, json) = parse_unit(bytes)?;
    read_outer(blob, json).ok_or(UnitError)
}

fn read_outer(blob: &[u8], json: &[u8]) -> Option<OuterPacket> {
    let json = object(json)?;
    let hop_no = match json.get("hop_no") {
        None | Some(Value::Null) => 0,
        Some(value) => u32::try_from(value.as_i64()?.max(0)).ok()?,
    };
    let (ephemeral, cipher) = opening(&json)?;
    Some(OuterPacket { blob: blob.to_vec(), ephemeral, cipher, hop_no })
}

/// Takes one layer off: what it says, and the key for an answer.
///
/// # Errors
/// [`PeelError`]; each says how to answer.
pub fn peel(
    secret: &X25519Secret,
    blob: &[u8],
    ephemeral: &X25519Public,
    cipher: Cipher,
) -> Result<(Layer, ReplyKey), PeelError> {
    let key = ReplyKey::of_receiver(secret, ephemeral, cipher).map_err(|_| PeelError::Ciphertext)?;
    let plaintext = key.open_raw(blob).ok_or(PeelError::Ciphertext)?;
    match read_layer(&plaintext) {
        // Nobody may learn what of a changed ciphertext opened.
        #[cfg(not(target_arch = "wasm32"))]
        None if cipher == Cipher::AesCbc => Err(PeelError::Ciphertext),
        Some(Layer::Server(server)) if !server.is_allowed() => Err(PeelError::Url(key)),
        Some(layer) => Ok((layer, key)),
        None => Err(PeelError::Json(key)),
    }
}

/// The first match decides: `headers`, then `host`, then the next hop.
fn read_layer(plaintext: &[u8]) -> Option<Layer> {
    let (blob, json) = parse_unit(plaintext).ok()?;
    let json = object(json)?;
    if json.contains_key("headers") {
        return Some(Layer::Final {
            request: blob.to_vec(),
            json: flag(&json, "json", false)?,
            base64: flag(&json, "base64", true)?,
        });
    }
    if let Some(host) = json.get("host") {
        let port = match json.get("port") {
            None | Some(Value::Null) => 443,
            Some(value) => u16::try_from(value.as_u64()?).ok()?,
        };
        let protocol = match json.get("protocol") {
            None | Some(Value::Null) => "https",
            Some(value) => value.as_str()?,
        };
        return Some(Layer::Server(ServerRequest {
            host: host.as_str()?.to_owned(),
            port,
            protocol: protocol.to_owned(),
            target: json.get("target")?.as_str()?.to_owned(),
            body: plaintext.to_vec(),
        }));
    }
    let destination = Ed25519Public(key32(json.get("destination")?)?);
    let (ephemeral, cipher) = opening(&json)?;
    Some(Layer::Next { destination, blob: blob.to_vec(), ephemeral, cipher })
}

impl ServerRequest {
    /// What nodes relay: the onion endpoints of servers, nothing else. Addresses are checked after DNS resolution.
    fn is_allowed(&self) -> bool {
        matches!(self.protocol.as_str(), "http" | "https")
            && (self.target.starts_with("/loki/") || self.target.starts_with("/oxen/"))
            && self.target.ends_with("/lsrpc")
            && !self.target.contains('?')
            && !self.host.is_empty()
            && self
                .host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
    }
}

impl OuterPacket {
    /// The message from node to node: a bencoded dictionary with raw keys.
    #[must_use]
    pub fn encode_hop(&self) -> Vec<u8> {
        let mut dict = Dict::new();
        dict.insert("data".into(), Bencode::Bytes(self.blob.clone()));
        dict.insert("enc_type".into(), Bencode::Bytes(self.cipher.name().into()));
        dict.insert("ephemeral_key".into(), Bencode::Bytes(self.ephemeral.0.to_vec()));
        dict.insert("hop_no".into(), Bencode::Int(self.hop_no.into()));
        Bencode::Dict(dict).encode()
    }

    /// Reads what [`OuterPacket::encode_hop`] wrote: a missing cipher is AES-GCM, a hop number below 1 is 1.
    /// The hop number is not limited here, see [`OuterPacket::is_too_far`].
    ///
    /// # Errors
    /// [`UnitError`]; answer 400 `Invalid internal onion request`.
    pub fn decode_hop(bytes: &[u8]) -> Result<Self, UnitError> {
        let Some(Bencode::Dict(mut dict)) = Bencode::decode(bytes).ok() else {
            return Err(UnitError);
        };
        let cipher = match dict.remove(b"enc_type".as_slice()) {
            None => Cipher::AesGcm,
            Some(Bencode::Bytes(name)) => {
                std::str::from_utf8(&name).ok().and_then(Cipher::from_name).ok_or(UnitError)?
            }
            Some(_) => return Err(UnitError),
        };
        let hop_no = match dict.remove(b"hop_no".as_slice()) {
            None => 1,
            Some(Bencode::Int(hop_no)) => u32::try_from(hop_no.max(1)).map_err(|_| UnitError)?,
            Some(_) => return Err(UnitError),
        };
        let Some(Bencode::Bytes(ephemeral)) = dict.remove(b"ephemeral_key".as_slice()) else {
            return Err(UnitError);
        };
        let Some(Bencode::Bytes(blob)) = dict.remove(b"data".as_slice()) else {
            return Err(UnitError);
        };
        let ephemeral = X25519Public(ephemeral.try_into().map_err(|_| UnitError)?);
        Ok(Self { blob, ephemeral, cipher, hop_no })
    }

    /// Whether it passed more hops than nodes allow: answer 400 `onion request max path length exceeded`.
    #[must_use]
    pub fn is_too_far(&self) -> bool {
        self.hop_no > MAX_HOPS
    }
}

/// How the blob beside this JSON is opened.
fn opening(json: &Map<String, Value>) -> Option<(X25519Public, Cipher)> {
    let cipher = match json.get("enc_type") {
        None | Some(Value::Null) => Cipher::AesGcm,
        Some(value) => Cipher::from_name(value.as_str()?)?,
    };
    Some((X25519Public(key32(json.get("ephemeral_key")?)?), cipher))
}

fn object(json: &[u8]) -> Option<Map<String, Value>> {
    if json.len() > MAX_JSON { None } else { serde_json::from_slice(json).ok() }
}

fn flag(json: &Map<String, Value>, name: &str, default: bool) -> Option<bool> {
    json.get(name).map_or(Some(default), Value::as_bool)
}

fn key32(value: &Value) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(value.as_str()?, &mut key).ok()?;
    Some(key)
}
