//! For tests only: seeded randomness, a memory store, a simulated network of nodes, and a world that runs client engines
//! against it in virtual time. Nothing shipped depends on it.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

pub mod net;
pub mod node;
pub mod rng;
pub mod store;
pub mod world;
pub mod zr1_sim;

/// Virtual times are in milliseconds.
pub const MINUTE_MS: u64 = 60_000;
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
pub const DAY_MS: u64 = 24 * HOUR_MS;
