//! Errors of hops, in plain text (service-nodes 4.7).
//!
//! # Security
//! Everybody between us and the node that wrote it can read and forge these. They are hints: act on them only within
//! limits.

use zwiebel_crypto::keys::Ed25519Public;

/// What a hop, or somebody in its place, says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HopError {
    /// 400: a hop could not open its layer; our copy of its key may be old.
    InvalidCiphertext,
    /// 500: the next hop's answer was malformed.
    InvalidResponse,
    /// 502: the node before it does not know this one.
    NextNotFound(Ed25519Public),
    /// 502: known, but marked unreachable.
    NextUnreachable(Ed25519Public),
    /// 503: this node is not ready.
    NotReady(Ed25519Public),
    /// 400: the path is too long.
    PathTooLong,
    /// 504: the next hop did not answer.
    Timeout,
    /// Anything else.
    Unknown,
}

impl HopError {
    /// Reads a plain answer that is not 200.
    #[must_use]
    pub fn parse(status: u16, body: &[u8]) -> Self {
        let text = body.get(..160).unwrap_or(body); // the longest known text has 99 bytes
        let text = std::str::from_utf8(text).unwrap_or_default().trim_end();
        match (status, text) {
            (400, "Invalid ciphertext") => Self::InvalidCiphertext,
            (400, "onion request max path length exceeded") => Self::PathTooLong,
            (500, "Invalid response from snode") => Self::InvalidResponse,
            (502, text) => named(text, "Next node not found: ")
                .map(Self::NextNotFound)
                .or_else(|| named(text, "Next node is currently unreachable: ").map(Self::NextUnreachable))
                .unwrap_or(Self::Unknown),
            (503, text) => named(text, "Snode not ready: ").map_or(Self::Unknown, Self::NotReady),
            (504, "Request time out") => Self::Timeout,
            _ => Self::Unknown,
        }
    }
}

fn named(text: &str, prefix: &str) -> Option<Ed25519Public> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.strip_prefix(prefix)?, &mut key).ok()?;
    Some(Ed25519Public(key))
}
