//! What a swarm member hands out: opened, checked, filed (session-messages 2.4, 5.1 to 5.8). One bad message never
//! stops the others: it is remembered as seen and dropped.
//!
//! Known messages are told by their hash, which we compute ourselves, and by sender and time.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::content::{DataFlags, DataMessage, Payload, Profile, Reaction, ReceiptKind};
use zwiebel_proto::envelope::{self, Opened};
use zwiebel_proto::storage_rpc::StoredMessage;

use crate::compose::REMEMBER_MS;
use crate::effect::Effect;
use crate::engine::{Cx, Engine};
use crate::expiry;
use crate::model::rows::{MessageRow, Orphan, OrphanKind};
use crate::outflow::Held;
use crate::talk::MAX_EMOJI;
use crate::view::{Expiry, Mark, MessageId, SendState, ViewEvent};

/// Longer bodies are cut (session-messages 5.1).
const MAX_CHARS: usize = 10_000;

/// A typing indicator that is not repeated goes away (session-messages 5.3).
const TYPING_SHOWN_MS: u64 = 15_000;

/// An indicator that waited longer in the swarm says nothing any more.
const TYPING_FRESH_MS: u64 = 20_000;

/// Reactions kept per message.
const MAX_REACTIONS: usize = 200;

/// No hash is remembered longer, whatever expiry a member claims.
const MAX_REMEMBER_AHEAD_MS: u64 = 2 * REMEMBER_MS;

/// What is known of a message besides what it says.
struct Arrived {
    sender: AccountId,
    sent_ms: u64,
    hash: String,
    /// The sender's setting.
    after: Expiry,
    /// Until when the member says it keeps it.
    stored_until: u64,
}

impl Engine {
    /// Takes in what one member answered; gives how many messages were new.
    pub(crate) fn take_messages(&mut self, cx: &mut Cx<'_>, messages: &[StoredMessage]) -> u32 {
        let mut new = 0_u32;
        for message in messages {
            let Some(own) = self.model.own_id() else { return new };
            let hash = crate::outbox::hash_of(&own, &message.data);
            if self.model.seen.contains_key(&hash) {
                continue;
            }
            let now = self.network_now(cx);
            let forget_at = message.expiration.saturating_add(REMEMBER_MS / 14);
            let forget_at = forget_at.clamp(now.saturating_add(REMEMBER_MS), now.saturating_add(MAX_REMEMBER_AHEAD_MS));
            self.model.mark_seen(&mut self.out, &hash, forget_at);
            let Some(account) = &self.model.account else { return new };
            match envelope::open_message(account, &message.data) {
                Ok(opened) => {
                    new = new.saturating_add(1);
                    let id = MessageId { sent_ms: opened.sent_ms, author: opened.sender };
                    let (from, hint) = (opened.sender, opened.content.hint);
                    let marked = self.v1_arrived(cx, &opened);
                    if self.file(cx, opened, hash, message.expiration) && marked {
                        self.mark(id, Mark::Open);
                    }
                    self.v1_named(cx, from, hint);
                }
                Err(error) => tracing::debug!(%error, "a stored message was dropped"),
            }
        }
        new
    }

    /// Whether it left anything that the person can see.
    pub(crate) fn file(&mut self, cx: &mut Cx<'_>, opened: Opened, hash: String, stored_until: u64) -> bool {
        let Opened { sender, content, sent_ms } = opened;
        let after = expiry::from_content(content.expiration);
        let own = self.model.own_id() == Some(sender);
        if self.model.contact(&sender).blocked {
            return false;
        }
        match content.body {
            Payload::Data(data) => self.file_data(cx, Arrived { sender, sent_ms, hash, after, stored_until }, data),
            Payload::Receipt { kind: ReceiptKind::Read, timestamps } if !own => self.file_receipt(sender, &timestamps),
            Payload::Typing { timestamp, started } if !own => {
                self.file_typing(cx, sender, timestamp, started);
                false
            }
            Payload::Unsend { timestamp, author } => {
                self.file_unsend(cx, sender, MessageId { sent_ms: timestamp, author })
            }
            Payload::RequestResponse { approved: true, profile } if !own => self.file_response(cx, sender, profile),
            _ => false,
        }
    }

