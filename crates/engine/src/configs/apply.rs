//! From configs to rows (session-config 9.6): what another device changed happens here as well.
//!
//! What is applied is the difference a merge made, never the config as a whole: a row the configs do not know is none
//! that was deleted elsewhere.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::config::{Contact, Conversation, Ignored, MergeReport, Notifications, Picture, ReadMark};
use zwiebel_proto::sorted::{SortedMap, SortedSet};
use zwiebel_proto::storage_rpc::{MessageHash, Namespace, StoredMessage};

use super::Configs;
use crate::clock::{DAY_MS, MINUTE_MS};
use crate::engine::{Cx, Engine};
use crate::expiry;
use crate::model::rows::{ContactRow, ConversationRow};
use crate::model::{Model, meta};
use crate::view::{Expiry, ViewEvent};

/// How long the network keeps what is stored for the own devices.
pub(crate) const CONFIG_TTL_MS: u64 = 30 * DAY_MS;

/// A message this much older than the contacts does not bring a hidden conversation back (session-messages 5.4).
const HIDDEN_SLACK_MS: u64 = 2 * MINUTE_MS;

/// What the configs said before a merge.
struct Before {
    contacts: SortedMap<AccountId, Contact>,
    name: Option<String>,
}

impl Engine {
    /// Takes in everything a member has of a namespace, and applies what that changes.
    pub(crate) fn take_configs(&mut self, cx: &mut Cx<'_>, namespace: Namespace, messages: &[StoredMessage]) {
        let now = self.network_now(cx);
        if messages.is_empty() {
            return;
        }
        let before = self.before(namespace);
        let Model { account: Some(account), configs, .. } = &mut self.model else { return };
        let Some(object) = configs.object_mut(namespace) else { return };
        let inputs: Vec<(MessageHash, &[u8])> = messages.iter().map(|m| (m.hash, m.data.as_slice())).collect();
        let report = object.merge(account, &inputs, now);
        self.note_report(namespace, messages, &report, now);
        if report.changed {
            match namespace {
                Namespace::USER_PROFILE => self.apply_profile_config(cx, &before),
                Namespace::CONTACTS => self.apply_contacts(cx, &before),
                Namespace::CONVERSATIONS => self.apply_marks(),
                _ => {}
            }
        }
    }

    fn before(&self, namespace: Namespace) -> Before {
        let Configs { contacts, profile, .. } = &self.model.configs;
        let contacts = if namespace == Namespace::CONTACTS {
            contacts.iter().map(|contact| (contact.id, contact)).collect()
        } else {
            SortedMap::new()
        };
        Before { contacts, name: profile.name() }
    }

    fn note_report(&mut self, namespace: Namespace, messages: &[StoredMessage], report: &MergeReport, now: u64) {
        for (_, why) in &report.ignored {
            tracing::warn!(?why, %namespace, "stored account data was ignored");
            self.live.syncing.newer |= *why == Ignored::Newer;
        }
        let accepted = |m: &&StoredMessage| report.accepted.contains(&m.hash);
        let row = &mut self.model.configs.row;
        let mut moved = false;
        for message in messages.iter().filter(accepted) {
            // A node's word: it moves nothing but what is shown, and a message's return to a hidden conversation.
            moved |= row.renew(namespace, message.expiration.saturating_sub(CONFIG_TTL_MS).min(now));
            if namespace == Namespace::CONTACTS && message.timestamp.min(now) > row.contacts_ms {
                row.contacts_ms = message.timestamp.min(now);
                moved = true;
            }
        }
        if moved {
            self.model.configs.put_row(&mut self.out);
        }
    }

    fn apply_profile_config(&mut self, cx: &Cx<'_>, before: &Before) {
        let config = &self.model.configs.profile;
        let (name, updated_s) = (config.name(), config.updated_s());
        let (priority, seconds) = (config.note_to_self(), config.note_expiry_s());
        if name != before.name {
            self.model.profile.display_name = name.unwrap_or_default();
            self.model.profile.updated_s = updated_s;
            Model::put_meta(&mut self.out, meta::PROFILE, &self.model.profile);
            self.emit_account();
        }
        let Some(own) = self.model.own_id() else { return };
        let known = self.model.conversations.get(&own).cloned();
        if known.is_none() && priority.is_hidden() {
            return;
        }
        let created_ms = self.network_now(cx);
        let (last_read_ms, marked_unread) = self.known_mark(&own);
        let mut row = known.clone().unwrap_or_else(|| ConversationRow {
            created_ms,
            last_read_ms,
            marked_unread,
            ..ConversationRow::default()
        });
        row.listed = !priority.is_hidden();
        row.pinned = priority.is_pinned();
        row.expiry = expiry::for_self(Expiry::AfterSend(u32::try_from(seconds).unwrap_or(u32::MAX)));
        if known.as_ref() != Some(&row) {
            self.model.put_conversation(&mut self.out, own, row);
            self.emit_conversation(own);
        }
    }

    fn apply_contacts(&mut self, cx: &mut Cx<'_>, before: &Before) {
        let after: SortedMap<AccountId, Contact> =
            self.model.configs.contacts.iter().map(|contact| (contact.id, contact)).collect();
        let mut shown = SortedSet::new();
        for (id, contact) in after.iter().filter(|(id, contact)| before.contacts.get(id) != Some(contact)) {
            if self.model.own_id() != Some(*id) {
                self.apply_contact(contact);
                shown.insert(*id);
            }
        }
        for id in before.contacts.keys().filter(|id| !after.contains_key(id)) {
            // Deleted on one device is deleted on all.
            self.model.remove_contact(&mut self.out, id);
            self.delete_conversation(cx, *id);
        }
        // Read marks may have come before their conversations.
        for (id, mark) in self.marks() {
            if shown.contains(&id) {
                self.apply_mark(id, mark, &mut SortedSet::new());
            }
        }
        self.emit_conversations(shown);
    }

