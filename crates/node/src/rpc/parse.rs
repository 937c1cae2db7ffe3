//! From `{"method", "params"}` to a [`Call`], all of it before anything runs (service-nodes 2.2, 3).

use serde_json::Map;
use serde_json::Value;
use zwiebel_proto::storage_rpc::Namespace;

use super::Answer;
use super::params::Invalid;
use super::params::Params;
use super::params::as_list;
use super::params::both;
use super::params::is_hash;
use super::params::missing;
use super::params::missing_either;
use super::params::wrong;
use crate::account::Account;
use crate::encoding;
use crate::limits;
use crate::store::messages::Move;
use crate::store::messages::Scope;

/// Who signs a call, as far as the request says.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pub ed25519: Option<[u8; 32]>,
    pub signature: Option<[u8; 64]>,
    /// A subaccount token was given; this node does not honour them yet, so such a call fails its signature check.
    pub subaccount: bool,
}

#[derive(Debug, Clone)]
pub struct StoreCall {
    pub account: Account,
    pub namespace: i16,
    pub data: Vec<u8>,
    pub timestamp: i64,
    pub expiry: i64,
    pub sig_timestamp: Option<i64>,
    pub credentials: Credentials,
}

#[derive(Debug, Clone)]
pub struct RetrieveCall {
    pub account: Account,
    pub namespace: i16,
    pub last_hash: Option<String>,
    pub max_count: Option<usize>,
    pub max_size: i64,
    pub timestamp: Option<i64>,
    pub credentials: Credentials,
}

#[derive(Debug, Clone)]
pub struct DeleteCall {
    pub account: Account,
    pub hashes: Vec<String>,
    pub required: bool,
    pub credentials: Credentials,
}

/// `delete_all`, `delete_before` and `expire_all` have the same shape.
#[derive(Debug, Clone)]
pub struct ScopeCall {
    pub account: Account,
    pub scope: Scope,
    /// `timestamp`, `before` or `expiry`.
    pub time: i64,
    pub credentials: Credentials,
}

#[derive(Debug, Clone)]
pub struct ExpireCall {
    pub account: Account,
    pub hashes: Vec<String>,
    /// One for all, or one for each.
    pub expiries: Vec<i64>,
    pub how: Move,
    pub credentials: Credentials,
}

#[derive(Debug, Clone)]
pub struct ExpiriesCall {
    pub account: Account,
    pub hashes: Vec<String>,
    pub timestamp: i64,
    pub credentials: Credentials,
}

/// A call that can be run.
#[derive(Debug, Clone)]
pub enum Call {
    Store(StoreCall),
    Retrieve(RetrieveCall),
    Delete(DeleteCall),
    DeleteAll(ScopeCall),
    DeleteBefore(ScopeCall),
    Expire(ExpireCall),
    ExpireAll(ScopeCall),
    GetExpiries(ExpiriesCall),
    GetSwarm(Account),
    Info,
    ServiceNodes(Value),
    ActiveNodesBin,
    /// Entries with the JSON they came from, which copies to the swarm need.
    Batch(Vec<Request>),
    Sequence(Vec<Request>),
}

/// A call and the parameters it was read from.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    pub params: Map<String, Value>,
    pub call: Call,
}

/// Whether batch and sequence may appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Top,
    Inside,
}

/// Reads the body of `POST /storage_rpc/v1` or of an onion request.
///
/// # Errors
/// The answer to send instead.
pub fn body(bytes: &[u8]) -> Result<Request, Answer> {
    let json: Value = serde_json::from_slice(bytes).map_err(|_| Answer::error(400, "invalid json"))?;
    let Some(method) = json.get("method").and_then(Value::as_str) else {
        return Err(Answer::error(400, "invalid json: no `method` field"));
    };
    let Some(params) = json.get("params").and_then(Value::as_object) else {
        return Err(Answer::error(400, "invalid json: no `params` field"));
    };
    request(method, params)
}

/// Reads one call.
///
/// # Errors
/// The answer to send instead.
pub fn request(method: &str, params: &Map<String, Value>) -> Result<Request, Answer> {
    let Some(name) = known(method) else { return Err(Answer::error(400, format!("no method {method}"))) };
    call(name, params, Nesting::Top)
        .map(|call| Request { method: name, params: params.clone(), call })
        .map_err(|invalid| Answer::error(400, format!("invalid request: {}", invalid.0)))
}

