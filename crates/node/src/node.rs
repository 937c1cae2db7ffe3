//! One service node: keys, clock, list, store, and the transport to its peers. [`start`] makes it run.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio::sync::broadcast;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use zwiebel_crypto::keys::Ed25519Public;

use crate::clock::Clock;
use crate::http;
use crate::keys::Keys;
use crate::limits;
use crate::metrics::Metrics;
use crate::peer::Transport;
use crate::probe;
use crate::rate_limit::Rate;
use crate::rate_limit::RateLimit;
use crate::registry::Registry;
use crate::relay::Relay;
use crate::replication;
use crate::reports::Reports;
use crate::serve;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::messages;
use crate::store::queue;
use crate::store::removals;
use crate::sync;
use crate::sync::Depth;
use crate::tls;
use crate::tls::TlsError;
use crate::waits::Waits;

/// Why a node could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The state that all requests share.
#[derive(Debug)]
pub struct Node {
    pub keys: Arc<Keys>,
    pub clock: Clock,
    pub registry: Registry,
    pub store: Store,
    pub(crate) relay: Relay,
    pub metrics: Metrics,
    /// What tests of other nodes found.
    pub reports: Arc<Reports>,
    pub(crate) transport: Transport,
    /// Storage requests of clients, by address.
    pub(crate) clients: RateLimit<IpAddr>,
    /// Packets of clients and gateways, by address: many people may share one.
    pub(crate) packets: RateLimit<IpAddr>,
    /// Packets that other nodes pass on, by node.
    pub(crate) hops: RateLimit<Ed25519Public>,
    /// Origins of pages that may use this node without a gateway.
    pub(crate) pages: Vec<String>,
    /// A slot for every client request at work; onion requests have no address to be limited by.
    pub(crate) slots: Semaphore,
    /// Retrieves that wait for a message.
    pub waits: Arc<Waits>,
    /// Rung when copies for a peer may be worth trying at once.
    pub(crate) retry: Notify,
    /// Names peers that have something for this node.
    pub(crate) behind: broadcast::Sender<(Ed25519Public, Depth)>,
}

impl Node {
    /// A node over the database at this path.
    ///
    /// # Errors
    /// If the database or the HTTP client cannot be made.
    pub fn new(keys: Arc<Keys>, clock: Clock, registry: Registry, database: &Path) -> Result<Self, NodeError> {
        Ok(Self {
            transport: Transport::new(Arc::clone(&keys), tls::client()?),
            keys,
            clock,
            registry,
            store: Store::open(database)?,
            metrics: Metrics::default(),
            reports: Arc::default(),
            clients: RateLimit::per_address(Rate { per_second: 300.0, burst: 600.0 }),
            packets: RateLimit::per_address(Rate { per_second: 500.0, burst: 2_000.0 }),
            hops: RateLimit::new(Rate { per_second: 1_000.0, burst: 4_000.0 }),
            pages: Vec::new(),
            slots: Semaphore::new(limits::AT_WORK),
            relay: Relay::default(),
            waits: Arc::default(),
            retry: Notify::new(),
            behind: broadcast::Sender::new(64),
        })
    }

    /// Lets clients reach servers outside through it.
    #[must_use]
    pub fn with_relay(mut self, relay: Relay) -> Self {
        self.relay = relay;
        self
    }

    /// Lets pages of these origins use the node directly; `*` stands for all.
    #[must_use]
    pub fn for_pages(mut self, pages: Vec<String>) -> Self {
        self.pages = pages;
        self
    }

    /// The node's name in the list.
    #[must_use]
    pub fn ed25519(&self) -> Ed25519Public {
        self.keys.ed25519_public
    }

    /// Removes what has expired, by this node's clock.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn purge(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        self.store
            .run(move |db| {
                queue::purge(db, now)?;
                removals::purge(db, now)?;
                messages::purge(db, now)
            })
            .await
    }
}

/// How long what is left of requests may take to end.
const END: Duration = Duration::from_secs(3);

/// A node that serves. Dropping it closes its listener and connections.
#[derive(Debug)]
pub struct Running {
    pub node: Arc<Node>,
    server: JoinSet<()>,
    stopping: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Takes no more connections, lets requests at work end, then closes the store.
    pub async fn drain(mut self) {
        self.stopping.send_replace(true);
        self.node.waits.close();
        while self.server.join_next().await.is_some() {}
        self.stop().await;
    }

    /// Closes the listener, all connections and the store. What is left of requests is waited for, so that the database can be
    /// opened again; a while only, for it may be somebody else who holds the node.
    pub async fn stop(mut self) {
        self.server.shutdown().await;
        self.tasks.shutdown().await;
        let over = tokio::time::Instant::now() + END;
        while Arc::strong_count(&self.node) > 1 && tokio::time::Instant::now() < over {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Serves the node at this listener, and starts its housekeeping: purge, retries, pulls from its swarm, tests of others.
#[must_use]
pub fn start(node: Node, listener: TcpListener, tls: Option<TlsAcceptor>) -> Running {
    let node = Arc::new(node);
    let (mut server, mut tasks) = (JoinSet::new(), JoinSet::new());
    let (stopping, mut stopped) = watch::channel(false);
    let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
    server.spawn(serve::serve_until(listener, tls, http::router(Arc::clone(&node)), stop));
    tasks.spawn(purge_for_ever(Arc::clone(&node)));
    tasks.spawn(replication::retry_for_ever(Arc::clone(&node)));
    tasks.spawn(sync::run(Arc::clone(&node)));
    tasks.spawn(probe::run(Arc::clone(&node)));
    Running { node, server, stopping, tasks }
}

async fn purge_for_ever(node: Arc<Node>) {
    let mut every = tokio::time::interval(limits::PURGE_EVERY.max(Duration::from_secs(1)));
    loop {
        every.tick().await;
        if let Err(error) = node.purge().await {
            tracing::warn!(%error, "purge failed");
        }
    }
}
