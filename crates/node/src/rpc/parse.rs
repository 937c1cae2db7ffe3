//! From `{"method", "params"}` to a [`Call`], all of it before anything runs (service-nodes 2.2, 3).

use serde_json::Map;
use serde_json::Value;
use zwiebel_proto::storage_rpc::Namespace;

use super::Answer;
use super::bencoded;
use super::call::Call;
use super::call::DeleteCall;
use super::call::ExpireCall;
use super::call::ExpiriesCall;
use super::call::Format;
use super::call::IfElse;
use super::call::Request;
use super::call::RetrieveCall;
use super::call::ScopeCall;
use super::call::StoreCall;
use super::call::TokensCall;
use super::ifelse::conditions;
use super::params::Invalid;
use super::params::Params;
use super::params::as_list;
use super::params::both;
use super::params::is_hash;
use super::params::missing;
use super::params::missing_either;
use super::params::wrong;
use crate::encoding;
use crate::limits;
use crate::store::messages::Move;

/// Whether calls that hold others may appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nesting {
    Top,
    InBatch,
}

/// The format that a body is in: a JSON object never begins like a bencoded dictionary.
#[must_use]
pub fn format_of(bytes: &[u8]) -> Format {
    if bytes.first() == Some(&b'd') { Format::Bencode } else { Format::Json }
}

/// Reads the body of `POST /storage_rpc/v1` or of an onion request.
///
/// # Errors
/// The answer to send instead.
pub fn body(bytes: &[u8]) -> Result<Request, Answer> {
    let format = format_of(bytes);
    let json: Value = match format {
        Format::Bencode => bencoded::request(bytes).ok_or_else(|| Answer::error(400, "invalid bencode"))?,
        Format::Json => serde_json::from_slice(bytes).map_err(|_| Answer::error(400, "invalid json"))?,
    };
    let Some(method) = json.get("method").and_then(Value::as_str) else {
        return Err(Answer::error(400, "invalid json: no `method` field"));
    };
    let Some(params) = json.get("params").and_then(Value::as_object) else {
        return Err(Answer::error(400, "invalid json: no `params` field"));
    };
    request(method, params, format)
}

/// Reads one call.
///
/// # Errors
/// The answer to send instead.
pub fn request(method: &str, params: &Map<String, Value>, format: Format) -> Result<Request, Answer> {
    let Some(name) = known(method) else { return Err(Answer::error(400, format!("no method {method}"))) };
    read(name, Params::new(params, format), params, Nesting::Top)
        .map_err(|invalid| Answer::error(400, format!("invalid request: {}", invalid.0)))
}

const METHODS: [&str; 19] = [
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
    "ifelse",
    "info",
    "oxend_request",
    "retrieve",
    "revoke_subaccount",
    "revoked_subaccounts",
    "sequence",
    "store",
    "unrevoke_subaccount",
];

fn known(method: &str) -> Option<&'static str> {
    METHODS.iter().copied().find(|known| *known == method)
}

fn read(
    method: &'static str,
    params: Params<'_>,
    map: &Map<String, Value>,
    nesting: Nesting,
) -> Result<Request, Invalid> {
    Ok(Request { method, params: map.clone(), call: call(method, params, nesting)? })
}

fn call(method: &str, params: Params<'_>, nesting: Nesting) -> Result<Call, Invalid> {
    Ok(match method {
        "store" => Call::Store(store(params)?),
        "retrieve" => Call::Retrieve(retrieve(params)?),
        "delete" => Call::Delete(delete(params)?),
        "delete_all" => Call::DeleteAll(scope_call(params, "timestamp")?),
        "delete_before" => Call::DeleteBefore(scope_call(params, "before")?),
        "expire" => Call::Expire(expire(params)?),
        "expire_all" => Call::ExpireAll(scope_call(params, "expiry")?),
        "get_expiries" => Call::GetExpiries(get_expiries(params)?),
        "get_swarm" | "get_snodes_for_pubkey" => Call::GetSwarm(params.account(true)?),
        "info" => Call::Info,
        "oxend_request" => oxend_request(params)?,
        "active_nodes_bin" => Call::ActiveNodesBin,
        "revoke_subaccount" => Call::Revoke(tokens_call(params, Some("revoke"))?),
        "unrevoke_subaccount" => Call::Unrevoke(tokens_call(params, Some("unrevoke"))?),
        "revoked_subaccounts" => Call::Revoked(tokens_call(params, None)?),
        "batch" if nesting == Nesting::Top => Call::Batch(entries(params)?),
        "sequence" if nesting == Nesting::Top => Call::Sequence(entries(params)?),
        "ifelse" if nesting == Nesting::Top => Call::IfElse(if_else(params)?),
        other => return Err(Invalid(format!("{other} may not be inside a batch"))),
    })
}

