//! What comes out of a mailbox: from a blob to a message of a known device, or to one of the named ways of failing
//! (3.4, 4.5, 6.6).
//!
//! A failure changes no session. What a stranger sends causes no traffic, no alarm, and evicts nothing of contacts.

use zwiebel_crypto::handshake::{AnswerError, DeviceId, Introduction, PrekeyId, Responder};
use zwiebel_crypto::kdf::short_digest;
use zwiebel_crypto::ratchet::ReceiveError;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::sort;
use zwiebel_proto::zr1::container::{Container, Entry, OpenError, Opened, receive, receive_first};
use zwiebel_proto::zr1::content::{self, ContentKind, Message};
use zwiebel_proto::zr1::envelope;
use zwiebel_proto::zr1::mailbox::Mailbox;

use super::rows::{Device, HeldRow, OrphanRow, UnreadableRow, WaitingRow, key, kind};
use super::{DAY_MS, Event, Manager, Moment, Notice};

/// First messages tried in one poll: each costs a decapsulation, and whether it is a stranger's is known only after.
const BUDGET: u32 = 50;
/// What is over the budget waits, up to these.
const MAX_WAITING: usize = 2_000;
const MAX_WAITING_BYTES: usize = 32 << 20;
/// Blobs that no session opens.
const MAX_ORPHANS: usize = 200;
const MAX_ORPHAN_BYTES: usize = 8 << 20;
const ORPHAN_MS: u64 = 14 * DAY_MS;
/// A device that is not listed is waited for this long.
const HELD_MS: u64 = DAY_MS;
/// Nodes that have answered since then will do so again.
const ANSWERED_MS: u64 = 10 * super::MINUTE_MS;
/// Its list is asked for again after this long at first.
const HELD_AGAIN_MS: u64 = 2 * super::SECOND_MS;
/// A placeholder says that nothing came after this long.
const UNREADABLE_MS: u64 = 14 * DAY_MS;
/// Placeholders of one account.
const MAX_UNREADABLE: usize = 200;

/// What became of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Read, held, or known already.
    Done,
    /// Not ours, not for this device, or of no use.
    Nothing,
    /// Kept; another blob may open it.
    Kept,
}

impl Manager {
    /// A poll begins: how many first messages it may try.
    pub const fn poll_begins(&mut self) {
        self.live.budget = BUDGET;
    }

    /// Takes in one blob of a mailbox.
    pub fn receive(&mut self, from: Mailbox, blob: &[u8], m: &mut Moment<'_>) -> Outcome {
        self.receive_stored(from, blob, 0, m)
    }

    /// The same with the network time at which the swarm got it, as a member says.
    pub fn receive_stored(&mut self, from: Mailbox, blob: &[u8], stored_ms: u64, m: &mut Moment<'_>) -> Outcome {
        if !self.is_on() {
            return Outcome::Nothing;
        }
        self.live.stored_ms = stored_ms;
        let outcome = self.open(from, blob, m);
        self.live.stored_ms = 0;
        self.pump(m);
        outcome
    }

