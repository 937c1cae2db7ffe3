//! How contacts stand: the states U, P, F, X that are never left downwards by themselves, how a message to somebody goes
//! out, and what a person decides about it (3.1, 3.5, 8.1).

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::SortedSet;
use zwiebel_proto::zr1::content::ManifestHint;
use zwiebel_proto::zr1::manifest::Mode;

use super::event::Protection;
use super::people::ABSENT_MS;
use super::rows::{Device, Standing, Status};
use super::{Event, Manager, Moment, Tier};

impl Manager {
    /// What the engine knows of a contact. Approval opens the door for acknowledgements and fetches.
    pub fn set_contact(&mut self, who: AccountId, approved: bool, blocked: bool) {
        let known = self.person(&who).map(|person| (person.row.approved, person.row.blocked)).unwrap_or_default();
        if known != (approved, blocked) {
            self.change_person(who, |row| {
                row.approved = approved;
                row.blocked = blocked;
            });
            // What came before the person accepted is acknowledged now.
            let owed: Vec<Device> = self.owed.keys().filter(|device| device.0 == who).copied().collect();
            for device in owed.into_iter().filter(|_| approved) {
                self.change_owed(device, |owed| owed.due_ms = 0);
            }
        }
    }

    /// How the next message to somebody goes (3.1), and what has to be fetched for it.
    pub fn tier(&mut self, to: AccountId, now: u64) -> Tier {
        if self.device.is_none() || self.is_own(&to) {
            return Tier::V1;
        }
        if self.is_on() {
            self.refresh(to, now);
            if self.is_approved(&to) && self.person(&to).is_some_and(|person| person.row.standing == Standing::Unknown)
            {
                self.follow_named(to, now);
            }
        }
        match self.standing(&to) {
            Standing::Unknown | Standing::GivenUp => Tier::V1,
            Standing::Pending | Standing::Confirmed => Tier::Zr1,
            Standing::Asking => Tier::Ask,
        }
    }

    /// How a contact stands. While ZR1 is off on this device, which an account brought back begins with, the person decides
    /// about those who have it: nobody is written to without it unasked.
    fn standing(&self, who: &AccountId) -> Standing {
        let off = self.device.as_ref().is_some_and(|device| device.row.status == Status::Off);
        match self.person(who).map_or(Standing::Unknown, |person| person.row.standing) {
            Standing::Pending | Standing::Confirmed if off => Standing::Asking,
            standing => standing,
        }
    }

    /// Whether it is known by now what an account publishes; until then a first message waits a moment. Without ZR1: whether
    /// the account's own memory of its contacts was looked for.
    #[must_use]
    pub fn knows(&self, who: &AccountId, now: u64) -> bool {
        let row = self.row_of(who);
        if row.standing != Standing::Unknown || !self.is_on() {
            return row.standing != Standing::Unknown || !self.live.wanted.contains_key(&self.own);
        }
        row.absent_ms != 0 && now.saturating_sub(row.absent_ms) < ABSENT_MS
    }

    /// Whom messages wait for.
    pub(super) fn awaited(&self) -> SortedSet<AccountId> {
        self.out.values().map(|row| row.to).collect()
    }

    pub(super) fn set_standing(&mut self, who: AccountId, standing: Standing, now: u64) {
        let row = self.person(&who).map(|person| person.row.clone()).unwrap_or_default();
        if row.standing == standing || self.is_own(&who) {
            return;
        }
        self.change_person(who, |row| {
            row.standing = standing;
            row.since_ms = now;
        });
        self.sticky_changed(now);
        let now = self.protection(&who);
        self.emit(Event::Protection { with: who, now });
    }

    /// What a new list says of its account.
    pub(super) fn follow_mode(&mut self, owner: AccountId, mode: Mode, now: u64) {
        if self.is_own(&owner) {
            return;
        }
        let standing = self.person(&owner).map_or(Standing::Unknown, |person| person.row.standing);
        match (mode, standing) {
            (Mode::On, Standing::Unknown | Standing::Asking | Standing::GivenUp) => {
                self.set_standing(owner, Standing::Pending, now);
            }
            (Mode::Off, Standing::Pending | Standing::Confirmed) => self.set_standing(owner, Standing::Asking, now),
            _ => {}
        }
    }

    /// A v1 message, a contact link or a code named a list (3.5): nodes that hide it cannot keep us on v1. What somebody names who
    /// is no contact counts when they have become one: nobody is asked about strangers.
    pub fn hinted(&mut self, who: AccountId, hint: &ManifestHint, contact: bool, now: u64) {
        if self.is_own(&who) || !self.is_on() {
            return;
        }
        let seq = hint.seq;
        if self.person(&who).is_none_or(|person| person.row.hinted_seq < seq) {
            self.change_person(who, |row| row.hinted_seq = seq);
        }
        if contact {
            self.follow_named(who, now);
        }
    }

