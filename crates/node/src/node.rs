//! One service node: keys, clock, list, store, and the transport to its peers. [`start`] makes it run.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use zwiebel_crypto::keys::Ed25519Public;

use crate::clock::Clock;
use crate::http;
use crate::keys::Keys;
use crate::limits;
use crate::peer::Transport;
use crate::rate_limit::Rate;
use crate::rate_limit::RateLimit;
use crate::registry::Registry;
use crate::relay::Relay;
use crate::replication;
use crate::serve;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::messages;
use crate::store::queue;
use crate::sync;
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
    pub(crate) transport: Transport,
    pub(crate) clients: RateLimit,
    /// A slot for every client request at work; onion requests have no address to be limited by.
    pub(crate) slots: Semaphore,
    /// Retrieves that wait for a message.
    pub waits: Arc<Waits>,
    /// Rung when copies for a peer may be worth trying at once.
    pub(crate) retry: Notify,
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
            clients: RateLimit::new(
                Rate { per_second: 300.0, burst: 600.0 },
                Rate { per_second: 5_000.0, burst: 10_000.0 },
            ),
            slots: Semaphore::new(limits::AT_WORK),
            relay: Relay::default(),
            waits: Arc::default(),
            retry: Notify::new(),
        })
    }

    /// Lets clients reach servers outside through it.
    #[must_use]
    pub fn with_relay(mut self, relay: Relay) -> Self {
        self.relay = relay;
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
                messages::purge(db, now)
            })
            .await
    }
}

/// A node that serves. Dropping it closes its listener and connections.
#[derive(Debug)]
pub struct Running {
    pub node: Arc<Node>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Closes the listener, all connections and, once nobody uses it, the store.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Serves the node at this listener, and starts its housekeeping: purge, retries, and one pull from its swarm.
#[must_use]
pub fn start(node: Node, listener: TcpListener, tls: Option<TlsAcceptor>) -> Running {
    let node = Arc::new(node);
    let mut tasks = JoinSet::new();
    tasks.spawn(serve::serve(listener, tls, http::router(Arc::clone(&node))));
    tasks.spawn(purge_for_ever(Arc::clone(&node)));
    tasks.spawn(replication::retry_for_ever(Arc::clone(&node)));
    tasks.spawn(sync::catch_up(Arc::clone(&node)));
    Running { node, tasks }
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
