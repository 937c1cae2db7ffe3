//! A network as a stranger finds it, and requests to its nodes by either way.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::keys::X25519Public;
use zwiebel_node::local;
use zwiebel_node::tls;
use zwiebel_proto::bencode::Bencode;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::build;
use zwiebel_proto::onion::node_payload;
use zwiebel_proto::swarm::SwarmId;
use zwiebel_proto::swarm::nearest;
use zwiebel_proto::swarm::position;

use crate::signer::Signer;

/// How requests travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Direct,
    Onion,
}

/// One node of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) hop: Hop,
    pub(crate) ip: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) swarm: SwarmId,
}

impl Listed {
    /// The name in answers.
    pub(crate) fn name(&self) -> String {
        hex::encode(self.hop.ed25519.0)
    }

    /// An address at it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}:{}{path}", self.ip, self.port)
    }
}

/// The network under test.
pub(crate) struct Network {
    inner: Arc<Inner>,
    own: Option<(local::Network, TempDir)>,
}

struct Inner {
    nodes: Vec<Listed>,
    swarms: Vec<SwarmId>,
    http: reqwest::Client,
    /// Network time minus ours in ms.
    offset: i64,
    /// It is one of ours, which has what others have not.
    ours: bool,
}

impl Network {
    /// The network that the environment names, or a new one.
    pub(crate) async fn find() -> Self {
        let http = tls::client().unwrap();
        let named = std::env::var("ZWIEBEL_CONFORMANCE_SEED").ok();
        let own = if named.is_some() { None } else { Some(start().await) };
        let seed = named.unwrap_or_else(|| format!("http://{}", own.as_ref().unwrap().0.seed_address));
        let request = json!({"jsonrpc": "2.0", "method": "get_n_service_nodes", "params": {"active_only": true, "fields": {
            "public_ip": true, "storage_port": true, "pubkey_x25519": true, "pubkey_ed25519": true, "swarm": true}}});
        let answer = http.post(format!("{seed}/json_rpc")).body(request.to_string()).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let states = answer["result"]["service_node_states"].as_array().expect("a list of nodes");
        let nodes: Vec<Listed> = states.iter().filter_map(listed).collect();
        assert!(nodes.len() >= 5, "{} nodes are too few for three hops and a swarm", nodes.len());
        let mut swarms: Vec<SwarmId> = nodes.iter().map(|node| node.swarm).collect();
        swarms.sort_unstable();
        swarms.dedup();
        let mut inner = Inner { nodes, swarms, http, offset: 0, ours: own.is_some() };
        let client = Client { inner: Arc::new(inner), way: Way::Direct };
        let theirs = client.ask("info", json!({})).await.body["t"].as_i64().unwrap();
        inner = Arc::into_inner(client.inner).unwrap();
        inner.offset = theirs - now();
        Self { inner: Arc::new(inner), own }
    }

    pub(crate) fn client(&self, way: Way) -> Client {
        Client { inner: Arc::clone(&self.inner), way }
    }

    pub(crate) async fn close(self) {
        if let Some((network, _folder)) = self.own {
            network.shut_down().await;
        }
    }
}

async fn start() -> (local::Network, TempDir) {
    let folder = TempDir::new().unwrap();
    let options = local::Options::on_free_ports(folder.path());
    (local::Network::start(&options).await.unwrap(), folder)
}

fn listed(state: &Value) -> Option<Listed> {
    let key = |name: &str| {
        let mut key = [0; 32];
        hex::decode_to_slice(state[name].as_str()?, &mut key).ok()?;
        Some(key)
    };
    Some(Listed {
        hop: Hop { ed25519: Ed25519Public(key("pubkey_ed25519")?), x25519: X25519Public(key("pubkey_x25519")?) },
        ip: state["public_ip"].as_str()?.parse().ok().filter(|ip: &Ipv4Addr| !ip.is_unspecified())?,
        port: u16::try_from(state["storage_port"].as_u64()?).ok()?,
        swarm: SwarmId(u64::from_str_radix(state["swarm"].as_str()?, 16).ok()?),
    })
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// What a node answered: JSON, or its text as a JSON string.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) raw: Vec<u8>,
}

impl Reply {
    fn new(status: u16, raw: Vec<u8>) -> Self {
        let text = String::from_utf8_lossy(&raw).into_owned();
        Self { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)), raw }
    }

    /// The body of a success.
    pub(crate) fn good(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// It must be this refusal.
    pub(crate) fn refused(self, status: u16, text: &str) {
        assert_eq!((self.status, &self.body), (status, &json!(text)));
    }
}

/// Asks the network.
#[derive(Clone)]
pub(crate) struct Client {
    inner: Arc<Inner>,
    way: Way,
}

impl Client {
    /// Network time in ms.
    pub(crate) fn now(&self) -> i64 {
        now() + self.inner.offset
    }

