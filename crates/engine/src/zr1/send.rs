//! Outgoing messages: which devices they are for, and sealing them (5.1, 5.5, 6.1, 6.5).
//!
//! A session that has sealed and the envelope it made are rows and store of one step. "Again" always means a fresh
//! container; the same bytes are repeated only by whoever carries out a store.

use zwiebel_crypto::handshake::{DeviceId, Reason};
use zwiebel_crypto::ratchet::{Changes, ContainerId};
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::container::{self, Kind, Recipient};
use zwiebel_proto::zr1::content::{self, ContentKind, Hello, MAX_ACKS, MAX_NACKS, Message, MessageId};
use zwiebel_proto::zr1::envelope::OuterKey;
use zwiebel_proto::zr1::mailbox::{self, ttl};

use super::rows::{Device, OutKind, OutRow, OwedRow, Stage, Status, Target, TargetStage, device_key, kind};
use super::sessions::Need;
use super::{DAY_MS, Event, HOUR_MS, MINUTE_MS, Manager, Moment, SECOND_MS};

/// Older unacknowledged mail goes to a device nobody vouched for only after this long, so that the others can object.
const UNENDORSED_WAIT_MS: u64 = DAY_MS;
/// Unless none of the account's other devices was heard from for this long.
const SILENT_MS: u64 = 7 * DAY_MS;
/// If the own swarm alone is silent, sending waits this long for the check of the witnesses.
const WITNESS_WAIT_MS: u64 = HOUR_MS;
/// A device presents itself to one contact in this time.
const HELLO_PACE_MS: u64 = SECOND_MS;
/// Orphans asked for in one message, and how often each of one device (6.6).
const ORPHANS_ASKED: usize = 4;
const ORPHAN_ASKS: u8 = 3;

impl Manager {
    /// A message to a contact: sealed for their devices and our own others as soon as keys are there, and kept until
    /// they have acknowledged it.
    pub fn send(&mut self, to: AccountId, id: [u8; 16], content: Vec<u8>, m: &mut Moment<'_>) {
        let number = self.next_number();
        self.out.insert(number, OutRow::new(id, to, OutKind::Chat, content, m.now_ms));
        self.refresh(to, m.now_ms);
        self.expand(number, m);
        self.save_out(number);
        self.pump(m);
    }

    /// Forgets a message that is not to be sent any more: deleted, or its time is over.
    pub fn forget(&mut self, to: &AccountId, id: &[u8; 16]) {
        let numbers: Vec<u64> =
            self.out.iter().filter(|(_, row)| row.to == *to && row.id == *id).map(|(number, _)| *number).collect();
        for number in numbers {
            let row = self.out.remove(&number);
            self.delete(super::rows::number_key(number));
            // Whoever could not read it need not wait for it.
            for target in row.into_iter().flat_map(|row| row.targets) {
                for container in target.containers {
                    self.note_said((target.account, target.device), container);
                }
            }
        }
    }

    /// The same for the messages whose names begin with this time, as the engine gives them.
    pub fn forget_sent(&mut self, to: &AccountId, sent_ms: u64) {
        let begins = sent_ms.to_be_bytes();
        let named: Vec<[u8; 16]> =
            self.out.values().filter(|row| row.to == *to && row.id.starts_with(&begins)).map(|row| row.id).collect();
        for id in named {
            self.forget(to, &id);
        }
    }

    /// Tries those again that were given up. Whether there were any.
    pub fn retry_sent(&mut self, to: &AccountId, sent_ms: u64, m: &mut Moment<'_>) -> bool {
        let begins = sent_ms.to_be_bytes();
        let failed = |row: &&OutRow| row.to == *to && row.failed && row.id.starts_with(&begins);
        let named: Vec<[u8; 16]> = self.out.values().filter(failed).map(|row| row.id).collect();
        let again = named.iter().filter(|id| self.retry(to, id, m)).count();
        again > 0
    }

    /// Forgets everything that waits for somebody, and what of theirs could not be read.
    pub fn forget_all(&mut self, to: &AccountId) {
        let numbers: Vec<u64> = self.out.iter().filter(|(_, row)| row.to == *to).map(|(number, _)| *number).collect();
        for number in numbers {
            self.out.remove(&number);
            self.delete(super::rows::number_key(number));
        }
        self.forget_placeholders(to);
    }

