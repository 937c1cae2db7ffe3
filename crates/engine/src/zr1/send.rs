//! Outgoing messages: sealing them for their devices, as soon as that may be (5.1, 6.1).
//!
//! A session that has sealed and the envelope it made are rows and store of one step. "Again" always means a fresh
//! container; the same bytes are repeated only by whoever carries out a store.

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::ratchet::{Changes, ContainerId};
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::container::{self, Kind, Recipient};
use zwiebel_proto::zr1::content::{self, ContentKind, MAX_NACKS, Message, MessageId};
use zwiebel_proto::zr1::envelope::OuterKey;
use zwiebel_proto::zr1::mailbox::{self, ttl};

use super::rows::{Device, OutKind, OutRow, Stage, Status, Target, TargetStage};
use super::sessions::Need;
use super::{HOUR_MS, MINUTE_MS, Manager, Moment};

/// If the own swarm alone is silent, sending waits this long for the check of the witnesses.
const WITNESS_WAIT_MS: u64 = HOUR_MS;
/// Meanwhile another one is asked this often, and what lies between two answers counts if it is no more than the second.
const OTHERS_MS: u64 = 4 * MINUTE_MS;
const OTHERS_GAP_MS: u64 = 6 * MINUTE_MS;

impl Manager {
    /// A message to a contact: sealed for their devices and our own others as soon as keys are there, and kept until
    /// they have acknowledged it.
    pub fn send(&mut self, to: AccountId, id: [u8; 16], content: Vec<u8>, m: &mut Moment<'_>) {
        let number = self.next_number();
        self.out.insert(number, OutRow::new(id, to, OutKind::Chat, content, m.now_ms));
        if self.is_on() {
            self.refresh(to, m.now_ms);
        }
        self.expand(number, m);
        self.save_out(number);
        self.pump(m);
    }

    /// Says something that is worth nothing later: to the devices a session runs with, once, and never again.
    pub fn whisper(&mut self, to: AccountId, content: Vec<u8>, ttl_ms: u64, m: &mut Moment<'_>) {
        if !self.may_send() || !self.list_usable(&to, false, m.now_ms) {
            return;
        }
        let running: Vec<([u8; 16], [u8; 16])> = self
            .peers
            .iter()
            .filter(|(device, _)| device.0 == to && self.is_listed(device))
            .filter_map(|((_, device), peer)| Some((*device, peer.active?)))
            .filter(|(_, session)| self.sessions.get(session).is_some_and(|running| running.row.stage == Stage::Live))
            .collect();
        if running.is_empty() {
            return;
        }
        let mut id = [0; 16];
        m.rng.fill_bytes(&mut id);
        let mut message = self.blank(to, ContentKind::Control, id, m.now_ms);
        message.session_content = Some(content);
        if self.seal(to, &running, &message, m).is_some()
            && let Some(store) = self.step.stores.last_mut()
        {
            store.ttl_ms = ttl_ms;
        }
    }

    /// Another swarm than the own one has answered: without a check of the witnesses only such time counts (6.4). A network
    /// that is not there says nothing.
    pub(super) fn note_others(&mut self, now: u64) {
        let (last, sum) = self.live.others;
        let since = now.saturating_sub(last);
        self.live.others = (now, sum.saturating_add(if since <= OTHERS_GAP_MS { since } else { 0 }));
    }

    /// As long as the check is missing, the swarm of somebody a message waits for is asked now and then.
    pub(super) fn tend_unchecked(&mut self, now: u64) {
        let due = !self.live.witness_checked && now.saturating_sub(self.live.others.0) >= OTHERS_MS;
        let waits = self.out.values().map(|row| row.to).find(|to| due && !self.is_own(to));
        if let Some(to) = waits {
            self.want(to, now, 2);
        }
    }

    /// Whether this device may seal anything now (6.4).
    pub(super) fn may_send(&self) -> bool {
        let listed = self.device.as_ref().is_some_and(|device| device.row.status == Status::Listed);
        let checked = self.live.witness_checked || self.live.others.1 >= WITNESS_WAIT_MS;
        listed && checked
    }

    /// Seals what can be sealed.
    pub(super) fn pump(&mut self, m: &mut Moment<'_>) {
        if !self.may_send() {
            return;
        }
        let now = m.now_ms;
        let ready: Vec<(u64, AccountId)> = self
            .out
            .iter()
            .flat_map(|(number, row)| row.targets.iter().map(move |target| (*number, row.failed, target)))
            .filter(|(_, failed, target)| !failed && target.stage == TargetStage::Queued && target.not_before_ms <= now)
            .map(|(number, _, target)| (number, target.account))
            .collect();
        let mut last = None;
        for pair in ready {
            if last != Some(pair) {
                last = Some(pair);
                self.seal_entry(pair.0, pair.1, m);
            }
        }
        self.pay(m);
    }

