//! One commit: rows to put and to delete, written together or not at all.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Names one commit of this engine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId(pub u64);

/// The tables of the client's store. Values are opaque to the store; it seals them at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Table {
    /// Single rows by name: account, settings, clock offset, node list, guards.
    Meta,
    /// Contacts by Account ID.
    Contact,
    /// Conversations by Account ID: read position, draft, pinned, muted.
    Conversation,
    /// Messages by [`crate::view::MessageId`].
    Message,
    /// Sealed messages waiting to be stored in a swarm.
    Outbox,
    /// Hashes of messages already taken in, with the time they may be forgotten.
    Seen,
    /// Poll positions by (node, namespace).
    Cursor,
    /// Everything of the forward-secret layer; the keys are those of [`crate::zr1`].
    Zr1,
}

impl Table {
    /// Every table, in the order the store creates them.
    pub const ALL: [Self; 8] = [
        Self::Meta,
        Self::Contact,
        Self::Conversation,
        Self::Message,
        Self::Outbox,
        Self::Seen,
        Self::Cursor,
        Self::Zr1,
    ];

    /// The table's name in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Contact => "contact",
            Self::Conversation => "conversation",
            Self::Message => "message",
            Self::Outbox => "outbox",
            Self::Seen => "seen",
            Self::Cursor => "cursor",
            Self::Zr1 => "zr1",
        }
    }
}

/// A stored row, as handed to `Engine::boot`.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    pub table: Table,
    pub key: Vec<u8>,
    /// May hold keys, and is wiped when it is dropped.
    pub value: Zeroizing<Vec<u8>>,
}

/// One change.
#[derive(Clone, PartialEq, Eq)]
pub enum Op {
    Put(Row),
    Delete {
        table: Table,
        key: Vec<u8>,
    },
    /// Forget everything (the account is erased on this device). Always the only operation of its batch.
    Clear,
}

/// Changes that belong together.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub ops: Vec<Op>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({})", self.table.name())
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(row) => write!(f, "Put({})", row.table.name()),
            Self::Delete { table, .. } => write!(f, "Delete({})", table.name()),
            Self::Clear => f.write_str("Clear"),
        }
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("id", &self.id.0).field("ops", &self.ops).finish()
    }
}
