//! Wire formats. Knows bytes and their rules; knows nothing of state, time or transport.

pub mod account_id;
pub mod directory;
