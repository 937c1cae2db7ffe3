//! What this device knows of the account: contacts, conversations, messages, outbox, and where polling stands.
//! Everything is held in memory and written through [`crate::outflow::Outflow`]; knows nothing of the network.

pub(crate) mod rows;
pub(crate) mod stamps;
pub(crate) mod thread;

use std::collections::BTreeMap;

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::{SortedMap, SortedSet};

use self::rows::{ContactRow, ConversationRow, CursorRow, MessageRow, Orphan, OutboxRow, ProfileRow, RestoreRow};
use self::stamps::Stamps;
use self::thread::Thread;
use crate::batch::{Row, Table};
use crate::configs::{Configs, SyncRow};
use crate::outflow::Outflow;
use crate::row::{self, RowError};
use crate::view::{MessageId, Settings};

/// Early reactions and deletions kept for messages that are not here yet.
const MAX_ORPHANS: usize = 200;

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) account: Option<Account>,
    pub(crate) profile: ProfileRow,
    pub(crate) settings: Settings,
    pub(crate) restore: Option<RestoreRow>,
    pub(crate) contacts: SortedMap<AccountId, ContactRow>,
    pub(crate) conversations: SortedMap<AccountId, ConversationRow>,
    pub(crate) threads: SortedMap<AccountId, Thread>,
    /// Which conversation a message is in.
    pub(crate) index: BTreeMap<MessageId, AccountId>,
    pub(crate) outbox: SortedMap<u64, OutboxRow>,
    next_outbox: u64,
    /// Hashes of messages taken in, and when they may be forgotten (network time). As many as a swarm holds, in no order.
    pub(crate) seen: BTreeMap<String, u64>,
    pub(crate) cursors: SortedMap<(Ed25519Public, i16), CursorRow>,
    pub(crate) stamps: Stamps,
    pub(crate) orphans: Vec<Orphan>,
    /// Contacts whose change the session manager has not been told.
    pub(crate) unmet: SortedSet<AccountId>,
    pub(crate) configs: Configs,
    /// Whose contact or conversation was changed in this step, and whether the profile was: see [`crate::configs`].
    pub(crate) touched: SortedSet<AccountId>,
    pub(crate) touched_profile: bool,
}

/// Names of the single rows in [`Table::Meta`] that belong to the account.
pub(crate) mod meta {
    pub(crate) const ACCOUNT: &[u8] = b"account";
    pub(crate) const PROFILE: &[u8] = b"profile";
    pub(crate) const SETTINGS: &[u8] = b"settings";
    pub(crate) const RESTORE: &[u8] = b"restore";
    pub(crate) const STAMPS: &[u8] = b"stamps";
    pub(crate) const ORPHANS: &[u8] = b"orphans";
    pub(crate) const SYNC: &[u8] = b"sync";

    /// The dump of a config.
    pub(crate) fn config(namespace: zwiebel_proto::storage_rpc::Namespace) -> Vec<u8> {
        format!("config/{namespace}").into_bytes()
    }
}

impl Model {
    /// Takes in one stored row; rows of [`Table::Meta`] that are not the account's are left alone (`false`).
    pub(crate) fn load(&mut self, stored: &Row) -> Result<bool, RowError> {
        let (table, bytes) = (stored.table, stored.value.as_slice());
        let damaged = RowError::Damaged(table);
        match table {
            Table::Meta => return self.load_meta(&stored.key, bytes),
            Table::Zr1 => return Ok(false), // the session manager's own
            Table::Contact => {
                let contact = row::decode_either::<rows::first::ContactRow, ContactRow>(table, bytes)?;
                self.contacts.insert(rows::account_key(&stored.key).ok_or(damaged)?, contact);
            }
            Table::Conversation => {
                let row = row::decode_either::<rows::first::ConversationRow, ConversationRow>(table, bytes)?;
                self.conversations.insert(rows::account_key(&stored.key).ok_or(damaged)?, row);
            }
            Table::Message => {
                let id = rows::message_id(&stored.key).ok_or(damaged)?;
                let message = row::decode_either::<rows::first::MessageRow, MessageRow>(table, bytes)?;
                self.index.insert(id, message.with);
                self.threads.entry(message.with).or_default().insert(id, message);
            }
            Table::Outbox => {
                let number = rows::number(&stored.key).ok_or(damaged)?;
                self.outbox.insert(number, row::decode(table, bytes)?);
                self.next_outbox = self.next_outbox.max(number.saturating_add(1));
            }
            Table::Seen => {
                let hash = String::from_utf8(stored.key.clone()).map_err(|_| damaged)?;
                self.seen.insert(hash, row::decode(table, bytes)?);
            }
            Table::Cursor => {
                if let (Some(key), Ok(cursor)) = (rows::cursor_id(&stored.key), row::decode(table, bytes)) {
                    self.cursors.insert(key, cursor); // a lost cursor only costs a longer answer
                }
            }
        }
        Ok(true)
    }

