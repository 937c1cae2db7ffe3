//! From what a person wants to say to sealed bytes in the outbox (session-messages 2.2, 2.5, 5.1 to 5.4).
//! Everything is sealed once, when it is made; the outbox sends those bytes until a swarm takes them.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::content::{Content, DataMessage, Expiration, ExpirationKind, Payload, Profile};
use zwiebel_proto::envelope;

use crate::clock::DAY_MS;
use crate::engine::{Cx, Engine};
use crate::expiry;
use crate::model::rows::{OutboxRow, Outgoing, Sealed};
use crate::outflow::Held;
use crate::view::Refusal;
use crate::zr1::Manager;

/// How long swarms keep messages, and how long the outbox tries (session-messages 2.6).
pub(crate) const MESSAGE_TTL_MS: u64 = 14 * DAY_MS;

/// Typing indicators are worth nothing later (session-messages 2.6).
pub(crate) const TYPING_TTL_MS: u64 = 20_000;

/// Hashes are remembered a little longer than any swarm serves them.
pub(crate) const REMEMBER_MS: u64 = 15 * DAY_MS;

/// A sealed message on its way into the outbox.
pub(crate) struct Draft {
    pub(crate) to: AccountId,
    pub(crate) what: Outgoing,
    pub(crate) content: Content,
    /// What the own devices get, if they get anything.
    pub(crate) sync: Option<Content>,
}

impl Engine {
    /// Network time now.
    pub(crate) fn network_now(&self, cx: &Cx<'_>) -> u64 {
        self.net.clock.network(cx.now)
    }

    /// A network time on the device's clock, as views show it.
    pub(crate) fn device_time(&self, network_ms: u64) -> u64 {
        let offset = self.net.clock.offset().unwrap_or(0);
        self.time.to_device(network_ms.saturating_add_signed(offset.saturating_neg()))
    }

    pub(crate) fn stamp(&mut self, cx: &Cx<'_>) -> u64 {
        let now = self.network_now(cx);
        self.model.stamp(&mut self.out, now)
    }

    /// The own profile as messages carry it (session-messages 5.8).
    pub(crate) fn own_profile(&self) -> Profile {
        let profile = &self.model.profile;
        let picture = self.model.configs.profile.picture();
        Profile {
            display_name: Some(profile.display_name.clone()).filter(|n| !n.is_empty()),
            updated_s: Some(profile.updated_s),
            picture_url: picture.as_ref().map(|picture| picture.url.clone()),
            picture_key: picture.map(|picture| picture.key),
        }
    }

    /// Puts a visible message or reaction and its sync copy into the outbox. In a note to self only the copy is sent.
    pub(crate) fn queue_data(
        &mut self,
        cx: &mut Cx<'_>,
        to: AccountId,
        what: Outgoing,
        sent_ms: u64,
        data: DataMessage,
    ) -> Result<Option<u64>, Refusal> {
        let expiration = expiry::to_content(self.expiry_of(&to));
        let sync = DataMessage { profile: None, sync_target: Some(to), ..data.clone() };
        let sync = Content::new(sent_ms, Payload::Data(sync)).with_expiration(expiration);
        if self.model.own_id() == Some(to) {
            return self.queue(cx, &Draft { to, what, content: sync, sync: None });
        }
        let data = DataMessage { profile: Some(self.own_profile()), ..data };
        let content = Content::new(sent_ms, Payload::Data(data)).with_expiration(expiration);
        self.queue(cx, &Draft { to, what, content, sync: Some(sync) })
    }

    /// Queues a draft, through the session manager if its recipient has ZR1 (forward-secrecy 3.1). Gives the number of
    /// its outbox entry if it has one.
    pub(crate) fn queue(&mut self, cx: &mut Cx<'_>, draft: &Draft) -> Result<Option<u64>, Refusal> {
        if self.goes_secret(cx, draft) {
            return self.queue_secret(cx, draft).map(|()| None);
        }
        self.queue_v1(cx, draft).map(Some)
    }

    /// Seals and queues. The entry is sent once the row is durable.
    pub(crate) fn queue_v1(&mut self, cx: &mut Cx<'_>, draft: &Draft) -> Result<u64, Refusal> {
        let created_ms = self.network_now(cx);
        let own = self.model.own_id().ok_or(Refusal::NoAccount)?;
        let sealed = self.seal(cx, &draft.to, &draft.content)?;
        let sync = match &draft.sync {
            Some(content) => Some(self.seal(cx, &own, content)?),
            None => None,
        };
        // What this device puts into the own swarm it need not read again.
        for copy in sync.iter().chain(Some(&sealed).filter(|_| draft.to == own)) {
            self.model.mark_seen(&mut self.out, &copy.hash, created_ms.saturating_add(REMEMBER_MS));
        }
        let ttl_ms = match draft.content.expiration {
            _ if draft.what == Outgoing::Typing => TYPING_TTL_MS,
            // What disappears after sending is kept no longer in the swarm (session-messages 5.5).
            Some(Expiration { kind: ExpirationKind::AfterSend, seconds }) if seconds != 0 => {
                u64::from(seconds).saturating_mul(1000).min(MESSAGE_TTL_MS)
            }
            _ => MESSAGE_TTL_MS,
        };
        let row = OutboxRow { to: draft.to, what: draft.what.clone(), sealed, ttl_ms, created_ms, failed: false, sync };
        Ok(self.enqueue(row))
    }

    pub(crate) fn enqueue(&mut self, row: OutboxRow) -> u64 {
        let number = self.model.add_outbox(&mut self.out, row);
        self.out.hold(Held::OutboxReady(number));
        number
    }

    fn seal(&self, cx: &mut Cx<'_>, to: &AccountId, content: &Content) -> Result<Sealed, Refusal> {
        let account = self.model.account.as_ref().ok_or(Refusal::NoAccount)?;
        // In copies for the own devices, too: they see by it that no other app made them.
        let hint = self.zr1().and_then(Manager::own_hint);
        let content = content.clone().with_hint(hint);
        let data = envelope::seal_message(account, to, &content, cx.rng).map_err(|error| match error {
            envelope::SealError::TooLong => Refusal::MessageTooLong,
            _ => Refusal::UnusableAccountId,
        })?;
        let hash = crate::outbox::hash_of(to, &data);
        Ok(Sealed { data, hash })
    }
}
