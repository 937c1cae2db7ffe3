//! The public Session network's list of nodes: from its pinned seeds, as far as they agree (service-nodes 1.4 to 1.6).
//!
//! A node is taken if most of the configured seeds name it with the same keys and address. The last good list is kept on
//! disk; a list that is shipped with the program is used only when there is no other. Knows nothing of gateways.

mod pinned;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use thiserror::Error;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::keys::X25519Public;
use zwiebel_proto::directory::Network;
use zwiebel_proto::directory::NetworkKind;
use zwiebel_proto::swarm::SwarmId;

use crate::config;
use crate::config::ConfigError;
use crate::config::PinnedSeed;
use crate::config::SessionNetwork;
use crate::encoding::array_from_base64;
use crate::encoding::array_from_hex;
use crate::peer::read_limited;
use crate::registry::ListedNode;
use crate::registry::NodeList;
use crate::registry::Registry;
use crate::registry::Seen;
use crate::tls::TlsError;

/// Seeds of the main net and the SHA-256 of their public keys (service-nodes 1.4).
const MAIN: [(&str, &str); 3] = [
    ("https://seed1.getsession.org:4443", "mlYTXvkmIEYcpswANTpnBwlz9Cswi0py/RQKkbdQOZQ="),
    ("https://seed2.getsession.org:4443", "ZuUxe4wopBR83Yy5fePPNX0c00BnkQCu/49oapFpB0k="),
    ("https://seed3.getsession.org:4443", "4xe+8k1NjxerVTjUsWlZJNKt3PA7Y31pUls2tHYippA="),
];
/// The test net has one seed, and no certificate to pin.
const TEST: &str = "http://public.session.foundation:38157";
const TIMEOUT: Duration = Duration::from_secs(15);
/// Largest answer of a seed.
const LARGEST: usize = 16 * 1024 * 1024;
const FILE: &str = "session-nodes.json";

/// Why the network cannot be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot use {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
}

/// The list and where it comes from.
#[derive(Debug)]
pub struct Session {
    network: Network,
    seeds: Vec<(String, reqwest::Client)>,
    registry: Registry,
    file: PathBuf,
}

impl Session {
    /// Prepares to follow the network; the list is that of last time, or else the fallback's.
    ///
    /// # Errors
    /// If the configuration makes no sense or a file cannot be read.
    pub fn open(wanted: &SessionNetwork, folder: &Path, registry: Registry) -> Result<Self, SessionError> {
        let network = Network {
            id: format!("session-{}", wanted.network),
            name: if wanted.network == "main" { "Session" } else { "Session test network" }.to_owned(),
            kind: NetworkKind::Session,
        };
        let seeds = seeds_of(wanted)?;
        let seeds =
            seeds.iter().map(|seed| Ok((url_of(seed)?, client_for(seed)?))).collect::<Result<_, SessionError>>()?;
        let session = Self { network, seeds, registry, file: folder.join(FILE) };
        session.start_with(wanted.fallback.as_deref())?;
        Ok(session)
    }

