//! What a local network remembers beside its nodes' own files: its id, the nodes' ports and swarms.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use rand::Rng;
use serde::Deserialize;
use serde::Serialize;
use zwiebel_proto::swarm::SwarmId;

use crate::encoding::array_from_hex;

/// The content of `network.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// Random; clients tell networks apart by it.
    pub(super) id: String,
    pub(super) nodes: Vec<SavedNode>,
}

/// One node, in the order of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SavedNode {
    pub(super) ed25519: String,
    pub(super) port: u16,
    /// Hex; empty before the first start.
    pub(super) swarm: String,
}

const FILE: &str = "network.json";

impl State {
    /// Reads it, or makes up a new network.
    pub(super) fn load(data: &Path) -> io::Result<Self> {
        match fs::read(data.join(FILE)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut id = [0_u8; 8];
                rand::rng().fill_bytes(&mut id);
                Ok(Self { id: format!("local-{}", hex::encode(id)), nodes: Vec::new() })
            }
            Err(error) => Err(error),
        }
    }

    /// The swarms that nodes had.
    pub(super) fn swarms(&self) -> BTreeMap<[u8; 32], SwarmId> {
        self.nodes
            .iter()
            .filter_map(|saved| Some((array_from_hex(&saved.ed25519)?, saved.swarm.parse().ok()?)))
            .collect()
    }

    /// Writes it in one step.
    pub(super) fn save(&self, data: &Path) -> io::Result<()> {
        let new = data.join("network.json.new");
        fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        fs::rename(new, data.join(FILE))
    }
}
