//! The messages of one conversation, in order, with the unread ones known.

use std::collections::BTreeMap;

use zwiebel_proto::sorted::SortedSet;

use super::rows::MessageRow;
use crate::view::MessageId;

#[derive(Default)]
pub(crate) struct Thread {
    messages: BTreeMap<MessageId, MessageRow>,
    unread: SortedSet<MessageId>,
}

impl Thread {
    pub(crate) fn insert(&mut self, id: MessageId, row: MessageRow) {
        if row.unread {
            self.unread.insert(id);
        } else {
            self.unread.remove(&id);
        }
        self.messages.insert(id, row);
    }

    pub(crate) fn remove(&mut self, id: &MessageId) {
        self.unread.remove(id);
        self.messages.remove(id);
    }

    pub(crate) fn get(&self, id: &MessageId) -> Option<&MessageRow> {
        self.messages.get(id)
    }

    pub(crate) fn last(&self) -> Option<(&MessageId, &MessageRow)> {
        self.messages.last_key_value()
    }

    /// The message before this one.
    pub(crate) fn before(&self, id: &MessageId) -> Option<MessageId> {
        self.messages.range(..id).next_back().map(|(id, _)| *id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&MessageId, &MessageRow)> {
        self.messages.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// The newest `count` messages, oldest first.
    pub(crate) fn newest(&self, count: usize) -> Vec<(&MessageId, &MessageRow)> {
        let mut list: Vec<_> = self.messages.iter().rev().take(count).collect();
        list.reverse();
        list
    }

    pub(crate) const fn unread(&self) -> &SortedSet<MessageId> {
        &self.unread
    }

    pub(crate) fn into_ids(self) -> SortedSet<MessageId> {
        self.messages.into_keys().collect()
    }
}