    fn load_meta(&mut self, key: &[u8], bytes: &[u8]) -> Result<bool, RowError> {
        let table = Table::Meta;
        match key {
            meta::ACCOUNT => {
                let seed: [u8; 16] = row::decode(table, bytes)?;
                self.account = Some(Account::from_seed16(seed));
            }
            meta::PROFILE => self.profile = row::decode(table, bytes)?,
            meta::SETTINGS => self.settings = row::decode(table, bytes)?,
            meta::RESTORE => self.restore = Some(row::decode(table, bytes)?),
            meta::STAMPS => self.stamps = row::decode(table, bytes)?,
            meta::ORPHANS => self.orphans = row::decode(table, bytes)?,
            meta::SYNC => {
                let row: SyncRow = row::decode(table, bytes)?;
                self.configs.row = SyncRow { seeded: row.seeded && !self.configs.is_damaged(), ..row };
            }
            _ => return self.configs.load(key, bytes),
        }
        Ok(true)
    }

    pub(crate) fn own_id(&self) -> Option<AccountId> {
        self.account.as_ref().map(Account::id)
    }

    pub(crate) fn contact(&self, who: &AccountId) -> ContactRow {
        self.contacts.get(who).cloned().unwrap_or_default()
    }

    pub(crate) fn put_contact(&mut self, out: &mut Outflow, who: AccountId, row: ContactRow) {
        out.put(Table::Contact, rows::account_bytes(&who), &row);
        self.contacts.insert(who, row);
        self.touched.insert(who);
        self.unmet.insert(who);
    }

    pub(crate) fn put_conversation(&mut self, out: &mut Outflow, with: AccountId, row: ConversationRow) {
        out.put(Table::Conversation, rows::account_bytes(&with), &row);
        self.conversations.insert(with, row);
        self.touched.insert(with);
    }

    pub(crate) fn remove_contact(&mut self, out: &mut Outflow, who: &AccountId) {
        if self.contacts.remove(who).is_some() {
            out.delete(Table::Contact, rows::account_bytes(who));
            self.touched.insert(*who);
            self.unmet.insert(*who);
        }
    }

    pub(crate) fn remove_conversation(&mut self, out: &mut Outflow, with: &AccountId) {
        if self.conversations.remove(with).is_some() {
            out.delete(Table::Conversation, rows::account_bytes(with));
            self.touched.insert(*with);
        }
    }

    pub(crate) fn message(&self, id: &MessageId) -> Option<(AccountId, &MessageRow)> {
        let with = self.index.get(id)?;
        Some((*with, self.threads.get(with)?.get(id)?))
    }

    pub(crate) fn put_message(&mut self, out: &mut Outflow, id: MessageId, row: MessageRow) {
        out.put(Table::Message, rows::message_bytes(&id), &row);
        self.index.insert(id, row.with);
        self.threads.entry(row.with).or_default().insert(id, row);
    }

    /// Changes a message; `None` when it is not here.
    pub(crate) fn change_message(
        &mut self,
        out: &mut Outflow,
        id: MessageId,
        change: impl FnOnce(&mut MessageRow),
    ) -> Option<AccountId> {
        let (with, row) = self.message(&id)?;
        let mut row = row.clone();
        change(&mut row);
        self.put_message(out, id, row);
        Some(with)
    }