    fn file_data(&mut self, cx: &mut Cx<'_>, arrived: Arrived, data: DataMessage) -> bool {
        let Arrived { sender, sent_ms, hash, after, stored_until } = arrived;
        let own = self.model.own_id() == Some(sender);
        // The envelope layer let a sync target pass only from ourselves.
        let with = match (own, data.sync_target) {
            (true, Some(target)) => target,
            (false, None) => sender,
            _ => return false,
        };
        if data.flags == DataFlags::ExpirationTimerUpdate {
            if own {
                self.timer_changed_elsewhere(cx, with, after, sent_ms);
            }
            return false; // the other side's choice is theirs (session-messages 5.5)
        }
        if own {
            self.model.stamps.note(sent_ms);
        }
        if let Some(reaction) = data.reaction {
            if own {
                self.approve_silently(with);
            }
            return self.file_reaction(with, sender, reaction);
        }
        let mut body: String = data.body.unwrap_or_default().chars().take(MAX_CHARS).collect();
        if body.trim().is_empty() {
            if data.attachments.is_empty() {
                return false;
            }
            // Filed without text, and shown as what cannot be shown yet: nothing disappears silently.
            body.clear();
        }
        let id = MessageId { sent_ms, author: sender };
        if self.model.index.contains_key(&id) {
            return false; // the same message under another hash
        }
        let now = self.network_now(cx);
        let unread = !own && sent_ms > self.last_read_ms(&with);
        let self_note = own && with == sender;
        let after = if self_note { expiry::for_self(after) } else { after };
        let expires = expiry::received(after, sent_ms, stored_until, now, own, !unread);
        if expires.and_then(|e| e.at_ms).is_some_and(|at| at <= now) {
            return false; // its time is over
        }
        if own {
            self.approve_silently(with);
        } else {
            self.wrote_to_us(sender, data.profile);
        }
        let row = MessageRow {
            with,
            body,
            quote: data.quote.map(|q| MessageId { sent_ms: q.sent_ms, author: q.author }),
            reactions: Vec::new(),
            deleted: false,
            unread,
            state: own.then_some(SendState::Sent),
            hash: Some(hash),
            expires,
            mark: Mark::None,
        };
        self.file_message(cx, id, row)
    }

    pub(crate) fn last_read_ms(&self, with: &AccountId) -> u64 {
        match self.model.conversations.get(with) {
            Some(row) => row.last_read_ms,
            None => self.known_mark(with).0,
        }
    }

    fn file_message(&mut self, cx: &mut Cx<'_>, id: MessageId, row: MessageRow) -> bool {
        let (with, incoming, unread) = (row.with, row.state.is_none(), row.unread);
        self.vanish_soon(row.expires);
        let unsent = self.add_with_orphans(id, row);
        if unsent {
            return false;
        }
        if incoming {
            self.hide_typing(with);
        } else {
            self.read_elsewhere(with, id);
        }
        self.emit_message(id);
        let may_list = self.may_list(&with, id.sent_ms);
        self.change_conversation(cx, with, |row| row.listed |= may_list);
        let muted = self.is_muted(&with);
        if unread && self.live.hidden && !muted && self.model.restore.is_none() {
            self.out.hold(Held::Effect(Effect::Notify { with }));
        }
        true
    }

    /// Stores a message together with what arrived before it. True if it was deleted before it came.
    pub(crate) fn add_with_orphans(&mut self, id: MessageId, mut row: MessageRow) -> bool {
        let orphans = self.model.take_orphans(&mut self.out, &id);
        if orphans.iter().any(|o| o.what == OrphanKind::Unsent) {
            return true;
        }
        let own = self.model.own_id();
        for orphan in orphans.into_iter().filter(|o| o.from == row.with || Some(o.from) == own) {
            match orphan.what {
                OrphanKind::Reaction { emoji, remove: false } => row.reactions.push((orphan.from, emoji)),
                OrphanKind::Reaction { emoji, remove: true } => {
                    row.reactions.retain(|(who, e)| *who != orphan.from || *e != emoji);
                }
                OrphanKind::Read if row.state.is_some() && orphan.from == row.with => row.state = Some(SendState::Read),
                _ => {}
            }
        }
        self.model.put_message(&mut self.out, id, row);
        false
    }

    /// Another of our devices answered: what came before that was read there.
    fn read_elsewhere(&mut self, with: AccountId, up_to: MessageId) {
        let earlier: Vec<MessageId> = match self.model.threads.get(&with) {
            Some(thread) => thread.unread().range(..up_to).copied().collect(),
            None => return,
        };
        let now = self.net.clock.network(self.time.now());
        for id in earlier {
            self.read_one(id, now);
        }
    }

    /// Somebody wrote: they accept us (session-messages 5.4), and they say who they are. Whether any of it is
    /// new.
    pub(crate) fn wrote_to_us(&mut self, sender: AccountId, profile: Option<Profile>) -> bool {
        let mut contact = self.model.contact(&sender);
        let before = contact.clone();
        contact.approved_me = true;
        if let Some(profile) = profile {
            apply_profile(&mut contact, profile);
        }
        let new = contact != before || !self.model.contacts.contains_key(&sender);
        if new {
            self.model.put_contact(&mut self.out, sender, contact);
        }
        new
    }