    /// Looks for a list that a contact has named and nobody has shown yet; from now on it is waited for.
    fn follow_named(&mut self, who: AccountId, now: u64) {
        let Some(row) = self.person(&who).map(|person| &person.row).filter(|row| row.seq < row.hinted_seq) else {
            return;
        };
        if row.standing == Standing::Unknown {
            self.set_standing(who, Standing::Pending, now);
        }
        self.want(who, now, 3);
    }

    /// What we say of our own list in v1 messages and links.
    #[must_use]
    pub fn own_hint(&self) -> Option<ManifestHint> {
        let list = self.own_list().filter(|_| self.is_on())?;
        list.hash().first_chunk().map(|hash| ManifestHint { seq: list.seq, hash: *hash })
    }

    pub(super) fn hint_of(&self, account: &AccountId) -> Option<ManifestHint> {
        let list = self.people.get(account)?.list.as_ref()?;
        list.hash().first_chunk().map(|hash| ManifestHint { seq: list.seq, hash: *hash })
    }

    /// The person decides about a contact that gives ZR1 up (3.5), or that has it while it is off here. Refusing keeps
    /// everything waiting.
    pub fn decide(&mut self, who: AccountId, give_up: bool, now: u64) {
        if give_up && self.standing(&who) == Standing::Asking {
            let never = self.is_on() && self.row_of(&who).signer.is_none();
            self.set_standing(who, if never { Standing::Unknown } else { Standing::GivenUp }, now);
            self.note_verified(who, false);
            self.change_person(who, |row| {
                // What was named and never found is settled; only who names it again is searched for again.
                row.hinted_seq = 0;
                row.searches = 0;
            });
            self.fall_back(who, now);
        }
    }

    /// What waits for somebody who has no ZR1, or has given it up, goes out as v1. Nothing that was sealed for them does; what
    /// our own other devices have of it already is the same message to them.
    pub(super) fn fall_back(&mut self, who: AccountId, now: u64) {
        let standing = self.row_of(&who).standing;
        if !matches!(standing, Standing::Unknown | Standing::GivenUp) || !self.knows(&who, now) {
            return;
        }
        let waiting: Vec<u64> = self
            .out
            .iter()
            .filter(|(_, row)| row.to == who && row.is_unsealed_for(&who))
            .map(|(number, _)| *number)
            .collect();
        for number in waiting {
            if let Some(row) = self.out.remove(&number) {
                self.delete(super::rows::number_key(number));
                self.emit(Event::Fallback { to: who, id: row.id, content: row.content });
            }
        }
    }

    /// How a conversation is protected.
    #[must_use]
    pub fn protection(&self, who: &AccountId) -> Protection {
        match self.standing(who) {
            Standing::Unknown => Protection::Standard,
            Standing::Pending => Protection::Waiting,
            Standing::Confirmed => Protection::ForwardSecret { verified: self.row_of(who).verified },
            Standing::Asking => Protection::Asking,
            Standing::GivenUp => Protection::GivenUp,
        }
    }

    /// The person has compared the safety number with the contact, or takes that back.
    pub fn set_verified(&mut self, who: AccountId, verified: bool, now: u64) {
        self.note_verified(who, verified);
        self.sticky_changed(now);
        let now = self.protection(&who);
        self.emit(Event::Protection { with: who, now });
    }

    /// The person agrees that what nobody has acknowledged goes to the contact's new devices (5.5).
    pub fn accept_devices(&mut self, who: AccountId, m: &mut Moment<'_>) {
        let new: Vec<Device> = self
            .peers
            .iter()
            .filter(|((account, _), peer)| *account == who && peer.unendorsed_ms != 0)
            .map(|(device, _)| *device)
            .collect();
        for device in new {
            self.change_peer(device, |peer| {
                peer.consented = true;
                peer.unendorsed_ms = 0;
            });
            self.wait_no_longer(&device);
        }
        self.expand_all(&who, m);
        self.pump(m);
    }

    /// The 60 digits both sides see (8.1); `None` until both lists are known.
    #[must_use]
    pub fn safety_number(&self, who: &AccountId) -> Option<String> {
        let devices = |account: &AccountId| -> Option<Vec<DeviceId>> {
            let list = self.people.get(account)?.list.as_ref()?;
            Some(list.active().map(|entry| entry.public.id()).collect())
        };
        let (ours, theirs) = (devices(&self.own)?, devices(who)?);
        Some(zwiebel_proto::zr1::safety::safety_number((&self.own, &ours), (who, &theirs)))
    }
}
