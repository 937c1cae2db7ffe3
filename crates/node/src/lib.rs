//! The native side: service node, gateway, seed, and the local network that runs them all in one process.
//!
//! A request goes `http` → `rpc` (or `onion` → `rpc`) → `store`, and for writes on to the swarm through `replication`.
//! The client engine is used only by the bots.

pub mod account;
pub mod acme;
pub mod bot;
pub mod cli;
pub mod clock;
pub mod config;
pub mod directory;
pub mod encoding;
pub mod gateway;
pub mod http;
pub mod keys;
pub mod limits;
pub mod local;
pub mod metrics;
pub mod node;
pub mod onion;
pub mod operator;
pub mod peer;
pub mod probe;
pub mod rate_limit;
pub mod registry;
pub mod relay;
pub mod replication;
pub mod reports;
pub mod rpc;
pub mod seed;
pub mod serve;
pub mod service;
pub mod session;
pub mod store;
pub mod swarms;
pub mod sync;
#[cfg(feature = "tap")]
pub mod tap;
pub mod tls;
pub mod waits;
