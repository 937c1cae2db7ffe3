//! From `{"method", "params"}` to a [`Call`], all of it before anything runs (service-nodes 2.2, 3).

use serde_json::Map;
use serde_json::Value;
use zwiebel_proto::storage_rpc::Namespace;

use super::Answer;
use super::bencoded;
use super::call::COPIED;
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
        Format::Json => json(bytes).ok_or_else(|| Answer::error(400, "invalid json"))?,
    };
    let Value::Object(mut json) = json else { return Err(Answer::error(400, "invalid json: no `method` field")) };
    let Some(Value::String(method)) = json.remove("method") else {
        return Err(Answer::error(400, "invalid json: no `method` field"));
    };
    let Some(Value::Object(params)) = json.remove("params") else {
        return Err(Answer::error(400, "invalid json: no `params` field"));
    };
    request(&method, params, format)
}

/// JSON from outside; none if it is malformed or of more than [`limits::VALUES`], which are counted before they are made.
#[must_use]
pub fn json(bytes: &[u8]) -> Option<Value> {
    let values = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values > limits::VALUES { None } else { serde_json::from_slice(bytes).ok() }
}

/// Reads one call.
///
/// # Errors
/// The answer to send instead.
pub fn request(method: &str, params: Map<String, Value>, format: Format) -> Result<Request, Answer> {
    let Some(name) = known(method) else { return Err(Answer::error(400, format!("no method {method}"))) };
    read(name, params, format, Nesting::Top)
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
    mut params: Map<String, Value>,
    format: Format,
    nesting: Nesting,
) -> Result<Request, Invalid> {
    let call = match method {
        "batch" | "ifelse" | "sequence" if nesting == Nesting::InBatch => {
            return Err(Invalid(format!("{method} may not be inside a batch")));
        }
        "batch" => Call::Batch(entries(&mut params, format)?),
        "sequence" => Call::Sequence(entries(&mut params, format)?),
        "ifelse" => Call::IfElse(if_else(&mut params, format)?),
        _ => call(method, Params::new(&params, format))?,
    };
    let params = if COPIED.contains(&method) { params } else { Map::new() };
    Ok(Request { method, params, call })
}

/// A call that holds no others.
fn call(method: &str, params: Params<'_>) -> Result<Call, Invalid> {
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
        other => return Err(Invalid(format!("no method {other}"))),
    })
}

/// A call inside another one.
fn inner(mut entry: Value, format: Format, nesting: Nesting) -> Result<Request, Invalid> {
    let mut field = |name| entry.as_object_mut().and_then(|entry| entry.remove(name));
    let Some(Value::String(method)) = field("method") else { return Err(missing("method")) };
    let Some(Value::Object(params)) = field("params") else { return Err(missing("params")) };
    let name = known(&method).ok_or_else(|| Invalid(format!("Invalid batch subrequest: no method {method}")))?;
    read(name, params, format, nesting)
}

fn entries(params: &mut Map<String, Value>, format: Format) -> Result<Vec<Request>, Invalid> {
    let list = params.remove("requests").filter(|list| !list.is_null()).ok_or_else(|| missing("requests"))?;
    let Value::Array(list) = list else { return Err(wrong("requests")) };
    if list.is_empty() || list.len() > limits::BATCH {
        return Err(Invalid(format!("Invalid batch request: expected 1 to {} requests", limits::BATCH)));
    }
    let read = list.into_iter().map(|entry| inner(entry, format, Nesting::InBatch)).collect::<Result<Vec<_>, _>>();
    let mut entries = read?;
    share(&mut entries);
    Ok(entries)
}

/// The retrieves of a batch together may give what one may. If they ask for more, each gets its part.
fn share(entries: &mut [Request]) {
    let mut sizes: Vec<&mut i64> = entries
        .iter_mut()
        .filter_map(|entry| match &mut entry.call {
            Call::Retrieve(call) => Some(&mut call.max_size),
            _ => None,
        })
        .collect();
    let asked: i64 = sizes.iter().map(|size| **size).sum();
    if asked > limits::RETRIEVE {
        sizes.iter_mut().for_each(|size| **size = size.saturating_mul(limits::RETRIEVE) / asked);
    }
}

fn if_else(params: &mut Map<String, Value>, format: Format) -> Result<IfElse, Invalid> {
    let conditions = conditions(Params::new(params, format))?;
    let mut branch = |name| -> Result<Option<Box<Request>>, Invalid> {
        let entry = params.remove(name).filter(|entry| !entry.is_null());
        entry.map(|entry| inner(entry, format, Nesting::Top).map(Box::new)).transpose()
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the retrieves of a batch may give if they ask for this.
    fn shares(sizes: &[i64]) -> Vec<i64> {
        let account = "03".repeat(33);
        let entry = |size| json!({"method": "retrieve", "params": {"pubkey": account, "max_size": size}});
        let requests: Vec<Value> = sizes.iter().map(entry).collect();
        let Value::Object(params) = json!({ "requests": requests }) else { return Vec::new() };
        let Call::Batch(entries) = request("batch", params, Format::Json).unwrap().call else { return Vec::new() };
        entries
            .iter()
            .filter_map(|entry| if let Call::Retrieve(call) = &entry.call { Some(call.max_size) } else { None })
            .collect()
    }

    #[test]
    fn the_retrieves_of_a_batch_share_what_one_may_give() {
        let all = limits::RETRIEVE;
        assert_eq!(shares(&[-2, -8, -8, -8, -8]), [all / 2, all / 8, all / 8, all / 8, all / 8], "as clients ask");
        assert_eq!(shares(&[0; 5]), [all / 5; 5]);
        assert_eq!(shares(&[-1; 20]), [all / 20; 20]);
        assert_eq!(shares(&[-1, -1, -2]), [all * 2 / 5, all * 2 / 5, all / 5]);
    }

    #[test]
    fn what_would_become_too_many_values_is_not_read() {
        let list = |count: usize| format!("[{}0]", "{},".repeat(count)).into_bytes();
        assert!(json(&list(limits::VALUES / 2 - 1)).is_some());
        assert!(json(&list(limits::VALUES / 2)).is_none());
        let body = [br#"{"method":"info","params":{"a":"#.as_slice(), &list(1_000_000), b"}}"].concat();
        assert_eq!(super::body(&body).unwrap_err(), Answer::error(400, "invalid json"));
        let bencoded = [b"d6:method4:info6:paramsd1:al".as_slice(), &b"le".repeat(limits::VALUES), b"eee"].concat();
        assert_eq!(super::body(&bencoded).unwrap_err(), Answer::error(400, "invalid bencode"));
    }
}
