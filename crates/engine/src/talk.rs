//! Messages a person writes, reacts to, deletes, reads (session-messages 5.1 to 5.4).

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::content::{Content, DataMessage, Payload, Quote, Reaction, ReceiptKind};

use crate::compose::{Draft, MESSAGE_TTL_MS};
use crate::engine::{Cx, Engine};
use crate::expiry;
use crate::model::rows::{MessageRow, OutboxRow, Outgoing, Sealed};
use crate::view::{Mark, MessageId, Refusal, SendState, ViewEvent};

/// Code points of a message (session-messages 5.1).
const MAX_CHARS: usize = 2_000;

/// Bytes of an emoji: the longest sequences have some 40.
pub(crate) const MAX_EMOJI: usize = 64;

/// Messages one read receipt confirms.
const MAX_RECEIPT: usize = 100;

/// "Started" is repeated this often while somebody types, and "stopped" follows after as long a pause.
const TYPING_MS: u64 = 10_000;

impl Engine {
    pub(crate) fn send_text(
        &mut self,
        cx: &mut Cx<'_>,
        to: AccountId,
        body: &str,
        quote: Option<MessageId>,
    ) -> Result<(), Refusal> {
        let body = body.trim();
        if body.is_empty() {
            return Err(Refusal::EmptyMessage);
        }
        if body.chars().count() > MAX_CHARS {
            return Err(Refusal::MessageTooLong);
        }
        self.may_write(&to)?;
        let author = self.model.own_id().ok_or(Refusal::NoAccount)?;
        self.approve(cx, to)?;
        let sent_ms = self.stamp(cx);
        let id = MessageId { sent_ms, author };
        let data = DataMessage {
            body: Some(body.to_owned()),
            quote: quote.map(|q| Quote { sent_ms: q.sent_ms, author: q.author }),
            ..DataMessage::default()
        };
        let number = self.queue_data(cx, to, Outgoing::Message(id), sent_ms, data)?;
        let hash = number.and_then(|number| self.model.outbox.get(&number)).map(own_hash);
        let row = MessageRow {
            with: to,
            body: body.to_owned(),
            quote,
            reactions: Vec::new(),
            deleted: false,
            unread: false,
            state: Some(SendState::Sending),
            hash,
            expires: expiry::waiting(self.expiry_of(&to)),
            mark: Mark::None,
        };
        self.model.put_message(&mut self.out, id, row);
        if self.live.typing_to.is_some_and(|(who, ..)| who == to) {
            self.live.typing_to = None; // the message itself says that typing ended
        }
        self.emit_message(id);
        self.change_conversation(cx, to, |row| {
            row.listed = true;
            row.draft.clear();
        });
        Ok(())
    }

    pub(crate) fn may_write(&self, to: &AccountId) -> Result<(), Refusal> {
        if !to.key().is_usable() {
            return Err(Refusal::UnusableAccountId);
        }
        if self.model.contact(to).blocked { Err(Refusal::Blocked) } else { Ok(()) }
    }

    pub(crate) fn react(
        &mut self,
        cx: &mut Cx<'_>,
        message: MessageId,
        emoji: &str,
        remove: bool,
    ) -> Result<(), Refusal> {
        let (with, row) = self.model.message(&message).ok_or(Refusal::UnknownMessage)?;
        if row.deleted || emoji.is_empty() || emoji.len() > MAX_EMOJI {
            return Err(Refusal::UnknownMessage);
        }
        self.may_write(&with)?;
        let me = self.model.own_id().ok_or(Refusal::NoAccount)?;
        if row.reactions.iter().any(|(who, e)| *who == me && e == emoji) != remove {
            return Ok(()); // already as wanted
        }
        self.approve(cx, with)?;
        let sent_ms = self.stamp(cx);
        let reaction = Reaction { sent_ms: message.sent_ms, author: message.author, emoji: emoji.to_owned(), remove };
        let data = DataMessage { reaction: Some(reaction), ..DataMessage::default() };
        self.queue_data(cx, with, Outgoing::Control, sent_ms, data)?;
        self.apply_reaction(message, me, emoji, remove);
        self.emit_conversation(with);
        Ok(())
    }

