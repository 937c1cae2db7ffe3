//! The list of service nodes and the swarms they form (service-nodes 1.5, 2.4, 5.1).
//!
//! One seam: the local network fills it once, [`crate::directory`] from what the operator signed, another source from the
//! public network's seeds; later a chain will. Readers take a snapshot or wait for the next one.

mod states;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tokio::sync::watch;
use zwiebel_crypto::hash::blake2b;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::keys::X25519Public;
use zwiebel_proto::swarm::SwarmId;
use zwiebel_proto::swarm::nearest;
use zwiebel_proto::swarm::position;

use crate::account::Account;

/// Version that our nodes announce for their storage service.
pub const VERSION: [u16; 3] = [2, 11, 0];
/// Hard fork and revision: 21 is the one where the Ed25519 key became the node's primary key.
pub const HARD_FORK: [u16; 2] = [21, 0];

/// One service node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedNode {
    pub ed25519: Ed25519Public,
    pub x25519: X25519Public,
    /// Unspecified as long as nobody knows where the node is.
    pub ip: Ipv4Addr,
    pub port: u16,
    pub swarm: Option<SwarmId>,
    /// `https://host[:port]` that browsers can reach directly.
    pub origin: Option<String>,
    pub seen: Seen,
}

/// What is known of a node's life. Times are Unix ms, 0 for never.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// When its last uptime proof was made.
    pub proof: i64,
    /// Version of its storage service.
    pub version: Option<[u16; 3]>,
    /// Since when most of those that test it cannot reach it.
    pub unreachable_since: Option<i64>,
}

impl ListedNode {
    /// A node at a known address of which nothing else is known.
    #[must_use]
    pub fn new(ed25519: Ed25519Public, x25519: X25519Public, ip: Ipv4Addr, port: u16, swarm: Option<SwarmId>) -> Self {
        Self { ed25519, x25519, ip, port, swarm, origin: None, seen: Seen::default() }
    }

    /// Whether anybody knows where it is.
    #[must_use]
    pub const fn has_address(&self) -> bool {
        !self.ip.is_unspecified() && self.port != 0
    }
}

/// A snapshot of the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct NodeList {
    nodes: BTreeMap<[u8; 32], ListedNode>,
    swarms: Vec<SwarmId>,
}

impl NodeList {
    /// Builds the snapshot.
    #[must_use]
    pub fn new(nodes: impl IntoIterator<Item = ListedNode>) -> Self {
        let nodes: BTreeMap<_, _> = nodes.into_iter().map(|node| (node.ed25519.0, node)).collect();
        let mut swarms: Vec<SwarmId> = nodes.values().filter_map(|node| node.swarm).collect();
        swarms.sort_unstable();
        swarms.dedup();
        Self { nodes, swarms }
    }

    /// The node with this key.
    #[must_use]
    pub fn find(&self, ed25519: &Ed25519Public) -> Option<&ListedNode> {
        self.nodes.get(&ed25519.0)
    }

    /// All nodes in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &ListedNode> {
        self.nodes.values()
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The swarm that an account belongs to.
    #[must_use]
    pub fn swarm_of(&self, account: &Account) -> Option<SwarmId> {
        nearest(&self.swarms, position(&account.key))
    }

    /// The ids of all swarms, ascending.
    #[must_use]
    pub fn swarms(&self) -> &[SwarmId] {
        &self.swarms
    }

    /// The members of a swarm.
    pub fn members(&self, swarm: SwarmId) -> impl Iterator<Item = &ListedNode> {
        self.nodes.values().filter(move |node| node.swarm == Some(swarm))
    }

    /// The body of `get_swarm` and of 421, without `t` and `hf`; none if there are no swarms.
    #[must_use]
    pub fn swarm_body(&self, account: &Account) -> Option<Map<String, Value>> {
        let swarm = self.swarm_of(account)?;
        let nodes: Vec<Value> = self.members(swarm).filter(|node| node.has_address()).map(swarm_entry).collect();
        let mut body = Map::new();
        body.insert("snodes".to_owned(), nodes.into());
        body.insert("swarm".to_owned(), format!("{:x}", swarm.0).into());
        Some(body)
    }

    /// The list as records of 51 bytes (service-nodes 3.10).
    #[must_use]
    pub fn active_nodes_bin(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.nodes.len() * 51);
        for node in self.nodes.values() {
            let Some(swarm) = node.swarm else { continue };
            out.extend_from_slice(&node.ed25519.0);
            out.extend_from_slice(&swarm.0.to_be_bytes());
            out.extend_from_slice(&node.ip.octets());
            out.extend_from_slice(&node.port.to_be_bytes());
            out.extend_from_slice(&node.port.to_be_bytes());
            out.extend(VERSION.iter().map(|part| u8::try_from(*part).unwrap_or(u8::MAX)));
        }
        out
    }

    /// Stands in for the hash of the top block: changes when the list changes.
    pub(crate) fn block_hash(&self) -> [u8; 32] {
        blake2b(&[&self.active_nodes_bin()])
    }
}

fn swarm_entry(node: &ListedNode) -> Value {
    let ed25519 = hex::encode(node.ed25519.0);
    json!({
        "address": format!("{}.snode", z_base_32(&node.ed25519.0)),
        "pubkey_legacy": ed25519, "pubkey_x25519": hex::encode(node.x25519.0), "pubkey_ed25519": ed25519,
        "ip": node.ip.to_string(), "port": node.port.to_string(),
        "port_https": node.port, "port_omq": node.port, "port_quic": node.port,
    })
}

/// z-base-32, most significant bit first (service-nodes 1.1).
#[must_use]
pub fn z_base_32(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut bits, mut count) = (0_u32, 0_u32);
    let mut push = |five: u32| out.push(DIGITS.get((five & 31) as usize).map_or('y', |digit| char::from(*digit)));
    for byte in bytes {
        bits = (bits << 8) | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            push(bits >> count);
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        push(bits << (5 - count));
    }
    out
}

/// The list that everything in one process shares.
#[derive(Debug, Clone, Default)]
pub struct Registry(watch::Sender<Arc<NodeList>>);

impl Registry {
    /// A registry with this list.
    #[must_use]
    pub fn new(list: NodeList) -> Self {
        Self(watch::Sender::new(Arc::new(list)))
    }

    /// The list as it is now.
    #[must_use]
    pub fn list(&self) -> Arc<NodeList> {
        Arc::clone(&self.0.borrow())
    }

    /// Puts another list in place; true if it differs.
    pub fn replace(&self, list: NodeList) -> bool {
        self.0.send_if_modified(|current| {
            let differs = **current != list;
            if differs {
                *current = Arc::new(list);
            }
            differs
        })
    }

    /// Tells when the list changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<NodeList>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snode_addresses_have_52_characters() {
        let key: [u8; 32] =
            crate::encoding::array_from_hex("7803475e8a0d281e1a4732c9f5c7acb2df906cca9fd8cd555bfd6c3e5f10da5c")
                .unwrap_or_default();
        assert_eq!(z_base_32(&key), "xybwqzwkbwwbhg18gmr9mt7csmx3y5gku9cc4ik59isdhzao5jqy");
    }
}
