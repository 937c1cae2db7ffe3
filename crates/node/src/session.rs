//! The public Session network's list of nodes: from its pinned seeds, as far as they agree (service-nodes 1.4 to 1.6).
//!
//! A node is taken if most of the configured seeds name it with the same keys and address. The last good list is kept on
//! disk; a list that is shipped with the program ([`Session::write_fallback`] makes it) is used only when there is no other.
//! Knows nothing of gateways.

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

use crate::clock::Clock;
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
/// Time between blocks of the public network, ms.
const BLOCK: i64 = 120_000;

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
    #[error("{} holds no list of nodes", path.display())]
    NoList { path: PathBuf },
    #[error("{answered} of {seeds} seeds answer, and agree on no list of nodes")]
    NoAgreement { answered: usize, seeds: usize },
}

/// What a seed says of a node, and what all of them together say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    node: ListedNode,
    /// The block from which it may leave; 0 for not planned.
    unlock: u64,
}

/// A list with the height of the chain that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Listing {
    height: u64,
    states: BTreeMap<[u8; 32], State>,
}

/// The list and where it comes from.
#[derive(Debug)]
pub struct Session {
    network: Network,
    seeds: Vec<(String, reqwest::Client)>,
    registry: Registry,
    clock: Clock,
    file: PathBuf,
}

impl Session {
    /// Prepares to follow the network; the list is that of last time, or else the fallback's.
    ///
    /// # Errors
    /// If the configuration makes no sense or a file cannot be read.
    pub fn open(
        wanted: &SessionNetwork,
        folder: &Path,
        registry: Registry,
        clock: &Clock,
    ) -> Result<Self, SessionError> {
        let network = Network {
            id: format!("session-{}", wanted.network),
            name: if wanted.network == "main" { "Session" } else { "Session test network" }.to_owned(),
            kind: NetworkKind::Session,
        };
        let seeds = seeds_of(wanted)?;
        let seeds =
            seeds.iter().map(|seed| Ok((url_of(seed)?, client_for(seed)?))).collect::<Result<_, SessionError>>()?;
        let session = Self { network, seeds, registry, clock: clock.clone(), file: folder.join(FILE) };
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
            let own = path == self.file;
            let bytes = match fs::read(path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound && own => continue,
                Err(source) => return Err(SessionError::File { path: path.to_owned(), source }),
            };
            let nodes = read_list(&bytes, self.clock.now());
            if !nodes.is_empty() {
                if !own {
                    tracing::warn!(nodes = nodes.len(), "the list of nodes is the one shipped with the program");
                }
                self.registry.replace(NodeList::new(nodes));
                return Ok(());
            }
            if !own {
                return Err(SessionError::NoList { path: path.to_owned() });
            }
        }
        Ok(())
    }

    /// Asks all seeds; true if enough of them answered and the list is fresh.
    pub async fn round(&self) -> bool {
        let listing = match self.ask_all().await {
            Ok(listing) => listing,
            Err(error) => {
                tracing::warn!(%error, "the list of nodes stays as it is");
                return false;
            }
        };
        if let Err(error) = write_list(&self.file, &listing, self.clock.now()) {
            tracing::warn!(kind = ?error.kind(), "the list of nodes could not be saved");
        }
        self.registry.replace(NodeList::new(listing.states.into_values().map(|state| state.node)));
        true
    }

    /// Asks all seeds once and writes what they agree on as a fallback list; how many nodes it has.
    ///
    /// # Errors
    /// If they do not agree, or the file cannot be written.
    pub async fn write_fallback(&self, path: &Path) -> Result<usize, SessionError> {
        let listing = self.ask_all().await?;
        write_list(path, &listing, self.clock.now())
            .map_err(|source| SessionError::File { path: path.to_owned(), source })?;
        Ok(listing.states.len())
    }

    async fn ask_all(&self) -> Result<Listing, SessionError> {
        let mut asked = tokio::task::JoinSet::new();
        for (url, http) in &self.seeds {
            asked.spawn(ask(url.clone(), http.clone()));
        }
        let answers: Vec<Listing> = asked.join_all().await.into_iter().flatten().collect();
        let (seeds, answered) = (self.seeds.len(), answers.len());
        let agreed = agreed(&answers, seeds / 2 + 1);
        if agreed.states.is_empty() {
            return Err(SessionError::NoAgreement { answered, seeds });
        }
        Ok(agreed)
    }
}

/// Writes a list in the form of a seed's answer, with the time, so that a reader can tell which blocks have passed since.
fn write_list(path: &Path, listing: &Listing, now: i64) -> io::Result<()> {
    let states: Vec<Value> = listing.states.values().map(written_state).collect();
    let result = json!({ "status": "OK", "height": listing.height, "service_node_states": states });
    let new = path.with_extension("json.new");
    fs::write(&new, json!({ "written": now / 1000, "result": result }).to_string())?;
    fs::rename(new, path)
}

fn written_state(State { node, unlock }: &State) -> Value {
    json!({
        "pubkey_ed25519": hex::encode(node.ed25519.0), "pubkey_x25519": hex::encode(node.x25519.0),
        "public_ip": node.ip.to_string(), "storage_port": node.port,
        "swarm": node.swarm.map(|swarm| swarm.to_string()), "requested_unlock_height": unlock,
    })
}

