//! The side that asks.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Map;
use serde_json::Value;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::NamespaceClass;
use zwiebel_proto::storage_rpc::message_hash;

use super::fate;
use super::memory::digest;
use super::memory::verdicts;
use super::serve::FETCH;
use super::serve::LIST;
use super::serve::digests;
use super::serve::view;
use super::wire::After;
use super::wire::Fetch;
use super::wire::Listed;
use super::wire::ListedRemovals;
use super::wire::Range;
use super::wire::TravellingRemoval;
use super::wire::View;
use super::wire::read_messages;
use crate::account::Account;
use crate::limits;
use crate::node::Node;
use crate::peer::Outgoing;
use crate::registry::ListedNode;
use crate::replication;
use crate::rpc::run::Origin;
use crate::store::messages;
use crate::store::messages::Message;
use crate::store::pull;
use crate::store::pull::Cursor;
use crate::store::pull::Entry;
use crate::store::removals;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Asks a peer; none if it does not answer with 200.
pub(super) async fn ask(node: &Node, peer: &ListedNode, method: &str, body: &Value) -> Option<Vec<u8>> {
    let body = body.to_string();
    let outgoing = Outgoing { method, header: Map::new(), body: body.as_bytes(), timeout: TIMEOUT };
    let answer = node.transport.call(&node.clock, peer, outgoing).await.ok()?;
    (answer.status == 200).then_some(answer.body)
}

async fn get<T: DeserializeOwned>(node: &Node, peer: &ListedNode, method: &str, body: impl Serialize) -> Option<T> {
    let body = serde_json::to_value(body).ok()?;
    serde_json::from_slice(&ask(node, peer, method, &body).await?).ok()
}

/// Removals and messages that came to the peer since the last time; how many messages were new here.
pub(super) async fn news(node: &Arc<Node>, peer: &ListedNode) -> Option<usize> {
    let key = peer.ed25519.0;
    let mut cursor = node.store.run(move |db| pull::cursor(db, &key)).await.ok()?;
    let view = view(&node.registry.list());
    let mut taken = 0;
    loop {
        let asked = After { view: view.clone(), after: cursor.removals };
        let ListedRemovals { store, next, removals } = get(node, peer, "removals", asked).await?;
        if start_over(&mut cursor, &store, &view) {
            continue;
        }
        for removal in removals {
            apply(node, removal).await?;
        }
        match next.filter(|next| *next > cursor.removals) {
            Some(next) => cursor.removals = next,
            None => break,
        }
    }
    loop {
        let asked = After { view: view.clone(), after: cursor.messages };
        let Listed { store, next, entries } = get(node, peer, "list", asked).await?;
        if start_over(&mut cursor, &store, &view) {
            continue;
        }
        taken += take_listed(node, peer, entries).await?;
        let next = next.filter(|next| *next > cursor.messages);
        cursor.messages = next.unwrap_or(cursor.messages);
        let saved = cursor.clone();
        node.store.run(move |db| pull::set_cursor(db, &key, &saved)).await.ok()?;
        if next.is_none() {
            return Some(taken);
        }
    }
}

/// The numbers of another database or another list of nodes mean nothing here.
fn start_over(cursor: &mut Cursor, store: &str, view: &str) -> bool {
    let of = format!("{store} {view}");
    if cursor.of == of {
        return false;
    }
    let read = cursor.messages > 0 || cursor.removals > 0;
    *cursor = Cursor { of, ..Cursor::default() };
    read
}

/// Compares everything with the peer, range by range; how many messages were new here.
pub(super) async fn ranges(node: &Arc<Node>, peer: &ListedNode) -> Option<usize> {
    let list = node.registry.list();
    let view = view(&list);
    let theirs: Vec<String> = get(node, peer, "digests", View { view: view.clone() }).await?;
    let swarm = list.find(&node.ed25519())?.swarm;
    let own = digests(node, Arc::new(move |account| list.swarm_of(account) == swarm)).await.ok()?;
    let mut taken = 0;
    let differing = own.iter().zip(&theirs).enumerate().filter(|(_, (own, theirs))| own != theirs);
    for (range, _) in differing {
        let mut after = String::new();
        loop {
            let asked = Range { view: view.clone(), range, after };
            let entries: Vec<Entry> = get(node, peer, "range", asked).await?;
            let last = entries.last().map(|(hash, _)| hash.clone());
            let full = entries.len() >= LIST;
            taken += take_listed(node, peer, entries).await?;
            match last {
                Some(last) if full => after = last,
                _ => break,
            }
        }
    }
    Some(taken)
}

