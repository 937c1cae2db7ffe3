//! One simulated service node: keys, messages, and the storage RPC as far as clients use it (service-nodes 3).

use std::collections::BTreeMap;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use zwiebel_crypto::keys::{Ed25519Public, Ed25519Secret, X25519Secret};
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::storage_rpc::{
    ExpiryMode, MessageHash, Namespace, NamespaceClass, confirmation, message_hash, signed_text,
};

/// The longest a message in a private namespace lives.
const PRIVATE_TTL_MS: u64 = 30 * 86_400_000;

/// How a node behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    Honest,
    /// Not there: connections are refused, its neighbours say so at once.
    Dead,
    /// Accepts everything and never answers.
    Silent,
    /// Answers every packet with this plain error.
    Forges(u16, String),
    /// Answers every packet with random bytes and status 200.
    Garbage,
    /// Answers requests meant for it with this, properly sealed.
    Says(u16, String),
    /// Its clock is off by so many milliseconds.
    WrongClock(i64),
    /// Whoever waits there hears of nothing. Who only asks is answered.
    Deaf,
    /// Confirms every store under another hash, and stores nothing.
    WrongHash,
}

/// A stored message.
#[derive(Debug, Clone)]
pub struct Stored {
    pub namespace: Namespace,
    pub hash: MessageHash,
    pub timestamp: u64,
    pub expiration: u64,
    pub data: Vec<u8>,
}

/// A node.
pub struct SimNode {
    pub ed25519: Ed25519Secret,
    pub x25519: X25519Secret,
    pub ip: [u8; 4],
    pub port: u16,
    pub swarm: u64,
    pub behaviour: Behaviour,
    /// How often something new was stored.
    pub puts: u64,
    pub stored: BTreeMap<[u8; 33], Vec<Stored>>,
}

/// What to hand to the other members of the swarm.
pub enum Spread {
    Store([u8; 33], Stored),
    Delete([u8; 33], Vec<MessageHash>),
    Expire([u8; 33], Vec<MessageHash>, u64, ExpiryMode),
}

impl SimNode {
    #[must_use]
    pub fn key(&self) -> Ed25519Public {
        self.ed25519.public()
    }

    #[must_use]
    pub fn address(&self) -> String {
        let [a, b, c, d] = self.ip;
        format!("{a}.{b}.{c}.{d}")
    }