const METHODS: [&str; 15] = [
    "active_nodes_bin",
    "batch",
    "delete",
    "delete_all",
    "delete_before",
    "expire",
    "expire_all",
    "get_expiries",
    "get_snodes_for_pubkey",
    "get_swarm",
    "info",
    "oxend_request",
    "retrieve",
    "sequence",
    "store",
];

fn known(method: &str) -> Option<&'static str> {
    METHODS.iter().copied().find(|known| *known == method)
}

fn call(method: &str, params: &Map<String, Value>, nesting: Nesting) -> Result<Call, Invalid> {
    let reader = Params::new(params);
    Ok(match method {
        "store" => Call::Store(store(reader)?),
        "retrieve" => Call::Retrieve(retrieve(reader)?),
        "delete" => Call::Delete(delete(reader)?),
        "delete_all" => Call::DeleteAll(scope_call(reader, "timestamp")?),
        "delete_before" => Call::DeleteBefore(scope_call(reader, "before")?),
        "expire" => Call::Expire(expire(reader)?),
        "expire_all" => Call::ExpireAll(scope_call(reader, "expiry")?),
        "get_expiries" => Call::GetExpiries(get_expiries(reader)?),
        "get_swarm" | "get_snodes_for_pubkey" => Call::GetSwarm(reader.account(true)?),
        "info" => Call::Info,
        "oxend_request" => oxend_request(reader)?,
        "active_nodes_bin" => Call::ActiveNodesBin,
        "batch" if nesting == Nesting::Top => Call::Batch(entries(reader)?),
        "sequence" if nesting == Nesting::Top => Call::Sequence(entries(reader)?),
        other => return Err(Invalid(format!("{other} may not be inside a batch"))),
    })
}

fn entries(params: Params<'_>) -> Result<Vec<Request>, Invalid> {
    let list = params.value("requests").ok_or_else(|| missing("requests"))?;
    let list = list.as_array().ok_or_else(|| wrong("requests"))?;
    if list.is_empty() || list.len() > limits::BATCH {
        return Err(Invalid(format!("Invalid batch request: expected 1 to {} requests", limits::BATCH)));
    }
    list.iter()
        .map(|entry| {
            let method = entry.get("method").and_then(Value::as_str).ok_or_else(|| missing("method"))?;
            let params = entry.get("params").and_then(Value::as_object).ok_or_else(|| missing("params"))?;
            let name = known(method).ok_or_else(|| Invalid(format!("Invalid batch subrequest: no method {method}")))?;
            let call = call(name, params, Nesting::Inside)?;
            Ok(Request { method: name, params: params.clone(), call })
        })
        .collect()
}

fn credentials(params: Params<'_>, account: Account, required: bool) -> Result<Credentials, Invalid> {
    let subaccount = params.has("subaccount");
    if subaccount != params.has("subaccount_sig") {
        return Err(missing(if subaccount { "subaccount_sig" } else { "subaccount" }));
    }
    if subaccount {
        params.signature("subaccount_sig")?;
        let token = params.text("subaccount")?.unwrap_or_default();
        let token = encoding::array_from_hex::<36>(token).or_else(|| encoding::array_from_base64::<36>(token));
        token.ok_or_else(|| wrong("subaccount"))?;
    }
    let signature = params.signature("signature")?;
    if required && signature.is_none() {
        return Err(missing("signature"));
    }
    Ok(Credentials { ed25519: params.ed25519(account)?, signature, subaccount })
}

fn store(params: Params<'_>) -> Result<StoreCall, Invalid> {
    let account = params.account(true)?;
    let text = params.text("data")?.ok_or_else(|| missing("data"))?;
    let timestamp = params.time("timestamp", true)?.ok_or_else(|| missing("timestamp"))?;
    let expiry = match (params.time("expiry", false)?, params.integer("ttl", true)?) {
        (Some(_), Some(_)) => return Err(both("expiry", "ttl")),
        (Some(expiry), None) => expiry,
        (None, Some(ttl)) => timestamp.saturating_add(ttl),
        (None, None) => return Err(missing_either("expiry", "ttl")),
    };
    if text.len() > limits::MESSAGE.div_ceil(3) * 4 {
        return Err(too_long());
    }
    let data = encoding::from_base64(text).ok_or_else(|| Invalid("Invalid data: expected base64".to_owned()))?;
    if data.len() > limits::MESSAGE {
        return Err(too_long());
    }
    Ok(StoreCall {
        account,
        namespace: params.namespace()?,
        data,
        timestamp,
        expiry,
        sig_timestamp: params.time("sig_timestamp", false)?,
        credentials: credentials(params, account, false)?,
    })
}