    pub(crate) fn apply_reaction(&mut self, message: MessageId, who: AccountId, emoji: &str, remove: bool) {
        self.model.change_message(&mut self.out, message, |row| {
            let known = row.reactions.iter().position(|(w, e)| *w == who && e == emoji);
            match (known, remove) {
                (Some(at), true) => {
                    row.reactions.remove(at);
                }
                (None, false) => row.reactions.push((who, emoji.to_owned())),
                _ => {}
            }
        });
        self.emit_message(message);
    }

    pub(crate) fn delete(&mut self, cx: &mut Cx<'_>, message: MessageId, for_everyone: bool) -> Result<(), Refusal> {
        let (with, row) = self.model.message(&message).ok_or(Refusal::UnknownMessage)?;
        let hash = row.hash.clone();
        let me = self.model.own_id().ok_or(Refusal::NoAccount)?;
        if for_everyone && message.author != me {
            return Err(Refusal::NotYours);
        }
        if message.author == me {
            self.forget_outbox_of(message);
        }
        self.forget_secret(cx, with, Some(message));
        if for_everyone {
            self.delete_stored(cx, hash.into_iter().collect());
            if with != me {
                self.queue_unsend(cx, with, message)?;
            }
            self.queue_unsend(cx, me, message)?;
            self.mark_deleted(message);
        } else {
            self.model.remove_message(&mut self.out, &message);
            self.emit_message_gone(with, message);
        }
        self.emit_conversation(with);
        Ok(())
    }

    fn queue_unsend(&mut self, cx: &mut Cx<'_>, to: AccountId, message: MessageId) -> Result<(), Refusal> {
        let sent_ms = self.stamp(cx);
        let body = Payload::Unsend { timestamp: message.sent_ms, author: message.author };
        let content = Content::new(sent_ms, body);
        self.queue(cx, &Draft { to, what: Outgoing::Control, content, sync: None })?;
        Ok(())
    }

    /// Leaves only a marker; in the note to self nothing (session-messages 5.3).
    pub(crate) fn mark_deleted(&mut self, message: MessageId) {
        let Some((with, _)) = self.model.message(&message) else { return };
        if self.model.own_id() == Some(with) {
            self.model.remove_message(&mut self.out, &message);
            self.emit_message_gone(with, message);
            return;
        }
        self.model.change_message(&mut self.out, message, |row| {
            row.body.clear();
            row.quote = None;
            row.reactions.clear();
            row.deleted = true;
            row.unread = false;
        });
        self.emit_message(message);
    }

    /// Deletes messages from the own swarm, durably.
    pub(crate) fn delete_stored(&mut self, cx: &Cx<'_>, hashes: Vec<String>) {
        let Some(own) = self.model.own_id().filter(|_| !hashes.is_empty()) else { return };
        let row = OutboxRow {
            to: own,
            what: Outgoing::Delete(hashes),
            sealed: Sealed::default(),
            ttl_ms: MESSAGE_TTL_MS,
            created_ms: self.network_now(cx),
            failed: false,
            sync: None,
        };
        self.enqueue(row);
    }

    pub(crate) fn retry(&mut self, cx: &mut Cx<'_>, message: MessageId) -> Result<(), Refusal> {
        let found = self.model.outbox.iter().find(|(_, row)| row.what == Outgoing::Message(message));
        let Some((number, row)) = found.map(|(n, r)| (*n, r.clone())) else {
            return self.retry_secret(cx, message);
        };
        if row.failed {
            self.take_back(cx, row.to, Some(number));
            if !self.model.outbox.contains_key(&number) {
                self.set_state(message, SendState::Sending);
                return Ok(());
            }
            let row = OutboxRow { failed: false, created_ms: self.network_now(cx), ..row };
            self.model.put_outbox(&mut self.out, number, row);
            self.set_state(message, SendState::Sending);
            self.live.sending.reset(number);
            self.out.hold(crate::outflow::Held::OutboxReady(number));
        }
        Ok(())
    }