    /// Tries a message that was given up once more. Whether there was one.
    pub fn retry(&mut self, to: &AccountId, id: &[u8; 16], m: &mut Moment<'_>) -> bool {
        let found = self.out.iter().find(|(_, row)| row.to == *to && row.id == *id && row.failed);
        let Some(number) = found.map(|(number, _)| *number) else { return false };
        if let Some(row) = self.out.get_mut(&number) {
            row.failed = false;
            row.created_ms = m.now_ms;
            for target in &mut row.targets {
                if !matches!(target.stage, TargetStage::Acked | TargetStage::Dropped) {
                    target.stage = TargetStage::Queued;
                    target.tries = 0;
                    target.first_ms = 0;
                }
            }
        }
        self.save_out(number);
        self.pump(m);
        true
    }

    /// Says something that is worth nothing later: to the devices a session runs with, once, and never again.
    pub fn whisper(&mut self, to: AccountId, content: Vec<u8>, ttl_ms: u64, m: &mut Moment<'_>) {
        if !self.may_send(m.now_ms) || !self.list_usable(&to, false, m.now_ms) {
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

    /// Whether a message is still on its way.
    #[must_use]
    pub fn is_waiting(&self, to: &AccountId, id: &[u8; 16]) -> bool {
        self.out.values().any(|row| row.to == *to && row.id == *id && !row.delivered)
    }

    pub(super) fn has_mail_for(&self, who: &AccountId) -> bool {
        self.out.values().any(|row| row.to == *who && !row.delivered && !row.failed)
    }

    /// The devices a message is for: those listed now that are not among its targets yet.
    pub(super) fn expand(&mut self, number: u64, m: &Moment<'_>) {
        let Some(row) = self.out.get(&number).filter(|row| row.kind == OutKind::Chat) else { return };
        let mut new = Vec::new();
        let accounts = if row.to == self.own { vec![self.own] } else { vec![row.to, self.own] };
        for account in accounts {
            let Some(list) = self.people.get(&account).and_then(|person| person.list.as_ref()) else { continue };
            for entry in list.active() {
                let device: Device = (account, entry.public.id().0);
                if row.targets.iter().any(|target| (target.account, target.device) == device) {
                    continue;
                }
                if let Some(not_before_ms) = self.admits(row, &device, entry.added_at_ms, m.now_ms) {
                    new.push(target(device, not_before_ms));
                }
            }
        }
        if !new.is_empty()
            && let Some(row) = self.out.get_mut(&number)
        {
            row.targets.extend(new);
            self.save_out(number);
        }
    }

    /// Whether a message goes to this device, and from when on (5.5, 6.5).
    fn admits(&self, row: &OutRow, device: &Device, added_ms: u64, now: u64) -> Option<u64> {
        let (account, id) = device;
        if *account == self.own {
            let this = self.device.as_ref().is_some_and(|own| own.id == *id);
            return (!this && added_ms <= row.created_ms).then_some(0);
        }
        let peer = self.peers.get(device);
        let listed = peer.map_or(now, |peer| peer.listed_ms);
        let unendorsed = peer.is_some_and(|peer| peer.unendorsed_ms != 0);
        let verified = self.row_of(account).verified;
        let acked = row.targets.iter().any(|target| target.account == *account && target.stage == TargetStage::Acked);
        let written_after = if unendorsed { listed <= row.created_ms } else { added_ms <= row.created_ms };
        if unendorsed && verified {
            return None; // waits for the person's consent
        }
        if written_after {
            return Some(0);
        }
        if acked {
            return None;
        }
        if !unendorsed {
            return Some(0);
        }
        let others_silent = self
            .peers
            .iter()
            .filter(|(other, _)| other.0 == *account && *other != device)
            .all(|(_, peer)| now.saturating_sub(peer.heard_ms) > SILENT_MS);
        Some(if others_silent { 0 } else { listed.saturating_add(UNENDORSED_WAIT_MS) })
    }

    pub(super) fn expand_all(&mut self, account: &AccountId, m: &Moment<'_>) {
        let own = self.is_own(account);
        let numbers: Vec<u64> =
            self.out.iter().filter(|(_, row)| own || row.to == *account).map(|(number, _)| *number).collect();
        for number in numbers {
            self.expand(number, m);
        }
    }

    /// What waits only because nobody had vouched for a device goes out.
    pub(super) fn wait_no_longer(&mut self, device: &Device) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            let mut waiting = row.targets.iter_mut().filter(|target| (target.account, target.device) == *device);
            if let Some(target) = waiting.find(|target| target.not_before_ms != 0) {
                target.not_before_ms = 0;
                self.save_out(number);
            }
        }
    }

