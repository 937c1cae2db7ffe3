//! A whole network in one process: ten service nodes with keys, ports and databases of their own, seed and gateway.
//!
//! Everything that must survive a restart lies in one directory. [`commands`] reads what can be done to a running network.

pub mod commands;
mod state;

use std::fs;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use serde_json::json;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use zwiebel_proto::directory::DirectoryContact;
use zwiebel_proto::directory::Network as NetworkName;
use zwiebel_proto::directory::NetworkKind;

use self::state::State;
use crate::clock::Clock;
use crate::gateway;
use crate::gateway::Gateway;
use crate::keys::Keys;
use crate::keys::create_private_folder;
use crate::node;
use crate::node::Node;
use crate::node::NodeError;
use crate::node::Running;
use crate::registry::ListedNode;
use crate::registry::NodeList;
use crate::registry::Registry;
use crate::seed;
use crate::seed::Seed;
use crate::serve;
use crate::store::messages;
use crate::swarms;
use crate::tls;
use crate::tls::TlsError;

/// Most nodes of one local network.
pub const MAX_NODES: usize = 200;

/// How to run it.
#[derive(Debug, Clone)]
pub struct Options {
    pub nodes: usize,
    /// The gateway's address.
    pub listen: SocketAddr,
    pub seed_listen: SocketAddr,
    /// Where everything is kept.
    pub data: PathBuf,
    /// The built app.
    pub app: PathBuf,
    /// Every node on a loopback address of another /24.
    pub distinct_subnets: bool,
}

impl Options {
    /// Ten nodes on whatever ports of this machine are free, everything below this folder.
    #[must_use]
    pub fn on_free_ports(folder: &Path) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (data, app) = (folder.join("data"), folder.join("dist"));
        Self { nodes: 10, listen: any, seed_listen: any, data, app, distinct_subnets: false }
    }
}

/// Why it does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LocalError {
    #[error("cannot listen on {address}: {source}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("a local network has 1 to {MAX_NODES} nodes")]
    Count,
    #[error("cannot use {}: {source}", path.display())]
    Data { path: PathBuf, source: io::Error },
    #[error("another network is running on {}", path.display())]
    InUse { path: PathBuf },
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error("there is no node {0}")]
    NoSuchNode(usize),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running network.
#[derive(Debug)]
pub struct Network {
    pub clock: Clock,
    pub registry: Registry,
    pub gateway: Arc<Gateway>,
    /// Where the gateway listens.
    pub app_address: SocketAddr,
    /// Where the seed listens.
    pub seed_address: SocketAddr,
    slots: Vec<Slot>,
    /// Gateway and seed; they end with this.
    servers: JoinSet<()>,
    /// Keeps others off the directory.
    _lock: fs::File,
}

#[derive(Debug)]
struct Slot {
    keys: Arc<Keys>,
    directory: PathBuf,
    address: SocketAddr,
    running: Option<Running>,
}

impl Network {
    /// Starts everything.
    ///
    /// # Errors
    /// If the directory or an address cannot be used.
    pub async fn start(options: &Options) -> Result<Self, LocalError> {
        if !(1..=MAX_NODES).contains(&options.nodes) {
            return Err(LocalError::Count);
        }
        let at_data = |source| LocalError::Data { path: options.data.clone(), source };
        create_private_folder(&options.data).map_err(at_data)?;
        let lock = lock(&options.data)?;
        let mut state = State::load(&options.data).map_err(at_data)?;
        state.nodes.resize_with(options.nodes.max(state.nodes.len()), Default::default);

        let mut bound = Vec::new();
        for (index, saved) in (1..=options.nodes).zip(&mut state.nodes) {
            let directory = options.data.join(format!("node-{index:02}"));
            fs::create_dir_all(&directory).map_err(at_data)?;
            let keys = Arc::new(Keys::load_or_create(&directory.join("ed25519.seed")).map_err(at_data)?);
            let listener = bind_saved(node_ip(index, options.distinct_subnets), saved.port).await?;
            let address = listener.local_addr().map_err(at_data)?;
            saved.port = address.port();
            bound.push((Slot { keys, directory, address, running: None }, listener));
        }
        let members: Vec<_> = bound.iter().map(|(slot, _)| slot.keys.ed25519_public).collect();
        let swarms = swarms::assign(&members, &state.swarms());
        for ((key, swarm), saved) in members.iter().zip(&swarms).zip(&mut state.nodes) {
            saved.ed25519 = hex::encode(key.0);
            saved.swarm = format!("{:x}", swarm.0);
        }
        state.save(&options.data).map_err(at_data)?;
        let registry = Registry::new(NodeList::new(bound.iter().zip(&swarms).map(|((slot, _), swarm)| {
            let keys = &slot.keys;
            ListedNode::new(
                keys.ed25519_public,
                keys.x25519_public,
                ipv4(slot.address),
                slot.address.port(),
                Some(*swarm),
            )
        })));

        let clock = Clock::system();
        let mut slots = Vec::new();
        for (mut slot, listener) in bound {
            slot.running = Some(slot.run(&clock, &registry, listener)?);
            slots.push(slot);
        }
        let name = NetworkName { id: state.id, name: "Local network".to_owned(), kind: NetworkKind::Local };
        let gateway = Gateway::new(registry.clone(), name, options.app.clone())?.with_private_addresses(true);
        let gateway = Arc::new(gateway);
        let mut servers = JoinSet::new();
        let app_listener = bind(options.listen).await?;
        let app_address = app_listener.local_addr().map_err(at_data)?;
        servers.spawn(serve::serve(app_listener, None, gateway::router(Arc::clone(&gateway))));
        let seed_listener = bind(options.seed_listen).await?;
        let seed_address = seed_listener.local_addr().map_err(at_data)?;
        servers.spawn(serve::serve(seed_listener, None, seed::router(Seed::new(registry.clone(), clock.clone()))));
        Ok(Self { clock, registry, gateway, app_address, seed_address, slots, servers, _lock: lock })
    }

