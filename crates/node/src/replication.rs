//! Copies of clients' calls to every member of the swarm (service-nodes 5.4), and the queue of those not confirmed yet.
//!
//! A member that is slow or gone costs the client at most [`limits::FORWARD_TIMEOUT`]; its copy waits in the database.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::task::JoinSet;
use zwiebel_crypto::keys::Ed25519Public;

use crate::limits;
use crate::metrics;
use crate::node::Node;
use crate::peer::Outgoing;
use crate::peer::PeerAnswer;
use crate::peer::PeerError;
use crate::registry::ListedNode;
use crate::rpc;
use crate::rpc::Answer;
use crate::rpc::call::COPIED;
use crate::rpc::call::Call;
use crate::rpc::call::Format;
use crate::rpc::run::Origin;
use crate::rpc::write::Copy;
use crate::store::queue;
use crate::sync;
use crate::sync::Depth;

/// Sends a call to the other members and gives their answers by Ed25519 key.
pub async fn to_swarm(node: &Arc<Node>, copy: &Copy, made: i64, expiry: i64) -> Map<String, Value> {
    let list = node.registry.list();
    let own = node.ed25519();
    let Some(swarm) = list.find(&own).and_then(|own| own.swarm) else { return Map::new() };
    let params = Arc::new(Value::Object(copy.params.clone()).to_string());
    let mut running = JoinSet::new();
    for member in list.members(swarm).filter(|member| member.ed25519 != own) {
        let (node, member, params, method) = (Arc::clone(node), member.clone(), Arc::clone(&params), copy.method);
        running.spawn(async move {
            let answer = to_member(&node, &member, method, &params, (made, false), limits::FORWARD_TIMEOUT).await;
            if should_wait(&answer) {
                metrics::add(&node.metrics.copies_waiting, 1);
                enqueue(&node, member.ed25519, method, &params, made, expiry).await;
            }
            (hex::encode(member.ed25519.0), described(answer))
        });
    }
    let mut answers = Map::new();
    while let Some(answer) = running.join_next().await {
        if let Ok((member, answer)) = answer {
            answers.insert(member, answer);
        }
    }
    answers
}

async fn to_member(
    node: &Node,
    member: &ListedNode,
    method: &str,
    params: &str,
    (made, late): (i64, bool),
    timeout: std::time::Duration,
) -> Result<PeerAnswer, PeerError> {
    let mut header = Map::new();
    header.insert("call".to_owned(), method.into());
    header.insert("made".to_owned(), made.into());
    if late {
        header.insert("late".to_owned(), true.into());
    }
    let outgoing = Outgoing { method: "storage_cc", header, body: params.as_bytes(), timeout };
    node.transport.call(&node.clock, member, outgoing).await
}

/// Whether the member did not get to decide; its refusal is final.
fn should_wait(answer: &Result<PeerAnswer, PeerError>) -> bool {
    answer.as_ref().map_or(true, |answer| answer.status >= 500)
}

fn described(answer: Result<PeerAnswer, PeerError>) -> Value {
    match answer {
        Err(PeerError::Timeout | PeerError::Unreachable) => json!({ "failed": true, "timeout": true }),
        Err(PeerError::Malformed) => json!({ "failed": true, "bad_peer_response": true }),
        Ok(PeerAnswer { status: 200, body }) => serde_json::from_slice(&body)
            .ok()
            .filter(Value::is_object)
            .unwrap_or_else(|| json!({ "failed": true, "bad_peer_response": true })),
        Ok(PeerAnswer { status, body }) => json!({
            "failed": true, "code": status.to_string(), "reason": String::from_utf8_lossy(&body),
        }),
    }
}

async fn enqueue(node: &Node, peer: Ed25519Public, method: &'static str, params: &Arc<String>, made: i64, expiry: i64) {
    let params = Arc::clone(params);
    let queued =
        node.store.run(move |db| queue::push(db, &peer.0, (method, &params), made, expiry, limits::QUEUE)).await;
    if let Err(error) = queued {
        tracing::warn!(%error, "a copy could not be queued");
    }
}

