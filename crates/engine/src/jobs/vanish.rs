//! Disappearing messages (session-messages 5.5): the setting, when the time of a message starts, and what happens when it
//! is over.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::content::{DataFlags, DataMessage};

use crate::compose::MESSAGE_TTL_MS;
use crate::engine::{Cx, Engine};
use crate::expiry;
use crate::model::rows::{ExpiresRow, OutboxRow, Outgoing, Sealed};
use crate::view::{Expiry, MessageId, Refusal};

/// Without network time nothing disappears: the device's clock may be wrong by days.
const WAIT_MS: u64 = 30_000;

impl Engine {
    pub(crate) fn set_expiry(&mut self, cx: &mut Cx<'_>, with: AccountId, expiry: Expiry) -> Result<(), Refusal> {
        let own = self.model.own_id() == Some(with);
        let expiry = if own { expiry::for_self(expiry) } else { expiry::tidy(expiry) };
        if self.expiry_of(&with) == expiry {
            return Ok(());
        }
        self.may_write(&with)?;
        self.change_conversation(cx, with, |row| row.expiry = expiry);
        // Who was never written to learns of it from the first message.
        if !own && self.model.contact(&with).approved {
            let sent_ms = self.stamp(cx);
            let data = DataMessage { flags: DataFlags::ExpirationTimerUpdate, ..DataMessage::default() };
            self.queue_data(cx, with, Outgoing::Control, sent_ms, data)?;
        }
        Ok(())
    }

    pub(crate) fn expiry_of(&self, with: &AccountId) -> Expiry {
        self.model.conversations.get(with).map(|row| row.expiry).unwrap_or_default()
    }

    /// The copy of a change made on another device. What is older than the contacts is in them already.
    pub(crate) fn timer_changed_elsewhere(&mut self, cx: &Cx<'_>, with: AccountId, expiry: Expiry, sent_ms: u64) {
        if sent_ms > self.model.configs.row.contacts_ms && self.model.conversations.contains_key(&with) {
            self.change_conversation(cx, with, |row| row.expiry = expiry);
        }
    }

    /// A message was read, here or elsewhere.
    pub(crate) fn read_one(&mut self, id: MessageId, now: u64) {
        let mut started = None;
        self.model.change_message(&mut self.out, id, |row| {
            row.unread = false;
            if let Some(expires @ ExpiresRow { after: Expiry::AfterRead(_), at_ms: None }) = row.expires {
                let at_ms = Some(now.saturating_add(expiry::millis(expires.after)));
                row.expires = Some(ExpiresRow { at_ms, ..expires });
                started = row.expires;
            }
        });
        if started.is_some() {
            self.vanish_soon(started);
            self.emit_message(id);
        }
    }

    /// Tells the own swarm to keep a message no longer than this device does.
    pub(crate) fn shorten_stored(&mut self, cx: &Cx<'_>, id: MessageId) {
        let Some((_, row)) = self.model.message(&id) else { return };
        let (Some(hash), Some(ExpiresRow { after: Expiry::AfterRead(_), at_ms: Some(at_ms) })) =
            (row.hash.clone(), row.expires)
        else {
            return;
        };
        let Some(own) = self.model.own_id() else { return };
        self.enqueue(OutboxRow {
            to: own,
            what: Outgoing::Shorten { hash, at_ms },
            sealed: Sealed::default(),
            ttl_ms: MESSAGE_TTL_MS,
            created_ms: self.network_now(cx),
            failed: false,
            sync: None,
        });
    }

    /// A message of ours is in the swarm: its time starts (one that failed never disappears).
    pub(crate) fn sent_one(&mut self, id: MessageId, now: u64) {
        let mut started = None;
        self.model.change_message(&mut self.out, id, |row| {
            if let Some(expires) = row.expires.filter(|expires| expires.at_ms.is_none()) {
                let at_ms = Some(now.saturating_add(expiry::millis(expires.after)));
                row.expires = Some(ExpiresRow { at_ms, ..expires });
                started = row.expires;
            }
        });
        self.vanish_soon(started);
    }

    pub(crate) fn vanish_soon(&mut self, expires: Option<ExpiresRow>) {
        let Some(at) = expires.and_then(|expires| expires.at_ms) else { return };
        let offset = self.net.clock.offset().unwrap_or(0);
        let at = at.saturating_add_signed(offset.saturating_neg());
        self.live.vanish_at = Some(self.live.vanish_at.map_or(at, |known| known.min(at)));
    }

    /// Deletes messages whose time is over, and looks for the next one.
    pub(crate) fn run_vanishing(&mut self, cx: &mut Cx<'_>) {
        if self.live.vanish_at.is_none_or(|at| at > cx.now) {
            return;
        }
        self.live.vanish_at = None;
        let now = self.network_now(cx);
        let with_time = |(id, row): (&MessageId, &crate::model::rows::MessageRow)| Some((*id, row.expires?.at_ms?));
        let timed: Vec<(MessageId, u64)> =
            self.model.threads.values().flat_map(|thread| thread.iter().filter_map(with_time)).collect();
        if !timed.is_empty() && self.net.clock.offset().is_none() {
            self.live.vanish_at = Some(cx.now.saturating_add(WAIT_MS));
            return;
        }
        let (over, waiting): (Vec<_>, Vec<_>) = timed.into_iter().partition(|(_, at)| *at <= now);
        for (id, _) in over {
            if let Some((with, _)) = self.model.message(&id) {
                self.forget_secret(cx, with, Some(id));
                self.model.remove_message(&mut self.out, &id);
                self.emit_message_gone(with, id);
                self.emit_conversation(with);
            }
        }
        if let Some((_, at)) = waiting.into_iter().min_by_key(|(_, at)| *at) {
            self.vanish_soon(Some(ExpiresRow { after: Expiry::Off, at_ms: Some(at) }));
        }
    }
}