fn too_long() -> Invalid {
    Invalid(format!("Message body exceeds maximum allowed length of {} bytes", limits::MESSAGE))
}

fn retrieve(params: Params<'_>) -> Result<RetrieveCall, Invalid> {
    let account = params.account(true)?;
    let last_hash = match (params.text("last_hash")?, params.text("lastHash")?) {
        (Some(_), Some(_)) => return Err(both("last_hash", "lastHash")),
        (Some(hash), None) | (None, Some(hash)) => Some(hash).filter(|hash| !hash.is_empty()),
        (None, None) => None,
    };
    if last_hash.is_some_and(|hash| !is_hash(hash)) {
        return Err(Invalid("Invalid last_hash: expected 43 base64 characters".to_owned()));
    }
    let count = params.integer("max_count", false)?.unwrap_or(0);
    let max_count = usize::try_from(count).ok().filter(|count| *count > 0);
    let max_size = match params.integer("max_size", false)?.unwrap_or(0) {
        0 if max_count.is_some() => limits::RETRIEVE,
        0 => limits::RETRIEVE / 5,
        size if size > 0 => size.min(limits::RETRIEVE),
        part => limits::RETRIEVE / part.saturating_neg(),
    };
    let namespace = params.namespace()?;
    let timestamp = params.time("timestamp", false)?;
    let credentials = credentials(params, account, false)?;
    let any = timestamp.is_some() || credentials.ed25519.is_some() || credentials.subaccount;
    let named = params.has("namespace") && Namespace(namespace).store_needs_auth();
    let expected = any || (named && Namespace(namespace).retrieve_needs_auth());
    if credentials.signature.is_none() && expected {
        return Err(missing("signature"));
    }
    if credentials.signature.is_some() && timestamp.is_none() {
        return Err(missing("timestamp"));
    }
    Ok(RetrieveCall {
        account,
        namespace,
        last_hash: last_hash.map(str::to_owned),
        max_count,
        max_size,
        timestamp,
        credentials,
    })
}

fn delete(params: Params<'_>) -> Result<DeleteCall, Invalid> {
    let account = params.account(false)?;
    Ok(DeleteCall {
        account,
        hashes: params.hashes("messages")?,
        required: params.flag("required")?,
        credentials: credentials(params, account, true)?,
    })
}

fn scope_call(params: Params<'_>, time: &str) -> Result<ScopeCall, Invalid> {
    let account = params.account(false)?;
    Ok(ScopeCall {
        account,
        scope: params.scope()?,
        time: params.required_time(time)?,
        credentials: credentials(params, account, true)?,
    })
}

fn expire(params: Params<'_>) -> Result<ExpireCall, Invalid> {
    let account = params.account(false)?;
    let hashes = params.hashes("messages")?;
    let how = match (params.flag("shorten")?, params.flag("extend")?) {
        (true, true) => return Err(Invalid("cannot specify both 'shorten' and 'extend'".to_owned())),
        (true, false) => Move::Shorten,
        (false, true) => Move::Extend,
        (false, false) => Move::Set,
    };
    let value = params.value("expiry").ok_or_else(|| missing("expiry"))?;
    let expiries = if value.is_array() {
        as_list(value).iter().map(|time| time.as_i64().ok_or_else(|| wrong("expiry"))).collect::<Result<Vec<_>, _>>()?
    } else {
        vec![params.required_time("expiry")?]
    };
    if value.is_array() && expiries.len() != 1 && expiries.len() != hashes.len() {
        return Err(Invalid("'expiry' must have one value, or as many as 'messages'".to_owned()));
    }
    Ok(ExpireCall { account, hashes, expiries, how, credentials: credentials(params, account, true)? })
}

fn get_expiries(params: Params<'_>) -> Result<ExpiriesCall, Invalid> {
    let account = params.account(false)?;
    Ok(ExpiriesCall {
        account,
        hashes: params.hashes("messages")?,
        timestamp: params.required_time("timestamp")?,
        credentials: credentials(params, account, true)?,
    })
}

fn oxend_request(params: Params<'_>) -> Result<Call, Invalid> {
    let endpoint = params.text("endpoint")?.ok_or_else(|| missing("endpoint"))?;
    match endpoint {
        "get_service_nodes" => Ok(Call::ServiceNodes(params.value("params").cloned().unwrap_or(Value::Null))),
        other => Err(Invalid(format!("Invalid oxend endpoint '{other}'"))),
    }
}
