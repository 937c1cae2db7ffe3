//! Between the engine and its session manager ([`crate::zr1`]): which messages go through it, what becomes of what it
//! says. Every step of the manager is part of the engine's next batch: rows, stores and what is shown together.
//!
//! A message's name in ZR1 is its sent time and eight random bytes, so that an acknowledgement finds it again.

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::content::{self, Content, DataMessage, Payload};
use zwiebel_proto::envelope::{self, Opened};
use zwiebel_proto::sorted::sort_by_key;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::zr1::content::ManifestHint;

use crate::batch::{Row, Table};
use crate::compose::{Draft, TYPING_TTL_MS};
use crate::effect::Effect;
use crate::engine::{BootError, Cx, Engine};
use crate::expiry;
use crate::model::rows::{FAILED_NOT_REACHED, OutboxRow, Outgoing, Sealed};
use crate::outflow::Held;
use crate::view::{DevicesView, Expiry, Mark, MessageId, NoticeView, Refusal, SendState, UnreadableView, ViewEvent};
use crate::zr1::{Event, Manager, Moment, Notice, Step, Tier};

impl Engine {
    /// The manager of the account, from its rows. An account that was here before has it on, like one made here.
    pub(crate) fn boot_secrecy(&mut self, rows: &[Row], cx: &mut Cx<'_>) -> Result<(), BootError> {
        let Some(account) = self.model.account.as_ref().filter(|_| self.has_secrecy()) else { return Ok(()) };
        let own = rows.iter().filter(|row| row.table == Table::Zr1);
        let rows = own.map(|row| (row.key.as_slice(), row.value.as_slice()));
        self.zr1 = Some(Manager::load(*account.seed16(), rows)?);
        let (restoring, name) = (self.model.restore.is_some(), self.config.device_name);
        self.with_zr1(cx, |manager, m| {
            if manager.is_set_up() {
                manager.start(m);
            } else {
                manager.set_up(name, restoring, !restoring, m);
            }
        });
        self.model.unmet = self.model.contacts.keys().copied().collect();
        self.settle_secrecy(cx, "");
        Ok(())
    }

    /// A new account, or one brought back: then other apps may use it, until its own list says otherwise.
    pub(crate) fn set_up_secrecy(&mut self, cx: &mut Cx<'_>, restored: bool) {
        let Some(account) = self.model.account.as_ref().filter(|_| self.has_secrecy()) else { return };
        self.zr1 = Manager::load(*account.seed16(), std::iter::empty()).ok();
        let (token_hash, name) = (self.live.linking.token_hash.take(), self.config.device_name);
        self.with_zr1(cx, |manager, m| {
            manager.show_token(token_hash);
            manager.set_up(name, restored, !restored, m);
        });
        self.settle_secrecy(cx, "");
    }

    /// The manager, in a build that has one: without the feature the compiler sees that nothing calls it, and leaves it out.
    pub(crate) fn zr1(&self) -> Option<&Manager> {
        if cfg!(feature = "forward-secrecy") { self.zr1.as_ref() } else { None }
    }

    fn zr1_mut(&mut self) -> Option<&mut Manager> {
        if cfg!(feature = "forward-secrecy") { self.zr1.as_mut() } else { None }
    }

    fn has_secrecy(&self) -> bool {
        cfg!(feature = "forward-secrecy") && self.config.forward_secrecy
    }

