//! Ratchet sessions: which one to use, when one is made, retired and forgotten (5.3, 4.5, 4.7, 6.6).
//!
//! Everything is compared in readings of one clock, the peer's: an init's time against the times of messages.

use zeroize::Zeroizing;
use zwiebel_crypto::handshake::{Initiator, Introduction, Reason, Statement, initiate};
use zwiebel_crypto::ratchet::{Bind, Changes, Position, Session, Trust, evictions};
use zwiebel_proto::account_id::AccountId;

use super::rows::{Device, PeerRow, SessionRow, Stage, TombstoneRow, device_key, key, kind, position_key};
use super::{AHEAD_MS, DAY_MS, HOUR_MS, MINUTE_MS, Manager, Moment, Notice, Running, SECOND_MS};

/// Sessions kept for one device.
const MAX_SESSIONS: usize = 8;
/// A retired session still receives for this long.
const RETIRED_MS: u64 = 15 * DAY_MS;
/// A session that was never answered is used until its bundle is this old: the prekey may be gone a day later.
const UNANSWERED_MS: u64 = 48 * HOUR_MS;
/// A list is followed by the prekeys of its new devices within this time.
const NEW_LIST_MS: u64 = 2 * MINUTE_MS;
/// Pauses between resets of our own making; the row starts again after a day of success.
const RESET_PAUSES_MS: [u64; 4] = [15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS];
/// So many suspicious events within a day, and the person is told that a device may be copied.
const SUSPICIONS: usize = 3;
/// Sessions with accounts nobody approved.
const MAX_STRANGERS: usize = 200;
/// Used positions are remembered this long, and so many for a session.
const CONSUMED_MS: u64 = 15 * DAY_MS;
const MAX_CONSUMED: usize = 4_096;

/// What a session made by us must be like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Whatever there is.
    Any,
    /// One made after this; if there is none, a new one, within the limits.
    After(u64),
}

impl Manager {
    /// The session to use with a device, made if there is none. `None`: not now (keys are missing, or the limits).
    pub(super) fn session_for(&mut self, device: Device, need: Need, m: &mut Moment<'_>) -> Option<[u8; 16]> {
        let now = m.now_ms;
        let active = self.usable(&device, now);
        match (active, need) {
            (Some(id), Need::Any) => return Some(id),
            (Some(id), Need::After(at)) => {
                let young = self.sessions.get(&id).is_some_and(|running| running.session.created_ms() >= at);
                if young {
                    return Some(id);
                }
                if !self.may_reset(&device, now) {
                    return None;
                }
            }
            (None, _) => {}
        }
        let had_before = self.has_sessions(&device);
        let reason = match need {
            Need::After(_) => Reason::Unacknowledged,
            Need::Any if had_before => Reason::Refresh,
            Need::Any => self.first_reason(),
        };
        let id = self.begin(device, reason, m)?;
        if matches!(need, Need::After(_)) && active.is_some() {
            self.count_reset(device, now);
        }
        Some(id)
    }

    /// The active session, if it may still be used for sending.
    fn usable(&self, device: &Device, now: u64) -> Option<[u8; 16]> {
        let id = self.peers.get(device)?.active?;
        let running = self.sessions.get(&id)?;
        let unanswered = running.row.stage == Stage::Initiated;
        let stale = unanswered && now.saturating_sub(running.row.bundle_ms) > UNANSWERED_MS;
        let old = running.session.needs_refresh(now) && self.bundle_of(device, now).is_some();
        (running.row.stage != Stage::Retired && !stale && !old).then_some(id)
    }

    fn has_sessions(&self, device: &Device) -> bool {
        self.sessions.values().any(|running| (running.row.account, running.row.device) == *device)
            || self.peers.get(device).is_some_and(|peer| peer.init_sent_ms != 0 || peer.init_accepted_ms != 0)
    }

    /// Why this device speaks to another for the first time: it may have been there before under other keys.
    fn first_reason(&self) -> Reason {
        match self.device.as_ref().map(|device| (&device.row.predecessor, device.row.restored)) {
            Some((Some(_), _)) => Reason::DeviceRenewed,
            Some((None, true)) => Reason::LostState,
            _ => Reason::First,
        }
    }