    pub(super) fn drop_targets(&mut self, device: &Device) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            let open = |target: &Target| !matches!(target.stage, TargetStage::Acked | TargetStage::Dropped);
            let mut changed = false;
            for target in row.targets.iter_mut().filter(|target| (target.account, target.device) == *device) {
                if open(target) {
                    target.stage = TargetStage::Dropped;
                    changed = true;
                }
            }
            if changed {
                self.save_out(number);
            }
        }
    }

    /// All sessions are gone: what nobody has acknowledged is sealed again.
    pub(super) fn requeue_everything(&mut self) {
        let numbers: Vec<u64> = self.out.keys().copied().collect();
        for number in numbers {
            let Some(row) = self.out.get_mut(&number) else { continue };
            for target in &mut row.targets {
                if matches!(target.stage, TargetStage::Sealed | TargetStage::Stored) {
                    target.stage = TargetStage::Queued;
                    target.after_ms = 0;
                }
            }
            self.save_out(number);
        }
    }

    /// Whether this device may seal anything now (6.4).
    pub(super) fn may_send(&self, now: u64) -> bool {
        let listed = self.device.as_ref().is_some_and(|device| device.row.status == Status::Listed);
        let checked = self.live.witness_checked || now.saturating_sub(self.live.started_ms) >= WITNESS_WAIT_MS;
        listed && checked
    }

    /// Seals what can be sealed.
    pub(super) fn pump(&mut self, m: &mut Moment<'_>) {
        if !self.may_send(m.now_ms) {
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
            if !self.may_send(m.now_ms) {
                return; // this device has just renewed itself
            }
        }
        let resend = row.targets.iter().map(|target| target.resends).max().unwrap_or(0);
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

    /// Puts what is owed to a device into a message that goes there anyway.
    fn add_owed(&mut self, message: &mut Message, device: &Device, m: &mut Moment<'_>) {
        if let Some(mut owed) = self.owed.get(device).cloned() {
            let quiet_at = self.quiet_at(device);
            let void = self.asides.get(device).map(|aside| aside.void.clone()).unwrap_or_default();
            if quiet_at <= m.now_ms && !(owed.quiet.is_empty() && void.is_empty()) {
                owed.acks.append(&mut owed.quiet);
                let room = MAX_NACKS.saturating_sub(message.settled.len()).min(void.len());
                message.settled.extend(void.iter().take(room).copied().map(ContainerId));
                self.change_aside(*device, |aside| drop(aside.void.drain(..room)));
                self.change_peer(*device, |peer| peer.quiet_ms = m.now_ms);
            }
            if message.kind == ContentKind::Control {
                message.copied = self.asides.get(device).and_then(|aside| aside.copied);
                self.change_aside(*device, |aside| aside.copied = None);
            }
            let room = MAX_ACKS.saturating_sub(message.acks.len()).min(owed.acks.len());
            message.acks.extend(owed.acks.drain(..room).map(MessageId));
            let room = MAX_NACKS.saturating_sub(message.nacks.len()).min(owed.nacks.len());
            message.nacks.extend(owed.nacks.drain(..room).map(ContainerId));
            if owed.list {
                message.manifest = self.people.get(&self.own).map(|person| person.row.manifest.clone());
                let seq = self.own_list().map_or(0, |list| list.seq);
                self.change_peer(*device, |peer| peer.told_seq = seq);
            }
            self.keep_owed(device, owed, m.now_ms);
        }
        if self.is_approved(&device.0) {
            self.ask_for_orphans(message, device, m);
        }
    }

    /// What is still owed to a device after a message went there.
    fn keep_owed(&mut self, device: &Device, owed: OwedRow, now: u64) {
        let quiet_at = self.quiet_at(device);
        let due_ms = if !owed.acks.is_empty() || !owed.nacks.is_empty() {
            now.saturating_add(MINUTE_MS)
        } else if !owed.quiet.is_empty() || self.asides.get(device).is_some_and(|aside| !aside.void.is_empty()) {
            quiet_at
        } else {
            self.owed.remove(device);
            self.delete(device_key(kind::OWED, device));
            return;
        };
        self.change_owed(*device, |row| *row = OwedRow { list: false, reset: false, due_ms, ..owed });
    }

    /// A few blobs that nobody's session opened are asked for along the way; only their true sender knows them (6.6).
    fn ask_for_orphans(&mut self, message: &mut Message, device: &Device, m: &mut Moment<'_>) {
        let own = self.is_own(&device.0);
        let mut open: Vec<[u8; 16]> = self
            .orphans
            .iter()
            .filter(|(_, row)| row.own == own)
            .filter(|(_, row)| row.asked.iter().find(|(who, _)| who == device).is_none_or(|(_, n)| *n < ORPHAN_ASKS))
            .map(|(id, _)| *id)
            .collect();
        for _ in 0..ORPHANS_ASKED {
            if open.is_empty() || message.nacks.len() >= MAX_NACKS {
                return;
            }
            let at = usize::try_from(m.rng.next_u64() % u64::try_from(open.len()).unwrap_or(1)).unwrap_or(0);
            let id = open.swap_remove(at);
            let Some(row) = self.orphans.get_mut(&id) else { continue };
            match row.asked.iter_mut().find(|(who, _)| who == device) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => row.asked.push((*device, 1)),
            }
            let (row, container) = (row.clone(), row.container);
            self.put(super::rows::key(kind::ORPHAN, &id), &row);
            if !message.nacks.contains(&ContainerId(container)) {
                message.nacks.push(ContainerId(container));
            }
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

    /// Sends what is owed and due: acknowledgements, questions, our list.
    fn pay(&mut self, m: &mut Moment<'_>) {
        let due: Vec<Device> =
            self.owed.iter().filter(|(_, owed)| owed.due_ms <= m.now_ms).map(|(device, _)| *device).collect();
        for device in due {
            let quiet_at = self.quiet_at(&device);
            let warns = self.asides.get(&device).is_some_and(|aside| aside.copied.is_some());
            if quiet_at > m.now_ms && !warns && self.owed.get(&device).is_some_and(OwedRow::is_quiet) {
                self.change_owed(device, |owed| owed.due_ms = quiet_at);
                continue;
            }
            let reset = self.owed.get(&device).is_some_and(|owed| owed.reset);
            let session = if reset {
                self.reset(device, m)
            } else if self.list_usable(&device.0, false, m.now_ms) {
                self.session_for(device, Need::Any, m)
            } else {
                self.refresh(device.0, m.now_ms);
                None
            };
            let Some(session) = session else {
                let later = m.now_ms.saturating_add(MINUTE_MS);
                if self.owed.contains_key(&device) {
                    self.change_owed(device, |owed| owed.due_ms = later);
                }
                continue;
            };
            let mut id = [0; 16];
            m.rng.fill_bytes(&mut id);
            let mut message = self.blank(device.0, ContentKind::Control, id, m.now_ms);
            self.add_owed(&mut message, &device, m);
            let _sent = self.seal(device.0, &[(device.1, session)], &message, m);
        }
    }

    /// A new session because the peer's messages do not open in the old one (6.6); within the limits.
    fn reset(&mut self, device: Device, m: &mut Moment<'_>) -> Option<[u8; 16]> {
        if !self.may_reset(&device, m.now_ms) {
            return None;
        }
        let session = self.begin(device, Reason::LostState, m)?;
        self.count_reset(device, m.now_ms);
        Some(session)
    }

    /// Every approved contact, the one heard of last first.
    pub(super) fn contacts_newest_first(&self) -> Vec<AccountId> {
        let mut contacts: Vec<(u64, AccountId)> = self
            .people
            .iter()
            .filter(|(account, person)| **account != self.own && person.row.approved && !person.row.blocked)
            .map(|(account, _)| {
                let heard = self.peers.iter().filter(|(device, _)| device.0 == *account);
                (heard.map(|(_, peer)| peer.heard_ms).max().unwrap_or(0), *account)
            })
            .collect();
        contacts.sort_unstable_by_key(|(heard, account)| (std::cmp::Reverse(*heard), *account));
        contacts.into_iter().map(|(_, account)| account).collect()
    }

    /// A restored device presents itself to these contacts, one after the other (5.5).
    pub fn greet(&mut self, contacts: Vec<AccountId>) {
        let Some(device) = &mut self.device else { return };
        for contact in contacts {
            if !device.row.hello.contains(&contact) && contact != self.own {
                device.row.hello.push(contact);
            }
        }
        self.save_device();
    }

    pub(super) fn tend_hello(&mut self, m: &mut Moment<'_>) {
        if !self.may_send(m.now_ms) || m.now_ms < self.live.greeted_ms.saturating_add(HELLO_PACE_MS) {
            return;
        }
        let Some(device) = &self.device else { return };
        let (this, predecessor, lost_since) = (device.id, device.row.predecessor, device.row.lost_since_ms);
        let Some(who) = device.row.hello.first().copied() else { return };
        self.live.greeted_ms = m.now_ms;
        let row = self.row_of(&who);
        let has_list = self.person(&who).is_some_and(|person| person.list.is_some());
        if !has_list || !self.list_usable(&who, true, m.now_ms) {
            if row.absent_ms == 0 || has_list {
                self.refresh(who, m.now_ms);
                self.next_hello(who, true);
            } else {
                self.next_hello(who, false);
            }
            return;
        }
        self.next_hello(who, false);
        let list = self.person(&who).and_then(|person| person.list.as_ref());
        let others = list.into_iter().flat_map(|list| list.active()).map(|entry| entry.public.id().0);
        let devices: Vec<[u8; 16]> = others.filter(|id| *id != this).collect();
        let mut ready = Vec::new();
        for id in devices {
            if let Some(session) = self.session_for((who, id), Need::Any, m) {
                ready.push((id, session));
            }
        }
        if ready.is_empty() {
            return;
        }
        let mut id = [0; 16];
        m.rng.fill_bytes(&mut id);
        let mut message = self.blank(who, ContentKind::Hello, id, m.now_ms);
        let asks = lost_since != 0 && m.now_ms.saturating_sub(lost_since) <= 2 * DAY_MS;
        let since_ms = asks.then(|| lost_since.max(m.now_ms.saturating_sub(DAY_MS)));
        message.hello = Some(Hello { since_ms, predecessor });
        if self.is_own(&who) {
            message.sync = self.live.token_hash.take().map(|hash| hash.to_vec());
        }
        let _sent = self.seal(who, &ready, &message, m);
    }

    fn next_hello(&mut self, who: AccountId, again: bool) {
        let Some(device) = &mut self.device else { return };
        device.row.hello.retain(|other| *other != who);
        if again {
            device.row.hello.push(who);
        }
        self.save_device();
    }

    /// A swarm has confirmed a store.
    pub fn stored(&mut self, number: u64) {
        self.live.publishing.remove(&number);
        if self.live.witness_store == Some(number) {
            self.forget_old_witnesses();
        }
        let found: Vec<u64> = self
            .out
            .iter()
            .filter(|(_, row)| {
                row.targets.iter().any(|target| target.store == number && target.stage == TargetStage::Sealed)
            })
            .map(|(out, _)| *out)
            .collect();
        for out in found {
            let Some(row) = self.out.get_mut(&out) else { continue };
            for target in row.targets.iter_mut().filter(|target| target.store == number) {
                if target.stage == TargetStage::Sealed {
                    target.stage = TargetStage::Stored;
                }
            }
            let to = row.to;
            let peers = || row.targets.iter().filter(|target| target.account == to);
            let there = peers().any(|target| matches!(target.stage, TargetStage::Stored | TargetStage::Acked));
            let open = peers().any(|target| target.stage == TargetStage::Sealed);
            let first = !row.stored && there && !open && row.is_shown();
            row.stored |= first;
            let id = row.id;
            self.save_out(out);
            if first {
                self.emit(Event::Stored { to, id });
            }
        }
    }

    /// Whether any session with the account has been answered.
    pub(super) fn has_live_session(&self, who: &AccountId) -> bool {
        self.sessions.values().any(|running| running.row.account == *who && running.row.stage == Stage::Live)
    }
}

pub(super) fn target((account, device): Device, not_before_ms: u64) -> Target {
    Target {
        account,
        device,
        stage: TargetStage::Queued,
        containers: Vec::new(),
        store: 0,
        session: [0; 16],
        first_ms: 0,
        sealed_ms: 0,
        acked_ms: 0,
        gap_ms: 0,
        gap_done: false,
        tries: 0,
        after_ms: 0,
        not_before_ms,
        resends: 0,
    }
}
