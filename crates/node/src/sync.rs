//! A node that starts asks the members of its swarm for what it missed: pull of (hash, expiry) lists, then of the messages.
//!
//! A pulled message is taken only if its hash is right, it maps to this swarm and it has not expired; its namespace comes along.
//! Deletions that were missed come from the members' queues ([`crate::replication`]). Repair of divergence in service is not here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::json;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::NamespaceClass;
use zwiebel_proto::storage_rpc::message_hash;

use crate::account::Account;
use crate::encoding;
use crate::limits;
use crate::node::Node;
use crate::peer::Outgoing;
use crate::registry::ListedNode;
use crate::rpc::Answer;
use crate::store::messages;
use crate::store::messages::Message;

/// Hashes in one list.
const LIST: usize = 5_000;
/// Hashes in one fetch, and bytes in its answer.
const FETCH: usize = 500;
const FETCH_SIZE: usize = 4 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Serialize, Deserialize)]
struct ListRequest {
    after: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ListAnswer {
    /// Where to go on; none at the end.
    next: Option<i64>,
    entries: Vec<(String, i64)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FetchRequest {
    hashes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FetchAnswer {
    messages: Vec<Pulled>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Pulled {
    account: String,
    hash: String,
    namespace: i16,
    timestamp: i64,
    expiry: i64,
    data: String,
}

/// Says hello to every member (they then send what waits for us) and pulls what is missing.
pub async fn catch_up(node: Arc<Node>) {
    let list = node.registry.list();
    let own = node.ed25519();
    let Some(swarm) = list.find(&own).and_then(|own| own.swarm) else { return };
    let members: Vec<ListedNode> = list.members(swarm).filter(|member| member.ed25519 != own).cloned().collect();
    for member in &members {
        drop(ask(&node, member, "hello", json!({})).await);
    }
    for member in &members {
        match pull(&node, member).await {
            Some(0) | None => {}
            Some(count) => tracing::info!(count, "messages pulled from a member of the swarm"),
        }
    }
}

/// Serves the other side: `hello`, `list`, `fetch`.
pub async fn serve(node: &Arc<Node>, from: Ed25519Public, method: &str, body: &[u8]) -> Answer {
    let list = node.registry.list();
    let own = list.find(&node.ed25519()).and_then(|own| own.swarm);
    if own.is_none() || list.find(&from).and_then(|peer| peer.swarm) != own {
        return Answer::error(403, "not of this swarm");
    }
    match method {
        "hello" => {
            node.retry.notify_one();
            Answer::ok(json!({}))
        }
        "list" => serve_list(node, body).await,
        "fetch" => serve_fetch(node, body).await,
        other => Answer::error(400, format!("no method {other}")),
    }
}

async fn serve_list(node: &Node, body: &[u8]) -> Answer {
    let Ok(request) = serde_json::from_slice::<ListRequest>(body) else { return Answer::error(400, "invalid json") };
    let now = node.clock.now();
    let Ok(found) = node.store.run(move |db| messages::list(db, request.after, now, LIST)).await else {
        return Answer::error(500, "request failed");
    };
    let next = found.last().filter(|_| found.len() == LIST).map(|last| last.id);
    let list = node.registry.list();
    let own = list.find(&node.ed25519()).and_then(|own| own.swarm);
    let ours = found.into_iter().filter(|listed| list.swarm_of(&listed.account) == own);
    let entries = ours.map(|listed| (listed.hash, listed.expiry)).collect();
    Answer::ok(json!(ListAnswer { next, entries }))
}

async fn serve_fetch(node: &Node, body: &[u8]) -> Answer {
    let Ok(request) = serde_json::from_slice::<FetchRequest>(body) else { return Answer::error(400, "invalid json") };
    if request.hashes.len() > FETCH {
        return Answer::error(400, "too many hashes");
    }
    let now = node.clock.now();
    let fetched = node.store.run(move |db| messages::fetch(db, &request.hashes, now, FETCH_SIZE)).await;
    let Ok(fetched) = fetched else { return Answer::error(500, "request failed") };
    let messages = fetched
        .into_iter()
        .map(|(account, message)| Pulled {
            account: account.to_string(),
            hash: message.hash,
            namespace: message.namespace,
            timestamp: message.timestamp,
            expiry: message.expiry,
            data: encoding::base64(&message.data),
        })
        .collect();
    Answer::ok(json!(FetchAnswer { messages }))
}

async fn ask(node: &Node, member: &ListedNode, method: &str, body: serde_json::Value) -> Option<Vec<u8>> {
    let body = body.to_string();
    let outgoing = Outgoing { method, header: Map::new(), body: body.as_bytes(), timeout: TIMEOUT };
    let answer = node.transport.call(&node.clock, member, outgoing).await.ok()?;
    (answer.status == 200).then_some(answer.body)
}

/// Pulls everything from one member; none if it does not answer.
async fn pull(node: &Arc<Node>, member: &ListedNode) -> Option<usize> {
    let mut after = 0;
    let mut taken = 0;
    loop {
        let answer = ask(node, member, "list", json!(ListRequest { after })).await?;
        let listed: ListAnswer = serde_json::from_slice(&answer).ok()?;
        let expiries: HashMap<String, i64> = listed.entries.iter().cloned().collect();
        let entries = capped(node, listed.entries);
        let mut missing = node.store.run(move |db| messages::missing(db, &entries)).await.ok()?;
        missing.retain(|hash| expiries.contains_key(hash));
        while !missing.is_empty() {
            let hashes: Vec<String> = missing.iter().take(FETCH).cloned().collect();
            let answer = ask(node, member, "fetch", json!(FetchRequest { hashes })).await?;
            let fetched: FetchAnswer = serde_json::from_slice(&answer).ok()?;
            let got: Vec<String> = fetched.messages.iter().map(|message| message.hash.clone()).collect();
            taken += take(node, fetched.messages).await?;
            if got.is_empty() {
                missing.drain(..missing.len().min(FETCH));
            } else {
                missing.retain(|hash| !got.contains(hash));
            }
        }
        match listed.next {
            Some(next) if next > after => after = next,
            _ => return Some(taken),
        }
    }
}

fn capped(node: &Node, entries: Vec<(String, i64)>) -> Vec<(String, i64)> {
    let cap = node.clock.now().saturating_add(limits::TTL_MAX);
    entries.into_iter().map(|(hash, expiry)| (hash, expiry.min(cap))).collect()
}

async fn take(node: &Node, pulled: Vec<Pulled>) -> Option<usize> {
    let good: Vec<(Account, Message)> = pulled.into_iter().filter_map(|pulled| checked(node, pulled)).collect();
    let count = good.len();
    let places: Vec<(Account, i16)> = good.iter().map(|(account, message)| (*account, message.namespace)).collect();
    node.store
        .run(move |db| {
            for (account, message) in &good {
                if Namespace(message.namespace).class() == NamespaceClass::PublicOutbox {
                    messages::replace(db, account, message)?;
                } else {
                    messages::insert(db, account, message)?;
                }
            }
            Ok(())
        })
        .await
        .ok()?;
    for (account, namespace) in places {
        node.waits.ring(&account, namespace);
    }
    Some(count)
}

fn checked(node: &Node, pulled: Pulled) -> Option<(Account, Message)> {
    let account = Account::parse(&pulled.account)?;
    let data = encoding::from_base64(&pulled.data).filter(|data| data.len() <= limits::MESSAGE)?;
    let list = node.registry.list();
    let own = list.find(&node.ed25519())?.swarm?;
    let now = node.clock.now();
    let right = list.swarm_of(&account) == Some(own)
        && pulled.hash == message_hash(&account.to_bytes(), Namespace(pulled.namespace), &data).as_str()
        && pulled.expiry > now
        && pulled.expiry <= now.saturating_add(limits::TTL_MAX);
    right.then_some((
        account,
        Message {
            hash: pulled.hash,
            namespace: pulled.namespace,
            timestamp: pulled.timestamp,
            expiry: pulled.expiry,
            data,
        },
    ))
}
