//! Running a call in the order of service-nodes 2.2: swarm, times, signature, work; for writes also on every member.

use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;

use super::Answer;
use super::call::Call;
use super::call::IfElse;
use super::call::Request;
use super::ifelse::Facts;
use super::read;
use super::revoke;
use super::write;
use crate::account::Account;
use crate::limits;
use crate::node::Node;
use crate::registry::HARD_FORK;
use crate::registry::VERSION;

/// Where a call comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client: copies go to the swarm.
    Client,
    /// A member of the swarm that got it from a client just now, by its clock at this time.
    Peer { made: i64 },
    /// A member that could not deliver it earlier; the client's call was made at this time.
    Late { made: i64 },
}

impl Origin {
    /// When the client's call was made.
    pub(crate) const fn made(self, now: i64) -> i64 {
        match self {
            Self::Client => now,
            Self::Peer { made } | Self::Late { made } => made,
        }
    }

    /// Up to when a message must have been stored to be meant: a late copy means nothing that came after the client's call.
    pub(super) const fn reaches(self) -> i64 {
        match self {
            Self::Client | Self::Peer { .. } => i64::MAX,
            Self::Late { made } => made,
        }
    }

    /// How long ago something may have been that is now when a client says it.
    pub(super) const fn may_be_late(self, tolerance: i64) -> i64 {
        match self {
            Self::Client | Self::Peer { .. } => tolerance,
            Self::Late { .. } => limits::TTL_MAX.saturating_add(tolerance),
        }
    }

    /// The same for this call, which cannot have been made long after the time that it names. A member says when it was, and
    /// says so of calls that anybody may say again.
    pub(crate) fn bounded(self, call: &Call) -> Self {
        let named = match call {
            Call::Expire(call) => call.expiries.iter().copied().min(),
            Call::ExpireAll(call) => Some(call.time),
            _ => None,
        };
        // Clocks of clients and of two nodes may differ.
        let latest = named.map_or(i64::MAX, |named| named.saturating_add(2 * limits::FORWARD_TOLERANCE));
        match self {
            Self::Late { made } => Self::Late { made: made.min(latest) },
            other => other,
        }
    }

    /// Whether a signature's time is near enough.
    pub(super) fn accepts(self, time: i64, now: i64, forwarded: i64) -> bool {
        let off = time.saturating_sub(now);
        match self {
            Self::Client => off.saturating_abs() <= limits::SIGNATURE_TOLERANCE,
            Self::Peer { .. } => off.saturating_abs() <= forwarded,
            Self::Late { .. } => off <= forwarded && off >= -limits::TTL_MAX,
        }
    }
}

type Running<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs a call.
pub fn run(node: &Arc<Node>, request: Request, origin: Origin) -> Running<'_, Answer> {
    Box::pin(async move {
        match request.call {
            Call::Batch(entries) => results(all(node, entries).await),
            Call::Sequence(entries) => sequence(node, entries).await,
            Call::IfElse(call) => if_else(node, call).await,
            _ => single(node, request, origin).await,
        }
    })
}

/// Runs the entries of a batch beside each other; answers in their order.
pub(super) async fn all(node: &Arc<Node>, entries: Vec<Request>) -> Vec<Answer> {
    let running: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            let node = Arc::clone(node);
            tokio::spawn(async move { run(&node, entry, Origin::Client).await })
        })
        .collect();
    let mut answers = Vec::with_capacity(running.len());
    for task in running {
        answers.push(task.await.unwrap_or_else(|_| Answer::error(500, "request failed")));
    }
    answers
}

/// The answer of a batch or sequence.
pub(super) fn results(answers: Vec<Answer>) -> Answer {
    let results: Vec<Value> = answers.into_iter().map(result).collect();
    Answer::ok(json!({ "results": results }))
}

fn result(answer: Answer) -> Value {
    json!({ "code": answer.status, "body": answer.into_json() })
}

async fn sequence(node: &Arc<Node>, entries: Vec<Request>) -> Answer {
    let mut answers = Vec::with_capacity(entries.len());
    for entry in entries {
        let answer = run(node, entry, Origin::Client).await;
        let go_on = answer.is_success();
        answers.push(answer);
        if !go_on {
            break;
        }
    }
    results(answers)
}

async fn if_else(node: &Arc<Node>, call: IfElse) -> Answer {
    let facts = Facts { hard_fork: HARD_FORK, version: VERSION, height: height(node) };
    let condition = call.conditions.iter().all(|condition| condition.holds(&facts));
    let mut body = json!({ "v": facts.version, "height": facts.height, "condition": condition });
    let branch = if condition { call.then } else { call.otherwise };
    if let (Some(request), Some(body)) = (branch, body.as_object_mut()) {
        body.insert("result".to_owned(), result(run(node, *request, Origin::Client).await));
    }
    Answer::ok(stamped(node, body))
}

/// The height that the registry tells.
fn height(node: &Node) -> u64 {
    let told = node.registry.list().service_nodes(&json!({ "limit": 1, "fields": ["height"] }), node.clock.now());
    told.get("height").and_then(Value::as_u64).unwrap_or(0)
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
        Call::Revoke(call) => revoke::revoke(node, call, copy, origin).await,
        Call::Unrevoke(call) => revoke::unrevoke(node, call, copy, origin).await,
        Call::Revoked(call) => revoke::revoked(node, call).await,
        Call::Retrieve(call) => read::retrieve(node, &call).await,
        Call::GetExpiries(call) => read::expiries(node, call).await,
        Call::GetSwarm(account) => get_swarm(node, &account),
        Call::Info => info(node),
        Call::ServiceNodes(params) => {
            let result = node.registry.list().service_nodes(&params, node.clock.now());
            Answer::ok(stamped(node, json!({ "result": result })))
        }
        Call::ResolveName => Answer::error(400, "ons_resolve: this network has no register of names"),
        Call::ActiveNodesBin => {
            Answer { status: 200, body: super::Body::Bytes(node.registry.list().active_nodes_bin()) }
        }
        Call::Batch(_) | Call::IfElse(_) | Call::Sequence(_) => Answer::error(500, "request failed"),
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