    pub(crate) fn nodes(&self) -> &[Listed] {
        &self.inner.nodes
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.inner.http
    }

    pub(crate) fn way(&self) -> Way {
        self.way
    }

    /// Whether the network is one of ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.inner.ours
    }

    pub(crate) fn any_node(&self) -> Listed {
        self.inner.nodes.choose(&mut rand::rng()).unwrap().clone()
    }

    /// Members of an account's swarm, and the others.
    pub(crate) fn swarm(&self, pubkey: &str) -> (Vec<Listed>, Vec<Listed>) {
        let mut account = [0; 33];
        hex::decode_to_slice(pubkey, &mut account).unwrap();
        let swarm = nearest(&self.inner.swarms, position(account[1..].try_into().unwrap())).unwrap();
        self.inner.nodes.iter().cloned().partition(|node| node.swarm == swarm)
    }

    /// Sends a body to a node.
    pub(crate) async fn send(&self, node: &Listed, body: &[u8]) -> Reply {
        match self.way {
            Way::Direct => self.post(&node.url("/storage_rpc/v1"), body.to_vec()).await,
            Way::Onion => self.through(&self.path(3, node), node, &node_payload(body), Cipher::XChaCha20).await,
        }
    }

    /// Sends a call to a node.
    pub(crate) async fn call(&self, node: &Listed, method: &str, params: Value) -> Reply {
        self.send(node, json!({"method": method, "params": params}).to_string().as_bytes()).await
    }

    /// Sends a call to a member of the swarm of the first account in it, or to any node.
    pub(crate) async fn ask(&self, method: &str, params: Value) -> Reply {
        let node = self.node_for(&params);
        self.call(&node, method, params).await
    }

    /// A member of the swarm of the first account in it, or any node.
    pub(crate) fn node_for(&self, params: &Value) -> Listed {
        match account_in(params) {
            Some(account) => self.swarm(&account).0.choose(&mut rand::rng()).unwrap().clone(),
            None => self.any_node(),
        }
    }

    /// The same call bencoded; the answer as it came.
    pub(crate) async fn ask_bencoded(&self, node: &Listed, request: &Bencode) -> Reply {
        self.send(node, &request.encode()).await
    }

    pub(crate) async fn post(&self, url: &str, body: Vec<u8>) -> Reply {
        let answer = self.inner.http.post(url).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        Reply::new(status, answer.bytes().await.unwrap().to_vec())
    }

    /// So many random hops, the destination not among them.
    pub(crate) fn path(&self, hops: usize, destination: &Listed) -> Vec<Listed> {
        let others: Vec<Listed> = self.inner.nodes.iter().filter(|node| *node != destination).cloned().collect();
        others.sample(&mut rand::rng(), hops).cloned().collect()
    }

    /// A sealed payload along a path; the opened answer.
    pub(crate) async fn through(&self, path: &[Listed], to: &Listed, payload: &[u8], cipher: Cipher) -> Reply {
        let hops: Vec<Hop> = path.iter().map(|node| node.hop).collect();
        let destination = Destination::Node(to.hop);
        let (packet, key) = build(&hops, &destination, payload, cipher, &mut rand::rng()).unwrap();
        let guard = path.first().unwrap_or(to);
        let answer = self.post(&guard.url("/onion_req/v2"), packet).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let opened = key.open(&answer.raw).expect("the answer opens");
        Reply::new(opened.status, opened.body)
    }

    /// Stores data for an account in a namespace, signed, for a day; the hash.
    pub(crate) async fn store(&self, who: &Signer, namespace: i16, data: &[u8]) -> String {
        let body = self.ask("store", who.store(namespace, data, self.now(), 86_400_000)).await.good();
        body["hash"].as_str().unwrap().to_owned()
    }

    /// Hashes in a namespace at a member, in its order.
    pub(crate) async fn hashes(&self, node: &Listed, who: &Signer, namespace: i16) -> Vec<String> {
        let body = self.call(node, "retrieve", who.retrieve(namespace, self.now())).await.good();
        hashes(&body)
    }
}

/// The hashes of an answer to `retrieve`.
pub(crate) fn hashes(body: &Value) -> Vec<String> {
    let messages = body["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["hash"].as_str().unwrap().to_owned()).collect()
}

fn account_in(value: &Value) -> Option<String> {
    match value {
        Value::Array(items) => items.iter().find_map(account_in),
        Value::Object(entries) => {
            let own = entries.get("pubkey").or_else(|| entries.get("pubKey")).and_then(Value::as_str);
            let own = own.filter(|text| text.len() == 66 && hex::decode(text).is_ok()).map(str::to_owned);
            own.or_else(|| entries.values().find_map(account_in))
        }
        _ => None,
    }
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}
