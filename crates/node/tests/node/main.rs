//! Nodes over their real surfaces: routes without a socket, and whole networks on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod api;
mod bad_input;
mod command_line;
mod gateway;
mod healing;
mod limits;
mod network;
mod relay;
mod session;
mod subaccounts;
mod support;
mod vectors;
mod waiting;
