//! The few requests the engine makes beyond `proto`'s builders, and the readers of their answers. Strict: what is not as
//! specified is no answer.

use serde::Deserialize;
use serde_json::{Value, json};
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::storage_rpc::{self, InfoResponse, SwarmResponse};

use crate::engine::{Cx, Engine};
use crate::model::Model;
use crate::model::rows::NodeRow;
use crate::net::{self, pool};

pub(crate) fn info() -> Value {
    storage_rpc::info()
}

pub(crate) fn get_swarm(owner: &AccountId) -> Value {
    storage_rpc::get_swarm(owner)
}

/// The list of nodes, as one node knows it (service-nodes 1.5, 3.10).
pub(crate) fn service_nodes() -> Value {
    json!({"method": "oxend_request", "params": {"endpoint": "get_service_nodes", "params": {
        "active_only": true,
        "fields": {"public_ip": true, "storage_port": true, "pubkey_x25519": true, "pubkey_ed25519": true, "swarm": true},
    }}})
}

#[derive(Deserialize)]
struct ListAnswer {
    result: ListResult,
}

#[derive(Deserialize)]
struct ListResult {
    service_node_states: Vec<ListNode>,
}

#[derive(Deserialize)]
struct ListNode {
    #[serde(default)]
    public_ip: String,
    #[serde(default)]
    storage_port: u64,
    #[serde(default)]
    pubkey_x25519: String,
    #[serde(default)]
    pubkey_ed25519: String,
    #[serde(default)]
    swarm: String,
}

/// The usable nodes of such a list.
pub(crate) fn parse_service_nodes(body: &[u8]) -> Option<Vec<NodeRow>> {
    let answer: ListAnswer = serde_json::from_slice(body).ok()?;
    let usable =
        answer.result.service_node_states.iter().filter_map(|n| {
            pool::node_row(&n.pubkey_ed25519, &n.pubkey_x25519, &n.public_ip, n.storage_port, &n.swarm)
        });
    Some(usable.collect())
}

/// A swarm body: id and members.
pub(crate) fn parse_swarm(body: &[u8]) -> Option<(u64, Vec<NodeRow>)> {
    let swarm = SwarmResponse::parse(body).ok()?;
    let id = swarm.swarm_id.0;
    let row = |n: &storage_rpc::SwarmNode| NodeRow {
        ed25519: n.ed25519.0,
        x25519: n.x25519.0,
        ip: n.ip.octets(),
        port: n.port,
        swarm: id,
    };
    Some((id, swarm.nodes.iter().map(row).collect()))
}

impl Engine {
    /// Learns from the time in an answer to `info`.
    pub(crate) fn sample_clock(&mut self, cx: &Cx<'_>, node: Ed25519Public, body: &[u8], sent_ms: u64) {
        if let Ok(info) = InfoResponse::parse(body) {
            self.sample_time(cx, node, info.t, sent_ms);
        }
    }

    pub(crate) fn sample_time(&mut self, cx: &Cx<'_>, node: Ed25519Public, time: u64, sent_ms: u64) {
        if self.net.clock.sample(node, time, sent_ms, cx.now)
            && let Some(offset) = self.net.clock.offset()
        {
            Model::put_meta(&mut self.out, net::meta::CLOCK, &self.time.device_offset(offset));
        }
    }
}
