//! The service nodes known, and what speaks against each. A node is set aside for a while, never forgotten, because of what
//! it did; and because of what others say of it only when two paths without a common node say so (service-nodes 4.7):
//! plain errors can be forged by every hop.

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::directory::DirectoryNode;
use zwiebel_proto::sorted::{SortedMap, SortedSet};

use super::trust::OperatorRow;
use super::{NodeSet, pick};
use crate::clock::MINUTE_MS;
use crate::model::rows::{NodeRow, NodesRow};

/// A path of three and somebody at its end.
pub(crate) const MIN_NODES: usize = 4;

/// More nodes than any network has; the rest of a longer list is not looked at.
const MAX_NODES: usize = 20_000;

/// A node's own failures before it is set aside.
const STRIKES: u8 = 3;

/// How long a node is set aside.
const BENCH_MS: u64 = 10 * MINUTE_MS;

/// Accusations kept per node.
const MAX_ACCUSATIONS: usize = 4;

#[derive(Default)]
pub(crate) struct Pool {
    nodes: SortedMap<Ed25519Public, NodeRow>,
    /// Several nodes agreed on the list; else it is only the gateway's word.
    pub(crate) agreed_ms: Option<u64>,
    /// The /24 rule is off: all nodes are on this machine or in this house, and so is the app.
    subnets_free: bool,
    strikes: SortedMap<Ed25519Public, u8>,
    benched: SortedMap<Ed25519Public, u64>,
    accusations: SortedMap<Ed25519Public, Vec<NodeSet>>,
}

impl Pool {
    pub(crate) fn replace(&mut self, nodes: Vec<NodeRow>, local_origin: bool) {
        self.nodes = nodes.into_iter().map(|n| (n.key(), n)).collect();
        self.subnets_free = local_origin && self.nodes.values().all(|n| is_private(n.ip));
        self.strikes.retain(|k, _| self.nodes.contains_key(k));
        self.benched.retain(|k, _| self.nodes.contains_key(k));
        self.accusations.retain(|k, _| self.nodes.contains_key(k));
    }

    /// Forgets everybody the operator does not list. True if somebody was.
    pub(crate) fn keep_members(&mut self, operator: &OperatorRow) -> bool {
        let before = self.nodes.len();
        self.nodes.retain(|_, node| operator.lists(node));
        before != self.nodes.len()
    }

    pub(crate) fn get(&self, key: &Ed25519Public) -> Option<&NodeRow> {
        self.nodes.get(key)
    }

