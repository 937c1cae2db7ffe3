//! The sticky set: what contacts have shown survives a restore (3.5).
//!
//! Its namespace keeps every value that is stored, so each device writes what all the values it has read say together with
//! what it knows itself, and takes those away once its own is there.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::zr1::mailbox::{self, ttl};
use zwiebel_proto::zr1::sticky::{StickyEntry, StickySet, StickyState};

use super::rows::{Standing, key, kind};
use super::{DAY_MS, Delete, Event, MINUTE_MS, Manager, Moment};

/// A set with changes is written within an hour.
const WITHIN_MS: u64 = 20 * MINUTE_MS;
/// One without is written again after this.
const AGAIN_MS: u64 = 7 * DAY_MS;

impl Manager {
    /// The set has changed and is to be written.
    pub(super) fn sticky_changed(&mut self, now: u64) {
        if self.device.as_ref().is_some_and(|device| device.row.sticky_ms == 0 || device.row.sticky_ms > now) {
            self.change_sticky_ms(now.max(1));
        }
    }

    fn change_sticky_ms(&mut self, at_ms: u64) {
        if let Some(device) = &mut self.device {
            device.row.sticky_ms = at_ms;
            self.save_device();
        }
    }

    /// The person takes a verification back, here: what other devices say of it does not count any more.
    pub(super) fn note_verified(&mut self, who: AccountId, verified: bool) {
        let was = self.row_of(&who).verified;
        self.change_person(who, |row| row.verified = verified);
        let name = key(kind::UNVERIFIED, &who.to_bytes());
        if verified && self.unverified.remove(&who) {
            self.delete(name);
        } else if was && !verified && self.unverified.insert(who) {
            self.put(name, &());
        }
    }

    pub(super) fn tend_sticky(&mut self, m: &mut Moment<'_>) {
        let since = self.device.as_ref().map_or(0, |device| device.row.sticky_ms);
        if since == 0 {
            self.sticky_changed(m.now_ms);
        }
        if since == 0 || m.now_ms < since.saturating_add(WITHIN_MS) {
            return;
        }
        let mut set = self.live.sticky.clone();
        for (account, person) in self.people.iter().filter(|(account, _)| **account != self.own) {
            let state = match person.row.standing {
                Standing::Unknown => continue,
                Standing::Pending => StickyState::Pending,
                Standing::Confirmed | Standing::Asking => StickyState::ForwardSecret,
                Standing::GivenUp => StickyState::GivenUp,
            };
            // Another device's word that is not taken over yet is kept.
            let said = set.of(account).is_some_and(|entry| entry.verified) && !self.unverified.contains(account);
            let verified = person.row.verified || said;
            set.set(account, StickyEntry { state, verified, since_ms: person.row.since_ms });
        }
        self.change_sticky_ms(m.now_ms.saturating_add(AGAIN_MS));
        if set.is_empty() {
            return;
        }
        let blob = set.seal(self.account.ed25519(), &mut *m.rng);
        self.live.sticky = set;
        let number = self.store(self.own, mailbox::STICKY, ttl::OWNED, blob);
        self.live.sticky_store = Some((number, std::mem::take(&mut self.live.old_sticky)));
    }

    /// A store was confirmed: if it was the set, the values it was made of say nothing any more.
    pub(super) fn forget_old_sticky(&mut self, number: u64) {
        let Some((_, old)) = self.live.sticky_store.take_if(|(store, _)| *store == number) else { return };
        self.step.deletes.extend(old.into_iter().map(|data| Delete { namespace: mailbox::STICKY, data }));
    }

    /// What the swarm holds of the set: a restored device knows its contacts' states again, also of contacts that come later.
    pub fn sticky_read(&mut self, blobs: &[Vec<u8>], contacts: &[AccountId], now: u64) {
        let mut sets = vec![std::mem::take(&mut self.live.sticky)];
        self.live.old_sticky.clear();
        for blob in blobs {
            if !self.live.old_sticky.contains(blob)
                && let Ok(set) = StickySet::open(self.account.ed25519(), blob)
            {
                sets.push(set);
                self.live.old_sticky.push(blob.clone());
            }
        }
        self.live.sticky = StickySet::merge(&sets);
        for contact in contacts {
            self.recall(*contact, now);
        }
    }

    /// What the set says of a contact: the state, if this device has never known one, and that it was verified.
    pub fn recall(&mut self, contact: AccountId, now: u64) {
        let Some(entry) = self.live.sticky.of(&contact).copied() else { return };
        let row = self.row_of(&contact);
        let new = row.standing == Standing::Unknown && entry.since_ms > row.since_ms;
        if new {
            let standing = match entry.state {
                StickyState::Pending | StickyState::ForwardSecret => Standing::Pending,
                StickyState::GivenUp => Standing::GivenUp,
            };
            self.set_standing(contact, standing, now);
        }
        let holds = new || matches!(row.standing, Standing::Pending | Standing::Confirmed);
        if entry.verified && !row.verified && holds && !self.unverified.contains(&contact) {
            self.change_person(contact, |row| row.verified = true);
            let now = self.protection(&contact);
            self.emit(Event::Protection { with: contact, now });
        }
    }
}
