//! What has been read (session-config 9.3).

use super::fields::{Fields, Writer, account_id};
use super::tree::{self, Value};
use super::{Config, ConfigKind, Kind};
use crate::account_id::AccountId;
use crate::sorted::SortedSet;
use crate::storage_rpc::Namespace;

/// Read marks older than this are removed.
const KEPT_MS: u64 = 45 * 24 * 3600 * 1000;

/// Marks the config of the read state.
#[derive(Debug, Clone, Copy)]
pub enum ConvoInfoVolatile {}

impl ConfigKind for ConvoInfoVolatile {
    const KIND: Kind = Kind { namespace: Namespace::CONVERSATIONS, domain: "ConvoInfoVolatile", wrap: 3 };
}

/// How far a conversation has been read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ReadMark {
    /// The sent time of the last message read; 0 for none.
    pub last_read_ms: u64,
    /// Marked as unread by hand.
    pub marked_unread: bool,
}

impl ReadMark {
    /// What of two marks holds: reading never moves backwards.
    #[must_use]
    pub fn latest(self, other: Self) -> Self {
        if other.last_read_ms > self.last_read_ms { other } else { self }
    }

    fn read(fields: Fields<'_>) -> Self {
        Self { last_read_ms: fields.unsigned(b"r"), marked_unread: fields.flag(b"u") }
    }
}

/// A conversation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conversation {
    /// A room of a community: canonical base URL, room token in lower case, the server's key.
    Community { base_url: String, room: String, key: [u8; 32] },
    /// A group, by its id (prefix 03).
    Group([u8; 33]),
    /// A group of the old kind, by its id (prefix 05). Carried along.
    LegacyGroup([u8; 33]),
    /// With one person.
    OneToOne(AccountId),
}

impl Conversation {
    fn with_path<T>(&self, run: impl FnOnce(&[&[u8]]) -> T) -> T {
        match self {
            Self::Community { base_url, room, .. } => run(&[b"o", base_url.as_bytes(), b"R", room.as_bytes()]),
            Self::Group(id) => run(&[b"g", id]),
            Self::LegacyGroup(id) => run(&[b"C", id]),
            Self::OneToOne(id) => run(&[b"1", &id.to_bytes()]),
        }
    }
}

impl Config<ConvoInfoVolatile> {
    /// The mark of a conversation, if there is one.
    #[must_use]
    pub fn read_mark(&self, of: &Conversation) -> Option<ReadMark> {
        let fields = of.with_path(|path| tree::dict_at(self.data(), path))?;
        Some(ReadMark::read(Fields(Some(fields))))
    }

    /// Writes a mark. This is the busiest config: call it at most every few seconds for one conversation.
    pub fn set_read_mark(&mut self, of: &Conversation, mark: ReadMark) {
        let present = self.read_mark(of);
        let old = present.unwrap_or_default();
        if let Conversation::Community { base_url, key, .. } = of {
            self.set(&[b"o", base_url.as_bytes()], b"#", Some(Value::bytes(*key)));
        }
        of.with_path(|path| {
            let mut writer = Writer { object: self, path };
            // Always there, be it 0: an entry without fields would vanish.
            if present.is_none() || old.last_read_ms != mark.last_read_ms {
                writer.put(b"r", Some(Value::int(i64::try_from(mark.last_read_ms).unwrap_or(i64::MAX))));
            }
            writer.flag(b"u", old.marked_unread, mark.marked_unread);
        });
    }

    /// Removes the mark of a conversation that is no more.
    pub fn erase(&mut self, of: &Conversation) {
        of.with_path(|path| {
            if let Some((key, path)) = path.split_last() {
                self.set(path, key, None);
            }
        });
    }

    /// The marks of the conversations with one person.
    pub fn one_to_one(&self) -> impl Iterator<Item = (AccountId, ReadMark)> {
        tree::dict_at(self.data(), &[b"1"]).into_iter().flatten().filter_map(|(key, value)| {
            let fields = value.as_dict()?;
            Some((account_id(key)?, ReadMark::read(Fields(Some(fields)))))
        })
    }

    /// Removes the marks of conversations with one person that were read last more than 45 days ago, but those that were
    /// just written.
    pub fn erase_old(&mut self, now_ms: u64, but: &SortedSet<AccountId>) {
        let is_old = |mark: &ReadMark| !mark.marked_unread && mark.last_read_ms.saturating_add(KEPT_MS) < now_ms;
        let old = self.one_to_one().filter(|(id, mark)| is_old(mark) && !but.contains(id));
        let old: Vec<AccountId> = old.map(|(id, _)| id).collect();
        old.into_iter().for_each(|id| self.erase(&Conversation::OneToOne(id)));
    }
}
