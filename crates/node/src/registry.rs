//! The list of service nodes and the swarms they form (service-nodes 1.5, 2.4, 5.1).
//!
//! One seam: today the local network fills it once, later a chain will. Readers take a snapshot.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
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
    pub ip: Ipv4Addr,
    pub port: u16,
    pub swarm: Option<SwarmId>,
}

/// A snapshot of the list.
#[derive(Debug, Default)]
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

    /// The members of a swarm.
    pub fn members(&self, swarm: SwarmId) -> impl Iterator<Item = &ListedNode> {
        self.nodes.values().filter(move |node| node.swarm == Some(swarm))
    }

    /// The body of `get_swarm` and of 421, without `t` and `hf`; none if there are no swarms.
    #[must_use]
    pub fn swarm_body(&self, account: &Account) -> Option<Map<String, Value>> {
        let swarm = self.swarm_of(account)?;
        let nodes: Vec<Value> = self.members(swarm).map(swarm_entry).collect();
        let mut body = Map::new();
        body.insert("snodes".to_owned(), nodes.into());
        body.insert("swarm".to_owned(), format!("{:x}", swarm.0).into());
        Some(body)
    }

    /// The result of `get_service_nodes`, with the fields that were asked for.
    #[must_use]
    pub fn service_nodes(&self, params: &Value, now: i64) -> Value {
        let wanted = Fields::read(params.get("fields"));
        let only: Option<Vec<&str>> = params
            .get("service_node_pubkeys")
            .and_then(Value::as_array)
            .map(|keys| keys.iter().filter_map(Value::as_str).collect());
        let limit = params.get("limit").and_then(Value::as_i64).map_or(0, i64::unsigned_abs);
        let limit = if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
        let top = hex::encode(self.block_hash());
        let height = now / 120_000;
        if params.get("poll_block_hash").and_then(Value::as_str) == Some(&top) {
            return json!({"unchanged": true, "block_hash": top, "height": height, "status": "OK"});
        }
        let states: Vec<Value> = self
            .nodes
            .values()
            .map(|node| state(node, now))
            .filter(|node| {
                let key = node.get("service_node_pubkey").and_then(Value::as_str).unwrap_or_default();
                only.as_ref().is_none_or(|only| only.contains(&key))
            })
            .take(limit)
            .map(|node| wanted.keep(node))
            .collect();
        let [hard_fork, revision] = HARD_FORK;
        json!({
            "service_node_states": states, "height": height, "target_height": height, "hardfork": hard_fork,
            "snode_revision": revision, "block_hash": top, "status": "OK",
        })
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
    fn block_hash(&self) -> [u8; 32] {
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

fn state(node: &ListedNode, now: i64) -> Value {
    let ed25519 = hex::encode(node.ed25519.0);
    let swarm = node.swarm.map_or(u64::MAX, |swarm| swarm.0);
    json!({
        "service_node_pubkey": ed25519, "pubkey_ed25519": ed25519, "pubkey_x25519": hex::encode(node.x25519.0),
        "public_ip": node.ip.to_string(), "storage_port": node.port, "storage_lmq_port": node.port,
        "quorumnet_port": 0, "swarm_id": swarm, "swarm": format!("{swarm:x}"),
        "active": node.swarm.is_some(), "funded": true, "payable": true,
        "requested_unlock_height": 0, "registration_height": 1, "state_height": 1, "last_reward_block_height": 1,
        "height": now / 120_000, "storage_server_version": VERSION, "lokinet_version": [0, 0, 0],
        "service_node_version": VERSION, "last_uptime_proof": now / 1000, "storage_server_reachable": true,
    })
}

/// The `fields` parameter.
enum Fields {
    All { without: Vec<String> },
    Only(Vec<String>),
}

impl Fields {
    fn read(value: Option<&Value>) -> Self {
        let names: Vec<String> = match value {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::Object(names)) => {
                names.iter().filter(|(_, on)| on.as_bool() == Some(true)).map(|(name, _)| name.clone()).collect()
            }
            Some(Value::String(name)) => vec![name.clone()],
            _ => Vec::new(),
        };
        let without: Vec<String> = names.iter().filter_map(|name| name.strip_prefix('-')).map(str::to_owned).collect();
        let only: Vec<String> = names.into_iter().filter(|name| !name.starts_with('-')).collect();
        if only.is_empty() || only.iter().any(|name| name == "all") {
            return Self::All { without };
        }
        Self::Only(only)
    }

    fn keep(&self, node: Value) -> Value {
        let Value::Object(node) = node else { return node };
        let kept = node.into_iter().filter(|(name, _)| match self {
            Self::All { without } => !without.contains(name),
            Self::Only(only) => only.contains(name),
        });
        Value::Object(kept.collect())
    }
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
pub struct Registry(Arc<RwLock<Arc<NodeList>>>);

impl Registry {
    /// A registry with this list.
    #[must_use]
    pub fn new(list: NodeList) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(list))))
    }

    /// The list as it is now.
    #[must_use]
    pub fn list(&self) -> Arc<NodeList> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another list in place.
    pub fn replace(&self, list: NodeList) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(list);
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
