//! What a merge did with each message.

use crate::storage_rpc::MessageHash;

/// The outcome of a merge.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MergeReport {
    /// Messages and parts taken in: handled, once the dump is stored.
    pub accepted: Vec<MessageHash>,
    /// Messages without effect. They are left where they are.
    pub ignored: Vec<(MessageHash, Ignored)>,
    /// Whether the data is different now.
    pub changed: bool,
}

/// Why a message was ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// Not made with our seed for this namespace, or broken.
    Damaged,
    /// Of a format that only newer clients know.
    Newer,
}
