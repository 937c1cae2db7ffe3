//! A client's requests (service-nodes 3.5 to 3.11), signed where needed.

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use super::{MessageHash, Namespace, Scope, signed_text};
use crate::account::Account;
use crate::account_id::AccountId;

/// The most requests in one batch or sequence.
pub const MAX_BATCH: usize = 20;

/// What `expire` may do to an expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryMode {
    /// Raise only.
    Extend,
    /// Raise or lower.
    Set,
    /// Lower only.
    Shorten,
}

/// How much a retrieval may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxSize {
    /// The node's choice, a fifth of the most it sends.
    #[default]
    Default,
    /// At most so many bytes.
    Bytes(u32),
    /// The n-th part of the most a node sends, for n requests in one batch.
    Share(u8),
}

impl ExpiryMode {
    /// As it stands in the signed text and as a parameter's name.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Extend => "extend",
            Self::Set => "",
            Self::Shorten => "shorten",
        }
    }
}

/// Stores `data` for `to` where that needs no signature (namespace 0).
#[must_use]
pub fn store(to: &AccountId, data: &[u8], ttl_ms: u64, timestamp: u64, namespace: Namespace) -> Value {
    request("store", store_params(to, data, ttl_ms, timestamp, namespace))
}

/// Stores `data` for the own account, signed: for private namespaces.
#[must_use]
pub fn store_signed(account: &Account, data: &[u8], ttl_ms: u64, timestamp: u64, namespace: Namespace) -> Value {
    let params = store_params(&account.id(), data, ttl_ms, timestamp, namespace);
    signed("store", params, account, &signed_text::store(namespace, timestamp))
}

fn store_params(to: &AccountId, data: &[u8], ttl_ms: u64, timestamp: u64, namespace: Namespace) -> Value {
    json!({
        "pubkey": to.to_string(),
        "namespace": namespace.0,
        "data": Base64::encode_string(data),
        "timestamp": timestamp,
        "ttl": ttl_ms,
    })
}

/// Asks for the messages after `last_hash` (which counts per node and namespace).
#[must_use]
pub fn retrieve(
    account: &Account,
    namespace: Namespace,
    last_hash: Option<&MessageHash>,
    max_size: MaxSize,
    timestamp: u64,
) -> Value {
    let mut params = json!({
        "namespace": namespace.0,
        "last_hash": last_hash.map_or("", MessageHash::as_str),
        "timestamp": timestamp,
    });
    let max_size = match max_size {
        MaxSize::Default => None,
        MaxSize::Bytes(bytes) => Some(i64::from(bytes)),
        MaxSize::Share(parts) => Some(-i64::from(parts)),
    };
    if let Some(max_size) = max_size {
        set(&mut params, "max_size", max_size.into());
    }
    signed("retrieve", params, account, &signed_text::retrieve(namespace, timestamp))
}

/// Lets a [`retrieve`] wait at the node until there is a message, so many milliseconds at most (docs/waiting-retrieve.md).
/// Nodes that do not know this answer at once.
#[must_use]
pub fn waiting(mut retrieve: Value, wait_ms: u32) -> Value {
    if let Some(params) = retrieve.get_mut("params") {
        set(params, "wait_ms", wait_ms.into());
    }
    retrieve
}

/// Asks for what anybody may read: the outbox of an account.
#[must_use]
pub fn retrieve_public(of: &AccountId, namespace: Namespace) -> Value {
    request("retrieve", json!({ "pubkey": of.to_string(), "namespace": namespace.0, "last_hash": "" }))
}

/// Deletes these messages, in whatever namespace.
#[must_use]
pub fn delete(account: &Account, hashes: &[MessageHash]) -> Value {
    signed("delete", json!({ "messages": hashes }), account, &signed_text::delete(hashes))
}

/// Deletes everything in scope.
#[must_use]
pub fn delete_all(account: &Account, scope: Scope, timestamp: u64) -> Value {
    let params = json!({ "namespace": scope_value(scope), "timestamp": timestamp });
    signed("delete_all", params, account, &signed_text::delete_all(scope, timestamp))
}

/// Deletes everything in scope that was stored up to `before`.
#[must_use]
pub fn delete_before(account: &Account, scope: Scope, before: u64) -> Value {
    let params = json!({ "namespace": scope_value(scope), "before": before });
    signed("delete_before", params, account, &signed_text::delete_before(scope, before))
}

/// Changes when these messages expire.
#[must_use]
pub fn expire(account: &Account, hashes: &[MessageHash], expiry: u64, mode: ExpiryMode) -> Value {
    let mut params = json!({ "messages": hashes, "expiry": expiry });
    if mode != ExpiryMode::Set {
        set(&mut params, mode.text(), true.into());
    }
    signed("expire", params, account, &signed_text::expire(mode, &[expiry], hashes))
}

/// Lets everything in scope expire at `expiry` at the latest.
#[must_use]
pub fn expire_all(account: &Account, scope: Scope, expiry: u64) -> Value {
    let params = json!({ "namespace": scope_value(scope), "expiry": expiry });
    signed("expire_all", params, account, &signed_text::expire_all(scope, expiry))
}

/// Asks when these messages expire.
#[must_use]
pub fn get_expiries(account: &Account, hashes: &[MessageHash], timestamp: u64) -> Value {
    let params = json!({ "messages": hashes, "timestamp": timestamp });
    signed("get_expiries", params, account, &signed_text::get_expiries(timestamp, hashes))
}

/// Asks which nodes hold an account's messages. Any node answers.
#[must_use]
pub fn get_swarm(of: &AccountId) -> Value {
    request("get_swarm", json!({ "pubkey": of.to_string() }))
}

/// Asks a node for its version and clock.
#[must_use]
pub fn info() -> Value {
    request("info", json!({}))
}

/// Several requests in one (at most [`MAX_BATCH`]), answered in the same order; none waits for another.
#[must_use]
pub fn batch(requests: Vec<Value>) -> Value {
    request("batch", object("requests", requests.into()))
}

/// Several requests one after the other (at most [`MAX_BATCH`]); the first failure ends it.
#[must_use]
pub fn sequence(requests: Vec<Value>) -> Value {
    request("sequence", object("requests", requests.into()))
}

fn request(method: &str, params: Value) -> Value {
    let mut request = object("method", method.into());
    set(&mut request, "params", params);
    request
}

fn object(name: &str, value: Value) -> Value {
    let mut object = Value::Object(serde_json::Map::new());
    set(&mut object, name, value);
    object
}

/// Adds account, signing key and signature.
fn signed(method: &str, mut params: Value, account: &Account, text: &[u8]) -> Value {
    set(&mut params, "pubkey", account.id().to_string().into());
    set(&mut params, "pubkey_ed25519", hex::encode(account.ed25519().public().0).into());
    set(&mut params, "signature", Base64::encode_string(&account.ed25519().sign(text)).into());
    request(method, params)
}

fn set(params: &mut Value, name: &str, value: Value) {
    if let Value::Object(params) = params {
        params.insert(name.to_owned(), value);
    }
}

fn scope_value(scope: Scope) -> Value {
    match scope {
        Scope::All => "all".into(),
        Scope::One(namespace) => namespace.0.into(),
    }
}
