//! From rows to configs (session-config 9): what was changed on this device becomes edits. Only what differs is written,
//! so a row that came from a config writes nothing.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::config::{Contact, Conversation, Notifications, Picture, Priority, ReadMark};
use zwiebel_proto::storage_rpc::Namespace;

use super::NAMESPACES;
use crate::clock::DAY_MS;
use crate::engine::{Cx, Engine};
use crate::expiry;
use crate::model::rows::{ContactRow, ConversationRow};
use crate::view::MessageId;

/// Read marks older than this are not written (session-config 9.3).
const MARK_MS: u64 = 30 * DAY_MS;

/// People neither approved nor blocked that are written at most: anybody can make more of them. Further requests are on
/// every device all the same, from their messages.
const MAX_STRANGERS: usize = 200;

impl Engine {
    /// Ends a step: touched rows go into the configs, changed configs into the batch.
    pub(crate) fn write_configs(&mut self, cx: &mut Cx<'_>) {
        if self.model.account.is_none() {
            return;
        }
        let touched = std::mem::take(&mut self.model.touched);
        let profile = std::mem::take(&mut self.model.touched_profile);
        if profile || !touched.is_empty() {
            self.take_push_back();
        }
        if profile {
            self.write_profile();
        }
        let now = self.network_now(cx);
        let settled = !self.model.configs.volatile.needs_push();
        let mut marked = false;
        for id in touched.iter().copied() {
            if self.model.own_id() == Some(id) {
                self.write_note_to_self(id);
            } else {
                self.write_contact(id);
            }
            marked |= self.write_mark(id, now);
        }
        // Together with another mark, so that it causes no push of its own, and once the network has what they say.
        if marked && settled {
            self.model.configs.volatile.erase_old(now, &touched);
        }
        let changed = NAMESPACES.into_iter().filter_map(|n| self.model.configs.object(n)).any(|o| o.needs_dump());
        if changed {
            self.model.configs.put_dumps(&mut self.out);
            self.push_soon(cx);
        }
        self.show_sync(cx);
    }

    fn write_profile(&mut self) {
        let (row, config) = (&self.model.profile, &mut self.model.configs.profile);
        if config.name().unwrap_or_default() != row.display_name {
            config.set_name(&row.display_name);
            config.set_updated_s(row.updated_s);
        }
    }

    fn write_note_to_self(&mut self, own: AccountId) {
        let row = self.model.conversations.get(&own).cloned().unwrap_or_default();
        let config = &mut self.model.configs.profile;
        config.set_note_to_self(priority(&row, config.note_to_self()));
        config.set_note_expiry_s(expiry::seconds(row.expiry));
    }

    fn write_contact(&mut self, id: AccountId) {
        let row = self.model.conversations.get(&id).cloned().unwrap_or_default();
        let config = &mut self.model.configs.contacts;
        let Some(contact) = self.model.contacts.get(&id) else {
            config.erase(&id);
            return;
        };
        let has_room = || config.iter().filter(|known| !known.approved && !known.blocked).count() < MAX_STRANGERS;
        let wanted = belongs(contact, &row) && (contact.approved || contact.blocked || has_room());
        if wanted || config.contact(&id).is_some() {
            config.edit(&id, |entry| fill(entry, contact, &row));
        }
    }

    /// Whether it wrote one.
    fn write_mark(&mut self, id: AccountId, now: u64) -> bool {
        let config = &mut self.model.configs.volatile;
        let of = Conversation::OneToOne(id);
        let own = self.model.account.as_ref().is_some_and(|account| account.id() == id);
        if !own && !self.model.contacts.contains_key(&id) {
            config.erase(&of);
            return false;
        }
        let Some(row) = self.model.conversations.get(&id) else { return false };
        let mark = ReadMark { last_read_ms: row.last_read_ms, marked_unread: row.marked_unread };
        let known = config.read_mark(&of);
        if known.is_some_and(|known| known.last_read_ms > mark.last_read_ms) {
            return false; // reading never moves backwards
        }
        let fresh = mark.marked_unread || mark.last_read_ms.saturating_add(MARK_MS) > now;
        let differs = known != Some(mark) && (known.is_some() || fresh);
        if differs {
            config.set_read_mark(&of, mark);
        }
        differs
    }

    /// An account from before the configs: its rows become edits, once everything the network has is known.
    pub(crate) fn seed_configs(&mut self) {
        if self.model.configs.row.seeded || !self.live.syncing.all_polled() {
            return;
        }
        let ids: Vec<AccountId> = self.model.conversations.keys().copied().collect();
        for id in &ids {
            let read = self.read_so_far(*id);
            if let Some(row) = self.model.conversations.get(id).filter(|row| row.last_read_ms < read) {
                let row = ConversationRow { last_read_ms: read, ..row.clone() };
                self.model.put_conversation(&mut self.out, *id, row);
            }
        }
        self.model.touched.extend(ids.into_iter().chain(self.model.contacts.keys().copied()));
        self.model.touched_profile |= !self.model.profile.display_name.is_empty();
        if self.model.configs.object(Namespace::USER_PROFILE).is_some_and(|profile| profile.seqno() == 0) {
            self.model.touched.extend(self.model.own_id());
        }
        self.model.configs.row.seeded = true;
        self.model.configs.put_row(&mut self.out);
    }

    /// The sent time of the last message before the first unread one.
    fn read_so_far(&self, with: AccountId) -> u64 {
        let Some(thread) = self.model.threads.get(&with) else { return 0 };
        let last = match thread.unread().first() {
            Some(unread) => thread.before(unread),
            None => thread.last().map(|(id, _)| *id),
        };
        last.map_or(0, |id: MessageId| id.sent_ms)
    }
}

/// Whether other devices should know of this person: not of everybody who wrote into our swarm, and not of drafts.
fn belongs(contact: &ContactRow, row: &ConversationRow) -> bool {
    contact.approved || contact.blocked || !contact.nickname.is_empty() || (contact.approved_me && row.listed)
}

fn fill(entry: &mut Contact, contact: &ContactRow, row: &ConversationRow) {
    entry.name = Some(contact.display_name.clone()).filter(|name| !name.is_empty());
    entry.nickname = Some(contact.nickname.clone()).filter(|name| !name.is_empty());
    entry.picture = contact.picture_key.map(|key| Picture { url: contact.picture_url.clone(), key });
    entry.picture = entry.picture.take().filter(|picture| !picture.url.is_empty());
    entry.updated_s = contact.profile_updated_s.unwrap_or(0);
    entry.approved = contact.approved;
    entry.approved_me = contact.approved_me;
    entry.blocked = contact.blocked;
    entry.priority = priority(row, entry.priority);
    entry.notifications = match (row.muted, entry.notifications) {
        (true, _) => Notifications::Disabled,
        (false, Notifications::Disabled) => Notifications::Default,
        (false, other) => other,
    };
    entry.mute_until_s = row.muted_until_s;
    let wanted = expiry::to_config(row.expiry);
    if expiry::from_config(entry.expiry) != row.expiry {
        entry.expiry = wanted;
    }
    if entry.created_s == 0 {
        entry.created_s = row.created_ms / 1000;
    }
}

/// The config's own value where it says the same: other clients sort pinned conversations by it.
const fn priority(row: &ConversationRow, known: Priority) -> Priority {
    match (row.listed, row.pinned) {
        (false, _) if known.is_hidden() => known,
        (false, _) => Priority::HIDDEN,
        (true, true) if known.is_pinned() => known,
        (true, true) => Priority(1),
        (true, false) => Priority::NORMAL,
    }
}
