//! Nodes test each other (service-nodes 5.6): can it be reached, and does a member of the swarm hold what it must?
//!
//! Results go to [`crate::reports`] and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand::seq::SliceRandom;
use serde::Deserialize;
use serde_json::Map;
use serde_json::json;
use zwiebel_crypto::keys::Ed25519Public;

use crate::limits;
use crate::metrics;
use crate::node::Node;
use crate::peer::Outgoing;
use crate::registry::ListedNode;
use crate::registry::NodeList;
use crate::store::pull;
use crate::sync;
use crate::sync::Depth;

/// Pause between two tests, about.
const EVERY: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(5);
/// A message that younger is, or ends sooner, may rightly be missing: ms.
const SETTLED: i64 = 5 * 60 * 1000;

/// Tests one node after the other, for ever, in an order that nobody can foresee.
pub async fn run(node: Arc<Node>) {
    let mut waiting: Vec<[u8; 32]> = Vec::new();
    loop {
        let pause = EVERY.mul_f64(rand::rng().random_range(0.5..1.5));
        tokio::time::sleep(pause).await;
        let list = node.registry.list();
        let own = node.ed25519();
        // Whoever is no member has no say.
        if list.find(&own).is_none() {
            continue;
        }
        if waiting.is_empty() {
            waiting = list.iter().map(|other| other.ed25519.0).filter(|key| *key != own.0).collect();
            waiting.shuffle(&mut rand::rng());
        }
        let next = waiting.pop().and_then(|key| list.find(&Ed25519Public(key)).cloned());
        let Some(other) = next.or_else(|| failing(&node, &list)) else { continue };
        test(&node, &other).await;
    }
}

/// One of those that failed last time.
fn failing(node: &Node, list: &NodeList) -> Option<ListedNode> {
    let failing: Vec<&ListedNode> = list.iter().filter(|other| node.reports.failures(&other.ed25519) > 0).collect();
    failing.choose(&mut rand::rng()).map(|other| (*other).clone())
}

/// Tests one node and records what was found.
pub async fn test(node: &Arc<Node>, other: &ListedNode) {
    let passed = other.has_address() && node.transport.ping(other, TIMEOUT).await && holds(node, other).await;
    let counter = if passed { &node.metrics.tests_passed } else { &node.metrics.tests_failed };
    metrics::add(counter, 1);
    node.reports.record(&other.ed25519, passed, node.clock.now());
}

#[derive(Debug, Deserialize)]
struct Held {
    held: String,
}

/// Whether a member of the same swarm shows that it holds a message chosen at random. Others need not.
async fn holds(node: &Arc<Node>, other: &ListedNode) -> bool {
    let list = node.registry.list();
    let swarm = list.find(&node.ed25519()).and_then(|own| own.swarm);
    if swarm.is_none() || other.swarm != swarm {
        return true;
    }
    let (near, nonce) = (random(), random());
    let now = node.clock.now();
    let chosen = node.store.run(move |db| {
        pull::sample(db, &near, now - SETTLED, now + SETTLED, |account| list.swarm_of(account) == swarm)
    });
    let Ok(Some((hash, data))) = chosen.await else { return true };
    let body = json!({ "hash": hash, "nonce": nonce }).to_string();
    let outgoing =
        Outgoing { method: "sample", header: Map::new(), body: body.as_bytes(), timeout: limits::RETRY_TIMEOUT };
    let shown = match node.transport.call(&node.clock, other, outgoing).await {
        Ok(answer) => serde_json::from_slice::<Held>(&answer.body).ok().map(|shown| shown.held),
        Err(_) => None,
    };
    let right = shown == Some(sync::held(&nonce, &data));
    if !right {
        // It may have been deleted while we asked. If not, the other should look for it.
        let still = node.store.run(move |db| pull::data(db, &hash)).await;
        if !matches!(still, Ok(Some(_))) {
            return true;
        }
        sync::nudge(node, other, Depth::All).await;
    }
    right
}

fn random() -> String {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    crate::encoding::base64(&bytes)
}