    /// We wrote to them from another device, so we accept them; they were told there.
    pub(crate) fn approve_silently(&mut self, with: AccountId) {
        let mut contact = self.model.contact(&with);
        if !contact.approved && self.model.own_id() != Some(with) {
            contact.approved = true;
            self.model.put_contact(&mut self.out, with, contact);
        }
    }

    fn file_response(&mut self, cx: &Cx<'_>, sender: AccountId, profile: Option<Profile>) -> bool {
        let known = self.model.contacts.contains_key(&sender) || self.model.conversations.contains_key(&sender);
        let new = self.wrote_to_us(sender, profile);
        if known {
            self.change_conversation(cx, sender, |_| {});
        }
        known && new
    }

    fn file_reaction(&mut self, with: AccountId, sender: AccountId, reaction: Reaction) -> bool {
        let target = MessageId { sent_ms: reaction.sent_ms, author: reaction.author };
        let Reaction { emoji, remove, .. } = reaction;
        if emoji.is_empty() || emoji.len() > MAX_EMOJI {
            return false;
        }
        match self.model.message(&target) {
            Some((at, row)) if at == with && !row.deleted && row.reactions.len() < MAX_REACTIONS => {
                let changes = row.reactions.iter().any(|(who, e)| *who == sender && *e == emoji) == remove;
                self.apply_reaction(target, sender, &emoji, remove);
                self.emit_conversation(with);
                changes
            }
            Some(_) => false,
            None => {
                let what = OrphanKind::Reaction { emoji, remove };
                self.model.add_orphan(&mut self.out, Orphan { target, from: sender, what });
                false
            }
        }
    }

    fn file_receipt(&mut self, reader: AccountId, timestamps: &[u64]) -> bool {
        let Some(author) = self.model.own_id() else { return false };
        if !self.model.settings.read_receipts {
            return false;
        }
        let mut seen = false;
        for sent_ms in timestamps {
            let target = MessageId { sent_ms: *sent_ms, author };
            match self.model.message(&target) {
                Some((with, row)) if with == reader && row.state.is_some() && row.state != Some(SendState::Read) => {
                    self.set_state(target, SendState::Read);
                    seen = true;
                }
                Some(_) => {}
                None => self.model.add_orphan(&mut self.out, Orphan { target, from: reader, what: OrphanKind::Read }),
            }
        }
        seen
    }

    fn file_typing(&mut self, cx: &Cx<'_>, sender: AccountId, timestamp: u64, started: bool) {
        let contact = self.model.contact(&sender);
        let listed = self.model.conversations.get(&sender).is_some_and(|c| c.listed);
        if !self.model.settings.typing_indicators || !contact.approved || !listed {
            return;
        }
        if !started {
            self.hide_typing(sender);
            return;
        }
        let newest = self.model.threads.get(&sender).and_then(|t| t.last()).map_or(0, |(id, _)| id.sent_ms);
        if timestamp.saturating_add(TYPING_FRESH_MS) < self.network_now(cx) || newest > timestamp {
            return;
        }
        let shown = self.live.typing_from.insert(sender, cx.now.saturating_add(TYPING_SHOWN_MS));
        if shown.is_none() {
            self.out.emit(ViewEvent::Typing { with: sender, active: true });
        }
    }

    /// Deletion by its author, or by another of our devices (session-messages 5.3).
    fn file_unsend(&mut self, cx: &mut Cx<'_>, sender: AccountId, target: MessageId) -> bool {
        let own = self.model.own_id() == Some(sender);
        if !own && sender != target.author {
            return false;
        }
        let Some((with, row)) = self.model.message(&target) else {
            self.model.add_orphan(&mut self.out, Orphan { target, from: sender, what: OrphanKind::Unsent });
            return false;
        };
        if row.deleted {
            return false;
        }
        let hash = row.hash.clone();
        self.delete_stored(cx, hash.into_iter().collect());
        self.forget_secret(cx, with, Some(target));
        self.mark_deleted(target);
        self.emit_conversation(with);
        true
    }
}

/// Takes over what is newer (session-messages 5.8).
fn apply_profile(contact: &mut crate::model::rows::ContactRow, profile: Profile) {
    let newer = match (profile.updated_s.unwrap_or(0), contact.profile_updated_s.unwrap_or(0)) {
        (0, 0) => true,
        (new, known) => new > known,
    };
    if newer {
        if let Some(name) = profile.display_name {
            contact.display_name = name;
        }
        contact.picture_url = profile.picture_url.unwrap_or_default();
        contact.picture_key = profile.picture_key;
        contact.profile_updated_s = profile.updated_s;
    }
}
