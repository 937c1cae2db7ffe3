//! The manager from its rows.

use serde::de::DeserializeOwned;
use zwiebel_crypto::handshake::{Certificate, DeviceKeys, Prekey};
use zwiebel_crypto::ratchet::{Parts, Session};
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::{SortedMap, SortedSet};
use zwiebel_proto::zr1::manifest::Manifest;

use super::rows::{self, DeviceRow, PersonRow, PrekeyRow, SessionRow, kind};
use super::{CountersRow, Live, Manager, OwnDevice, OwnPrekey, Person, Running, Step, WitnessesRow};
use crate::batch::Table;
use crate::model::rows::{account_key, number};
use crate::row::{self, RowError};

const DAMAGED: RowError = RowError::Damaged(Table::Zr1);

/// The rows of one session, before they are joined.
#[derive(Default)]
struct Pieces<'a> {
    row: Option<SessionRow>,
    fixed: &'a [u8],
    hot: &'a [u8],
    closed: &'a [u8],
    skipped: Vec<&'a [u8]>,
}

impl Manager {
    /// The manager of an account, from the rows it has written so far.
    ///
    /// # Errors
    /// [`RowError`] if a row cannot be read; nothing is guessed.
    pub fn load<'a>(
        account_seed: [u8; 16],
        rows: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<Self, RowError> {
        let account = Account::from_seed16(account_seed);
        let mut manager = Self::empty(account);
        let mut sessions: SortedMap<[u8; 16], Pieces<'a>> = SortedMap::new();
        for (key, value) in rows {
            let (&of, name) = key.split_first().ok_or(DAMAGED)?;
            match of {
                kind::SESSION | kind::FIXED | kind::HOT | kind::CLOSED | kind::SKIPPED => {
                    let (id, _) = name.split_first_chunk::<16>().ok_or(DAMAGED)?;
                    let pieces = sessions.entry(*id).or_default();
                    match of {
                        kind::SESSION => pieces.row = Some(decode(value)?),
                        kind::FIXED => pieces.fixed = value,
                        kind::HOT => pieces.hot = value,
                        kind::CLOSED => pieces.closed = value,
                        _ => pieces.skipped.push(value),
                    }
                }
                _ => manager.load_row(of, name, value)?,
            }
        }
        for (id, pieces) in sessions {
            let parts = Parts { fixed: pieces.fixed, hot: pieces.hot, closed: pieces.closed };
            let session = Session::restore(&parts, pieces.skipped.into_iter()).map_err(|_| DAMAGED)?;
            manager.sessions.insert(id, Running { row: pieces.row.ok_or(DAMAGED)?, session });
        }
        Ok(manager)
    }

    fn empty(account: Account) -> Self {
        let (own, signer) = (account.id(), account.ed25519().public());
        Self {
            account,
            own,
            signer,
            device: None,
            counters: CountersRow::default(),
            witnesses: WitnessesRow::default(),
            prekeys: SortedMap::new(),
            people: SortedMap::new(),
            peers: SortedMap::new(),
            sessions: SortedMap::new(),
            tombstones: SortedMap::new(),
            consumed: SortedMap::new(),
            out: SortedMap::new(),
            owed: SortedMap::new(),
            orphans: SortedMap::new(),
            waiting: SortedMap::new(),
            held: SortedMap::new(),
            taken: SortedMap::new(),
            unreadable: SortedMap::new(),
            asides: SortedMap::new(),
            missing: SortedMap::new(),
            notices: SortedMap::new(),
            unverified: SortedSet::new(),
            step: Step::default(),
            live: Live::default(),
        }
    }

    fn load_row(&mut self, of: u8, name: &[u8], value: &[u8]) -> Result<(), RowError> {
        match of {
            kind::DEVICE => self.device = Some(self.own_device(decode(value)?)),
            kind::COUNTERS => self.counters = decode(value)?,
            kind::WITNESSES => self.witnesses = decode(value)?,
            kind::PREKEY => {
                let row: PrekeyRow = decode(value)?;
                let kem = row.kem.as_slice().try_into().map_err(|_| DAMAGED)?;
                let pair = Prekey::from_bytes(row.spk, kem);
                let own = OwnPrekey { pair, made_ms: row.made_ms, superseded_ms: row.superseded_ms };
                self.prekeys.insert(own.pair.id().0, own);
            }
            kind::PERSON => {
                let account = account_key(name).ok_or(DAMAGED)?;
                let row: PersonRow = decode(value)?;
                // Verified when it came; the time of that check is over.
                let list = Manifest::verify(&row.manifest, &account, u64::MAX / 2).ok();
                self.people.insert(account, Person { row, list });
            }
            kind::PEER => {
                self.peers.insert(rows::device_of(name).ok_or(DAMAGED)?, decode(value)?);
            }
            kind::TOMBSTONE => {
                self.tombstones.insert(id16(name)?, decode(value)?);
            }
            kind::CONSUMED => {
                let (session, position) = name.split_first_chunk::<16>().ok_or(DAMAGED)?;
                let position = position.try_into().map_err(|_| DAMAGED)?;
                self.consumed.insert((*session, position), decode(value)?);
            }
            kind::OUT => {
                self.out.insert(number(name).ok_or(DAMAGED)?, decode(value)?);
            }
            kind::OWED => {
                self.owed.insert(rows::device_of(name).ok_or(DAMAGED)?, decode(value)?);
            }
            kind::ORPHAN => {
                self.orphans.insert(id16(name)?, decode(value)?);
            }
            kind::WAITING => {
                self.waiting.insert(id16(name)?, decode(value)?);
            }
            kind::HELD => {
                self.held.insert(id16(name)?, decode(value)?);
            }
            kind::TAKEN => {
                self.taken.insert(id16(name)?, decode(value)?);
            }
            kind::UNREADABLE => {
                self.unreadable.insert(id16(name)?, decode(value)?);
            }
            kind::ASIDE => {
                self.asides.insert(rows::device_of(name).ok_or(DAMAGED)?, decode(value)?);
            }
            kind::MISSING => {
                self.missing.insert(rows::device_of(name).ok_or(DAMAGED)?, decode(value)?);
            }
            kind::UNVERIFIED => {
                self.unverified.insert(account_key(name).ok_or(DAMAGED)?);
                decode::<()>(value)?;
            }
            kind::NOTICES => {
                self.notices.insert(account_key(name).ok_or(DAMAGED)?, decode(value)?);
            }
            _ => return Err(RowError::Newer(Table::Zr1)),
        }
        Ok(())
    }

    /// This device, from its row.
    pub(super) fn own_device(&self, row: DeviceRow) -> OwnDevice {
        let keys = DeviceKeys::from_bytes(row.dsk, row.dik, row.dsec);
        let certificate = Certificate::issue(self.account.ed25519(), &keys.public(), row.added_at_ms);
        OwnDevice { id: keys.id().0, certificate, keys, row }
    }

    /// The account of a signing key.
    pub(super) fn account_of(signer: &zwiebel_crypto::keys::Ed25519Public) -> Option<AccountId> {
        signer.to_x25519().map(AccountId::from_key)
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, RowError> {
    row::decode(Table::Zr1, bytes)
}

fn id16(name: &[u8]) -> Result<[u8; 16], RowError> {
    name.try_into().map_err(|_| DAMAGED)
}