    /// How many nodes it has, stopped ones included.
    #[must_use]
    pub fn size(&self) -> usize {
        self.slots.len()
    }

    /// The running node with this number, from 1.
    #[must_use]
    pub fn node(&self, number: usize) -> Option<&Arc<Node>> {
        let slot = self.slots.get(number.checked_sub(1)?)?;
        slot.running.as_ref().map(|running| &running.node)
    }

    /// Names somebody to talk to in the gateway's directory.
    pub fn add_contact(&self, contact: DirectoryContact) {
        self.gateway.add_contact(contact);
    }

    /// Closes a node's listener, its connections and its database. True if it was running.
    ///
    /// # Errors
    /// If there is no such node.
    pub async fn stop_node(&mut self, number: usize) -> Result<bool, LocalError> {
        let running = self.slot(number)?.running.take();
        let was_running = running.is_some();
        if let Some(running) = running {
            running.stop().await;
        }
        Ok(was_running)
    }

    /// Starts a node again at its old address with its old database. True if it was stopped.
    ///
    /// # Errors
    /// If there is no such node, or it cannot start.
    pub async fn start_node(&mut self, number: usize) -> Result<bool, LocalError> {
        let (clock, registry) = (self.clock.clone(), self.registry.clone());
        let slot = self.slot(number)?;
        if slot.running.is_some() {
            return Ok(false);
        }
        let listener = bind(slot.address).await?;
        slot.running = Some(slot.run(&clock, &registry, listener)?);
        Ok(true)
    }

    /// Moves the clock of all nodes by so many ms and purges what has expired; returns the offset.
    pub async fn move_clock(&self, by: i64) -> i64 {
        let offset = self.clock.advance(by);
        for running in self.slots.iter().filter_map(|slot| slot.running.as_ref()) {
            if let Err(error) = running.node.purge().await {
                tracing::warn!(%error, "purge failed");
            }
        }
        offset
    }

    /// What runs, as JSON.
    pub async fn status(&self) -> Value {
        let list = self.registry.list();
        let mut nodes = Vec::new();
        for (number, slot) in (1..).zip(&self.slots) {
            let count = match &slot.running {
                Some(running) => running.node.store.run(messages::count).await.ok(),
                None => None,
            };
            let swarm = list.find(&slot.keys.ed25519_public).and_then(|listed| listed.swarm);
            nodes.push(json!({
                "node": number, "running": slot.running.is_some(),
                "ed25519": hex::encode(slot.keys.ed25519_public.0), "ip": slot.address.ip().to_string(),
                "port": slot.address.port(), "swarm": swarm.map(|swarm| format!("{:x}", swarm.0)), "messages": count,
            }));
        }
        json!({ "nodes": nodes, "clock_offset_ms": self.clock.offset(), "now_ms": self.clock.now() })
    }

    /// Stops everything and waits for the databases to close.
    pub async fn shut_down(mut self) {
        self.servers.shutdown().await;
        for slot in &mut self.slots {
            if let Some(running) = slot.running.take() {
                running.stop().await;
            }
        }
    }

    fn slot(&mut self, number: usize) -> Result<&mut Slot, LocalError> {
        let index = number.checked_sub(1).ok_or(LocalError::NoSuchNode(number))?;
        self.slots.get_mut(index).ok_or(LocalError::NoSuchNode(number))
    }
}

impl Slot {
    fn run(&self, clock: &Clock, registry: &Registry, listener: TcpListener) -> Result<Running, LocalError> {
        let database = self.directory.join("messages.sqlite");
        let node = Node::new(Arc::clone(&self.keys), clock.clone(), registry.clone(), &database)?;
        Ok(node::start(node, listener, Some(tls::acceptor(&self.directory)?)))
    }
}

/// Where data lies unless told otherwise: the user's data folder.
#[must_use]
pub fn default_data() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local").join("share")))
        .unwrap_or_default()
        .join("zwiebel")
        .join("local")
}

fn lock(data: &Path) -> Result<fs::File, LocalError> {
    let path = data.join("lock");
    let file = fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|source| LocalError::Data { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(LocalError::InUse { path: data.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(LocalError::Data { path, source }),
    }
}

/// 127.0.0.1 for all, or an address of its own /16 for each.
fn node_ip(index: usize, distinct: bool) -> IpAddr {
    match u8::try_from(index) {
        Ok(index) if distinct => Ipv4Addr::new(127, index.saturating_add(20), index, 1).into(),
        _ => Ipv4Addr::LOCALHOST.into(),
    }
}

fn ipv4(address: SocketAddr) -> Ipv4Addr {
    match address.ip() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, LocalError> {
    TcpListener::bind(address).await.map_err(|source| LocalError::Bind { address, source })
}

/// The port of last time, or another one if somebody has taken it meanwhile.
async fn bind_saved(ip: IpAddr, port: u16) -> Result<TcpListener, LocalError> {
    match bind(SocketAddr::new(ip, port)).await {
        Err(_) if port != 0 => bind(SocketAddr::new(ip, 0)).await,
        bound => bound,
    }
}
