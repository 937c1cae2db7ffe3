//! Wire formats. Knows bytes and their rules; knows nothing of state, time or transport.
//!
//! Every decoder takes bytes from strangers: it checks lengths before it allocates and never panics.

pub mod account;
pub mod account_id;
pub mod bencode;
pub mod config;
pub mod content;
pub mod directory;
pub mod envelope;
pub mod names;
pub mod onion;
pub mod padding;
pub mod phrase;
pub mod roster;
pub mod sorted;
pub mod storage_rpc;
pub mod swarm;
mod wire;
pub mod zr1;

#[cfg(test)]
mod testing;
