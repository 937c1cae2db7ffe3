//! The session manager of the forward-secret layer: devices, lists, prekeys, ratchet sessions, and what is owed to
//! whom (forward-secrecy 2.6 to 2.8, 3.1, 3.4, 3.5, 5, 6).
//!
//! A machine of its own within the engine, and without I/O like it: calls go in with the network time and randomness;
//! a [`Step`] comes out with the rows to write, what to store in swarms, and what to show. **The caller commits the
//! rows before anything else of the step happens.** Stores are repeated with the same bytes until a swarm confirms
//! them ([`Manager::stored`]); what is to be fetched is asked for with [`Manager::wanted`], so a restart needs nothing
//! but the rows.
//!
//! What it does not know: nodes, paths, hashes and cursors of a swarm, what a message's content says, how anything is
//! shown.

pub mod event;

mod clock;
mod device;
mod greet;
mod kept;
mod link;
mod lists;
mod load;
mod mail;
mod owed;
mod people;
mod receive;
mod resend;
mod rows;
mod send;
mod sessions;
mod siblings;
mod standing;
mod sticky;
mod targets;
mod witness;

use rand_core::CryptoRng;
use serde::Serialize;
use zeroize::Zeroizing;
use zwiebel_crypto::handshake::{Certificate, DeviceId, DeviceKeys, Prekey};
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::ratchet::Session;
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::{SortedMap, SortedSet};
use zwiebel_proto::zr1::manifest::Manifest;
use zwiebel_proto::zr1::sticky::StickySet;

pub use self::event::{Delete, DeviceView, Event, Notice, Protection, Published, Step, Store, Tier, Wanted};
use self::rows::{
    AsideRow, ConsumedRow, CountersRow, Device, DeviceRow, HeldRow, OrphanRow, OutRow, OwedRow, PeerRow, PersonRow,
    SessionRow, TombstoneRow, UnreadableRow, WaitingRow, WitnessesRow, kind,
};
use crate::batch::Table;
use crate::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::row;
use crate::view::DeviceStatus;

/// How far a peer's clock may be ahead of ours before its word is taken for less (3.2, 5.3).
const AHEAD_MS: u64 = HOUR_MS;

/// The longest part of a history: with everything around it, it fits one envelope.
pub const MAX_HISTORY_PART: usize = 60_000;

/// Notices kept for one account.
const MAX_NOTICES: usize = 20;

/// The network time and the randomness of one call.
pub struct Moment<'a> {
    /// Network time.
    pub now_ms: u64,
    /// Randomness.
    pub rng: &'a mut dyn CryptoRng,
}

/// The session manager of one account on one device.
pub struct Manager {
    account: Account,
    own: AccountId,
    signer: Ed25519Public,
    device: Option<OwnDevice>,
    counters: CountersRow,
    witnesses: WitnessesRow,
    prekeys: SortedMap<[u8; 4], OwnPrekey>,
    people: SortedMap<AccountId, Person>,
    peers: SortedMap<Device, PeerRow>,
    sessions: SortedMap<[u8; 16], Running>,
    tombstones: SortedMap<[u8; 16], TombstoneRow>,
    consumed: SortedMap<([u8; 16], [u8; 36]), ConsumedRow>,
    out: SortedMap<u64, OutRow>,
    owed: SortedMap<Device, OwedRow>,
    orphans: SortedMap<[u8; 16], OrphanRow>,
    waiting: SortedMap<[u8; 16], WaitingRow>,
    held: SortedMap<[u8; 16], HeldRow>,
    taken: SortedMap<[u8; 16], u64>,
    unreadable: SortedMap<[u8; 16], UnreadableRow>,
    asides: SortedMap<Device, AsideRow>,
    missing: SortedMap<Device, u64>,
    notices: SortedMap<AccountId, Vec<(u64, Notice)>>,
    unverified: SortedSet<AccountId>,
    step: Step,
    live: Live,
}

/// This device, with its keys.
struct OwnDevice {
    row: DeviceRow,
    keys: DeviceKeys,
    id: [u8; 16],
    certificate: Certificate,
}

/// A pair of prekeys. Its secrets are nowhere but in the pair, on the heap: a map that grows or closes a gap leaves no
/// copy of them behind.
struct OwnPrekey {
    pair: Prekey,
    made_ms: u64,
    superseded_ms: Option<u64>,
}

/// An account, with its list as verified.
#[derive(Default)]
struct Person {
    row: PersonRow,
    list: Option<Manifest>,
}

