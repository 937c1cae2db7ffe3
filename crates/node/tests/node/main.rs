//! Nodes over their real surfaces: routes without a socket, and whole networks on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod acme;
mod api;
mod authority;
mod bad_input;
mod command_line;
mod fuzzed;
mod gateway;
mod gateway_rules;
mod healing;
mod limits;
mod network;
mod relay;
mod session;
mod subaccounts;
mod support;
mod trusting;
mod vectors;
mod waiting;

// The same files that libFuzzer runs.
#[allow(unreachable_pub, reason = "public over there")]
#[path = "../../../../fuzz/src/node_bencode.rs"]
mod node_bencode;
#[allow(unreachable_pub, reason = "public over there")]
#[path = "../../../../fuzz/src/node_http.rs"]
mod node_http;
#[allow(unreachable_pub, reason = "public over there")]
#[path = "../../../../fuzz/src/node_json.rs"]
mod node_json;
#[allow(unreachable_pub, reason = "public over there")]
#[path = "../../../../fuzz/src/node_onion.rs"]
mod node_onion;
#[allow(unreachable_pub, reason = "public over there")]
#[path = "../../../../fuzz/src/node_support.rs"]
mod node_support;