    /// Makes a session with a device from its published prekeys (3.2).
    pub(super) fn begin(&mut self, device: Device, reason: Reason, m: &mut Moment<'_>) -> Option<[u8; 16]> {
        let now = m.now_ms;
        if !self.list_usable(&device.0, true, now) {
            self.refresh_for_session(device.0, now);
            return None;
        }
        let Some(bundle) = self.bundle_of(&device, now) else {
            self.refresh_for_session(device.0, now);
            return None;
        };
        let sent = self.peers.get(&device).map_or(0, |peer| peer.init_sent_ms);
        let init_ms = now.max(sent.saturating_add(1));
        if init_ms > now.saturating_add(AHEAD_MS) {
            self.renew(true, m); // a clock once lied: nobody would accept our inits any more (3.2)
            return None;
        }
        let replace = reason != Reason::First || self.has_sessions(&device);
        let own = self.device.as_ref()?;
        let list = self.own_list()?;
        let us = Initiator { account: self.signer, device: &own.keys, certificate: &own.certificate };
        let statement =
            Statement { manifest_seq: list.seq, manifest_hash: *list.hash(), init_ms, replace, reason, caps: 0 };
        let session = initiate(&us, &bundle.peer(), &statement, now, &mut *m.rng).ok()?;
        let id = session.id().0;
        let row = SessionRow {
            account: device.0,
            device: device.1,
            stage: Stage::Initiated,
            ours: true,
            init_ms,
            last_ms: 0,
            retired_ms: 0,
            prekey: [0; 4],
            bundle_ms: self.row_of(&device.0).fetched_ms,
            used_ms: now,
        };
        // Rule 1: all our other sessions with that device are retired.
        for other in self.sessions_of(&device) {
            self.retire(&other, now);
        }
        self.keep_session(id, row, session);
        self.change_peer(device, |peer| {
            peer.active = Some(id);
            peer.init_sent_ms = init_ms;
        });
        self.make_room(&device, now);
        self.live.begun.0 = self.live.begun.0.saturating_add(1);
        Some(id)
    }

    /// Looks for prekeys that are not there. Those of a list that is new are most likely on their way behind it.
    fn refresh_for_session(&mut self, who: AccountId, now: u64) {
        let row = self.row_of(&who);
        let asked = row.fetched_ms.max(row.absent_ms);
        let list = self.people.get(&who).and_then(|person| person.list.as_ref());
        let new = list.is_some_and(|list| now.abs_diff(list.issued_at_ms) < NEW_LIST_MS);
        let pause = if new { 2 * SECOND_MS } else { MINUTE_MS };
        self.want(who, now.max(asked.saturating_add(pause)), 2);
    }

    fn keep_session(&mut self, id: [u8; 16], row: SessionRow, session: Session) {
        self.put(key(kind::SESSION, &id), &row);
        self.put_bytes(key(kind::FIXED, &id), session.encode_fixed());
        self.put_bytes(key(kind::HOT, &id), session.encode_hot());
        self.sessions.insert(id, Running { row, session });
    }

    /// The rows of a session after a message.
    pub(super) fn save_session(&mut self, id: &[u8; 16], changes: &Changes) {
        let Some(running) = self.sessions.get(id) else { return };
        let hot = running.session.encode_hot();
        let closed = changes.closed.then(|| Zeroizing::new(running.session.encode_closed()));
        let keys: Vec<(Position, Option<Zeroizing<Vec<u8>>>)> = changes
            .added
            .iter()
            .map(|position| (*position, running.session.skipped_row(position)))
            .chain(changes.removed.iter().map(|position| (*position, None)))
            .collect();
        let row = running.row.clone();
        self.put(key(kind::SESSION, id), &row);
        self.put_bytes(key(kind::HOT, id), hot);
        if let Some(closed) = closed {
            self.put_bytes(key(kind::CLOSED, id), closed);
        }
        for (position, value) in keys {
            let key = position_key(kind::SKIPPED, id, &position.to_bytes());
            match value {
                Some(value) => self.put_bytes(key, value),
                None => self.delete(key),
            }
        }
    }

