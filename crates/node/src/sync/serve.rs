//! The side that is asked: `hello`, `behind`, `removals`, `list`, `digests`, `range`, `fetch`, `sample`.
//!
//! A node is told of the accounts of its own swarm only, and only while both go by the same list of nodes.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::Ed25519Public;

use super::Depth;
use super::wire::After;
use super::wire::Behind;
use super::wire::Fetch;
use super::wire::Listed;
use super::wire::ListedRemovals;
use super::wire::Range;
use super::wire::Sample;
use super::wire::TravellingRemoval;
use super::wire::View;
use super::wire::write_messages;
use crate::account::Account;
use crate::node::Node;
use crate::registry::NodeList;
use crate::rpc::Answer;
use crate::rpc::Body;
use crate::store::messages;
use crate::store::pull;
use crate::store::removals;

/// Hashes in one list.
pub(super) const LIST: usize = 5_000;
/// Removals in one list.
const REMOVALS: usize = 200;
/// Hashes in one fetch, and bytes in its answer.
pub(super) const FETCH: usize = 500;
const FETCH_SIZE: usize = 4 * 1024 * 1024;
/// The two nodes do not go by the same list yet; to be tried again.
pub(super) const OTHER_LIST: u16 = 409;

/// What two nodes must agree on before they compare: who is in which swarm.
pub(super) fn view(list: &NodeList) -> String {
    let swarms: Vec<u8> = list
        .iter()
        .flat_map(|node| {
            [node.ed25519.0.as_slice(), &node.swarm.map_or(u64::MAX, |swarm| swarm.0).to_be_bytes()].concat()
        })
        .collect();
    hex::encode(blake2b::<8>(&[&swarms]))
}

/// What a proof of holding a message is.
pub(crate) fn held(nonce: &str, data: &[u8]) -> String {
    hex::encode(blake2b::<32>(&[nonce.as_bytes(), data]))
}

/// Answers a request of another node.
pub async fn answer(node: &Arc<Node>, from: Ed25519Public, method: &str, body: &[u8]) -> Answer {
    match method {
        "hello" => {
            node.retry.notify_one();
            drop(node.behind.send((from, Depth::News)));
            Answer::ok(json!({}))
        }
        "behind" => {
            let all = serde_json::from_slice::<Behind>(body).is_ok_and(|behind| behind.all);
            drop(node.behind.send((from, if all { Depth::All } else { Depth::News })));
            Answer::ok(json!({}))
        }
        "sample" => match serde_json::from_slice::<Sample>(body) {
            Ok(asked) => sample(node, asked).await,
            Err(_) => Answer::error(400, "invalid json"),
        },
        _ => match asked(node, from, method, body).await {
            Ok(answer) | Err(answer) => answer,
        },
    }
}

async fn asked(node: &Node, from: Ed25519Public, method: &str, body: &[u8]) -> Result<Answer, Answer> {
    let list = node.registry.list();
    let swarm = list.find(&from).and_then(|peer| peer.swarm).ok_or_else(|| Answer::error(403, "no member"))?;
    let View { view: theirs } = read(body)?;
    if theirs != view(&list) {
        return Err(Answer::error(OTHER_LIST, "we go by another list"));
    }
    let ours = move |account: &Account| list.swarm_of(account) == Some(swarm);
    match method {
        "removals" => serve_removals(node, read(body)?, ours).await,
        "list" => serve_list(node, read(body)?, ours).await,
        "digests" => serve_digests(node, ours).await,
        "range" => serve_range(node, read(body)?, ours).await,
        "fetch" => serve_fetch(node, read(body)?, ours).await,
        other => Err(Answer::error(400, format!("no method {other}"))),
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|_| Answer::error(400, "invalid json"))
}

fn broken<E>(_: E) -> Answer {
    Answer::error(500, "request failed")
}

async fn serve_removals(
    node: &Node,
    asked: After,
    ours: impl Fn(&Account) -> bool + Send + 'static,
) -> Result<Answer, Answer> {
    let job = node.store.run(move |db| Ok((pull::identity(db)?, removals::since(db, asked.after, REMOVALS)?)));
    let (store, found) = job.await.map_err(broken)?;
    let next = found.last().map(|(id, _)| *id);
    let removals = found
        .into_iter()
        .filter(|(_, removal)| ours(&removal.account))
        .map(|(_, removal)| TravellingRemoval { method: removal.method, params: removal.params, made: removal.made })
        .collect();
    Ok(Answer::ok(json!(ListedRemovals { store, next, removals })))
}

async fn serve_list(
    node: &Node,
    asked: After,
    ours: impl Fn(&Account) -> bool + Send + 'static,
) -> Result<Answer, Answer> {
    let now = node.clock.now();
    let job = node.store.run(move |db| Ok((pull::identity(db)?, pull::list(db, asked.after, now, LIST, ours)?)));
    let (store, (next, entries)) = job.await.map_err(broken)?;
    Ok(Answer::ok(json!(Listed { store, next, entries })))
}

async fn serve_digests(node: &Node, ours: impl Fn(&Account) -> bool + Send + Sync + 'static) -> Result<Answer, Answer> {
    Ok(Answer::ok(json!(digests(node, Arc::new(ours)).await.map_err(broken)?)))
}

/// A digest of every range; each is a job of its own, so that clients need not wait for all of them.
pub(super) async fn digests(
    node: &Node,
    ours: Arc<dyn Fn(&Account) -> bool + Send + Sync>,
) -> Result<Vec<String>, crate::store::StoreError> {
    let now = node.clock.now();
    let mut digests = Vec::with_capacity(pull::RANGES.len());
    for first in *pull::RANGES {
        let ours = Arc::clone(&ours);
        let entries = node.store.run(move |db| pull::range(db, first, "", now, usize::MAX, |account| ours(account)));
        digests.push(pull::digest(&entries.await?));
    }
    Ok(digests)
}

async fn serve_range(
    node: &Node,
    asked: Range,
    ours: impl Fn(&Account) -> bool + Send + 'static,
) -> Result<Answer, Answer> {
    let first = *pull::RANGES.get(asked.range).ok_or_else(|| Answer::error(400, "no such range"))?;
    let now = node.clock.now();
    let job = node.store.run(move |db| pull::range(db, first, &asked.after, now, LIST, ours));
    Ok(Answer::ok(json!(job.await.map_err(broken)?)))
}

async fn serve_fetch(
    node: &Node,
    asked: Fetch,
    ours: impl Fn(&Account) -> bool + Send + 'static,
) -> Result<Answer, Answer> {
    if asked.hashes.len() > FETCH {
        return Err(Answer::error(400, "too many hashes"));
    }
    let now = node.clock.now();
    let job = node.store.run(move |db| messages::fetch(db, &asked.hashes, now, FETCH_SIZE));
    let mut messages = job.await.map_err(broken)?;
    messages.retain(|(account, _)| ours(account));
    Ok(Answer { status: 200, body: Body::Bytes(write_messages(messages)) })
}

/// Shows that this node holds a message without giving it away.
async fn sample(node: &Node, asked: Sample) -> Answer {
    let Sample { hash, nonce } = asked;
    match node.store.run(move |db| pull::data(db, &hash)).await {
        Ok(Some(data)) => Answer::ok(json!({ "held": held(&nonce, &data) })),
        Ok(None) => Answer::error(404, "not here"),
        Err(error) => broken(error),
    }
}