/// The nodes of such a file that have not left meanwhile (service-nodes 1.4). A seed's answer as it is will do as well.
fn read_list(bytes: &[u8], now: i64) -> Vec<ListedNode> {
    let Ok(body) = serde_json::from_slice::<Value>(bytes) else { return Vec::new() };
    let Some(listing) = listing(&body) else { return Vec::new() };
    let written = body.get("written").and_then(Value::as_i64).map_or(now, |seconds| seconds.saturating_mul(1000));
    let passed = now.saturating_sub(written).max(0) / BLOCK;
    let height = listing.height.saturating_add(u64::try_from(passed).unwrap_or_default());
    let here = listing.states.into_values().filter(|state| state.unlock == 0 || state.unlock > height);
    here.map(|state| state.node).collect()
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

async fn ask(url: String, http: reqwest::Client) -> Option<Listing> {
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
    listing(&serde_json::from_slice(&read_limited(answer, LARGEST).await.ok()?).ok()?)
}

/// The usable nodes of an answer; none if it is no answer.
fn listing(body: &Value) -> Option<Listing> {
    let result = body.get("result")?;
    let states = result.get("service_node_states")?.as_array()?;
    let states = states.iter().filter_map(|state| {
        let unlock = state.get("requested_unlock_height").and_then(Value::as_u64).unwrap_or_default();
        Some(State { node: node(state)?, unlock })
    });
    let height = result.get("height").and_then(Value::as_u64).unwrap_or_default();
    Some(Listing { height, states: states.map(|state| (state.node.ed25519.0, state)).collect() })
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

/// Nodes that so many answers give in the same way, at the height in the middle of what they say.
fn agreed(answers: &[Listing], needed: usize) -> Listing {
    let mut keys: Vec<&[u8; 32]> = answers.iter().flat_map(|answer| answer.states.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let states = keys.into_iter().filter_map(|key| {
        let said: Vec<&State> = answers.iter().filter_map(|answer| answer.states.get(key)).collect();
        let one = said.iter().find(|one| said.iter().filter(|other| **other == **one).count() >= needed)?;
        Some((*key, (*one).clone()))
    });
    let mut heights: Vec<u64> = answers.iter().map(|answer| answer.height).collect();
    heights.sort_unstable();
    let height = heights.get(heights.len() / 2).copied().unwrap_or_default();
    Listing { height, states: states.collect() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    fn listed(n: u8, port: u16) -> ListedNode {
        let address = Ipv4Addr::new(198, 51, 100, n);
        ListedNode::new(Ed25519Public([n; 32]), X25519Public([n; 32]), address, port, Some(SwarmId(u64::from(n) << 60)))
    }

    fn answer(height: u64, nodes: &[ListedNode]) -> Listing {
        let states = nodes.iter().map(|node| (node.ed25519.0, State { node: node.clone(), unlock: 0 }));
        Listing { height, states: states.collect() }
    }

    #[test]
    fn a_node_counts_if_two_of_three_say_the_same_of_it() {
        let answers = [
            answer(100, &[listed(1, 7), listed(2, 7), listed(3, 7)]),
            answer(999, &[listed(1, 7), listed(2, 8), listed(4, 7)]),
            answer(101, &[listed(1, 7), listed(2, 8)]),
        ];
        assert_eq!(agreed(&answers, 2), answer(101, &[listed(1, 7), listed(2, 8)]));
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
        let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
        let wanted = SessionNetwork { network: "test".to_owned(), seeds: Vec::new(), fallback: None };
        let open = |wanted: &SessionNetwork, folder: &Path| {
            Session::open(wanted, folder, Registry::default(), &clock).map(|session| session.registry.list())
        };
        let nodes = [listed(1, 7001), listed(15, 7002)];
        write_list(&folder.path().join(FILE), &answer(5, &nodes), clock.now()).unwrap();
        assert_eq!(*open(&wanted, folder.path()).unwrap(), NodeList::new(nodes.clone()));

        let (other, fallback) = (tempfile::tempdir().unwrap(), folder.path().join(FILE));
        let shipped = SessionNetwork { fallback: Some(fallback.clone()), ..wanted };
        assert_eq!(*open(&shipped, other.path()).unwrap(), NodeList::new(nodes));
        fs::write(&fallback, "{}").unwrap();
        assert!(matches!(open(&shipped, other.path()), Err(SessionError::NoList { .. })));
        fs::remove_file(&fallback).unwrap();
        assert!(matches!(open(&shipped, other.path()), Err(SessionError::File { .. })));
    }

    #[test]
    fn nodes_that_have_left_since_a_list_was_written_are_not_used() {
        let (folder, now) = (tempfile::tempdir().unwrap(), 1_700_000_000_000);
        let file = folder.path().join("list.json");
        let mut listing = answer(1_000, &[listed(1, 7), listed(2, 7), listed(3, 7)]);
        listing.states.get_mut(&[2; 32]).unwrap().unlock = 1_030;
        listing.states.get_mut(&[3; 32]).unwrap().unlock = 9_000;
        write_list(&file, &listing, now).unwrap();
        let left = |hours: i64| {
            let nodes = read_list(&fs::read(&file).unwrap(), now + hours * 3_600_000);
            nodes.iter().map(|node| node.ip.octets()[3]).collect::<Vec<_>>()
        };
        // A block every two minutes: the thirtieth comes in an hour.
        assert_eq!((left(0), left(1)), (vec![1, 2, 3], vec![1, 3]));
        assert_eq!(left(24 * 365), [1]);
    }
}