    /// Takes in a session a peer has begun, with its first message (5.3, rule 2). `prekey` is the pair it used.
    pub(super) fn adopt(
        &mut self,
        introduction: &Introduction,
        account: AccountId,
        session: Session,
        changes: &Changes,
        prekey: [u8; 4],
        now: u64,
    ) -> [u8; 16] {
        let device: Device = (account, introduction.device.id().0);
        let id = session.id().0;
        let init_ms = introduction.statement.init_ms;
        let accepted = self.peers.get(&device).map_or(0, |peer| peer.init_accepted_ms);
        let late = accepted > init_ms;
        let row = SessionRow {
            account,
            device: device.1,
            stage: if late { Stage::Retired } else { Stage::Live },
            ours: false,
            init_ms,
            last_ms: 0,
            retired_ms: if late { now } else { 0 },
            prekey,
            bundle_ms: 0,
            used_ms: now,
        };
        if !late {
            for other in self.sessions_of(&device) {
                let Some(running) = self.sessions.get(&other) else { continue };
                let older = !running.row.ours && running.row.init_ms < init_ms;
                let passed = running.row.ours && running.row.stage == Stage::Live && running.row.last_ms < init_ms;
                if older || passed {
                    self.retire(&other, now);
                }
            }
        }
        self.keep_session(id, row, session);
        self.save_session(&id, changes);
        self.change_peer(device, |peer| {
            peer.init_accepted_ms = peer.init_accepted_ms.max(init_ms);
            if !late {
                peer.active = Some(id);
            }
        });
        if introduction.statement.replace {
            self.suspect(device, now);
        }
        self.make_room(&device, now);
        self.cap_skipped(changes);
        id
    }

    /// A message was accepted in a session, sent at `sent_ms` by the peer's clock (5.3, rule 3).
    pub(super) fn spoke(&mut self, id: &[u8; 16], sent_ms: u64, now: u64) {
        let clamped = sent_ms.min(now.saturating_add(AHEAD_MS));
        let Some(running) = self.sessions.get_mut(id) else { return };
        let device: Device = (running.row.account, running.row.device);
        running.session.note_sent_at(clamped);
        running.row.last_ms = running.row.last_ms.max(clamped);
        running.row.used_ms = now;
        if running.row.stage == Stage::Initiated {
            running.row.stage = Stage::Live;
        }
        let live = running.row.stage == Stage::Live;
        let newest = self.peers.get(&device).map_or(0, |peer| peer.newest_ms);
        let id = *id;
        self.change_peer(device, |peer| {
            peer.heard_ms = now;
            peer.newest_ms = newest.max(clamped);
            if live && clamped > newest {
                peer.active = Some(id);
            }
        });
    }

    /// The session whose header key a capsule is under. A trial costs less than half a microsecond, less than keeping
    /// an order would.
    pub(super) fn recognise(&self, own: bool, capsule: &[u8], bind: &Bind) -> Option<[u8; 16]> {
        let mut all = self.sessions.iter().filter(|(_, running)| (running.row.account == self.own) == own);
        all.find(|(_, running)| running.session.recognises(capsule, bind)).map(|(id, _)| *id)
    }

    pub(super) fn sessions_of(&self, device: &Device) -> Vec<[u8; 16]> {
        let of = |running: &Running| (running.row.account, running.row.device) == *device;
        self.sessions.iter().filter(|(_, running)| of(running)).map(|(id, _)| *id).collect()
    }

    /// Rule 4: a retired session never becomes active again.
    fn retire(&mut self, id: &[u8; 16], now: u64) {
        let Some(running) = self.sessions.get_mut(id) else { return };
        if running.row.stage == Stage::Retired {
            return;
        }
        running.row.stage = Stage::Retired;
        running.row.retired_ms = now;
        let row = running.row.clone();
        self.put(key(kind::SESSION, id), &row);
    }

    /// Forgets a session; its id stays known as long as the prekey that made it, so that a replay makes no new one.
    pub(super) fn bury(&mut self, id: &[u8; 16], now: u64) {
        let Some(running) = self.sessions.remove(id) else { return };
        for kind in [kind::SESSION, kind::FIXED, kind::HOT, kind::CLOSED] {
            self.delete(key(kind, id));
        }
        for (position, _) in running.session.skipped_rows() {
            self.delete(position_key(kind::SKIPPED, id, &position.to_bytes()));
        }
        let used: Vec<([u8; 16], [u8; 36])> =
            self.consumed.range((*id, [0; 36])..=(*id, [0xff; 36])).map(|(at, _)| *at).collect();
        for at in used {
            self.consumed.remove(&at);
            self.delete(position_key(kind::CONSUMED, &at.0, &at.1));
        }
        if !running.row.ours && self.prekeys.contains_key(&running.row.prekey) {
            let row = TombstoneRow { prekey: running.row.prekey, at_ms: now };
            self.put(key(kind::TOMBSTONE, id), &row);
            self.tombstones.insert(*id, row);
        }
        let device: Device = (running.row.account, running.row.device);
        let Some(peer) = self.peers.get(&device) else { return };
        let unknown = !self.is_approved(&device.0) && peer.listed_ms == 0 && !peer.gone;
        if unknown && self.sessions_of(&device).is_empty() {
            // Nothing stays of a stranger: anybody can make devices without end.
            self.peers.remove(&device);
            self.owed.remove(&device);
            self.delete(device_key(kind::PEER, &device));
            self.delete(device_key(kind::OWED, &device));
        } else if peer.active == Some(*id) {
            self.change_peer(device, |peer| peer.active = None);
        }
    }