/// A session, with whose it is. Only the session holds secrets, on the heap.
struct Running {
    row: SessionRow,
    session: Session,
}

/// What a restart forgets.
#[derive(Default)]
struct Live {
    /// The witnesses in the swarm have been compared with the log.
    witness_checked: bool,
    /// The own list has been read from enough nodes in this run.
    own_read: bool,
    /// What is to be fetched: when, and from how many nodes.
    wanted: SortedMap<AccountId, (u64, u8)>,
    /// Fetches by hint: when the last one was.
    hinted: SortedMap<AccountId, u64>,
    /// Since when one node alone answers for an account, with nothing.
    alone: SortedMap<AccountId, u64>,
    /// What a scanner of this device's code gave it: shown in the greeting to the own devices.
    token_hash: Option<[u8; 32]>,
    /// The conversation on the screen.
    open: Option<AccountId>,
    /// When the swarm got the blob that is being read, as a member says; 0: not known.
    stored_ms: u64,
    /// First messages that may still be tried in this poll.
    budget: u32,
    /// The own list that is being accepted was made here.
    signing: bool,
    /// Own lists written since the last quiet read: two devices must not answer each other for ever.
    rewrites: u32,
    /// When what was published is to be looked at again.
    read_back: SortedSet<u64>,
    /// Stores of the own outbox, not to be doubled while they fly.
    publishing: SortedMap<u64, i16>,
    next_tend_ms: u64,
    next_hourly_ms: u64,
    greeted_ms: u64,
    /// The store of the newest witness, and what the swarm may forget once it is confirmed.
    witness_store: Option<u64>,
    old_witnesses: Vec<Vec<u8>>,
    /// The sticky set as the swarm holds it, in which values, and the store of the one that takes the place of some.
    sticky: StickySet,
    old_sticky: Vec<Vec<u8>>,
    sticky_store: Option<(u64, Vec<Vec<u8>>)>,
    /// While the witnesses are not checked: when another swarm last answered, and for how long others have.
    others: (u64, u64),
    /// Sessions begun in this run, and how many of them were resets.
    begun: (u64, u64),
}

impl Manager {
    /// What has changed since the last call; to be committed before anything else of it happens.
    pub fn take_step(&mut self) -> Step {
        std::mem::take(&mut self.step)
    }

    /// The account.
    #[must_use]
    pub const fn own_id(&self) -> AccountId {
        self.own
    }

    /// Whether this account speaks ZR1 on this device.
    #[must_use]
    pub fn is_on(&self) -> bool {
        let off = [rows::Status::Off, rows::Status::Revoked];
        self.device.as_ref().is_some_and(|device| !off.contains(&device.row.status))
    }

    /// Whether this device is known at all: an account that was never set up for ZR1 has none.
    #[must_use]
    pub const fn is_set_up(&self) -> bool {
        self.device.is_some()
    }

    /// This device's place in the account.
    #[must_use]
    pub fn status(&self) -> DeviceStatus {
        match self.device.as_ref().map(|device| device.row.status) {
            // Whether it is on elsewhere is being asked.
            Some(rows::Status::Off) if self.live.wanted.contains_key(&self.own) => DeviceStatus::Joining,
            None | Some(rows::Status::Off) => DeviceStatus::Off,
            Some(rows::Status::New) => DeviceStatus::Joining,
            Some(rows::Status::Listed) => DeviceStatus::Listed,
            Some(rows::Status::Dropped) => DeviceStatus::Dropped,
            Some(rows::Status::Revoked) => DeviceStatus::Revoked,
        }
    }

    /// This device's id.
    #[must_use]
    pub fn device_id(&self) -> Option<DeviceId> {
        self.device.as_ref().map(|device| DeviceId(device.id))
    }

    /// The session this device would use with another; for tests and the simulator.
    #[must_use]
    pub fn active_session(&self, account: &AccountId, device: &DeviceId) -> Option<[u8; 16]> {
        self.peers.get(&(*account, device.0))?.active
    }

    /// How many sessions were begun in this run, and how many of those replaced one that did not serve.
    #[must_use]
    pub const fn begun(&self) -> (u64, u64) {
        self.live.begun
    }

    /// The conversation on the screen, for the pace of acknowledgements (6.5).
    pub const fn set_open(&mut self, with: Option<AccountId>) {
        self.live.open = with;
    }

    fn put<T: Serialize>(&mut self, key: Vec<u8>, row: &T) {
        self.step.rows.insert(key, Some(row::encode(Table::Zr1, row)));
    }

