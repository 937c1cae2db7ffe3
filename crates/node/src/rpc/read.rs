//! The calls that only read an account's messages: `retrieve` and `get_expiries` (service-nodes 3.6, 3.8).

use serde_json::Value;
use serde_json::json;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::NamespaceClass;

use super::Answer;
use super::auth;
use super::auth::Needs;
use super::call::ExpiriesCall;
use super::call::Format;
use super::call::RetrieveCall;
use super::run::Origin;
use super::run::elsewhere;
use super::run::stamped;
use crate::encoding::base64;
use crate::node::Node;
use crate::store::messages;
use crate::store::messages::Page;
use crate::store::messages::Scope;

/// `retrieve`, without waiting.
pub async fn retrieve(node: &Node, call: &RetrieveCall) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    match refuse_retrieve(node, call).await {
        Some(answer) => answer,
        None => page(node, call).await,
    }
}

/// `retrieve` once more for a call whose signature was good when it came: time has passed, and the node may have left the
/// swarm or the account taken rights away.
pub(super) async fn retrieve_again(node: &Node, call: &RetrieveCall) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    if auth::is_revoked(node, &call.account, &call.credentials, needs(call)).await {
        return Answer::error(401, "retrieve signature verification failed");
    }
    page(node, call).await
}

async fn page(node: &Node, call: &RetrieveCall) -> Answer {
    #[cfg(feature = "tap")]
    if crate::tap::hides(call.namespace) {
        return Answer::ok(stamped(node, json!({ "messages": [], "more": false })));
    }
    let account = call.account;
    let page = Page {
        namespace: call.namespace,
        last_hash: call.last_hash.clone(),
        now: node.clock.now(),
        max_count: call.max_count,
        max_size: call.max_size,
        as_base64: call.format == Format::Json,
    };
    let Ok((found, more)) = node.store.run(move |db| messages::retrieve(db, &account, &page)).await else {
        return Answer::error(500, "request failed");
    };
    let found: Vec<Value> = found
        .iter()
        .map(|message| {
            json!({
                "hash": message.hash, "timestamp": message.timestamp, "expiration": message.expiry,
                "data": base64(&message.data),
            })
        })
        .collect();
    Answer::ok(stamped(node, json!({ "messages": found, "more": more })))
}

fn needs(call: &RetrieveCall) -> Needs {
    match Namespace(call.namespace).class() {
        NamespaceClass::Unrevocable => Needs::ReadEvenRevoked,
        _ => Needs::Read,
    }
}

async fn refuse_retrieve(node: &Node, call: &RetrieveCall) -> Option<Answer> {
    if call.credentials.signature.is_none() {
        return Namespace(call.namespace)
            .retrieve_needs_auth()
            .then(|| Answer::error(401, "retrieve: request signature required"));
    }
    let timestamp = call.timestamp.unwrap_or(0);
    if !Origin::Client.accepts(timestamp, node.clock.now(), 0) {
        return Some(Answer::error(406, "retrieve timestamp too far from current time"));
    }
    let text = format!("retrieve{}{timestamp}", auth::scope_text(Scope::One(call.namespace)));
    let signed = auth::is_signed(node, &call.account, &call.credentials, needs(call), text.as_bytes()).await;
    (!signed).then(|| Answer::error(401, "retrieve signature verification failed"))
}

/// `get_expiries`.
pub async fn expiries(node: &Node, call: ExpiriesCall) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    let now = node.clock.now();
    if !Origin::Client.accepts(call.timestamp, now, 0) {
        return Answer::error(406, "get_expiries timestamp too far from current time");
    }
    let text = format!("get_expiries{}{}", call.timestamp, call.hashes.concat());
    if !auth::is_signed(node, &call.account, &call.credentials, Needs::Read, text.as_bytes()).await {
        return Answer::error(401, "get_expiries signature verification failed");
    }
    let found = node.store.run(move |db| messages::expiries(db, &call.account, &call.hashes, now)).await;
    found.map_or_else(|_| Answer::error(500, "request failed"), |expiries| Answer::ok(json!({ "expiries": expiries })))
}