    /// Where it takes packets from pages, if it does.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://node-{}.example.org", self.port)
    }

    /// This node's time.
    #[must_use]
    pub fn time(&self, now: u64) -> u64 {
        match self.behaviour {
            Behaviour::WrongClock(offset) => now.saturating_add_signed(offset),
            _ => now,
        }
    }

    /// Takes a message; an old one is not taken twice.
    pub fn put(&mut self, owner: [u8; 33], message: Stored) -> bool {
        let list = self.stored.entry(owner).or_default();
        if message.namespace.class() == NamespaceClass::PublicOutbox {
            // One value; what is older than it is not taken any more.
            if list.iter().any(|m| m.namespace == message.namespace && m.timestamp > message.timestamp) {
                return false;
            }
            list.retain(|m| m.namespace != message.namespace || m.hash == message.hash);
        }
        let new = !list.iter().any(|m| m.hash == message.hash);
        if new {
            list.push(message);
            self.puts += 1;
        }
        new
    }

    pub fn delete(&mut self, owner: &[u8; 33], hashes: &[MessageHash]) {
        if let Some(list) = self.stored.get_mut(owner) {
            list.retain(|m| !hashes.contains(&m.hash));
        }
    }

    /// `retrieve`.
    #[must_use]
    pub fn retrieve(&self, now: u64, params: &Value, page: usize) -> (u16, Value) {
        let time = self.time(now);
        let timestamp = params["timestamp"].as_u64().unwrap_or(0);
        let Some(owner) = owner(params) else { return (400, "invalid request".into()) };
        let namespace = namespace(params);
        let secret = namespace.retrieve_needs_auth();
        if secret && timestamp.abs_diff(time) > 60_000 {
            return (406, "retrieve timestamp too far from current time".into());
        }
        let text = signed_text::retrieve(namespace, timestamp);
        if secret && !signer(params).is_some_and(|key| is_signed(params, &owner, &key, &text)) {
            return (401, "retrieve signature verification failed".into());
        }
        let all: Vec<&Stored> = self
            .stored
            .get(&owner)
            .into_iter()
            .flatten()
            .filter(|m| m.namespace == namespace && m.expiration > time)
            .collect();
        let last = params["last_hash"].as_str().unwrap_or("");
        let from = all.iter().position(|m| m.hash.as_str() == last).map_or(0, |at| at + 1);
        let rest = &all[from..];
        let messages: Vec<Value> = rest.iter().take(page).map(|m| {
            json!({"hash": m.hash, "timestamp": m.timestamp, "expiration": m.expiration, "data": Base64::encode_string(&m.data)})
        }).collect();
        (200, json!({"messages": messages, "more": rest.len() > page, "t": time, "hf": [19, 4]}))
    }

    /// `store`, checked; the message is not taken in yet.
    pub fn check_store(&self, now: u64, params: &Value) -> Result<([u8; 33], Stored), (u16, Value)> {
        let owner = owner(params).ok_or((400, Value::from("invalid request")))?;
        let timestamp = params["timestamp"].as_u64().unwrap_or(0);
        let ttl = params["ttl"].as_u64().unwrap_or(0);
        let namespace = namespace(params);
        let longest = namespace.max_ttl_ms();
        if !(10_000..=longest).contains(&ttl) {
            return Err((403, "Provided expiry/TTL is not valid.".into()));
        }
        let time = self.time(now);
        if timestamp > time + 10_000 || timestamp + ttl < time - 10_000 {
            return Err((406, "Timestamp error: check your clock".into()));
        }
        if namespace.store_needs_auth() {
            let text = signed_text::store(namespace, timestamp);
            if !signer(params).is_some_and(|key| is_signed(params, &owner, &key, &text)) {
                return Err((401, "store signature verification failed".into()));
            }
        }
        let data = params["data"].as_str().and_then(|text| Base64::decode_vec(text).ok());
        let data = data.ok_or((400, Value::from("invalid request")))?;
        let hash = message_hash(&owner, namespace, &data);
        Ok((owner, Stored { namespace, hash, timestamp, expiration: timestamp + ttl, data }))
    }

    /// `delete`, checked.
    pub fn check_delete(&self, params: &Value) -> Result<([u8; 33], Vec<MessageHash>), (u16, Value)> {
        let (Some(owner), Some(key)) = (owner(params), signer(params)) else {
            return Err((400, "invalid request".into()));
        };
        let hashes = hashes(params);
        if is_signed(params, &owner, &key, &signed_text::delete(&hashes)) {
            Ok((owner, hashes))
        } else {
            Err((401, "delete_msgs signature verification failed".into()))
        }
    }

    /// `expire`, checked.
    pub fn check_expire(&self, params: &Value) -> Result<Spread, (u16, Value)> {
        let (Some(owner), Some(key), Some(expiry)) = (owner(params), signer(params), params["expiry"].as_u64()) else {
            return Err((400, "invalid request".into()));
        };
        let hashes = hashes(params);
        let mode = match (params["extend"].as_bool(), params["shorten"].as_bool()) {
            (Some(true), _) => ExpiryMode::Extend,
            (_, Some(true)) => ExpiryMode::Shorten,
            _ => ExpiryMode::Set,
        };
        if is_signed(params, &owner, &key, &signed_text::expire(mode, &[expiry], &hashes)) {
            Ok(Spread::Expire(owner, hashes, expiry, mode))
        } else {
            Err((401, "expire_msgs signature verification failed".into()))
        }
    }

    /// Carries out an `expire`; gives this node's part of the answer.
    pub fn expire(
        &mut self,
        now: u64,
        owner: &[u8; 33],
        asked: &[MessageHash],
        expiry: u64,
        mode: ExpiryMode,
    ) -> Value {
        let applied = expiry.min(now + PRIVATE_TTL_MS);
        let (mut updated, mut unchanged) = (Vec::new(), Vec::new());
        for message in self.stored.entry(*owner).or_default().iter_mut().filter(|m| m.expiration > now) {
            if !asked.contains(&message.hash) {
                continue;
            }
            let moves = match mode {
                ExpiryMode::Extend => applied > message.expiration,
                ExpiryMode::Shorten => applied < message.expiration,
                ExpiryMode::Set => true,
            };
            if moves {
                message.expiration = applied;
                updated.push(message.hash);
            } else {
                unchanged.push((message.hash, message.expiration));
            }
        }
        updated.sort_unstable();
        let text = confirmation::expire(owner, &[applied], asked, &updated, &unchanged);
        let unchanged: serde_json::Map<String, Value> =
            unchanged.iter().map(|(hash, at)| (hash.to_string(), (*at).into())).collect();
        let signature = Base64::encode_string(&self.ed25519.sign(&text));
        json!({"expiry": applied, "updated": updated, "unchanged": unchanged, "signature": signature})
    }

    /// This node's confirmation of a store.
    #[must_use]
    pub fn confirm(&self, message: &Stored) -> Value {
        let signature = Base64::encode_string(&self.ed25519.sign(message.hash.as_str().as_bytes()));
        json!({"hash": message.hash, "signature": signature, "expiry": message.expiration})
    }
}

/// The account a request is about.
#[must_use]
pub fn owner(params: &Value) -> Option<[u8; 33]> {
    let mut out = [0; 33];
    hex::decode_to_slice(params["pubkey"].as_str()?, &mut out).ok()?;
    Some(out)
}

fn hashes(params: &Value) -> Vec<MessageHash> {
    let list = params["messages"].as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|h| MessageHash::parse(h.as_str().unwrap_or("")).ok()).collect()
}

fn namespace(params: &Value) -> Namespace {
    Namespace(params["namespace"].as_i64().and_then(|n| i16::try_from(n).ok()).unwrap_or(0))
}

fn signer(params: &Value) -> Option<Ed25519Public> {
    let mut out = [0; 32];
    hex::decode_to_slice(params["pubkey_ed25519"].as_str()?, &mut out).ok()?;
    Some(Ed25519Public(out))
}

fn is_signed(params: &Value, owner: &[u8; 33], key: &Ed25519Public, text: &[u8]) -> bool {
    let account = key.to_x25519().map(|x| AccountId::from_key(x).to_bytes());
    let signature = params["signature"].as_str().and_then(|s| Base64::decode_vec(s).ok());
    let signature: Option<[u8; 64]> = signature.and_then(|s| s.try_into().ok());
    account.as_ref() == Some(owner) && signature.is_some_and(|s| key.verify(text, &s))
}
