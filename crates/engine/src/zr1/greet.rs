//! A restored device presents itself to the contacts, one after the other (5.5).

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::sort_by_key;
use zwiebel_proto::zr1::content::{ContentKind, Hello};

use super::sessions::Need;
use super::{DAY_MS, Manager, Moment, SECOND_MS};

/// A device presents itself to one contact in this time.
const HELLO_PACE_MS: u64 = SECOND_MS;

impl Manager {
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
        sort_by_key(&mut contacts, |(heard, account)| (std::cmp::Reverse(*heard), *account));
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
        if !self.may_send() || m.now_ms < self.live.greeted_ms.saturating_add(HELLO_PACE_MS) {
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
            device.row.hello.push(who); // the order is worth no write: this comes round every second while a list is not to be had
            return;
        }
        self.save_device();
    }
}
