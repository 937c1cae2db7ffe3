//! Members of a swarm keep each other complete: every node pulls from the others what it lacks.
//!
//! Three ways, from cheap to thorough. `pull::news`: what came to the peer since the last time, and the removals it was
//! told of. `pull::ranges`: digests over ranges of hashes, and lists of the ranges that differ. After a change of the
//! list of nodes `Plan` names whoever may hold what is this node's now, and everything of theirs is looked at again. A node pulls at its
//! start, when the list changes, when a peer says that it has something (`behind`), and every now and then.
//! A pulled message is taken only if its hash is right, it maps to this swarm, it has not expired, and nobody took it away.

mod fate;
mod memory;
mod pull;
mod serve;
mod sources;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

pub(crate) use self::memory::not_moved_since;
pub(crate) use self::memory::remember;
pub(crate) use self::memory::still_revoked;
pub(crate) use self::memory::was_taken_away;
pub use self::serve::answer;
pub(crate) use self::serve::held;
use crate::node::Node;
use crate::registry::ListedNode;
use crate::registry::NodeList;

/// Pause between pulls of what is new.
const NEWS_EVERY: Duration = Duration::from_secs(60);
/// Every so many of them, one member is compared in whole.
const COMPARE_EVERY: u32 = 10;
/// Pause before a peer that did not answer is asked again, doubled each time up to the second number.
const AGAIN: Duration = Duration::from_secs(2);
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);
/// A node that has left the list is asked for so long at most.
const LEAVERS: Duration = Duration::from_secs(3600);

/// How much of a peer is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// What came since the last time.
    News,
    /// Everything.
    All,
}

/// A peer that is to be pulled from.
#[derive(Debug)]
struct Due {
    peer: ListedNode,
    depth: Depth,
    at: Instant,
    pause: Duration,
    since: Instant,
}

/// Peers that are to be pulled from.
#[derive(Debug, Default)]
struct Plan(BTreeMap<[u8; 32], Due>);

impl Plan {
    fn add(&mut self, peer: &ListedNode, depth: Depth) {
        let now = Instant::now();
        let due = self.0.entry(peer.ed25519.0).or_insert_with(|| Due {
            peer: peer.clone(),
            depth,
            at: now,
            pause: AGAIN,
            since: now,
        });
        due.peer = peer.clone();
        due.depth = due.depth.max(depth);
        (due.at, due.pause) = (now, AGAIN);
    }

    /// Whoever is to be asked now.
    fn next(&self) -> Option<(ListedNode, Depth)> {
        let now = Instant::now();
        let due = self.0.values().filter(|due| due.at <= now).min_by_key(|due| due.at)?;
        Some((due.peer.clone(), due.depth))
    }

    fn wake(&self) -> Option<Instant> {
        self.0.values().map(|due| due.at).min()
    }

    fn done(&mut self, peer: &ListedNode) {
        self.0.remove(&peer.ed25519.0);
    }

    /// Later. A peer that is no longer listed is given up in the end.
    fn failed(&mut self, peer: &ListedNode, listed: bool) {
        let now = Instant::now();
        let Some(due) = self.0.get_mut(&peer.ed25519.0) else { return };
        if !listed && now.duration_since(due.since) > LEAVERS {
            self.0.remove(&peer.ed25519.0);
            return;
        }
        due.at = now + due.pause;
        due.pause = (due.pause * 2).min(AGAIN_AT_MOST);
    }
}

/// Keeps a node complete, for ever.
pub async fn run(node: Arc<Node>) {
    let mut behind = node.behind.subscribe();
    let mut changes = node.registry.changes();
    let mut known = Arc::clone(&changes.borrow_and_update());
    let mut plan = Plan::default();
    greet(&node, &known).await;
    for member in members(&node, &known) {
        plan.add(&member, Depth::All);
    }
    let (mut round, mut next_round) = (0_u32, Instant::now() + pause());
    loop {
        while let Some((peer, depth)) = plan.next() {
            let listed = known.find(&peer.ed25519).is_some();
            if pull_from(&node, &peer, depth).await.is_some() {
                plan.done(&peer)
            } else {
                plan.failed(&peer, listed)
            }
            if changes.has_changed().unwrap_or(false) {
                break;
            }
        }
        let wake = plan.wake().map_or(next_round, |wake| wake.min(next_round));
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                let new = Arc::clone(&changes.borrow_and_update());
                node.reports.keep(|key| new.find(key).is_some());
                for source in sources::after(&node.ed25519(), &known, &new) {
                    plan.add(&source, Depth::All);
                }
                // What came here while others went by the new list already.
                for heir in sources::heirs(&node.ed25519(), &known, &new) {
                    nudge(&node, &heir, Depth::All).await;
                }
                known = new;
            }
            told = behind.recv() => match told {
                Ok((key, depth)) => if let Some(peer) = known.find(&key).filter(|peer| peer.has_address()) {
                    plan.add(peer, depth);
                },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            () = tokio::time::sleep_until(wake) => {}
        }
        if Instant::now() >= next_round {
            (round, next_round) = (round.wrapping_add(1), Instant::now() + pause());
            plan_round(&node, &known, &mut plan, round);
        }
    }
}