    fn open(&mut self, from: Mailbox, blob: &[u8], m: &mut Moment<'_>) -> Outcome {
        let Some(device) = self.device_id() else { return Outcome::Nothing };
        let Some(body) = envelope::open(self.account.x25519(), blob) else { return Outcome::Nothing };
        let Ok(container) = Container::parse(&body) else { return Outcome::Nothing };
        if container.kind() != from.kind() {
            return Outcome::Nothing;
        }
        let Ok(entries) = container.entries_for(&device) else { return Outcome::Nothing };
        let own = from == Mailbox::OwnDevices;
        for entry in &entries {
            if let Some(session) = self.recognise(own, entry.capsule(), container.bind()) {
                return self.in_session(session, &container, entry, m);
            }
        }
        // Another device's name may begin like ours: whichever entry opens is the one for us.
        let firsts: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.init().is_some()).collect();
        let mut kept = firsts.is_empty() && !entries.is_empty();
        for entry in firsts {
            if self.live.budget == 0 {
                return self.keep_waiting(blob, own, m);
            }
            self.live.budget = self.live.budget.saturating_sub(1);
            match self.first_message(from, &container, entry, m) {
                Outcome::Done => return Outcome::Done,
                outcome => kept |= outcome == Outcome::Kept,
            }
        }
        if kept { self.keep_orphan(blob, own, container.id().0, m) } else { Outcome::Nothing }
    }

    fn in_session(
        &mut self,
        id: [u8; 16],
        container: &Container<'_>,
        entry: &Entry<'_>,
        m: &mut Moment<'_>,
    ) -> Outcome {
        let now = m.now_ms;
        let Some(running) = self.sessions.get(&id) else { return Outcome::Nothing };
        let account = running.row.account;
        let device: Device = (account, running.row.device);
        let trust = self.trust(&account);
        let Some(running) = self.sessions.get_mut(&id) else { return Outcome::Nothing };
        match receive(&mut running.session, container, entry, trust, now) {
            Ok(opened) => {
                self.save_session(&id, &opened.changes);
                self.cap_skipped(&opened.changes);
                self.note_consumed(&id, &opened.position, container.id().0, now);
                self.opened(id, device, container.id().0, &opened, None, m);
                Outcome::Done
            }
            Err(OpenError::Ratchet(ReceiveError::Consumed(position))) => {
                let used = self.consumed.get(&(id, position.to_bytes())).map(|row| row.container);
                // Without a row it may be very old bytes that a node replays: nothing is said or counted.
                if used.is_some_and(|other| other != container.id().0) {
                    self.suspect(device, now);
                    self.not_readable(device, container.id().0, now);
                }
                Outcome::Done
            }
            Err(OpenError::Ratchet(ReceiveError::NoSession)) | Err(OpenError::Stale) => Outcome::Nothing,
            Err(OpenError::Ratchet(_)) => {
                self.not_readable(device, container.id().0, now);
                Outcome::Done
            }
            Err(OpenError::Payload(_)) => Outcome::Nothing, // only the sender can cause it
            Err(_) => Outcome::Nothing,
        }
    }

    /// A capsule with an init block that no session recognises (3.4). [`Outcome::Kept`]: it is to be kept.
    fn first_message(
        &mut self,
        from: Mailbox,
        container: &Container<'_>,
        entry: &Entry<'_>,
        m: &mut Moment<'_>,
    ) -> Outcome {
        let Some(block) = entry.init() else { return Outcome::Nothing };
        let PrekeyId(pkid) = block.prekey_id();
        let (Some(device), Some(prekey)) = (&self.device, self.prekeys.get(&pkid)) else { return Outcome::Kept };
        let us = Responder { account: self.signer, device: &device.keys };
        let answer = match us.answer(&block, &prekey.pair, from.origin(), m.now_ms) {
            Ok(answer) => answer,
            // Our clock may be the wrong one.
            Err(AnswerError::Clock) => return Outcome::Kept,
            Err(_) => return Outcome::Nothing,
        };
        if self.tombstones.contains_key(&answer.proposal.id().0) {
            return Outcome::Nothing; // a replay
        }
        let introduction = answer.introduction;
        let Some(account) = Self::account_of(&introduction.account) else { return Outcome::Nothing };
        let person = self.row_of(&account);
        let pinned = person.signer.is_none_or(|key| key == introduction.account.0);
        let revoked = self.peers.get(&(account, introduction.device.id().0)).is_some_and(|peer| peer.gone);
        if person.blocked || !pinned || revoked {
            return Outcome::Nothing;
        }
        let trust = self.trust(&account);
        let opened = receive_first(answer.proposal, container, entry, trust, m.now_ms, &mut *m.rng);
        let Ok((session, opened)) = opened else { return Outcome::Nothing };
        if !self.wanted_from_stranger(&account, &opened) {
            // Nothing stays of it but its name.
            let row = super::TombstoneRow { prekey: pkid, at_ms: m.now_ms };
            self.put(key(kind::TOMBSTONE, &session.id().0), &row);
            self.tombstones.insert(session.id().0, row);
            return Outcome::Nothing;
        }
        self.adopted(&introduction, account, session, &opened, container.id().0, pkid, m);
        self.retry_orphans(m);
        Outcome::Done
    }

    /// From accounts that are not approved only message requests are kept.
    fn wanted_from_stranger(&self, account: &AccountId, opened: &Opened) -> bool {
        self.is_approved(account)
            || content::decode(&opened.content).is_ok_and(|message| message.kind == ContentKind::Chat)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one first message")]
    fn adopted(
        &mut self,
        introduction: &Introduction,
        account: AccountId,
        session: zwiebel_crypto::ratchet::Session,
        opened: &Opened,
        container: [u8; 16],
        pkid: [u8; 4],
        m: &mut Moment<'_>,
    ) {
        let device: Device = (account, introduction.device.id().0);
        let id = self.adopt(introduction, account, session, &opened.changes, pkid, m.now_ms);
        self.note_consumed(&id, &opened.position, container, m.now_ms);
        self.opened(id, device, container, opened, Some(introduction.statement.manifest_seq), m);
    }

    /// A payload that has opened: checks that need no knowledge of what it says, then held or taken in. `claim`: the list
    /// that the init named, if one did.
    fn opened(
        &mut self,
        id: [u8; 16],
        device: Device,
        container: [u8; 16],
        opened: &Opened,
        claim: Option<u64>,
        m: &mut Moment<'_>,
    ) {
        let now = m.now_ms;
        let account = device.0;
        let Ok(message) = content::decode(&opened.content) else { return };
        if message.from != account.to_bytes() || message.to != self.own.to_bytes() {
            return;
        }
        if self.row_of(&account).blocked {
            return;
        }
        self.spoke(&id, message.sent_at_ms, now);
        let listed = self.is_listed(&device);
        if self.is_approved(&account) && !listed {
            // In a session whose first message is held, every one rests on what that one claimed.
            let before = || self.held.values().find(|row| row.session == id).map(|row| row.seq);
            let seq = claim.or_else(before).unwrap_or(message.mine.map_or(0, |hint| hint.seq));
            self.hold(device, id, container, seq, &opened.content, now);
            return;
        }
        self.take_in(device, &message, false, m);
    }

    /// From a device that the account's list, as we know it, does not name (3.4).
    fn hold(&mut self, device: Device, session: [u8; 16], container: [u8; 16], seq: u64, content: &[u8], now: u64) {
        let row = HeldRow { account: device.0, device: device.1, session, seq, at_ms: now, content: content.to_vec() };
        self.put(key(kind::HELD, &container), &row);
        self.held.insert(container, row);
        self.want(device.0, now, 2);
    }

    /// A list was fetched from so many nodes: what its devices sent is released, what others sent is dropped. After a day a
    /// claim of a list that three nodes do not show is none.
    pub(super) fn release_held(&mut self, account: &AccountId, nodes: u8, m: &mut Moment<'_>) {
        let waiting: Vec<[u8; 16]> =
            self.held.iter().filter(|(_, row)| row.account == *account).map(|(id, _)| *id).collect();
        for container in waiting {
            let Some(row) = self.held.get(&container).cloned() else { continue };
            let device: Device = (row.account, row.device);
            let known = self.person(account).and_then(|person| person.list.as_ref());
            let (seq, revoked) = known.map_or((0, false), |list| (list.seq, list.is_revoked(&DeviceId(row.device))));
            if self.is_listed(&device) {
                self.drop_held(&container);
                if let Ok(message) = content::decode(&row.content) {
                    self.take_in(device, &message, false, m);
                }
            } else if revoked || (seq != 0 && row.seq != 0 && (seq >= row.seq || (nodes >= 3 && self.is_over(&row, m))))
            {
                self.drop_held(&container);
                self.bury(&row.session, m.now_ms);
                self.notice(*account, Notice::UnlistedDevice, m.now_ms);
            } else {
                // The list may be on its way, too: asked for soon, then more and more seldom.
                let pause = m.now_ms.saturating_sub(row.at_ms).clamp(HELD_AGAIN_MS, super::MINUTE_MS);
                self.want(*account, m.now_ms.saturating_add(pause), 3);
            }
        }
    }

    fn drop_held(&mut self, container: &[u8; 16]) {
        self.held.remove(container);
        self.delete(key(kind::HELD, container));
    }

    /// Whether it has been held for a day. Never for the own account.
    fn is_over(&self, row: &HeldRow, m: &Moment<'_>) -> bool {
        row.account != self.own && m.now_ms.saturating_sub(row.at_ms) > HELD_MS
    }

    /// No answer for a day: shown, with a mark. As long as nodes do answer, the next answer decides.
    pub(super) fn tend_held(&mut self, m: &mut Moment<'_>) {
        let asking = |row: &HeldRow| {
            let answered = self.row_of(&row.account).fetched_ms.saturating_add(ANSWERED_MS) > m.now_ms;
            row.seq != 0 && answered && m.now_ms.saturating_sub(row.at_ms) < HELD_MS.saturating_add(super::HOUR_MS)
        };
        let over: Vec<[u8; 16]> =
            self.held.iter().filter(|(_, row)| self.is_over(row, m) && !asking(row)).map(|(id, _)| *id).collect();
        for container in over {
            let Some(row) = self.held.get(&container).cloned() else { continue };
            self.drop_held(&container);
            if let Ok(message) = content::decode(&row.content) {
                self.take_in((row.account, row.device), &message, true, m);
            }
        }
    }

    /// The header is a peer's, the message does not open: a placeholder, and a question in a new session (6.6).
    fn not_readable(&mut self, device: Device, container: [u8; 16], now: u64) {
        if !self.is_approved(&device.0) || self.unreadable.contains_key(&container) {
            return;
        }
        let row = UnreadableRow { account: device.0, device: device.1, at_ms: now };
        self.put(key(kind::UNREADABLE, &container), &row);
        self.unreadable.insert(container, row);
        let all = self.placeholders(&device.0);
        for oldest in all.iter().take(all.len().saturating_sub(MAX_UNREADABLE)) {
            self.end_placeholder(&device.0, *oldest, None);
        }
        self.change_owed(device, |owed| {
            if !owed.nacks.contains(&container) {
                owed.nacks.push(container);
            }
            owed.reset = true;
            owed.due_ms = now;
        });
        if !self.is_own(&device.0) {
            self.emit(Event::Unreadable { from: device.0, container });
        }
    }

    /// The sender's answer names a container that could not be read: its placeholder goes, replaced by a message if there is one.
    pub(super) fn end_placeholder(&mut self, from: &AccountId, container: [u8; 16], by: Option<[u8; 16]>) {
        if self.unreadable.get(&container).is_none_or(|row| row.account != *from) {
            return;
        }
        self.unreadable.remove(&container);
        self.delete(key(kind::UNREADABLE, &container));
        if !self.is_own(from) {
            self.emit(Event::Replaced { from: *from, container, by });
        }
    }

    /// What of somebody's could not be read, oldest first.
    fn placeholders(&self, from: &AccountId) -> Vec<[u8; 16]> {
        let theirs = self.unreadable.iter().filter(|(_, row)| row.account == *from);
        let mut all: Vec<(u64, [u8; 16])> = theirs.map(|(container, row)| (row.at_ms, *container)).collect();
        sort(&mut all);
        all.into_iter().map(|(_, container)| container).collect()
    }

    /// The conversation is deleted.
    pub(super) fn forget_placeholders(&mut self, from: &AccountId) {
        for container in self.placeholders(from) {
            self.end_placeholder(from, container, None);
        }
    }

    fn keep_orphan(&mut self, blob: &[u8], own: bool, container: [u8; 16], m: &mut Moment<'_>) -> Outcome {
        let id = short_digest(&[blob]);
        if self.orphans.contains_key(&id) {
            return Outcome::Kept;
        }
        let row = OrphanRow { blob: blob.to_vec(), own, container, at_ms: m.now_ms, asked: Vec::new() };
        self.put(key(kind::ORPHAN, &id), &row);
        self.orphans.insert(id, row);
        let size = |manager: &Self| manager.orphans.values().map(|row| row.blob.len()).sum::<usize>();
        while self.orphans.len() > MAX_ORPHANS || size(self) > MAX_ORPHAN_BYTES {
            let Some(victim) = random_key(&self.orphans, m) else { break };
            self.orphans.remove(&victim);
            self.delete(key(kind::ORPHAN, &victim));
        }
        Outcome::Kept
    }

    /// A new session may open what nothing opened before.
    fn retry_orphans(&mut self, m: &mut Moment<'_>) {
        self.live.stored_ms = 0;
        let all: Vec<([u8; 16], bool)> = self.orphans.iter().map(|(id, row)| (*id, row.own)).collect();
        for (id, own) in all {
            let Some(row) = self.orphans.get(&id).cloned() else { continue };
            let Some(body) = envelope::open(self.account.x25519(), &row.blob) else { continue };
            let Ok(container) = Container::parse(&body) else { continue };
            let Some(device) = self.device_id() else { return };
            let entries = container.entries_for(&device).unwrap_or_default();
            let found = entries
                .iter()
                .find_map(|entry| Some((self.recognise(own, entry.capsule(), container.bind())?, *entry)));
            if let Some((session, entry)) = found {
                self.orphans.remove(&id);
                self.delete(key(kind::ORPHAN, &id));
                self.in_session(session, &container, &entry, m);
            }
        }
    }

    /// First messages that were out of range by our clock may be in range now (3.4).
    pub(super) fn retry_inits(&mut self, m: &mut Moment<'_>) {
        self.poll_begins();
        let some: Vec<[u8; 16]> = self.orphans.keys().take(BUDGET as usize).copied().collect();
        for id in some {
            let Some(row) = self.orphans.remove(&id) else { continue };
            self.delete(key(kind::ORPHAN, &id));
            let from = if row.own { Mailbox::OwnDevices } else { Mailbox::Others };
            self.open(from, &row.blob, m);
            // Still of no use: its age and what was asked about it stay.
            if self.orphans.contains_key(&id) {
                self.put(key(kind::ORPHAN, &id), &row);
                self.orphans.insert(id, row);
            }
        }
    }

    fn keep_waiting(&mut self, blob: &[u8], own: bool, m: &mut Moment<'_>) -> Outcome {
        let id = short_digest(&[blob]);
        let row = WaitingRow { blob: blob.to_vec(), own };
        self.put(key(kind::WAITING, &id), &row);
        self.waiting.insert(id, row);
        let size = |manager: &Self| manager.waiting.values().map(|row| row.blob.len()).sum::<usize>();
        while self.waiting.len() > MAX_WAITING || size(self) > MAX_WAITING_BYTES {
            let Some(victim) = random_key(&self.waiting, m) else { break };
            self.waiting.remove(&victim);
            self.delete(key(kind::WAITING, &victim));
        }
        Outcome::Kept
    }

    /// First messages that were over the budget of a poll.
    pub(super) fn tend_waiting(&mut self, m: &mut Moment<'_>) {
        if self.waiting.is_empty() {
            return;
        }
        self.poll_begins();
        let some: Vec<[u8; 16]> = self.waiting.keys().take(BUDGET as usize).copied().collect();
        for id in some {
            if let Some(row) = self.waiting.remove(&id) {
                self.delete(key(kind::WAITING, &id));
                let from = if row.own { Mailbox::OwnDevices } else { Mailbox::Others };
                self.open(from, &row.blob, m);
            }
        }
    }

    pub(super) fn tend_leftovers(&mut self, now: u64) {
        let old: Vec<[u8; 16]> = self
            .orphans
            .iter()
            .filter(|(_, row)| now.saturating_sub(row.at_ms) > ORPHAN_MS)
            .map(|(id, _)| *id)
            .collect();
        for id in old {
            self.orphans.remove(&id);
            self.delete(key(kind::ORPHAN, &id));
        }
    }

    /// For a message that was read: whether its kind is allowed from there (6.5).
    pub(super) fn is_allowed(&self, account: &AccountId, message: &Message) -> bool {
        let own = self.is_own(account);
        match message.kind {
            ContentKind::Chat => !own,
            ContentKind::SyncSent | ContentKind::SiblingForward | ContentKind::History => own,
            ContentKind::Group => false,
            ContentKind::Control | ContentKind::Hello => self.is_approved(account),
        }
    }
}

fn random_key<T>(rows: &zwiebel_proto::sorted::SortedMap<[u8; 16], T>, m: &mut Moment<'_>) -> Option<[u8; 16]> {
    let count = u64::try_from(rows.len()).ok().filter(|count| *count > 0)?;
    rows.keys().nth(usize::try_from(m.rng.next_u64() % count).ok()?).copied()
}

/// Whether a message that could not be read is not expected any more.
pub(super) const fn is_given_up(at_ms: u64, now: u64) -> bool {
    now.saturating_sub(at_ms) > UNREADABLE_MS
}