    /// How the app is told of it.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    fn start_with(&self, fallback: Option<&Path>) -> Result<(), SessionError> {
        for path in [Some(self.file.as_path()), fallback].into_iter().flatten() {
            let bytes = match fs::read(path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound && path == self.file => continue,
                Err(source) => return Err(SessionError::File { path: path.to_owned(), source }),
            };
            let nodes = serde_json::from_slice(&bytes).ok().and_then(|body: Value| states(&body));
            if let Some(nodes) = nodes.filter(|nodes| !nodes.is_empty()) {
                self.registry.replace(NodeList::new(nodes.into_values()));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks all seeds; true if enough of them answered and the list is fresh.
    pub async fn round(&self) -> bool {
        let mut asked = tokio::task::JoinSet::new();
        for (url, http) in &self.seeds {
            asked.spawn(ask(url.clone(), http.clone()));
        }
        let answers: Vec<BTreeMap<[u8; 32], ListedNode>> = asked.join_all().await.into_iter().flatten().collect();
        let needed = self.seeds.len() / 2 + 1;
        if answers.len() < needed {
            tracing::warn!(answered = answers.len(), needed, "too few seeds answer; the list of nodes stays as it is");
            return false;
        }
        let nodes = agreed(&answers, needed);
        if nodes.is_empty() {
            tracing::warn!("the seeds agree on no node; the list of nodes stays as it is");
            return false;
        }
        let list = NodeList::new(nodes);
        if let Err(error) = self.save(&list) {
            tracing::warn!(kind = ?error.kind(), "the list of nodes could not be saved");
        }
        self.registry.replace(list);
        true
    }

    /// In the form of a seed's answer, which is also that of the fallback.
    fn save(&self, list: &NodeList) -> io::Result<()> {
        let body = json!({ "result": list.service_nodes(&Value::Null, 0) });
        let new = self.file.with_extension("json.new");
        fs::write(&new, body.to_string())?;
        fs::rename(new, &self.file)
    }
}

fn seeds_of(wanted: &SessionNetwork) -> Result<Vec<PinnedSeed>, ConfigError> {
    if !wanted.seeds.is_empty() {
        return Ok(wanted.seeds.clone());
    }
    match wanted.network.as_str() {
        "main" => {
            let seed = |(url, pin): (&str, &str)| PinnedSeed { url: url.to_owned(), pin: Some(pin.to_owned()) };
            Ok(MAIN.map(seed).to_vec())
        }
        "test" => Ok(vec![PinnedSeed { url: TEST.to_owned(), pin: None }]),
        _ => Err(ConfigError::Bad { name: "session.network", reason: "`main` or `test`, or name the seeds" }),
    }
}

fn url_of(seed: &PinnedSeed) -> Result<String, ConfigError> {
    config::origin(&seed.url)
        .ok_or(ConfigError::Bad { name: "session.seeds.url", reason: "expected http(s)://host[:port] without a path" })
}

/// A client that accepts one key only. Without a pin there is no secrecy to lose: plain HTTP.
fn client_for(seed: &PinnedSeed) -> Result<reqwest::Client, SessionError> {
    let bad = |reason| ConfigError::Bad { name: "session.seeds.pin", reason };
    let pin = match &seed.pin {
        Some(pin) => Some(array_from_base64::<32>(pin).ok_or(bad("base64 of a SHA-256 has 44 characters"))?),
        None if seed.url.starts_with("https://") => return Err(bad("an https seed needs one").into()),
        None => None,
    };
    Ok(pinned::client(pin)?)
}

async fn ask(url: String, http: reqwest::Client) -> Option<BTreeMap<[u8; 32], ListedNode>> {
    let fields = json!({
        "public_ip": true, "storage_port": true, "pubkey_x25519": true, "pubkey_ed25519": true, "swarm": true,
        "swarm_id": true, "requested_unlock_height": true, "height": true,
    });
    let request = json!({
        "jsonrpc": "2.0", "id": "0", "method": "get_n_service_nodes",
        "params": { "active_only": true, "fields": fields },
    });
    let post = http.post(format!("{url}/json_rpc")).header("content-type", "application/json").timeout(TIMEOUT);
    let answer = post.body(request.to_string()).send().await.ok()?;
    if answer.status() != 200 {
        return None;
    }
    states(&serde_json::from_slice(&read_limited(answer, LARGEST).await.ok()?).ok()?)
}

/// The usable nodes of an answer; none if it is no answer.
fn states(body: &Value) -> Option<BTreeMap<[u8; 32], ListedNode>> {
    let states = body.get("result")?.get("service_node_states")?.as_array()?;
    Some(states.iter().filter_map(node).map(|node| (node.ed25519.0, node)).collect())
}

fn node(state: &Value) -> Option<ListedNode> {
    let text = |name: &str| state.get(name).and_then(Value::as_str);
    let ed25519 = Ed25519Public(array_from_hex(text("pubkey_ed25519")?)?);
    let x25519 = X25519Public(array_from_hex(text("pubkey_x25519")?)?);
    let ip: Ipv4Addr = text("public_ip")?.parse().ok()?;
    let port = u16::try_from(state.get("storage_port")?.as_u64()?).ok()?;
    // A seed that knows only the number gives it as one.
    let swarm = match text("swarm") {
        Some(swarm) => swarm.parse().ok()?,
        None => SwarmId(state.get("swarm_id")?.as_u64()?),
    };
    let node = ListedNode { ed25519, x25519, ip, port, swarm: Some(swarm), origin: None, seen: Seen::default() };
    (node.has_address() && swarm != SwarmId::UNASSIGNED).then_some(node)
}

/// Nodes that so many answers give in the same way.
fn agreed(answers: &[BTreeMap<[u8; 32], ListedNode>], needed: usize) -> Vec<ListedNode> {
    let mut keys: Vec<&[u8; 32]> = answers.iter().flat_map(BTreeMap::keys).collect();
    keys.sort_unstable();
    keys.dedup();
    let agreed = keys.into_iter().filter_map(|key| {
        let said: Vec<&ListedNode> = answers.iter().filter_map(|answer| answer.get(key)).collect();
        said.iter().find(|one| said.iter().filter(|other| **other == **one).count() >= needed).copied().cloned()
    });
    agreed.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn listed(n: u8, port: u16) -> ListedNode {
        let address = Ipv4Addr::new(198, 51, 100, n);
        ListedNode::new(Ed25519Public([n; 32]), X25519Public([n; 32]), address, port, Some(SwarmId(u64::from(n) << 60)))
    }

    fn answer(nodes: &[ListedNode]) -> BTreeMap<[u8; 32], ListedNode> {
        nodes.iter().map(|node| (node.ed25519.0, node.clone())).collect()
    }

    #[test]
    fn a_node_counts_if_two_of_three_say_the_same_of_it() {
        let answers = [
            answer(&[listed(1, 7), listed(2, 7), listed(3, 7)]),
            answer(&[listed(1, 7), listed(2, 8), listed(4, 7)]),
            answer(&[listed(1, 7), listed(2, 8)]),
        ];
        assert_eq!(agreed(&answers, 2), [listed(1, 7), listed(2, 8)]);
    }

    #[test]
    fn the_built_in_seeds_are_usable() {
        for network in ["main", "test"] {
            let wanted = SessionNetwork { network: network.to_owned(), seeds: Vec::new(), fallback: None };
            let seeds = seeds_of(&wanted).unwrap();
            assert!(seeds.iter().all(|seed| url_of(seed).is_ok() && client_for(seed).is_ok()), "{network}");
        }
        let bare = PinnedSeed { url: "https://seed".to_owned(), pin: None };
        assert!(client_for(&bare).is_err());
    }

    #[test]
    fn a_list_on_disk_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = SessionNetwork { network: "test".to_owned(), seeds: Vec::new(), fallback: None };
        let session = Session::open(&wanted, folder.path(), Registry::default()).unwrap();
        let list = NodeList::new([listed(1, 7001), listed(15, 7002)]);
        session.save(&list).unwrap();
        let again = Session::open(&wanted, folder.path(), Registry::default()).unwrap();
        assert_eq!(*again.registry.list(), list);

        let (other, fallback) = (tempfile::tempdir().unwrap(), Some(folder.path().join(FILE)));
        let shipped = SessionNetwork { fallback, ..wanted };
        assert_eq!(*Session::open(&shipped, other.path(), Registry::default()).unwrap().registry.list(), list);
    }
}
