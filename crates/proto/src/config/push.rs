//! What a push hands out. It cannot name a message as obsolete that it stores: see [`Push::new`], the only way to one.

use super::message::Version;
use crate::sorted::SortedSet;
use crate::storage_rpc::{MessageHash, Namespace};

/// Messages to store and hashes to delete, in this order, in one `sequence` request.
pub struct Push {
    namespace: Namespace,
    messages: Vec<(MessageHash, Vec<u8>)>,
    receipt: Receipt,
}

/// Reports a push back to its config: keep it until the answer is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    pub(super) version: Version,
    pub(super) stored: SortedSet<MessageHash>,
    pub(super) obsolete: SortedSet<MessageHash>,
}

impl Push {
    /// Leaves out of `obsolete` whatever is stored by this same push.
    pub(super) fn new(
        namespace: Namespace,
        version: Version,
        messages: Vec<(MessageHash, Vec<u8>)>,
        obsolete: &SortedSet<MessageHash>,
    ) -> Self {
        let stored: SortedSet<MessageHash> = messages.iter().map(|(hash, _)| *hash).collect();
        let obsolete = obsolete.difference(&stored).copied().collect();
        Self { namespace, messages, receipt: Receipt { version, stored, obsolete } }
    }

    /// Where to store.
    #[must_use]
    pub const fn namespace(&self) -> Namespace {
        self.namespace
    }

    /// What to store, with the hash every node will give it: one message, or the parts of a very large config.
    #[must_use]
    pub fn messages(&self) -> &[(MessageHash, Vec<u8>)] {
        &self.messages
    }

    /// What to delete once everything is stored.
    pub fn obsolete(&self) -> impl ExactSizeIterator<Item = &MessageHash> {
        self.receipt.obsolete.iter()
    }

    /// For `confirm_pushed` or `abandon_push`.
    #[must_use]
    pub const fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}
