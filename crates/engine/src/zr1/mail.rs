//! What a message that was read leads to: filed, acknowledged, answered (6.5, 6.6, 3.5).

use zwiebel_crypto::kdf::short_digest;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::content::{ContentKind, MAX_ACKS, Message};

use super::rows::{Device, Standing, key, kind};
use super::{DAY_MS, Event, HOUR_MS, MINUTE_MS, Manager, Moment, Notice, SECOND_MS, between};
use crate::model::rows::account_key;

/// Messages that left nothing visible are acknowledged to a device at most this often.
const QUIET_MS: u64 = 12 * HOUR_MS;
/// Names of messages are remembered this long: as long as a sender repeats them, and some more.
const TAKEN_MS: u64 = 75 * DAY_MS;

impl Manager {
    /// A message of a device that belongs to its account, as far as is known.
    pub(super) fn take_in(&mut self, device: Device, message: &Message, unconfirmed: bool, m: &mut Moment<'_>) {
        let now = m.now_ms;
        let account = device.0;
        if !self.is_allowed(&account, message) {
            return;
        }
        let approved = self.is_approved(&account);
        if approved {
            if let Some(hint) = &message.mine {
                self.follow_hint(account, hint, now);
            }
            if let Some(hint) = &message.yours {
                self.follow_hint(self.own, hint, now); // somebody else with the words may have written our list
            }
            self.show_own_list(device, message, now);
            self.confirm(account, now);
        }
        for id in &message.acks {
            self.acked(&device, &id.0, now);
        }
        for container in &message.nacks {
            self.asked_again(&device, &container.0, m);
        }
        let by = (message.session_content.is_some() && message.kind != ContentKind::Control).then_some(message.id.0);
        for container in &message.settled {
            self.end_placeholder(&account, container.0, by);
        }
        if let Some(copied) = message.copied.filter(|_| approved) {
            self.said_copied(copied, now);
        }
        if message.manifest.is_some() && approved {
            // A list shown to us alone must not be believed: it only makes us look.
            self.want(account, now, 2);
        }
        match message.kind {
            ContentKind::Chat => {
                let new = self.file(device, account, account, message, unconfirmed, m);
                if new && approved {
                    self.forward(account, message, m);
                }
            }
            ContentKind::SyncSent => {
                if let Some(with) = message.sync.as_deref().and_then(account_key) {
                    self.file(device, account, with, message, false, m);
                }
            }
            ContentKind::SiblingForward => {
                let author = message.sync.as_deref().and_then(account_key);
                if let Some(author) = author.filter(|author| !self.is_own(author)) {
                    self.file(device, author, author, message, false, m);
                }
            }
            ContentKind::Hello => {
                self.greeted(device, message, now);
                if let Some(hello) = &message.hello {
                    self.make_up(device, hello, now);
                }
            }
            // Said in passing: shown if it still means something, never acknowledged.
            ContentKind::Control => {
                if let Some(content) = message.session_content.clone().filter(|_| !self.is_own(&account)) {
                    let (id, left_ms) = (message.id.0, 0);
                    self.emit(Event::Message { from: account, id, content, left_ms, unconfirmed, relayed: false });
                }
            }
            ContentKind::History => self.take_history(device, message, m),
            ContentKind::Group => {}
        }
    }

    /// A session with a contact whose list is known has carried something to us: F.
    pub(super) fn confirm(&mut self, account: AccountId, now: u64) {
        let pending = self.person(&account).is_some_and(|person| {
            person.list.is_some() && person.row.approved && person.row.standing == Standing::Pending
        });
        if pending && !self.is_own(&account) && self.has_live_session(&account) {
            self.set_standing(account, Standing::Confirmed, now);
        }
    }

    /// The peer sees an old list of ours: it gets the newest one, once per device and revision (2.6).
    fn show_own_list(&mut self, device: Device, message: &Message, now: u64) {
        let Some(ours) = self.own_list().map(|list| list.seq) else { return };
        let told = self.peers.get(&device).map_or(0, |peer| peer.told_seq);
        if self.is_own(&device.0) || told >= ours || message.yours.is_none_or(|hint| hint.seq >= ours) {
            return;
        }
        let due = self.owed.get(&device).filter(|owed| !owed.acks.is_empty()).map_or(now, |owed| owed.due_ms);
        self.change_owed(device, |owed| {
            owed.list = true;
            owed.due_ms = due;
        });
    }

    /// Files what `author` wrote to the conversation `with` once, and acknowledges it to the device it came from every
    /// time it comes (6.5). Whether it was new.
    fn file(
        &mut self,
        device: Device,
        author: AccountId,
        with: AccountId,
        message: &Message,
        unconfirmed: bool,
        m: &mut Moment<'_>,
    ) -> bool {
        let Some(content) = message.session_content.clone() else {
            self.owe_quietly(device, message.id.0, m);
            return false;
        };
        let new = self.take_name(&author, &with, message, m.now_ms);
        if new {
            let id = message.id.0;
            let left_ms = if message.resend == 0 { self.live.stored_ms } else { message.sent_at_ms };
            if self.is_own(&author) {
                self.emit(Event::Synced { with, id, content, left_ms });
            } else if !self.row_of(&author).blocked {
                let relayed = author != device.0;
                self.emit(Event::Message { from: author, id, content, left_ms, unconfirmed, relayed });
            }
        }
        if new || self.is_own(&device.0) {
            self.owe_ack(device, message.id.0, m);
        } else {
            self.owe_quietly(device, message.id.0, m); // the person does not see a repetition either
        }
        new
    }

