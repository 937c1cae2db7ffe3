//! A network in a temporary directory, and clients for it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;
use zwiebel_node::clock::Clock;
use zwiebel_node::keys::Keys;
use zwiebel_node::local::Network;
use zwiebel_node::local::Options;
use zwiebel_node::node::Node;
use zwiebel_node::registry::ListedNode;
use zwiebel_node::registry::NodeList;
use zwiebel_node::registry::Registry;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::NodeReply;
use zwiebel_proto::onion::build;
use zwiebel_proto::onion::node_payload;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::retrieve;
use zwiebel_proto::swarm::SwarmId;

/// Waits until this holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(20), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An account for tests.
pub(crate) fn account(n: u8) -> Account {
    Account::from_seed16([n; 16])
}

/// The same as a node sees it.
pub(crate) fn owner(account: &Account) -> zwiebel_node::account::Account {
    zwiebel_node::account::Account::parse(&account.id().to_string()).unwrap()
}

/// One node that is a swarm of its own, without a socket.
pub(crate) fn lone_node(folder: &Path) -> Arc<Node> {
    lone_node_of(folder, [7; 32])
}

/// The same with keys from this seed.
pub(crate) fn lone_node_of(folder: &Path, seed: [u8; 32]) -> Arc<Node> {
    let keys = Arc::new(Keys::from_seed(seed));
    let list = NodeList::new([listed(&keys, 1, Some(SwarmId(0)))]);
    Arc::new(Node::new(keys, Clock::system(), Registry::new(list), &folder.join("messages.sqlite")).unwrap())
}

/// A list entry at a port.
pub(crate) fn listed(keys: &Keys, port: u16, swarm: Option<SwarmId>) -> ListedNode {
    ListedNode::new(keys.ed25519_public, keys.x25519_public, Ipv4Addr::LOCALHOST, port, swarm)
}

/// A running network and its directory.
pub(crate) struct Net {
    pub(crate) network: Network,
    pub(crate) folder: TempDir,
    pub(crate) http: reqwest::Client,
}

impl Net {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let network = Network::start(&Options::on_free_ports(folder.path())).await.unwrap();
        Self { network, folder, http: tls::client().unwrap() }
    }

    /// Stops everything and starts it again over the same directory.
    pub(crate) async fn restart(self) -> Self {
        let Self { network, folder, http } = self;
        network.shut_down().await;
        let network = Network::start(&Options::on_free_ports(folder.path())).await.unwrap();
        Self { network, folder, http }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.network.clock.now()).unwrap()
    }

    fn hop(&self, number: usize) -> Hop {
        let node = self.network.node(number).unwrap();
        Hop { ed25519: node.keys.ed25519_public, x25519: node.keys.x25519_public }
    }

    /// Numbers of the nodes that keep this account's messages, and of the others.
    pub(crate) fn swarm_of(&self, account: &Account) -> (Vec<usize>, Vec<usize>) {
        let list = self.network.registry.list();
        let swarm = list.swarm_of(&owner(account)).unwrap();
        (1..=self.network.size()).filter(|number| self.network.node(*number).is_some()).partition(|number| {
            let key = self.network.node(*number).unwrap().ed25519();
            list.find(&key).unwrap().swarm == Some(swarm)
        })
    }

    /// A request straight to a node; status and body, which is a string if it is no JSON.
    pub(crate) async fn direct(&self, number: usize, request: &Value) -> (u16, Value) {
        let key = self.network.node(number).unwrap().ed25519();
        let list = self.network.registry.list();
        let node = list.find(&key).unwrap();
        let url = format!("https://{}:{}/storage_rpc/v1", node.ip, node.port);
        let answer = self.http.post(url).body(request.to_string()).send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A request through the gateway and three hops.
    pub(crate) async fn by_onion(
        &self,
        path: [usize; 3],
        destination: usize,
        request: &Value,
        cipher: Cipher,
    ) -> NodeReply {
        let path = path.map(|number| self.hop(number));
        let payload = node_payload(request.to_string().as_bytes());
        let destination = Destination::Node(self.hop(destination));
        let (packet, key) = build(&path, &destination, &payload, cipher, &mut rand::rng()).unwrap();
        let (status, _, body) = self.packet(&hex::encode(path[0].ed25519.0), packet).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        key.open(&body).unwrap()
    }

    /// A body to the gateway's onion route: status, gateway error, body without padding.
    pub(crate) async fn packet(&self, guard: &str, body: Vec<u8>) -> (u16, Option<String>, Vec<u8>) {
        let url = format!("http://{}/gw/v1/onion/{guard}", self.network.app_address);
        let answer = self.http.post(url).body(body).send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, error) = (answer.status().as_u16(), header("x-gateway-error"));
        let length = header("x-gateway-length").map_or(usize::MAX, |length| length.parse().unwrap());
        let mut body = answer.bytes().await.unwrap().to_vec();
        body.truncate(length); // the rest is padding
        (status, error, body)
    }

    /// Hashes that a node gives for an account's namespace.
    pub(crate) async fn hashes(&self, number: usize, account: &Account, namespace: i16) -> Vec<String> {
        let request = retrieve(account, Namespace(namespace), None, MaxSize::Default, self.now());
        let (status, body) = self.direct(number, &request).await;
        assert_eq!(status, 200, "{body}");
        let messages = body["messages"].as_array().unwrap();
        messages.iter().map(|message| message["hash"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until a node gives exactly these.
    pub(crate) async fn until_hashes(&self, number: usize, account: &Account, namespace: i16, expected: &[String]) {
        let start = Instant::now();
        loop {
            let found = self.hashes(number, account, namespace).await;
            if found == expected {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "node {number} has {found:?}, not {expected:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