    /// Calls the manager with network time; its step waits for [`Engine::settle_secrecy`].
    pub(crate) fn with_zr1<R>(
        &mut self,
        cx: &mut Cx<'_>,
        call: impl FnOnce(&mut Manager, &mut Moment<'_>) -> R,
    ) -> Option<R> {
        let now_ms = self.network_now(cx);
        let mut m = Moment { now_ms, rng: &mut *cx.rng };
        self.zr1_mut().map(|manager| call(manager, &mut m))
    }

    /// Puts the manager's step into the open batch. `hash`: of the blob that led to it, if one did.
    pub(crate) fn settle_secrecy(&mut self, cx: &mut Cx<'_>, hash: &str) {
        // What events lead to may make another step.
        for _ in 0..8 {
            let Some(step) = self.zr1_mut().map(Manager::take_step).filter(|step| !step.is_empty()) else { return };
            let Step { rows, stores, deletes, events } = step;
            for (key, value) in rows {
                match value {
                    Some(value) => self.out.put_bytes(Table::Zr1, key, value),
                    None => self.out.delete(Table::Zr1, key),
                }
            }
            let created_ms = self.network_now(cx);
            for store in stores {
                let hash = crate::outbox::hash_in(&store.to, Namespace(store.namespace), &store.data);
                let what = Outgoing::Secret { namespace: store.namespace, number: store.number };
                let sealed = Sealed { data: store.data, hash };
                let ttl_ms = store.ttl_ms;
                self.enqueue(OutboxRow { to: store.to, what, sealed, ttl_ms, created_ms, failed: false, sync: None });
            }
            let old: Vec<String> = deletes
                .iter()
                .filter_map(|old| {
                    Some(crate::outbox::hash_in(&self.model.own_id()?, Namespace(old.namespace), &old.data))
                })
                .collect();
            self.delete_stored(cx, old);
            for event in events {
                self.secrecy_event(cx, event, hash);
            }
        }
    }

    fn secrecy_event(&mut self, cx: &mut Cx<'_>, event: Event, hash: &str) {
        match event {
            Event::Message { from, id, content, left_ms, unconfirmed, relayed } => {
                let mark = match (unconfirmed, relayed) {
                    (true, _) => Mark::Unconfirmed,
                    (false, true) => Mark::Relayed,
                    _ => Mark::None,
                };
                if !self.file_secret(cx, (from, mark), None, &content, (hash, left_ms)) {
                    self.with_zr1(cx, |manager, m| manager.left_nothing(&from, &id, m));
                }
            }
            Event::Synced { with, content, left_ms, .. } => {
                if let Some(own) = self.model.own_id() {
                    self.file_secret(cx, (own, Mark::None), Some(with), &content, (hash, left_ms));
                }
            }
            Event::LinkShown { device, token_hash } => self.link_shown(cx, DeviceId(device), token_hash),
            Event::History { part } => self.take_history(cx, &part),
            Event::Fallback { to, content, .. } => self.fall_back(cx, to, &content),
            Event::Stored { id, .. } => self.advance_state(&id, SendState::Sent),
            Event::Delivered { id, .. } => self.advance_state(&id, SendState::Delivered),
            Event::Undelivered { id, .. } => self.advance_state(&id, FAILED_NOT_REACHED),
            Event::Unreadable { from: who, .. } | Event::Replaced { from: who, .. } => self.emit_known(who),
            Event::Protection { with, .. } => {
                self.take_back(cx, with, None);
                self.emit_known(with);
            }
            Event::Notice { about, .. } if self.model.own_id() != Some(about) => self.emit_known(about),
            Event::Notice { about, .. } => {
                self.emit_devices();
                if self.live.hidden && self.model.restore.is_none() {
                    self.out.hold(Held::Effect(Effect::Notify { with: about }));
                }
            }
            Event::Devices | Event::Revoked | Event::Dropped | Event::Renewed | Event::OtherApp => self.emit_devices(),
        }
    }

    fn emit_known(&mut self, with: AccountId) {
        if self.model.conversations.contains_key(&with) {
            self.emit_conversation(with);
        }
    }

    /// The state of an own message moves forwards only.
    fn advance_state(&mut self, id: &[u8; 16], state: SendState) {
        let Some(id) = self.named(id) else { return };
        let now = self.model.message(&id).and_then(|(_, row)| row.state);
        let forwards = matches!(
            (now, state),
            (Some(SendState::Sending | SendState::Failed(_)), _)
                | (Some(SendState::Sent), SendState::Delivered | SendState::Failed(_))
        );
        if forwards {
            if !matches!(state, SendState::Failed(_)) {
                self.sent_one(id, self.net.clock.network(self.time.now()));
            }
            self.set_state(id, state);
        }
    }

    /// The own message that a name in ZR1 stands for.
    fn named(&self, id: &[u8; 16]) -> Option<MessageId> {
        let sent_ms = u64::from_be_bytes(*id.first_chunk::<8>()?);
        Some(MessageId { sent_ms, author: self.model.own_id()? })
    }

    /// Files what a device of `sender` said; of an own device: to whom. Beside it: the hash of the blob, and when it left
    /// its sender, if known. Whether the person sees any of it.
    fn file_secret(
        &mut self,
        cx: &mut Cx<'_>,
        (sender, mark): (AccountId, Mark),
        to: Option<AccountId>,
        bytes: &[u8],
        (hash, left_ms): (&str, u64),
    ) -> bool {
        let Ok(mut content) = content::decode(bytes) else { return false };
        let Some(sent_ms) = content.sent_ms else { return false };
        match (&mut content.body, to) {
            // Only our own devices say to whom they wrote.
            (Payload::Data(data), None) if data.sync_target.is_some() => return false,
            (Payload::Data(data), Some(to)) => {
                data.sync_target = Some(to);
                data.profile = None;
            }
            (Payload::Unsend { .. }, Some(_)) | (_, None) => {}
            (_, Some(_)) => return false,
        }
        // Here the swarm keeps everything equally long: what disappears after sending ends at its own time.
        let stored_until = match expiry::from_content(content.expiration) {
            after @ Expiry::AfterSend(_) => left_ms.saturating_add(expiry::millis(after)),
            _ => self.network_now(cx).saturating_add(crate::compose::MESSAGE_TTL_MS),
        };
        let seen = self.file(cx, Opened { sender, content, sent_ms }, hash.to_owned(), stored_until);
        if seen && mark != Mark::None {
            self.mark(MessageId { sent_ms, author: sender }, mark);
        }
        seen
    }

    /// A v1 message came: what it says of its sender's list, and whether it is to be marked because they have ZR1 (3.5).
    pub(crate) fn v1_arrived(&mut self, cx: &mut Cx<'_>, opened: &Opened) -> bool {
        let from = opened.sender;
        if self.model.own_id() == Some(from) {
            let (hint, sent_ms) = (opened.content.hint, opened.sent_ms);
            self.with_zr1(cx, |manager, m| manager.own_v1_came(hint.as_ref(), sent_ms, m.now_ms));
            self.settle_secrecy(cx, "");
            return false;
        }
        if self.model.contact(&from).blocked {
            return false;
        }
        let data = matches!(opened.content.body, Payload::Data(_));
        let marked = self.with_zr1(cx, |manager, m| data && manager.v1_came(from, m.now_ms));
        self.settle_secrecy(cx, "");
        marked == Some(true)
    }

    /// What a v1 message said of its sender's list, once the message is filed: of people who are nobody here nothing is kept.
    pub(crate) fn v1_named(&mut self, cx: &mut Cx<'_>, from: AccountId, hint: Option<ManifestHint>) {
        let Some(hint) = hint.filter(|_| self.model.own_id() != Some(from)) else { return };
        let Some(contact) = self.model.contacts.get(&from).filter(|contact| !contact.blocked) else { return };
        let approved = contact.approved;
        self.with_zr1(cx, |manager, m| manager.hinted(from, &hint, approved, m.now_ms));
        self.settle_secrecy(cx, "");
    }

    pub(crate) fn mark(&mut self, id: MessageId, mark: Mark) {
        self.model.change_message(&mut self.out, id, |row| row.mark = mark);
        self.emit_message(id);
    }

    /// The person does not want one message to wait for keys: it alone goes out as v1, and is marked (3.5).
    pub(crate) fn send_openly(&mut self, cx: &mut Cx<'_>, message: MessageId) -> Result<(), Refusal> {
        let (to, _) = self.model.message(&message).ok_or(Refusal::UnknownMessage)?;
        if self.with_zr1(cx, |manager, m| manager.send_openly(&to, message.sent_ms, m.now_ms)) == Some(true) {
            self.mark(message, Mark::Open);
        }
        self.settle_secrecy(cx, "");
        self.emit_conversation(to);
        Ok(())
    }

    /// A link or a code of a contact says that they have ZR1 (3.5). What makes no sense is left aside.
    pub(crate) fn follow_link(&mut self, cx: &mut Cx<'_>, who: AccountId, hint: &str) {
        let Some(hint) = ManifestHint::from_text(hint) else { return };
        self.with_zr1(cx, |manager, m| manager.hinted(who, &hint, true, m.now_ms));
        self.settle_secrecy(cx, "");
    }

    /// Shows the open conversation again when its messages begin or cease to wait for keys.
    pub(crate) fn show_waiting(&mut self) {
        let Some(with) = self.live.open.as_ref().map(|open| open.with) else { return };
        let now = self.net.clock.network(self.time.now());
        let waits = self.zr1().map_or(0, |manager| manager.waiting_for_keys(&with, now));
        if self.live.waits_shown != waits {
            self.live.waits_shown = waits;
            self.emit_conversation(with);
            self.emit_timeline();
        }
    }

    /// Whether a draft goes through the manager: its recipient has ZR1, or it is not known yet whether they have.
    pub(crate) fn goes_secret(&mut self, cx: &mut Cx<'_>, draft: &Draft) -> bool {
        self.introduce(cx, draft.to);
        let to = draft.to;
        let typing = draft.what == Outgoing::Typing;
        if self.model.own_id() == Some(to) {
            return false;
        }
        let goes = self.with_zr1(cx, |manager, m| match manager.tier(to, m.now_ms) {
            Tier::Zr1 | Tier::Ask => true,
            Tier::V1 => !manager.knows(&to, m.now_ms) && !typing,
        });
        goes.unwrap_or(false)
    }

    /// Hands a draft to the manager.
    pub(crate) fn queue_secret(&mut self, cx: &mut Cx<'_>, draft: &Draft) -> Result<(), Refusal> {
        let bytes = content::encode(&draft.content);
        let to = draft.to;
        let mut id = [0; 16];
        cx.rng.fill_bytes(&mut id);
        let sent = draft.content.sent_ms.unwrap_or(0).to_be_bytes();
        id.iter_mut().zip(sent).for_each(|(to, from)| *to = from);
        self.with_zr1(cx, |manager, m| match draft.what {
            Outgoing::Typing => manager.whisper(to, bytes, TYPING_TTL_MS, m),
            _ => manager.send(to, id, bytes, m),
        });
        self.settle_secrecy(cx, "");
        Ok(())
    }

    /// What was sealed without forward secrecy, and has not left, before its recipient turned out to have it, goes through the
    /// manager instead (3.5): our own copy of it says what it was. `failed`: one that was given up, which the person sends again.
    /// What they send openly stays as it is.
    pub(crate) fn take_back(&mut self, cx: &mut Cx<'_>, to: AccountId, failed: Option<u64>) {
        let open = |what: &Outgoing| match what {
            Outgoing::Message(id) => self.model.message(id).is_some_and(|(_, row)| row.mark == Mark::Open),
            _ => false,
        };
        let theirs = self.model.outbox.iter().filter(|(_, row)| row.to == to && !open(&row.what));
        let rows: Vec<(u64, OutboxRow)> = theirs
            .filter(|(number, row)| failed.map_or(!row.failed, |one| one == **number))
            .map(|(number, row)| (*number, row.clone()))
            .collect();
        if rows.is_empty() || self.with_zr1(cx, |manager, m| manager.tier(to, m.now_ms) == Tier::V1) != Some(false) {
            return;
        }
        for (number, row) in rows {
            let copy = row.sync.as_ref().zip(self.model.account.as_ref());
            let copy = copy.and_then(|(sync, account)| envelope::open_message(account, &sync.data).ok());
            let Some(Opened { mut content, .. }) = copy else { continue };
            if let Payload::Data(data) = &mut content.body {
                data.sync_target = None;
                data.profile = Some(self.own_profile());
            }
            self.forget_outbox(number);
            if self.queue_secret(cx, &Draft { to, what: row.what, content, sync: None }).is_err() {
                tracing::warn!("a message could not be sealed");
            }
        }
    }

    /// The recipient has no ZR1: the message goes out as it always did.
    fn fall_back(&mut self, cx: &mut Cx<'_>, to: AccountId, bytes: &[u8]) {
        let (Ok(content), Some(author)) = (content::decode(bytes), self.model.own_id()) else { return };
        let id = MessageId { sent_ms: content.sent_ms.unwrap_or(0), author };
        let visible = self.model.message(&id).is_some_and(|(with, _)| with == to);
        let what = if visible { Outgoing::Message(id) } else { Outgoing::Control };
        let sync = match &content.body {
            Payload::Data(data) => {
                let copy = DataMessage { profile: None, sync_target: Some(to), ..data.clone() };
                Some(Content { body: Payload::Data(copy), ..content.clone() })
            }
            _ => None,
        };
        match self.queue_v1(cx, &Draft { to, what, content, sync }) {
            Ok(number) if visible => {
                let hash = self.model.outbox.get(&number).map(crate::talk::own_hash);
                self.model.change_message(&mut self.out, id, |row| row.hash = hash);
            }
            Ok(_) => {}
            Err(_) => tracing::warn!("a message could not be sealed"),
        }
    }

    /// The manager knows whom the person has accepted.
    pub(crate) fn introduce(&mut self, cx: &mut Cx<'_>, who: AccountId) {
        let contact = self.model.contact(&who);
        self.with_zr1(cx, |manager, m| {
            manager.set_contact(who, contact.approved, contact.blocked);
            manager.recall(who, m.now_ms);
        });
    }

    /// Messages of this conversation that wait, or one of them, are forgotten: they go nowhere any more.
    pub(crate) fn forget_secret(&mut self, cx: &mut Cx<'_>, to: AccountId, message: Option<MessageId>) {
        self.with_zr1(cx, |manager, _| match message {
            Some(message) => manager.forget_message(&to, &message.author, message.sent_ms),
            None => manager.forget_all(&to),
        });
        self.settle_secrecy(cx, "");
    }

    /// A message that the manager gave up is tried once more.
    pub(crate) fn retry_secret(&mut self, cx: &mut Cx<'_>, message: MessageId) -> Result<(), Refusal> {
        let (to, _) = self.model.message(&message).ok_or(Refusal::UnknownMessage)?;
        let again = self.with_zr1(cx, |manager, m| manager.retry_sent(&to, message.sent_ms, m));
        if again == Some(true) {
            self.set_state(message, SendState::Sending);
        }
        self.settle_secrecy(cx, "");
        Ok(())
    }

    /// A restored device presents itself to the contacts (5.5).
    pub(crate) fn greet_contacts(&mut self, cx: &mut Cx<'_>) {
        let mut contacts: Vec<AccountId> =
            self.model.contacts.iter().filter(|(_, row)| row.approved && !row.blocked).map(|(who, _)| *who).collect();
        let newest =
            |who: &AccountId| self.model.threads.get(who).and_then(|t| t.last()).map_or(0, |(id, _)| id.sent_ms);
        sort_by_key(&mut contacts, |who| (std::cmp::Reverse(newest(who)), *who));
        contacts.truncate(500);
        self.with_zr1(cx, |manager, _| manager.greet(contacts));
        self.settle_secrecy(cx, "");
    }

    /// What a person decides about devices and protection.
    pub(crate) fn secrecy_command(
        &mut self,
        cx: &mut Cx<'_>,
        about: Option<AccountId>,
        call: impl FnOnce(&mut Manager, &mut Moment<'_>),
    ) {
        self.with_zr1(cx, call);
        self.settle_secrecy(cx, "");
        match about {
            Some(who) if self.model.own_id() != Some(who) => self.emit_conversation(who),
            _ => self.emit_devices(),
        }
    }

    fn emit_devices(&mut self) {
        let view = self.devices_view();
        self.out.emit(ViewEvent::Devices(view));
    }

    pub(crate) fn show_device_code(&mut self, id: [u8; 16]) {
        let code = self.zr1().and_then(|manager| manager.device_code(&DeviceId(id)));
        self.out.emit(ViewEvent::DeviceCode { id, code });
    }

    pub(crate) fn show_safety_number(&mut self, with: AccountId) {
        let number = self.zr1().and_then(|manager| manager.safety_number(&with));
        self.out.emit(ViewEvent::SafetyNumber { with, number });
    }

    pub(crate) fn devices_view(&self) -> DevicesView {
        let now = self.net.clock.network(self.time.now());
        self.zr1().map_or_else(DevicesView::default, |manager| DevicesView {
            status: manager.status(),
            devices: manager.devices(&manager.own_id(), now),
            other_app: manager.other_app().is_some(),
            notices: self.notice_views(&manager.own_id()),
            link_hint: manager.own_hint().map(|hint| hint.to_text()).unwrap_or_default(),
        })
    }

    pub(crate) fn unreadable_views(&self, from: &AccountId) -> Vec<UnreadableView> {
        let now = self.net.clock.network(self.time.now());
        let all = self.zr1().map(|manager| manager.unreadable(from, now)).unwrap_or_default();
        all.into_iter().map(|(at_ms, given_up)| UnreadableView { at_ms, given_up }).collect()
    }

    pub(crate) fn notice_views(&self, about: &AccountId) -> Vec<NoticeView> {
        let list: &[(u64, Notice)] = self.zr1().map(|manager| manager.notices(about)).unwrap_or_default();
        list.iter().map(|(at, notice)| NoticeView { at_ms: self.device_time(*at), notice: *notice }).collect()
    }
}
