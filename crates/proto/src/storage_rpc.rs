//! The storage RPC of service nodes (service-nodes 3): namespaces, message hashes, signed texts, requests, answers.
//!
//! Requests are JSON values `{"method","params"}`: one alone is an onion payload ([`crate::onion::node_payload`]),
//! several make a [`batch`]. Answers are strangers' JSON: parsed strictly, bounded, and one bad entry never spoils the
//! rest. A node's own parsing of parameters, with its exact error texts, is not here.

pub use self::hash::{HashError, MessageHash, message_hash};
pub use self::namespace::{Namespace, NamespaceClass, Scope};
pub use self::request::{
    ExpiryMode, MAX_BATCH, MaxSize, batch, delete, delete_all, delete_before, expire, expire_all, get_expiries,
    get_swarm, info, retrieve, retrieve_public, sequence, store, store_signed, waiting,
};
pub use self::response::{
    BatchResponse, DeleteResponse, ExpireResponse, ExpiriesResponse, InfoResponse, ResponseError, RetrieveResponse,
    StoreResponse, StoredMessage, SwarmNode, SwarmResponse,
};

pub mod active_nodes;
pub mod confirmation;
mod hash;
mod namespace;
mod request;
mod response;
pub mod signed_text;

/// The largest message a node stores, decoded.
pub const MAX_MESSAGE: usize = 76_800;

#[cfg(test)]
mod tests;