/// Runs a call that a member of the swarm forwarded.
pub async fn from_member(node: &Arc<Node>, from: Ed25519Public, header: &Map<String, Value>, params: &[u8]) -> Answer {
    let list = node.registry.list();
    let own = list.find(&node.ed25519()).and_then(|own| own.swarm);
    if own.is_none() || list.find(&from).and_then(|peer| peer.swarm) != own {
        return Answer::error(403, "not of this swarm");
    }
    let method = header.get("call").and_then(Value::as_str).unwrap_or_default();
    let now = node.clock.now();
    let told = header.get("made").and_then(Value::as_i64).unwrap_or(now);
    let (earliest, latest) = (now.saturating_sub(limits::PEER_TOLERANCE), now.saturating_add(limits::PEER_TOLERANCE));
    let origin = match header.get("late").and_then(Value::as_bool) {
        Some(true) => Origin::Late { made: told.min(latest) },
        _ => Origin::Peer { made: told.clamp(earliest, latest) },
    };
    run_copy(node, method, params, origin).await
}

/// Runs a client's call that came by way of another node. It is checked like any other.
pub(crate) async fn run_copy(node: &Arc<Node>, method: &str, params: &[u8], origin: Origin) -> Answer {
    let Some(Value::Object(params)) = rpc::parse::json(params) else { return Answer::error(400, "invalid json") };
    if !COPIED.contains(&method) {
        return Answer::error(400, format!("no method {method}"));
    }
    let request = match rpc::parse::request(method, params, Format::Json) {
        Ok(request) => request,
        Err(answer) => return answer,
    };
    let origin = origin.bounded(&request.call);
    if let (Call::Store(call), Origin::Late { made }) = (&request.call, origin)
        && sync::was_taken_away(node, call, made).await
    {
        // Deleted since. That is final: the sender need not try again.
        return Answer::ok(json!({}));
    }
    rpc::run::run(node, request, origin).await
}

/// Tries the queue again and again. A peer that keeps us waiting does not hold up the others.
pub async fn retry_for_ever(node: Arc<Node>) {
    let mut running: JoinSet<[u8; 32]> = JoinSet::new();
    let mut busy: BTreeSet<[u8; 32]> = BTreeSet::new();
    loop {
        tokio::select! {
            () = node.retry.notified() => {}
            () = tokio::time::sleep(limits::RETRY_EVERY) => {}
            Some(done) = running.join_next() => {
                if let Ok(peer) = done {
                    busy.remove(&peer);
                }
                continue;
            }
        }
        let Ok(peers) = node.store.run(queue::peers).await else { continue };
        let list = node.registry.list();
        for peer in peers.iter().filter_map(|peer| list.find(&Ed25519Public(*peer))) {
            if busy.insert(peer.ed25519.0) {
                let (node, peer) = (Arc::clone(&node), peer.clone());
                running.spawn(async move {
                    flush(&node, &peer).await;
                    peer.ed25519.0
                });
            }
        }
    }
}

/// Sends what waits for a peer, in order, until it fails again. A peer that got all of it is told to look for more: the queue
/// may have been cut.
async fn flush(node: &Node, peer: &ListedNode) {
    let mut sent = false;
    loop {
        let key = peer.ed25519.0;
        let Ok(waiting) = node.store.run(move |db| queue::next(db, &key, 32)).await else { return };
        if waiting.is_empty() {
            if sent {
                sync::nudge(node, peer, Depth::News).await;
            }
            return;
        }
        sent = true;
        for forward in waiting {
            let made = (forward.made, true);
            let answer = to_member(node, peer, &forward.method, &forward.params, made, limits::RETRY_TIMEOUT).await;
            if should_wait(&answer) {
                return;
            }
            let id = forward.id;
            if node.store.run(move |db| queue::remove(db, id)).await.is_err() {
                return;
            }
        }
    }
}
