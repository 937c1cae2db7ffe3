//! What is fuzzed: one module for each decoder that reads bytes from strangers, with the properties that must hold for
//! every input. `fuzz_targets/` hands these to libFuzzer (nightly); `src/main.rs` runs them on the pinned toolchain.
#![allow(missing_docs, reason = "each module is one function")]

pub mod bencode;
pub mod config;
pub mod config_multipart;
pub mod config_unwrap;
pub mod content_decode;
pub mod envelope_open;
#[cfg(feature = "node")]
pub mod node_bencode;
#[cfg(feature = "node")]
pub mod node_http;
#[cfg(feature = "node")]
pub mod node_json;
#[cfg(feature = "node")]
pub mod node_onion;
#[cfg(feature = "node")]
mod node_support;
pub mod onion_outer;
pub mod onion_peel;
pub mod phrase;
pub mod reply_open;
mod shell;
pub mod storage_response;
pub mod zr1_blobs;
pub mod zr1_bundle;
pub mod zr1_container;
pub mod zr1_content;
pub mod zr1_deliver;
pub mod zr1_init;
pub mod zr1_link;
pub mod zr1_manifest;
pub mod zr1_rows;
pub mod zr1_store;
mod zr1_support;

/// A property: panics when an input breaks it.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("bencode", bencode::run),
    ("config", config::run),
    ("config_multipart", config_multipart::run),
    ("config_unwrap", config_unwrap::run),
    ("content_decode", content_decode::run),
    ("envelope_open", envelope_open::run),
    #[cfg(feature = "node")]
    ("node_bencode", node_bencode::run),
    #[cfg(feature = "node")]
    ("node_http", node_http::run),
    #[cfg(feature = "node")]
    ("node_json", node_json::run),
    #[cfg(feature = "node")]
    ("node_onion", node_onion::run),
    ("onion_outer", onion_outer::run),
    ("onion_peel", onion_peel::run),
    ("phrase", phrase::run),
    ("reply_open", reply_open::run),
    ("storage_response", storage_response::run),
    ("zr1_blobs", zr1_blobs::run),
    ("zr1_bundle", zr1_bundle::run),
    ("zr1_container", zr1_container::run),
    ("zr1_content", zr1_content::run),
    ("zr1_deliver", zr1_deliver::run),
    ("zr1_init", zr1_init::run),
    ("zr1_link", zr1_link::run),
    ("zr1_manifest", zr1_manifest::run),
    ("zr1_rows", zr1_rows::run),
    ("zr1_store", zr1_store::run),
];