/// Runs a removal like one that a member could not deliver earlier, unless it is known.
async fn apply(node: &Arc<Node>, removal: TravellingRemoval) -> Option<()> {
    let TravellingRemoval { method, params, made } = removal;
    let digest = digest(&method, &params);
    if node.store.run(move |db| removals::knows(db, &digest)).await.ok()? {
        return Some(());
    }
    let made = made.min(node.clock.now().saturating_add(limits::PEER_TOLERANCE));
    // A refusal is final: it is not for us, or not signed.
    drop(replication::run_copy(node, &method, params.as_bytes(), Origin::Late { made }).await);
    Some(())
}

/// Fetches what is missing of a list, and lets live longer what lives longer elsewhere.
async fn take_listed(node: &Arc<Node>, peer: &ListedNode, entries: Vec<Entry>) -> Option<usize> {
    let cap = node.clock.now().saturating_add(limits::TTL_MAX);
    let entries: Vec<Entry> = entries.into_iter().map(|(hash, expiry)| (hash, expiry.min(cap))).collect();
    let pull::Lacking { mut missing, longer } = node.store.run(move |db| pull::compare(db, &entries)).await.ok()?;
    prolong(node, longer).await?;
    let view = view(&node.registry.list());
    let mut taken = 0;
    while !missing.is_empty() {
        let hashes: Vec<String> = missing.iter().take(FETCH).cloned().collect();
        let asked = serde_json::to_value(Fetch { view: view.clone(), hashes: hashes.clone() }).ok()?;
        let fetched = read_messages(&ask(node, peer, "fetch", &asked).await?)?;
        // The answer is cut off after some bytes; what stands before its end and is not in it is gone there.
        let last = fetched.last().and_then(|(_, last)| hashes.iter().position(|hash| *hash == last.hash));
        missing.drain(..last.map_or(hashes.len(), |last| last + 1).min(missing.len()));
        taken += take(node, fetched).await?;
    }
    Some(taken)
}

async fn prolong(node: &Node, longer: Vec<(Account, Message)>) -> Option<()> {
    let verdicts = verdicts(node, longer.iter().map(|(account, _)| *account)).await?;
    let ends: Vec<Entry> = longer
        .into_iter()
        .filter_map(|(account, message)| {
            let end = verdicts.get(&account).map_or(Some(message.expiry), |all| fate::end(all, &message))?;
            Some((message.hash, end))
        })
        .collect();
    if ends.is_empty() {
        return Some(());
    }
    node.store.run(move |db| pull::prolong(db, &ends)).await.ok()
}

async fn take(node: &Arc<Node>, fetched: Vec<(Account, Message)>) -> Option<usize> {
    let list = node.registry.list();
    let own = list.find(&node.ed25519())?.swarm?;
    let now = node.clock.now();
    let ours = |(account, message): &(Account, Message)| {
        list.swarm_of(account) == Some(own) && is_right(account, message, now)
    };
    let good: Vec<(Account, Message)> = fetched.into_iter().filter(ours).collect();
    let verdicts = verdicts(node, good.iter().map(|(account, _)| *account)).await?;
    let alive: Vec<(Account, Message)> = good
        .into_iter()
        .filter_map(|(account, mut message)| {
            // Nothing was stored after now, whatever a peer says: it would outlive every deletion.
            message.stored = message.stored.min(now);
            if let Some(verdicts) = verdicts.get(&account) {
                message.expiry = fate::end(verdicts, &message)?;
            }
            (message.expiry > now).then_some((account, message))
        })
        .collect();
    let count = alive.len();
    let places: Vec<(Account, i16)> = alive.iter().map(|(account, message)| (*account, message.namespace)).collect();
    let job = node.store.run(move |db| {
        for (account, message) in &alive {
            if Namespace(message.namespace).class() == NamespaceClass::PublicOutbox {
                messages::replace(db, account, message)?;
            } else {
                messages::insert(db, account, message)?;
            }
        }
        Ok(())
    });
    job.await.ok()?;
    for (account, namespace) in places {
        node.waits.ring(&account, namespace);
    }
    Some(count)
}

/// Whether a message is what its hash says, and lives, and is not to stand in a public outbox for ever because of its time.
fn is_right(account: &Account, message: &Message, now: i64) -> bool {
    let in_outbox = Namespace(message.namespace).class() == NamespaceClass::PublicOutbox;
    let hash = message_hash(&account.to_bytes(), Namespace(message.namespace), &message.data);
    message.data.len() <= limits::MESSAGE
        && message.hash == hash.as_str()
        && message.expiry > now
        && message.expiry <= now.saturating_add(limits::TTL_MAX)
        && (!in_outbox || message.timestamp <= now.saturating_add(limits::STORE_TOLERANCE))
}