    fn put_bytes(&mut self, key: Vec<u8>, bytes: Zeroizing<Vec<u8>>) {
        self.step.rows.insert(key, Some(bytes));
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.step.rows.insert(key, None);
    }

    fn emit(&mut self, event: Event) {
        self.step.events.push(event);
    }

    /// Keeps a notice until the person has seen it.
    fn notice(&mut self, about: AccountId, notice: Notice, now: u64) {
        let list = self.notices.entry(about).or_default();
        let again = list.last().is_some_and(|(at, last)| *last == notice && now.saturating_sub(*at) < HOUR_MS);
        if again {
            return;
        }
        list.push((now, notice));
        let excess = list.len().saturating_sub(MAX_NOTICES);
        list.drain(..excess);
        let row = list.clone();
        self.put(rows::key(kind::NOTICES, &about.to_bytes()), &row);
        self.emit(Event::Notice { about, notice });
    }

    /// What a person should see about a contact, with the network time of each.
    #[must_use]
    pub fn notices(&self, about: &AccountId) -> &[(u64, Notice)] {
        self.notices.get(about).map(Vec::as_slice).unwrap_or_default()
    }

    /// The person has seen them.
    pub fn dismiss_notices(&mut self, about: &AccountId) {
        if self.notices.remove(about).is_some() {
            self.delete(rows::key(kind::NOTICES, &about.to_bytes()));
        }
    }

    fn next_number(&mut self) -> u64 {
        let number = self.counters.next;
        self.counters.next = number.saturating_add(1);
        let row = self.counters;
        self.put(vec![kind::COUNTERS], &row);
        number
    }

    /// A sending time larger than every one before (5.3).
    fn next_sent_ms(&mut self, now: u64) -> u64 {
        self.counters.sent_ms = now.max(self.counters.sent_ms.saturating_add(1));
        let row = self.counters;
        self.put(vec![kind::COUNTERS], &row);
        row.sent_ms
    }

    fn save_device(&mut self) {
        if let Some(row) = self.device.as_ref().map(|device| device.row.clone()) {
            self.put(vec![kind::DEVICE], &row);
        }
    }

    fn person(&self, account: &AccountId) -> Option<&Person> {
        self.people.get(account)
    }

    /// Changes what is known of an account, and writes it if it is different.
    fn change_person(&mut self, account: AccountId, change: impl FnOnce(&mut PersonRow)) {
        let person = self.people.entry(account).or_default();
        change(&mut person.row);
        let row = person.row.clone();
        self.put(rows::key(kind::PERSON, &account.to_bytes()), &row);
    }

    fn change_peer(&mut self, device: Device, change: impl FnOnce(&mut PeerRow)) {
        let row = self.peers.entry(device).or_default();
        change(row);
        let row = row.clone();
        self.put(rows::device_key(kind::PEER, &device), &row);
    }

    fn change_owed(&mut self, device: Device, change: impl FnOnce(&mut OwedRow)) {
        let row = self.owed.entry(device).or_default();
        change(row);
        let row = row.clone();
        self.put(rows::device_key(kind::OWED, &device), &row);
    }

    fn change_aside(&mut self, device: Device, change: impl FnOnce(&mut AsideRow)) {
        let before = self.asides.remove(&device).unwrap_or_default();
        let mut row = before.clone();
        change(&mut row);
        let key = rows::device_key(kind::ASIDE, &device);
        if row == AsideRow::default() {
            if row != before {
                self.delete(key);
            }
            return;
        }
        if row != before {
            self.put(key, &row);
        }
        self.asides.insert(device, row);
    }

    fn save_out(&mut self, number: u64) {
        if let Some(row) = self.out.get(&number).cloned() {
            self.put(rows::number_key(number), &row);
        }
    }

    fn is_own(&self, account: &AccountId) -> bool {
        *account == self.own
    }

    /// A contact the person has accepted, or the own account.
    fn is_approved(&self, account: &AccountId) -> bool {
        self.is_own(account) || self.person(account).is_some_and(|person| person.row.approved)
    }

    /// Queues bytes for a swarm.
    fn store(&mut self, to: AccountId, namespace: i16, ttl_ms: u64, data: Vec<u8>) -> u64 {
        let number = self.next_number();
        self.step.stores.push(Store { number, to, namespace, ttl_ms, data });
        number
    }
}

/// A random time within a range.
fn between(from: u64, to: u64, rng: &mut dyn CryptoRng) -> u64 {
    let width = to.saturating_sub(from).saturating_add(1);
    from.saturating_add(rng.next_u64() % width.max(1))
}