    pub(crate) fn contains(&self, key: &Ed25519Public) -> bool {
        self.nodes.contains_key(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &NodeRow> {
        self.nodes.values()
    }

    pub(crate) fn row(&self) -> NodesRow {
        NodesRow { nodes: self.nodes.values().copied().collect(), agreed_ms: self.agreed_ms.unwrap_or(0) }
    }

    /// Whether a path can be built at all.
    pub(crate) fn is_usable(&self) -> bool {
        if self.nodes.len() < MIN_NODES {
            return false;
        }
        self.subnets_free || self.nodes.values().map(NodeRow::subnet).collect::<SortedSet<_>>().len() >= 3
    }

    pub(crate) fn is_benched(&self, key: &Ed25519Public, now: u64) -> bool {
        self.benched.get(key).is_some_and(|until| *until > now)
    }

    /// A random node outside `not`, of another /24 than `near` where that rule holds. Nodes set aside come only when
    /// nobody else is left.
    pub(crate) fn choose(
        &self,
        not: &NodeSet,
        near: &[Ed25519Public],
        now: u64,
        rng: &mut dyn rand_core::CryptoRng,
    ) -> Option<Ed25519Public> {
        let taken: SortedSet<[u8; 3]> = near.iter().filter_map(|k| self.nodes.get(k)).map(NodeRow::subnet).collect();
        let fits = |n: &&NodeRow| {
            !not.contains(&n.key()) && !near.contains(&n.key()) && (self.subnets_free || !taken.contains(&n.subnet()))
        };
        let all: Vec<Ed25519Public> = self.nodes.values().filter(fits).map(NodeRow::key).collect();
        let good: Vec<Ed25519Public> = all.iter().filter(|k| !self.is_benched(k, now)).copied().collect();
        pick(if good.is_empty() { &all } else { &good }, rng).copied()
    }

    /// The node itself answered badly.
    pub(crate) fn strike(&mut self, key: Ed25519Public, now: u64) {
        if !self.nodes.contains_key(&key) {
            return;
        }
        let strikes = self.strikes.entry(key).or_default();
        *strikes = strikes.saturating_add(1);
        if *strikes >= STRIKES {
            self.strikes.remove(&key);
            self.benched.insert(key, now.saturating_add(BENCH_MS));
        }
    }

    /// The node did well: what was held against it is forgotten.
    pub(crate) fn clear(&mut self, key: &Ed25519Public) {
        self.strikes.remove(key);
        self.benched.remove(key);
        self.accusations.remove(key);
    }

    /// Somebody on a path said that this node cannot be reached. Anybody on it may have lied, so only a second
    /// path that shares no node with the first makes it believable.
    pub(crate) fn accuse(&mut self, key: Ed25519Public, path: NodeSet, now: u64) {
        if !self.nodes.contains_key(&key) {
            return;
        }
        let known = self.accusations.entry(key).or_default();
        if known.iter().any(|other| other.iter().all(|k| *k == key || !path.contains(k))) {
            self.accusations.remove(&key);
            self.benched.insert(key, now.saturating_add(BENCH_MS));
        } else {
            known.push(path);
            if known.len() > MAX_ACCUSATIONS {
                known.remove(0);
            }
        }
    }
}

/// The usable nodes of a gateway's list.
pub(crate) fn parse_directory(nodes: &[DirectoryNode]) -> Vec<NodeRow> {
    nodes.iter().take(MAX_NODES).filter_map(parse_node).collect()
}

fn parse_node(node: &DirectoryNode) -> Option<NodeRow> {
    node_row(&node.ed25519, &node.x25519, &node.ip, u64::from(node.port), &node.swarm)
}

/// A node from the texts lists use (service-nodes 1.5, 2.4); `None` for what nobody could reach.
pub(crate) fn node_row(ed25519: &str, x25519: &str, ip: &str, port: u64, swarm: &str) -> Option<NodeRow> {
    let ip: std::net::Ipv4Addr = ip.parse().ok()?;
    let port = u16::try_from(port).ok().filter(|p| *p != 0)?;
    if ip.is_unspecified() || ip.is_broadcast() || ip.is_multicast() {
        return None;
    }
    let row = NodeRow {
        ed25519: key(ed25519)?,
        x25519: key(x25519)?,
        ip: ip.octets(),
        port,
        swarm: u64::from_str_radix(swarm, 16).ok()?,
    };
    row.sealing_key().is_usable().then_some(row)
}

pub(crate) fn key(hex_digits: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    hex::decode_to_slice(hex_digits, &mut out).ok()?;
    Some(out)
}

fn is_private(ip: [u8; 4]) -> bool {
    let ip = std::net::Ipv4Addr::from(ip);
    ip.is_loopback() || ip.is_private() || ip.is_link_local()
}

/// The nodes at least `quorum` of the answers agree on, in every field.
pub(crate) fn agreement(answers: &[Vec<NodeRow>], quorum: usize) -> Vec<NodeRow> {
    let mut votes: SortedMap<NodeRow, usize> = SortedMap::new();
    for answer in answers {
        for node in answer.iter().collect::<SortedSet<_>>() {
            let count = votes.entry(*node).or_default();
            *count = count.saturating_add(1);
        }
    }
    votes.into_iter().filter(|(_, count)| *count >= quorum).map(|(node, _)| node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: u8, ip: [u8; 4]) -> NodeRow {
        NodeRow { ed25519: [n; 32], x25519: [9; 32], ip, port: 22021, swarm: 1 }
    }

    fn keys(list: &[u8]) -> NodeSet {
        list.iter().map(|n| Ed25519Public([*n; 32])).collect()
    }

    #[test]
    fn subnet_rule_is_off_only_when_app_and_all_nodes_are_local() {
        let local: Vec<NodeRow> = (1..=6).map(|n| row(n, [127, 0, 0, 1])).collect();
        let mut pool = Pool::default();
        pool.replace(local.clone(), true);
        assert!(pool.is_usable());
        pool.replace(local.clone(), false);
        assert!(!pool.is_usable(), "no gateway can switch the rule off");
        let mut mixed = local;
        mixed.push(row(9, [8, 8, 8, 8]));
        pool.replace(mixed, true);
        assert!(!pool.is_usable());
    }

    #[test]
    fn one_liar_cannot_get_a_node_set_aside() {
        let mut pool = Pool::default();
        pool.replace((1..=12).map(|n| row(n, [127, 0, 0, 1])).collect(), true);
        let victim = Ed25519Public([7; 32]);
        for others in [[1, 2, 3], [1, 4, 5], [6, 1, 8], [1, 9, 10]] {
            pool.accuse(victim, keys(&others), 0); // node 1 is on every path
            assert!(!pool.is_benched(&victim, 1));
        }
        pool.accuse(victim, keys(&[11, 12, 5]), 0);
        assert!(pool.is_benched(&victim, 1), "a path without node 1 confirms the first");
    }

    #[test]
    fn agreement_needs_all_fields() {
        let a = row(1, [1, 1, 1, 1]);
        let moved = row(1, [2, 2, 2, 2]);
        let b = row(2, [3, 3, 3, 3]);
        assert_eq!(agreement(&[vec![a, b], vec![moved, b, b], vec![b]], 2), vec![b]);
        assert_eq!(agreement(&[vec![b, b]], 2), vec![]);
    }
}