    /// Notes that a message came; whether it is the first time.
    pub(super) fn take_name(&mut self, author: &AccountId, with: &AccountId, message: &Message, now: u64) -> bool {
        let name = name_of(author, with, &message.id.0);
        let new = !self.taken.contains_key(&name);
        if new {
            self.put(key(kind::TAKEN, &name), &now);
            self.taken.insert(name, now);
        }
        new
    }

    /// An acknowledgement is due: soon while the conversation is on the screen, later otherwise, and in every case
    /// with the next message that goes there.
    ///
    /// A stranger gets none before the person has accepted them.
    pub(super) fn owe_ack(&mut self, device: Device, id: [u8; 16], m: &mut Moment<'_>) {
        if !self.is_approved(&device.0) {
            if !self.peers.contains_key(&device) {
                return; // its session is gone already
            }
            self.change_owed(device, |owed| {
                if !owed.acks.contains(&id) && owed.acks.len() < MAX_ACKS {
                    owed.acks.push(id);
                }
                owed.due_ms = u64::MAX;
            });
            return;
        }
        let wait = if self.live.open == Some(device.0) {
            between(3 * SECOND_MS, 30 * SECOND_MS, m.rng)
        } else {
            between(2 * MINUTE_MS, 15 * MINUTE_MS, m.rng)
        };
        let at = m.now_ms.saturating_add(wait);
        self.change_owed(device, |owed| {
            if !owed.acks.contains(&id) && !owed.quiet.contains(&id) {
                owed.acks.push(id);
            }
            owed.due_ms = if owed.due_ms == 0 { at } else { owed.due_ms.min(at) };
        });
    }

    /// A message that was just handed out ([`Event::Message`]) left nothing that the person can see: a reaction to
    /// something unknown, or nothing that could be read. Its acknowledgement waits: such messages are acknowledged
    /// every 12 hours at most, else a contact could ask silently when each device is online (6.5).
    ///
    /// Of a stranger's not even the name is kept: there is nothing that a repetition would show twice.
    pub fn left_nothing(&mut self, from: &AccountId, id: &[u8; 16], m: &mut Moment<'_>) {
        let name = name_of(from, from, id);
        if !self.is_approved(from) && self.taken.remove(&name).is_some() {
            self.delete(key(kind::TAKEN, &name));
        }
        let to: Vec<Device> = self
            .owed
            .iter()
            .filter(|(device, owed)| device.0 == *from && owed.acks.contains(id))
            .map(|(device, _)| *device)
            .collect();
        for device in to {
            self.change_owed(device, |owed| owed.acks.retain(|owing| owing != id));
            self.owe_quietly(device, *id, m);
        }
    }

    fn owe_quietly(&mut self, device: Device, id: [u8; 16], m: &mut Moment<'_>) {
        if !self.peers.contains_key(&device) {
            return;
        }
        let wait = between(2 * MINUTE_MS, 15 * MINUTE_MS, m.rng);
        let at = if self.is_approved(&device.0) {
            m.now_ms.saturating_add(wait).max(self.quiet_at(&device))
        } else {
            u64::MAX
        };
        self.change_owed(device, |owed| {
            if owed.acks.contains(&id) {
                return; // not acknowledged the first time yet
            }
            let alone = owed.is_quiet();
            if !owed.quiet.contains(&id) && owed.quiet.len() < MAX_ACKS {
                owed.quiet.push(id);
            }
            if alone {
                owed.due_ms = at;
            }
        });
    }

    /// When messages that left nothing visible may next be acknowledged to a device.
    pub(super) fn quiet_at(&self, device: &Device) -> u64 {
        self.peers
            .get(device)
            .filter(|peer| peer.quiet_ms != 0)
            .map_or(0, |peer| peer.quiet_ms.saturating_add(QUIET_MS))
    }

    /// A v1 message of somebody who has ZR1: it is shown with a mark and changes no state (3.5).
    pub fn v1_came(&mut self, from: AccountId, now: u64) -> bool {
        let marked = self.row_of(&from).standing == Standing::Confirmed;
        if marked {
            self.notice(from, Notice::NotForwardSecret, now);
        }
        marked
    }

    pub(super) fn tend_taken(&mut self, now: u64) {
        let old: Vec<[u8; 16]> =
            self.taken.iter().filter(|(_, at)| now.saturating_sub(**at) > TAKEN_MS).map(|(name, _)| *name).collect();
        for name in old {
            self.taken.remove(&name);
            self.delete(key(kind::TAKEN, &name));
        }
    }
}

/// What is remembered of a message that came.
fn name_of(author: &AccountId, with: &AccountId, id: &[u8; 16]) -> [u8; 16] {
    short_digest(&[&author.to_bytes(), &with.to_bytes(), id])
}