    pub(crate) fn remove_message(&mut self, out: &mut Outflow, id: &MessageId) -> Option<AccountId> {
        let with = self.index.remove(id)?;
        if let Some(thread) = self.threads.get_mut(&with) {
            thread.remove(id);
        }
        out.delete(Table::Message, rows::message_bytes(id));
        Some(with)
    }

    /// Removes every message of a conversation, and what waits in the outbox only for them.
    pub(crate) fn remove_thread(&mut self, out: &mut Outflow, with: &AccountId) {
        let ids: SortedSet<MessageId> = self.threads.remove(with).map(Thread::into_ids).unwrap_or_default();
        for id in &ids {
            self.index.remove(id);
            out.delete(Table::Message, rows::message_bytes(id));
        }
    }

    pub(crate) fn add_outbox(&mut self, out: &mut Outflow, row: OutboxRow) -> u64 {
        let number = self.next_outbox;
        self.next_outbox = number.saturating_add(1);
        if row.is_durable() {
            out.put(Table::Outbox, rows::number_bytes(number), &row);
        }
        self.outbox.insert(number, row);
        number
    }

    pub(crate) fn put_outbox(&mut self, out: &mut Outflow, number: u64, row: OutboxRow) {
        out.put(Table::Outbox, rows::number_bytes(number), &row);
        self.outbox.insert(number, row);
    }

    pub(crate) fn remove_outbox(&mut self, out: &mut Outflow, number: u64) -> Option<OutboxRow> {
        let row = self.outbox.remove(&number)?;
        if row.is_durable() {
            out.delete(Table::Outbox, rows::number_bytes(number));
        }
        Some(row)
    }

    pub(crate) fn mark_seen(&mut self, out: &mut Outflow, hash: &str, forget_at: u64) {
        out.put(Table::Seen, hash.as_bytes().to_vec(), &forget_at);
        self.seen.insert(hash.to_owned(), forget_at);
    }

    /// Forgets hashes no swarm can serve any more.
    pub(crate) fn prune_seen(&mut self, out: &mut Outflow, network_now: u64) {
        let old: Vec<String> = self.seen.iter().filter(|(_, at)| **at < network_now).map(|(h, _)| h.clone()).collect();
        for hash in old {
            out.delete(Table::Seen, hash.as_bytes().to_vec());
            self.seen.remove(&hash);
        }
    }

    pub(crate) fn put_cursor(&mut self, out: &mut Outflow, node: Ed25519Public, namespace: i16, row: CursorRow) {
        out.put(Table::Cursor, rows::cursor_bytes(&node, namespace), &row);
        self.cursors.insert((node, namespace), row);
    }

    pub(crate) fn put_meta<T: serde::Serialize>(out: &mut Outflow, key: &[u8], value: &T) {
        out.put(Table::Meta, key.to_vec(), value);
    }

    /// A sent time nobody of this account used before.
    pub(crate) fn stamp(&mut self, out: &mut Outflow, network_now: u64) -> u64 {
        let stamp = self.stamps.take(network_now);
        Self::put_meta(out, meta::STAMPS, &self.stamps);
        stamp
    }

    pub(crate) fn add_orphan(&mut self, out: &mut Outflow, orphan: Orphan) {
        if self.orphans.contains(&orphan) {
            return;
        }
        self.orphans.push(orphan);
        if self.orphans.len() > MAX_ORPHANS {
            self.orphans.remove(0);
        }
        Self::put_meta(out, meta::ORPHANS, &self.orphans);
    }

    /// Takes out what was waiting for this message.
    pub(crate) fn take_orphans(&mut self, out: &mut Outflow, target: &MessageId) -> Vec<Orphan> {
        let (mine, rest): (Vec<Orphan>, Vec<Orphan>) =
            std::mem::take(&mut self.orphans).into_iter().partition(|o| o.target == *target);
        self.orphans = rest;
        if !mine.is_empty() {
            Self::put_meta(out, meta::ORPHANS, &self.orphans);
        }
        mine
    }
}