    fn seal_entry(&mut self, number: u64, account: AccountId, m: &mut Moment<'_>) {
        if !self.list_usable(&account, false, m.now_ms) {
            self.refresh(account, m.now_ms);
            return;
        }
        let Some(row) = self.out.get(&number).cloned() else { return };
        let mut ready: Vec<([u8; 16], [u8; 16])> = Vec::new();
        for target in row.targets.iter().filter(|target| target.account == account) {
            let device: Device = (account, target.device);
            let waits = target.stage != TargetStage::Queued || target.not_before_ms > m.now_ms;
            if waits || !self.is_listed(&device) {
                continue; // absent is not revoked: it may be back in the next list
            }
            let need = if target.after_ms == 0 { Need::Any } else { Need::After(target.after_ms) };
            if let Some(session) = self.session_for(device, need, m) {
                ready.push((target.device, session));
            }
            if !self.may_send() {
                return; // this device has just renewed itself
            }
        }
        let of =
            |target: &Target| target.account == account && ready.iter().any(|(device, _)| *device == target.device);
        let resend = row.targets.iter().filter(|target| of(target)).map(|target| target.resends).max().unwrap_or(0);
        while !ready.is_empty() {
            let message = self.message_for(&account, &row, resend, &ready, m);
            let inits: Vec<bool> = ready.iter().map(|(_, session)| self.has_opening(session)).collect();
            let fits = container::fitting(&inits, content::encode(&message).len()).max(1).min(ready.len());
            let chunk: Vec<([u8; 16], [u8; 16])> = ready.drain(..fits).collect();
            let Some((store, container)) = self.seal(account, &chunk, &message, m) else { return };
            self.note_sealed(number, account, &chunk, store, container, m.now_ms);
        }
    }

    fn has_opening(&self, session: &[u8; 16]) -> bool {
        self.sessions.get(session).is_some_and(|running| running.session.opening().is_some())
    }

    fn message_for(
        &mut self,
        account: &AccountId,
        row: &OutRow,
        resend: u32,
        devices: &[([u8; 16], [u8; 16])],
        m: &mut Moment<'_>,
    ) -> Message {
        let (kind, about) = match row.kind {
            OutKind::Forward { from } => (ContentKind::SiblingForward, Some(from)),
            OutKind::History => (ContentKind::History, None),
            OutKind::Chat if self.is_own(account) => (ContentKind::SyncSent, Some(row.to)),
            OutKind::Chat => (ContentKind::Chat, None),
        };
        let mut message = self.blank(*account, kind, row.id, m.now_ms);
        if kind == ContentKind::History {
            message.sync = Some(row.content.clone());
        } else {
            message.session_content = Some(row.content.clone());
            message.sync = about.map(|account| account.to_bytes().to_vec());
        }
        message.resend = resend;
        let again = row.targets.iter().filter(|target| target.account == *account);
        let again = again.filter(|target| devices.iter().any(|(device, _)| *device == target.device));
        for container in again.flat_map(|target| target.containers.iter().rev().take(MAX_NACKS / 4)) {
            if message.settled.len() < MAX_NACKS && !message.settled.contains(&ContainerId(*container)) {
                message.settled.push(ContainerId(*container));
            }
        }
        for (device, _) in devices {
            self.add_owed(&mut message, &(*account, *device), m);
        }
        message
    }

    /// A message with nothing in it but who, to whom and when.
    pub(super) fn blank(&mut self, to: AccountId, kind: ContentKind, id: [u8; 16], now: u64) -> Message {
        Message {
            id: MessageId(id),
            sent_at_ms: self.next_sent_ms(now),
            from: self.own.to_bytes(),
            to: to.to_bytes(),
            kind,
            session_content: None,
            acks: Vec::new(),
            nacks: Vec::new(),
            mine: self.own_hint(),
            yours: self.hint_of(&to),
            manifest: None,
            hello: None,
            sync: None,
            resend: 0,
            settled: Vec::new(),
            copied: None,
        }
    }

    /// Seals a message for devices of one account and queues the envelope.
    pub(super) fn seal(
        &mut self,
        account: AccountId,
        devices: &[([u8; 16], [u8; 16])],
        message: &Message,
        m: &mut Moment<'_>,
    ) -> Option<(u64, [u8; 16])> {
        let own = self.is_own(&account);
        let kind = if own { Kind::Own } else { Kind::Peer };
        let outer = OuterKey::of_account(&account);
        let mut taken: Vec<([u8; 16], [u8; 16], super::Running)> = Vec::with_capacity(devices.len());
        for (device, session) in devices {
            if let Some(mut running) = self.sessions.remove(session) {
                running.row.used_ms = m.now_ms;
                taken.push((*device, *session, running));
            }
        }
        let mut recipients: Vec<Recipient<'_>> = taken
            .iter_mut()
            .map(|(device, _, running)| Recipient { device: DeviceId(*device), session: &mut running.session })
            .collect();
        let sealed = container::seal(kind, &content::encode(message), &mut recipients, &outer, &mut *m.rng);
        drop(recipients);
        for (_, session, running) in taken {
            self.sessions.insert(session, running);
            self.save_session(&session, &Changes::default());
        }
        let sealed = sealed.ok()?;
        let (namespace, ttl_ms) =
            if own { (mailbox::OWN_DEVICES, ttl::OWNED) } else { (mailbox::FROM_OTHERS, ttl::FROM_OTHERS) };
        if matches!(message.kind, ContentKind::Control | ContentKind::Hello) {
            for (device, _) in devices {
                self.note_said((account, *device), sealed.id.0);
            }
        }
        Some((self.store(account, namespace, ttl_ms, sealed.envelope), sealed.id.0))
    }

    fn note_sealed(
        &mut self,
        number: u64,
        account: AccountId,
        devices: &[([u8; 16], [u8; 16])],
        store: u64,
        container: [u8; 16],
        now: u64,
    ) {
        let Some(row) = self.out.get_mut(&number) else { return };
        for (device, session) in devices {
            let found = row.targets.iter_mut().find(|target| (target.account, target.device) == (account, *device));
            let Some(target) = found else { continue };
            target.stage = TargetStage::Sealed;
            target.containers.push(container);
            target.store = store;
            target.session = *session;
            target.sealed_ms = now;
            target.first_ms = if target.first_ms == 0 { now } else { target.first_ms };
            target.after_ms = 0;
            target.resends = target.resends.saturating_add(1);
        }
        self.save_out(number);
    }
}
