//! Waiting retrieves, our own extension (docs/waiting-retrieve.md): a signed `retrieve` with `wait_ms`, alone or in a batch,
//! is answered when a message comes. Nothing is held meanwhile but the request itself, and that goes with its connection.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Answer;
use super::Body;
use super::call::Call;
use super::call::Request;
use super::call::RetrieveCall;
use super::read::retrieve_again;
use super::run;
use crate::account::Account;
use crate::node::Node;

/// Whether a request has a retrieve that waits.
pub(super) fn may_wait(request: &Request) -> bool {
    entries(request).iter().any(|entry| waits(entry).is_some())
}

/// Answers a request that [`may_wait`]. `slot`: the node is at work as long as this is held.
pub(super) async fn answer<S>(node: &Arc<Node>, request: Request, slot: S) -> Answer {
    let calls: Vec<_> = entries(&request)
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| Some((place, waits(entry)?.clone())))
        .collect();
    let (batch, entries) = match request.call {
        Call::Batch(entries) => (true, entries),
        _ => (false, vec![request]),
    };
    let mut answers = run::all(node, entries).await;
    drop(slot);
    if answers.iter().all(has_nothing) {
        wait(node, &calls, &mut answers).await;
    }
    if batch { run::results(answers) } else { answers.pop().unwrap_or_else(|| Answer::error(500, "request failed")) }
}

/// The calls of a batch, or the one call.
fn entries(request: &Request) -> &[Request] {
    match &request.call {
        Call::Batch(entries) => entries,
        _ => std::slice::from_ref(request),
    }
}

/// The retrieve of this entry, if it is signed and waits.
fn waits(entry: &Request) -> Option<&RetrieveCall> {
    match &entry.call {
        Call::Retrieve(call) if call.wait_ms > 0 && call.credentials.signature.is_some() => Some(call),
        _ => None,
    }
}

/// Neither messages nor an error: nothing that the client should know at once.
fn has_nothing(answer: &Answer) -> bool {
    let messages = match &answer.body {
        Body::Json(body) => body.get("messages").and_then(Value::as_array),
        Body::Bytes(_) | Body::Text(_) => None,
    };
    answer.is_success() && messages.is_none_or(Vec::is_empty)
}

/// Waits until one of them has something or the shortest of their times is over.
async fn wait(node: &Arc<Node>, calls: &[(usize, RetrieveCall)], answers: &mut [Answer]) {
    let places: Vec<(Account, i16)> = calls.iter().map(|(_, call)| (call.account, call.namespace)).collect();
    let Some(open) = node.waits.open(&places) else { return };
    let longest = calls.iter().map(|(_, call)| call.wait_ms).min().unwrap_or(0);
    let until = Instant::now() + Duration::from_millis(longest);
    let mut go_on = true;
    loop {
        // Once before waiting too: a message may have come before the wait was open.
        for (place, call) in calls {
            if let Some(answer) = answers.get_mut(*place) {
                *answer = retrieve_again(node, call).await;
            }
        }
        if !go_on || !answers.iter().all(has_nothing) {
            return;
        }
        go_on = tokio::time::timeout_at(until, open.rung()).await.unwrap_or(false);
    }
}