    pub(super) fn end_sessions(&mut self, device: &Device, now: u64) {
        for id in self.sessions_of(device) {
            self.bury(&id, now);
        }
    }

    /// This device has become another: nothing of what it had agreed on is used any more.
    pub(super) fn drop_all_sessions(&mut self, now: u64) {
        let all: Vec<[u8; 16]> = self.sessions.keys().copied().collect();
        for id in all {
            self.bury(&id, now);
        }
        let devices: Vec<Device> = self.peers.keys().copied().collect();
        for device in devices {
            self.change_peer(device, |peer| {
                peer.active = None;
                peer.init_sent_ms = 0;
                peer.init_accepted_ms = 0;
                peer.newest_ms = 0;
                peer.resets = 0;
                peer.told_seq = 0;
            });
        }
        let owed: Vec<Device> = self.owed.keys().copied().collect();
        for device in owed {
            self.owed.remove(&device);
            self.delete(device_key(kind::OWED, &device));
        }
    }

    /// Caps: eight sessions for a device, two hundred with strangers; the longest unused go, retired ones first.
    fn make_room(&mut self, device: &Device, now: u64) {
        let of_device = |running: &Running| (running.row.account, running.row.device) == *device;
        while let Some(victim) = self.longest_unused(MAX_SESSIONS, of_device) {
            self.bury(&victim, now);
        }
        let strangers = |manager: &Self, running: &Running| !manager.is_approved(&running.row.account);
        while let Some(victim) = self.longest_unused(MAX_STRANGERS, |running| strangers(self, running)) {
            self.bury(&victim, now);
        }
    }

    /// Of the sessions of a kind the one to be given up, if there are more than so many.
    fn longest_unused(&self, most: usize, of_kind: impl Fn(&Running) -> bool) -> Option<[u8; 16]> {
        let all = || self.sessions.iter().filter(|(_, running)| of_kind(running));
        let victim = all().min_by_key(|(_, running)| (running.row.stage != Stage::Retired, running.row.used_ms));
        victim.filter(|_| all().count() > most).map(|(id, _)| *id)
    }

    /// Keeps the skipped keys of all sessions together within their caps (4.5) when a message has added some.
    pub(super) fn cap_skipped(&mut self, changes: &Changes) {
        if changes.added.is_empty() {
            return;
        }
        let counts: Vec<([u8; 16], Trust, usize)> = self
            .sessions
            .iter()
            .map(|(id, running)| (*id, self.trust(&running.row.account), running.session.skipped_len()))
            .filter(|(_, _, count)| *count > 0)
            .collect();
        let numbers: Vec<(Trust, usize)> = counts.iter().map(|(_, trust, count)| (*trust, *count)).collect();
        for ((id, _, _), give) in counts.iter().zip(evictions(&numbers)) {
            if give == 0 {
                continue;
            }
            let Some(running) = self.sessions.get_mut(id) else { continue };
            let removed = running.session.evict_skipped(give);
            self.save_session(id, &Changes { removed, ..Changes::default() });
        }
    }

    pub(super) fn trust(&self, account: &AccountId) -> Trust {
        if self.is_approved(account) { Trust::Approved } else { Trust::Stranger }
    }

    pub(super) fn note_consumed(&mut self, id: &[u8; 16], position: &Position, container: [u8; 16], now: u64) {
        if !self.sessions.contains_key(id) {
            return; // there was no room for it
        }
        let at = (*id, position.to_bytes());
        let row = super::ConsumedRow { container, at_ms: now };
        self.put(position_key(kind::CONSUMED, &at.0, &at.1), &row);
        self.consumed.insert(at, row);
        let of_session = self.consumed.range((*id, [0; 36])..=(*id, [0xff; 36]));
        if of_session.clone().count() > MAX_CONSUMED
            && let Some(oldest) = of_session.min_by_key(|(_, row)| row.at_ms).map(|(at, _)| *at)
        {
            self.consumed.remove(&oldest);
            self.delete(position_key(kind::CONSUMED, &oldest.0, &oldest.1));
        }
    }