    fn apply_contact(&mut self, contact: &Contact) {
        let id = contact.id;
        let row = self.model.contact(&id);
        let known = self.model.contacts.contains_key(&id);
        let new = contact_row(contact, row.clone());
        if new.blocked && !row.blocked {
            self.hide_typing(id);
        }
        if new.profile_updated_s.unwrap_or(0) > contact.updated_s {
            self.model.touched.insert(id); // the newer name is ours: it is written back
        }
        if !known || new != row {
            self.model.put_contact(&mut self.out, id, new);
        }
        let known = self.model.conversations.get(&id).cloned();
        if known.is_none() && contact.priority.is_hidden() && contact.expiry.is_none() {
            return;
        }
        let new = conversation_row(contact, known.clone());
        if known.as_ref() != Some(&new) {
            self.model.put_conversation(&mut self.out, id, new);
        }
    }

    fn marks(&self) -> Vec<(AccountId, ReadMark)> {
        self.model.configs.volatile.one_to_one().collect()
    }

    fn apply_marks(&mut self) {
        let mut shown = SortedSet::new();
        for (id, mark) in self.marks() {
            self.apply_mark(id, mark, &mut shown);
        }
        self.emit_conversations(shown);
    }

    /// Reading never moves backwards: where this device is further, the row is written back (session-config 9.3).
    fn apply_mark(&mut self, id: AccountId, mark: ReadMark, shown: &mut SortedSet<AccountId>) {
        let Some(row) = self.model.conversations.get(&id) else { return };
        let last_read_ms = row.last_read_ms.max(mark.last_read_ms);
        if last_read_ms != mark.last_read_ms {
            self.model.touched.insert(id);
        }
        let new = ConversationRow { last_read_ms, marked_unread: mark.marked_unread, ..row.clone() };
        if new != *row {
            self.model.put_conversation(&mut self.out, id, new);
            self.read_up_to(id, last_read_ms);
            shown.insert(id);
        }
    }

    /// What the other devices' marks say of a conversation that is new here.
    pub(crate) fn known_mark(&self, with: &AccountId) -> (u64, bool) {
        let mark = self.model.configs.volatile.read_mark(&Conversation::OneToOne(*with)).unwrap_or_default();
        (mark.last_read_ms, mark.marked_unread)
    }

    /// Messages of this conversation up to then were read on another device.
    fn read_up_to(&mut self, with: AccountId, last_read_ms: u64) {
        let read: Vec<_> = match self.model.threads.get(&with) {
            Some(thread) => thread.unread().iter().take_while(|id| id.sent_ms <= last_read_ms).copied().collect(),
            None => return,
        };
        let now = self.net.clock.network(self.time.now());
        for id in read {
            self.read_one(id, now);
        }
    }

    /// Whether a message may bring its conversation back into the list (session-messages 5.4).
    pub(crate) fn may_list(&self, with: &AccountId, sent_ms: u64) -> bool {
        let listed = self.model.conversations.get(with).is_some_and(|row| row.listed);
        let Configs { contacts, profile, .. } = &self.model.configs;
        let hidden = || match self.model.own_id() == Some(*with) {
            true => profile.note_to_self().is_hidden(),
            false => contacts.contact(with).is_some_and(|contact| contact.priority.is_hidden()),
        };
        let old = sent_ms.saturating_add(HIDDEN_SLACK_MS) < self.model.configs.row.contacts_ms;
        listed || !old || !hidden()
    }

    pub(crate) fn emit_conversations(&mut self, ids: SortedSet<AccountId>) {
        let views: Vec<_> = ids.into_iter().map(|id| self.conversation_view(id)).collect();
        match <[_; 1]>::try_from(views) {
            Ok([view]) => self.out.emit(ViewEvent::Conversation(view)),
            Err(views) if views.is_empty() => {}
            Err(views) => self.out.emit(ViewEvent::Conversations(views)),
        }
    }
}

/// The newer name counts, wherever it was learnt; everything else is as the config says.
fn contact_row(contact: &Contact, row: ContactRow) -> ContactRow {
    let mut row = ContactRow {
        nickname: contact.nickname.clone().unwrap_or_default(),
        approved: contact.approved,
        approved_me: contact.approved_me,
        blocked: contact.blocked,
        ..row
    };
    if contact.updated_s >= row.profile_updated_s.unwrap_or(0) {
        row.display_name = contact.name.clone().unwrap_or_default();
        row.picture_url = contact.picture.as_ref().map(|Picture { url, .. }| url.clone()).unwrap_or_default();
        row.picture_key = contact.picture.as_ref().map(|Picture { key, .. }| *key);
        row.profile_updated_s = Some(contact.updated_s).filter(|updated| *updated != 0);
    }
    row
}

fn conversation_row(contact: &Contact, known: Option<ConversationRow>) -> ConversationRow {
    let created_ms = contact.created_s.saturating_mul(1000);
    let row = known.unwrap_or_else(|| ConversationRow { created_ms, ..ConversationRow::default() });
    ConversationRow {
        pinned: contact.priority.is_pinned(),
        listed: !contact.priority.is_hidden(),
        muted: contact.notifications == Notifications::Disabled,
        muted_until_s: contact.mute_until_s,
        expiry: expiry::from_config(contact.expiry),
        ..row
    }
}
