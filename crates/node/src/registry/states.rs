//! The list as tools of the public network ask for it: `get_service_nodes` and its aliases (service-nodes 1.5).

use rand::seq::SliceRandom;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::HARD_FORK;
use super::ListedNode;
use super::NodeList;
use super::VERSION;

/// Time between blocks of the network that there is none of yet, ms.
const BLOCK: i64 = 120_000;

impl NodeList {
    /// The result of `get_service_nodes`, with the fields that were asked for.
    #[must_use]
    pub fn service_nodes(&self, params: &Value, now: i64) -> Value {
        let [hard_fork, revision] = HARD_FORK;
        let (top, height) = (hex::encode(self.block_hash()), now / BLOCK);
        let mut result = json!({
            "height": height, "target_height": height, "hardfork": hard_fork, "snode_revision": revision,
            "block_hash": top, "status": "OK",
        });
        let Some(fields) = result.as_object_mut() else { return result };
        if params.get("poll_block_hash").and_then(Value::as_str) == Some(&top) {
            fields.insert("unchanged".to_owned(), true.into());
            return result;
        }
        let wanted = Fields::read(params.get("fields"));
        let states = self.chosen(params).into_iter().map(|node| wanted.keep(state(node, now))).collect();
        fields.insert("service_node_states".to_owned(), Value::Array(states));
        result
    }

    /// The nodes that `service_node_pubkeys`, `active_only` and `limit` leave over.
    fn chosen(&self, params: &Value) -> Vec<&ListedNode> {
        let only: Option<Vec<&str>> = params
            .get("service_node_pubkeys")
            .and_then(Value::as_array)
            .map(|keys| keys.iter().filter_map(Value::as_str).collect());
        let active_only = params.get("active_only").and_then(Value::as_bool).unwrap_or(false);
        let mut nodes: Vec<&ListedNode> = self
            .iter()
            .filter(|node| !active_only || node.swarm.is_some())
            .filter(|node| only.as_ref().is_none_or(|only| only.contains(&hex::encode(node.ed25519.0).as_str())))
            .collect();
        let limit = params.get("limit").and_then(Value::as_i64).unwrap_or(0);
        if limit < 0 {
            nodes.shuffle(&mut rand::rng());
        }
        if limit != 0 {
            nodes.truncate(usize::try_from(limit.unsigned_abs()).unwrap_or(usize::MAX));
        }
        nodes
    }
}

/// All that is known of a node. Stakes and rewards are zero: nothing is staked in a network without a chain.
fn state(node: &ListedNode, now: i64) -> Value {
    let ed25519 = hex::encode(node.ed25519.0);
    let swarm = node.swarm.map_or(u64::MAX, |swarm| swarm.0);
    let seen = &node.seen;
    let proof = if seen.proof == 0 && node.has_address() { now } else { seen.proof };
    let unreachable = seen.unreachable_since.map_or(0, |since| since / 1000);
    let reachable = seen.unreachable_since.is_none();
    let mut state = json!({
        "service_node_pubkey": ed25519, "swarm_id": swarm, "swarm": format!("{swarm:x}"),
        "active": node.swarm.is_some(), "funded": true, "payable": true,
        "requested_unlock_height": 0, "registration_height": 1, "registration_hf_version": 19, "state_height": 1,
        "last_reward_block_height": 1, "last_reward_transaction_index": 0, "height": now / BLOCK,
        "last_uptime_proof": proof / 1000,
        "earned_downtime_blocks": 0, "decommission_count": 0, "last_decommission_reason_consensus_all": 0,
        "last_decommission_reason_consensus_any": 0, "contributors": [], "total_contributed": 0, "total_reserved": 0,
        "staking_requirement": 0, "portions_for_operator": 0, "operator_fee": 0, "operator_address": "",
        "storage_server_reachable": reachable, "storage_server_first_unreachable": unreachable,
        "storage_server_last_unreachable": if reachable { 0 } else { now / 1000 },
        "storage_server_last_reachable": if reachable { now / 1000 } else { unreachable },
        "lokinet_reachable": true, "lokinet_first_unreachable": 0, "lokinet_last_unreachable": 0,
        "lokinet_last_reachable": 0,
    });
    if let (Some(fields), true) = (state.as_object_mut(), node.has_address()) {
        fields.extend(contact(node, ed25519));
    }
    state
}

/// Where it is. Left out for nodes that never sent a proof.
fn contact(node: &ListedNode, ed25519: String) -> Map<String, Value> {
    let version = node.seen.version.unwrap_or(VERSION);
    let fields: [(&str, Value); 9] = [
        ("pubkey_ed25519", ed25519.into()),
        ("pubkey_x25519", hex::encode(node.x25519.0).into()),
        ("public_ip", node.ip.to_string().into()),
        ("storage_port", node.port.into()),
        ("storage_lmq_port", node.port.into()),
        ("quorumnet_port", 0.into()),
        ("storage_server_version", json!(version)),
        ("lokinet_version", json!([0, 0, 0])),
        ("service_node_version", json!(version)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
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
