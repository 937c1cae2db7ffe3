//! Running a call in the order of service-nodes 2.2: swarm, times, signature, work; for writes also on every member.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use zwiebel_proto::storage_rpc::Namespace;

use super::Answer;
use super::auth;
use super::parse::Call;
use super::parse::Request;
use super::parse::RetrieveCall;
use super::write;
use crate::account::Account;
use crate::encoding::base64;
use crate::limits;
use crate::node::Node;
use crate::registry::HARD_FORK;
use crate::registry::VERSION;
use crate::store::messages;
use crate::store::messages::Page;
use crate::store::messages::Scope;

/// Where a call comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client: copies go to the swarm.
    Client,
    /// A member of the swarm that got it from a client just now.
    Peer,
    /// A member that could not deliver it earlier; the client's call was made at this time.
    Late { made: i64 },
}

impl Origin {
    /// Whether a signature's time is near enough.
    pub(super) fn accepts(self, time: i64, now: i64, forwarded: i64) -> bool {
        let off = time.saturating_sub(now);
        match self {
            Self::Client => off.saturating_abs() <= limits::SIGNATURE_TOLERANCE,
            Self::Peer => off.saturating_abs() <= forwarded,
            Self::Late { .. } => off <= forwarded && off >= -limits::TTL_MAX,
        }
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Runs a call.
pub fn run(node: &Arc<Node>, request: Request, origin: Origin) -> Running<'_> {
    Box::pin(async move {
        match request.call {
            Call::Batch(entries) => batch(node, entries).await,
            Call::Sequence(entries) => sequence(node, entries).await,
            _ => single(node, request, origin).await,
        }
    })
}

async fn batch(node: &Arc<Node>, entries: Vec<Request>) -> Answer {
    let running: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            let node = Arc::clone(node);
            tokio::spawn(async move { run(&node, entry, Origin::Client).await })
        })
        .collect();
    let mut results = Vec::with_capacity(running.len());
    for task in running {
        results.push(result(task.await.unwrap_or_else(|_| Answer::error(500, "request failed"))));
    }
    Answer::ok(json!({ "results": results }))
}

async fn sequence(node: &Arc<Node>, entries: Vec<Request>) -> Answer {
    let mut results = Vec::with_capacity(entries.len());
    for entry in entries {
        let answer = run(node, entry, Origin::Client).await;
        let go_on = answer.is_success();
        results.push(result(answer));
        if !go_on {
            break;
        }
    }
    Answer::ok(json!({ "results": results }))
}

fn result(answer: Answer) -> Value {
    json!({ "code": answer.status, "body": answer.into_json() })
}

async fn single(node: &Arc<Node>, request: Request, origin: Origin) -> Answer {
    let Request { method, params, call } = request;
    let copy = write::Copy { method, params };
    match call {
        Call::Store(call) => write::store(node, call, copy, origin).await,
        Call::Delete(call) => write::delete(node, call, copy, origin).await,
        Call::DeleteAll(call) => write::delete_all(node, call, copy, origin).await,
        Call::DeleteBefore(call) => write::delete_before(node, call, copy, origin).await,
        Call::Expire(call) => write::expire(node, call, copy, origin).await,
        Call::ExpireAll(call) => write::expire_all(node, call, copy, origin).await,
        Call::Retrieve(call) => retrieve(node, call).await,
        Call::GetExpiries(call) => get_expiries(node, call).await,
        Call::GetSwarm(account) => get_swarm(node, &account),
        Call::Info => info(node),
        Call::ServiceNodes(params) => {
            let result = node.registry.list().service_nodes(&params, node.clock.now());
            Answer::ok(stamped(node, json!({ "result": result })))
        }
        Call::ActiveNodesBin => {
            Answer { status: 200, body: super::Body::Bytes(node.registry.list().active_nodes_bin()) }
        }
        Call::Batch(_) | Call::Sequence(_) => Answer::error(500, "request failed"),
    }
}

/// Adds `t` and `hf`.
pub(super) fn stamped(node: &Node, body: Value) -> Value {
    let Value::Object(mut body) = body else { return body };
    body.insert("t".to_owned(), node.clock.now().into());
    body.insert("hf".to_owned(), json!(HARD_FORK));
    Value::Object(body)
}

/// The 421 answer, if this account is not of this node's swarm.
pub(super) fn elsewhere(node: &Node, account: &Account) -> Option<Answer> {
    let list = node.registry.list();
    let swarm = list.swarm_of(account);
    let own = list.find(&node.ed25519()).and_then(|own| own.swarm);
    if swarm.is_some() && swarm == own {
        return None;
    }
    Some(match list.swarm_body(account) {
        Some(body) => Answer { status: 421, body: super::Body::Json(stamped(node, Value::Object(body))) },
        None => Answer::error(500, "No swarms known!"),
    })
}

fn get_swarm(node: &Node, account: &Account) -> Answer {
    match node.registry.list().swarm_body(account) {
        Some(body) => Answer::ok(stamped(node, Value::Object(body))),
        None => Answer::error(500, "No swarms known!"),
    }
}

fn info(node: &Node) -> Answer {
    Answer::ok(stamped(node, json!({ "version": VERSION, "timestamp": node.clock.now() })))
}

async fn retrieve(node: &Node, call: RetrieveCall) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    if let Some(answer) = refuse_retrieve(node, &call) {
        return answer;
    }
    let account = call.account;
    let page = Page {
        namespace: call.namespace,
        last_hash: call.last_hash,
        now: node.clock.now(),
        max_count: call.max_count,
        max_size: call.max_size,
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

fn refuse_retrieve(node: &Node, call: &RetrieveCall) -> Option<Answer> {
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
    (!auth::is_signed(&call.account, &call.credentials, &text))
        .then(|| Answer::error(401, "retrieve signature verification failed"))
}

async fn get_expiries(node: &Node, call: super::parse::ExpiriesCall) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    let now = node.clock.now();
    if !Origin::Client.accepts(call.timestamp, now, 0) {
        return Answer::error(406, "get_expiries timestamp too far from current time");
    }
    let text = format!("get_expiries{}{}", call.timestamp, call.hashes.concat());
    if !auth::is_signed(&call.account, &call.credentials, &text) {
        return Answer::error(401, "get_expiries signature verification failed");
    }
    let found = node.store.run(move |db| messages::expiries(db, &call.account, &call.hashes, now)).await;
    found.map_or_else(|_| Answer::error(500, "request failed"), |expiries| Answer::ok(json!({ "expiries": expiries })))
}