    pub(crate) fn set_state(&mut self, message: MessageId, state: SendState) {
        let with = self.model.change_message(&mut self.out, message, |row| row.state = Some(state));
        self.emit_message(message);
        if let Some(with) = with {
            self.emit_conversation(with);
        }
    }

    pub(crate) fn mark_read(&mut self, cx: &mut Cx<'_>, with: AccountId, up_to: MessageId) {
        let unread = self.model.threads.get(&with).map(|t| t.unread().range(..=up_to).copied().collect::<Vec<_>>());
        let unread = unread.filter(|list| !list.is_empty());
        let Some(unread) = unread else { return };
        let now = self.network_now(cx);
        for id in &unread {
            self.read_one(*id, now);
            self.shorten_stored(cx, *id);
        }
        let contact = self.model.contact(&with);
        if self.model.settings.read_receipts && contact.approved && !contact.blocked {
            for part in unread.chunks(MAX_RECEIPT) {
                let timestamps = part.iter().map(|id| id.sent_ms).collect();
                let sent_ms = self.stamp(cx);
                let body = Payload::Receipt { kind: ReceiptKind::Read, timestamps };
                let content = Content::new(sent_ms, body);
                let draft = Draft { to: with, what: Outgoing::Control, content, sync: None };
                if self.queue(cx, &draft).is_err() {
                    tracing::warn!("a read receipt could not be sealed");
                }
            }
        }
        self.change_conversation(cx, with, |row| {
            row.last_read_ms = row.last_read_ms.max(up_to.sent_ms);
            row.marked_unread = false;
        });
    }

    pub(crate) fn typing(&mut self, cx: &mut Cx<'_>, with: AccountId, active: bool) {
        let contact = self.model.contact(&with);
        let may = self.model.settings.typing_indicators
            && contact.approved
            && contact.approved_me
            && !contact.blocked
            && self.model.own_id() != Some(with);
        let before = self.live.typing_to.filter(|(who, ..)| *who == with);
        match (active && may, before) {
            (true, Some((_, _, told))) if told.saturating_add(TYPING_MS) > cx.now => {
                self.live.typing_to = Some((with, cx.now, told));
            }
            (true, _) => {
                self.live.typing_to = Some((with, cx.now, cx.now));
                self.queue_typing(cx, with, true);
            }
            (false, Some(_)) => {
                self.live.typing_to = None;
                self.queue_typing(cx, with, false);
            }
            (false, None) => {}
        }
    }

    fn queue_typing(&mut self, cx: &mut Cx<'_>, with: AccountId, started: bool) {
        let sent_ms = self.stamp(cx);
        let content = Content::new(sent_ms, Payload::Typing { timestamp: sent_ms, started });
        if self.queue(cx, &Draft { to: with, what: Outgoing::Typing, content, sync: None }).is_err() {
            tracing::debug!("a typing indicator could not be sealed");
        }
    }

    /// A pause in typing, and indicators of others that ran out.
    pub(crate) fn run_typing(&mut self, cx: &mut Cx<'_>) {
        if let Some((with, pressed, _)) = self.live.typing_to
            && pressed.saturating_add(TYPING_MS) <= cx.now
        {
            self.live.typing_to = None;
            self.queue_typing(cx, with, false);
        }
        let over: Vec<AccountId> =
            self.live.typing_from.iter().filter(|(_, until)| **until <= cx.now).map(|(who, _)| *who).collect();
        for who in over {
            self.hide_typing(who);
        }
    }

    pub(crate) fn hide_typing(&mut self, who: AccountId) {
        if self.live.typing_from.remove(&who).is_some() {
            self.out.emit(ViewEvent::Typing { with: who, active: false });
        }
    }

    pub(crate) fn typing_wake_at(&self) -> Option<u64> {
        let pause = self.live.typing_to.map(|(_, pressed, _)| pressed.saturating_add(TYPING_MS));
        let shown = self.live.typing_from.values().min().copied();
        pause.into_iter().chain(shown).min()
    }
}

/// The hash under which the own swarm holds this message.
pub(crate) fn own_hash(row: &OutboxRow) -> String {
    row.sync.as_ref().map_or_else(|| row.sealed.hash.clone(), |sync| sync.hash.clone())
}
