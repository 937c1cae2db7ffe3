//! What devices are owed: acknowledgements, questions, our list. Put into what goes there anyway, or sent when due (6.5, 6.6).

use zwiebel_crypto::handshake::Reason;
use zwiebel_crypto::ratchet::ContainerId;
use zwiebel_proto::zr1::content::{ContentKind, MAX_ACKS, MAX_NACKS, Message, MessageId};

use super::rows::{Device, OwedRow, device_key, key, kind};
use super::sessions::Need;
use super::{MINUTE_MS, Manager, Moment};

/// Orphans asked for in one message, and how often each of one device (6.6).
const ORPHANS_ASKED: usize = 4;
const ORPHAN_ASKS: u8 = 3;

impl Manager {
    /// Puts what is owed to a device into a message that goes there anyway.
    pub(super) fn add_owed(&mut self, message: &mut Message, device: &Device, m: &mut Moment<'_>) {
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
            self.put(key(kind::ORPHAN, &id), &row);
            if !message.nacks.contains(&ContainerId(container)) {
                message.nacks.push(ContainerId(container));
            }
        }
    }

    /// Sends what is owed and due: acknowledgements, questions, our list.
    pub(super) fn pay(&mut self, m: &mut Moment<'_>) {
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
}