    /// Whether we may reset the session with a device by ourselves now (6.6).
    pub(super) fn may_reset(&self, device: &Device, now: u64) -> bool {
        let Some(peer) = self.peers.get(device) else { return true };
        if peer.resets == 0 {
            return true;
        }
        let step = usize::from(peer.resets.saturating_sub(1)).min(RESET_PAUSES_MS.len().saturating_sub(1));
        let pause = RESET_PAUSES_MS.get(step).copied().unwrap_or(DAY_MS);
        now.saturating_sub(peer.reset_ms) >= pause
    }

    pub(super) fn count_reset(&mut self, device: Device, now: u64) {
        self.live.begun.1 = self.live.begun.1.saturating_add(1);
        self.change_peer(device, |peer| {
            let calm = now.saturating_sub(peer.reset_ms) > 2 * DAY_MS;
            peer.resets = if calm { 1 } else { peer.resets.saturating_add(1) };
            peer.reset_ms = now;
        });
    }

    /// Something that a copied device would also cause: a notice if there is too much of it.
    pub(super) fn suspect(&mut self, device: Device, now: u64) {
        if !self.is_approved(&device.0) {
            return; // strangers cause no alarm
        }
        self.change_peer(device, |peer| {
            peer.suspicions.retain(|at| now.saturating_sub(*at) < DAY_MS);
            peer.suspicions.push(now);
        });
        let count = self.peers.get(&device).map_or(0, |peer| peer.suspicions.len());
        if count == SUSPICIONS {
            self.notice(device.0, Notice::MayBeCopied, now);
            self.warn_of_copy(device, now);
        }
    }

    /// The other devices of the account are told, so that their owner hears of it (6.4).
    fn warn_of_copy(&mut self, copied: Device, now: u64) {
        let talk = |(device, peer): (&Device, &PeerRow)| {
            (device.0 == copied.0 && *device != copied && !peer.gone && peer.active.is_some()).then_some(*device)
        };
        let others: Vec<Device> = self.peers.iter().filter_map(talk).collect();
        for device in others {
            self.change_aside(device, |aside| aside.copied = Some(copied.1));
            let due = self.owed.get(&device).filter(|owed| owed.due_ms != 0).map_or(now, |owed| owed.due_ms);
            self.change_owed(device, |owed| owed.due_ms = due.min(now.saturating_add(MINUTE_MS)));
        }
    }

    /// Somebody who talks to this account says that one of its devices may be copied. They may be wrong, or lie: it is shown
    /// once, and nothing is done.
    pub(super) fn said_copied(&mut self, device: [u8; 16], now: u64) {
        let notice = Notice::SaidCopied { device };
        let own = (self.own, device);
        if self.is_listed(&own) && !self.notices(&self.own).iter().any(|(_, known)| *known == notice) {
            self.notice(self.own, notice, now);
        }
    }

    /// What time does to sessions: retired ones are buried, skipped keys and used positions are forgotten.
    pub(super) fn tend_sessions(&mut self, now: u64) {
        let over: Vec<[u8; 16]> = self
            .sessions
            .iter()
            .filter(|(_, running)| {
                running.row.stage == Stage::Retired && now.saturating_sub(running.row.retired_ms) > RETIRED_MS
            })
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.bury(&id, now);
        }
        let with_keys: Vec<[u8; 16]> =
            self.sessions.iter().filter(|(_, running)| running.session.skipped_len() > 0).map(|(id, _)| *id).collect();
        for id in with_keys {
            let removed = self.sessions.get_mut(&id).map(|running| running.session.expire_skipped(now));
            if let Some(removed) = removed.filter(|removed| !removed.is_empty()) {
                self.save_session(&id, &Changes { removed, ..Changes::default() });
            }
        }
        let old: Vec<([u8; 16], [u8; 36])> = self
            .consumed
            .iter()
            .filter(|(_, row)| now.saturating_sub(row.at_ms) > CONSUMED_MS)
            .map(|(at, _)| *at)
            .collect();
        for at in old {
            self.consumed.remove(&at);
            self.delete(position_key(kind::CONSUMED, &at.0, &at.1));
        }
    }
}