/// A call inside another one.
fn inner(entry: &Value, format: Format, nesting: Nesting) -> Result<Request, Invalid> {
    let method = entry.get("method").and_then(Value::as_str).ok_or_else(|| missing("method"))?;
    let params = entry.get("params").and_then(Value::as_object).ok_or_else(|| missing("params"))?;
    let name = known(method).ok_or_else(|| Invalid(format!("Invalid batch subrequest: no method {method}")))?;
    read(name, Params::new(params, format), params, nesting)
}

fn entries(params: Params<'_>) -> Result<Vec<Request>, Invalid> {
    let list = params.value("requests").ok_or_else(|| missing("requests"))?;
    let list = list.as_array().ok_or_else(|| wrong("requests"))?;
    if list.is_empty() || list.len() > limits::BATCH {
        return Err(Invalid(format!("Invalid batch request: expected 1 to {} requests", limits::BATCH)));
    }
    list.iter().map(|entry| inner(entry, params.format(), Nesting::InBatch)).collect()
}

fn if_else(params: Params<'_>) -> Result<IfElse, Invalid> {
    let conditions = conditions(params)?;
    let branch = |name| -> Result<Option<Box<Request>>, Invalid> {
        params.value(name).map(|entry| inner(entry, params.format(), Nesting::Top).map(Box::new)).transpose()
    };
    let (then, otherwise) = (branch("then")?, branch("else")?);
    if then.is_none() && otherwise.is_none() {
        return Err(missing_either("then", "else"));
    }
    Ok(IfElse { conditions, then, otherwise })
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
        credentials: params.credentials(account, false)?,
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
    let credentials = params.credentials(account, false)?;
    let any = timestamp.is_some() || credentials.ed25519.is_some() || credentials.subaccount.is_some();
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
        wait_ms: wait_ms(params)?,
        format: params.format(),
        credentials,
    })
}

/// An extension of ours, which other nodes ignore: docs/waiting-retrieve.md.
fn wait_ms(params: Params<'_>) -> Result<u64, Invalid> {
    let wanted = params.integer("wait_ms", false)?.unwrap_or(0);
    let wanted = u64::try_from(wanted).map_err(|_| wrong("wait_ms"))?;
    Ok(wanted.min(limits::WAIT_MS))
}

fn delete(params: Params<'_>) -> Result<DeleteCall, Invalid> {
    let account = params.account(false)?;
    Ok(DeleteCall {
        account,
        hashes: params.hashes("messages")?,
        required: params.flag("required")?,
        credentials: params.credentials(account, true)?,
    })
}

fn scope_call(params: Params<'_>, time: &str) -> Result<ScopeCall, Invalid> {
    let account = params.account(false)?;
    Ok(ScopeCall {
        account,
        scope: params.scope()?,
        time: params.required_time(time)?,
        credentials: params.credentials(account, true)?,
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
    Ok(ExpireCall { account, hashes, expiries, how, credentials: params.credentials(account, true)? })
}

fn get_expiries(params: Params<'_>) -> Result<ExpiriesCall, Invalid> {
    let account = params.account(false)?;
    Ok(ExpiriesCall {
        account,
        hashes: params.hashes("messages")?,
        timestamp: params.required_time("timestamp")?,
        credentials: params.credentials(account, true)?,
    })
}

fn tokens_call(params: Params<'_>, name: Option<&str>) -> Result<TokensCall, Invalid> {
    let account = params.account(false)?;
    let tokens = name.map_or_else(|| Ok(Vec::new()), |name| params.tokens(name))?;
    if let Some(name) = name.filter(|_| tokens.len() > limits::TOKENS) {
        return Err(Invalid(format!("invalid revoke: cannot {name} more than {} subaccounts at once", limits::TOKENS)));
    }
    let timestamp = params.required_time("timestamp")?;
    Ok(TokensCall { account, tokens, timestamp, credentials: params.credentials(account, true)? })
}

fn oxend_request(params: Params<'_>) -> Result<Call, Invalid> {
    let endpoint = params.text("endpoint")?.ok_or_else(|| missing("endpoint"))?;
    match endpoint {
        "get_service_nodes" => Ok(Call::ServiceNodes(params.value("params").cloned().unwrap_or(Value::Null))),
        "ons_resolve" => Ok(Call::ResolveName),
        other => Err(Invalid(format!("Invalid oxend endpoint '{other}'"))),
    }
}