/// News from every member, and now and then all of one.
fn plan_round(node: &Node, list: &NodeList, plan: &mut Plan, round: u32) {
    let members: Vec<ListedNode> = members(node, list).collect();
    for member in &members {
        plan.add(member, Depth::News);
    }
    let chosen = usize::try_from(round / COMPARE_EVERY).unwrap_or(0) % members.len().max(1);
    if let (Some(member), true) = (members.get(chosen), round.is_multiple_of(COMPARE_EVERY)) {
        plan.add(member, Depth::All);
    }
}

/// Not all nodes at the same moment.
fn pause() -> Duration {
    NEWS_EVERY.mul_f64(rand::rng().random_range(0.8..1.2))
}

/// The other members of this node's swarm whose address is known.
fn members(node: &Node, list: &NodeList) -> impl Iterator<Item = ListedNode> {
    let own = node.ed25519();
    let swarm = list.find(&own).and_then(|own| own.swarm);
    let members: Vec<ListedNode> = swarm
        .into_iter()
        .flat_map(|swarm| list.members(swarm))
        .filter(|member| member.ed25519 != own && member.has_address())
        .cloned()
        .collect();
    members.into_iter()
}

/// Tells the members that this node is back: they send what waits for it.
async fn greet(node: &Arc<Node>, list: &NodeList) {
    let mut greetings = tokio::task::JoinSet::new();
    for member in members(node, list) {
        let node = Arc::clone(node);
        greetings.spawn(async move { drop(pull::ask(&node, &member, "hello", &serde_json::json!({})).await) });
    }
    greetings.join_all().await;
}

/// Tells a peer that this node may have something for it, and how deep that may lie.
pub(crate) async fn nudge(node: &Node, peer: &ListedNode, depth: Depth) {
    let body = serde_json::json!({ "all": depth == Depth::All });
    drop(pull::ask(node, peer, "behind", &body).await);
}

async fn pull_from(node: &Arc<Node>, peer: &ListedNode, depth: Depth) -> Option<()> {
    let mut count = pull::news(node, peer).await?;
    if depth == Depth::All {
        count += pull::ranges(node, peer).await?;
    }
    if count > 0 {
        crate::metrics::add(&node.metrics.pulled, count);
        tracing::info!(count, "messages pulled from another node");
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::net::Ipv4Addr;

    use zwiebel_proto::swarm::SwarmId;

    use super::*;
    use crate::clock::Clock;
    use crate::keys::Keys;
    use crate::registry::Registry;

    #[test]
    fn every_round_asks_all_members_for_news_and_every_tenth_compares_another_one_in_whole() {
        let keys: Vec<Arc<Keys>> = (1..=4).map(|n| Arc::new(Keys::from_seed([n; 32]))).collect();
        let listed = keys.iter().zip([0, 0, 0, 9]).map(|(keys, swarm)| {
            ListedNode::new(keys.ed25519_public, keys.x25519_public, Ipv4Addr::LOCALHOST, 1, Some(SwarmId(swarm)))
        });
        let registry = Registry::new(NodeList::new(listed));
        let folder = tempfile::tempdir().unwrap();
        let own = Arc::clone(keys.first().unwrap());
        let node = Node::new(own, Clock::system(), registry.clone(), &folder.path().join("messages.sqlite")).unwrap();
        let mut compared = Vec::new();
        for round in 1..=COMPARE_EVERY * 2 {
            let mut plan = Plan::default();
            plan_round(&node, &registry.list(), &mut plan, round);
            assert_eq!(plan.0.len(), 2, "the other members of the swarm");
            let whole = plan.0.values().filter(|due| due.depth == Depth::All).map(|due| (round, due.peer.ed25519));
            compared.extend(whole);
        }
        let [(10, one), (20, other)] = compared.as_slice() else { unreachable!("{compared:?}") };
        assert_ne!(one, other);
    }

    #[test]
    fn whoever_does_not_answer_is_asked_again_ever_later_and_given_up_only_when_it_has_left() {
        let keys = Keys::from_seed([1; 32]);
        let peer = ListedNode::new(keys.ed25519_public, keys.x25519_public, Ipv4Addr::LOCALHOST, 1, None);
        let mut plan = Plan::default();
        plan.add(&peer, Depth::News);
        plan.add(&peer, Depth::All);
        assert_eq!(plan.next().unwrap().1, Depth::All);
        let pauses: Vec<u64> = (0..7)
            .map(|_| {
                let now = Instant::now();
                plan.failed(&peer, true);
                assert!(plan.next().is_none());
                plan.wake().unwrap().duration_since(now).as_secs()
            })
            .collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
        // Told that there is something, it is asked at once.
        plan.add(&peer, Depth::News);
        assert!(plan.next().is_some());
        plan.done(&peer);
        assert!(plan.wake().is_none());
    }
}
