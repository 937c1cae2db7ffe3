//! The sticky set: which contacts have ever spoken ZR1 to this account (3.5).
//!
//! It survives a restore from the words, so that nobody can talk a fresh device down to messages without forward
//! secrecy. One blob in namespace 6005; contacts are in it as hashes.
//!
//! `"ZRS1" | version 1 | zero 3 | XAEAD(key, nonce 24, n 2 | zero 6 | n * (hash 16 | state 1 | zero 7 | since 8) | zeros)`

use std::cmp::Reverse;
use std::fmt;

use rand_core::CryptoRng;
use zwiebel_crypto::kdf::short_digest;
use zwiebel_crypto::keys::Ed25519Secret;
use zwiebel_crypto::labels;
use zwiebel_crypto::reader::{Reader, WrongLength};

use super::{BlobError, account_key, open_with_nonce, seal_with_nonce};
use crate::account_id::AccountId;
use crate::sorted::{SortedMap, sort_by_key};

/// Contacts in one set: what fits a blob (64 KB) with room, and more than anybody talks to.
pub const MAX_ENTRIES: usize = 2_000;

const MAGIC: &[u8; 4] = b"ZRS1";
const VERSION: u8 = 1;
/// The plaintext is padded to a multiple of this, so that its length tells little.
const PADDING: usize = 1_024;
const ENTRY_LEN: usize = 32;
const VERIFIED: u8 = 0x80;

/// What a contact has shown, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StickyState {
    /// P: its manifest has been seen, no session has been confirmed.
    Pending,
    /// F: a session has been confirmed.
    ForwardSecret,
    /// X: it has given ZR1 up, and the user has accepted that.
    GivenUp,
}

/// What the set says of one contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StickyEntry {
    /// The state.
    pub state: StickyState,
    /// The user has verified the contact.
    pub verified: bool,
    /// Since when.
    pub since_ms: u64,
}

/// The set; contacts by their hash.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct StickySet(SortedMap<[u8; 16], StickyEntry>);

impl StickySet {
    /// What is known of a contact.
    #[must_use]
    pub fn of(&self, contact: &AccountId) -> Option<&StickyEntry> {
        self.0.get(&name(contact))
    }

    /// Notes a contact's state.
    pub fn set(&mut self, contact: &AccountId, entry: StickyEntry) {
        self.0.insert(name(contact), entry);
    }

    /// How many contacts are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Joins all values that nodes returned. The stronger state wins; "given up" wins only if it is later than any
    /// other word on the contact. The order of the values does not matter.
    #[must_use]
    pub fn merge(sets: &[Self]) -> Self {
        let mut said: SortedMap<[u8; 16], Vec<StickyEntry>> = SortedMap::new();
        for (contact, entry) in sets.iter().flat_map(|set| &set.0) {
            said.entry(*contact).or_default().push(*entry);
        }
        Self(said.into_iter().filter_map(|(contact, entries)| Some((contact, strongest(&entries)?))).collect())
    }

    /// Encrypts the set, the most recent entries if there are too many. Draws 24 bytes.
    pub fn seal(&self, account: &Ed25519Secret, rng: &mut (impl CryptoRng + ?Sized)) -> Vec<u8> {
        let mut entries: Vec<_> = self.0.iter().collect();
        sort_by_key(&mut entries, |(contact, entry)| (Reverse(entry.since_ms), **contact));
        entries.truncate(MAX_ENTRIES);
        sort_by_key(&mut entries, |(contact, _)| **contact);
        let count = u16::try_from(entries.len()).unwrap_or(u16::MAX); // at most 2,000
        let mut plaintext = count.to_le_bytes().to_vec();
        plaintext.extend_from_slice(&[0; 6]);
        for (contact, entry) in entries {
            plaintext.extend_from_slice(contact);
            plaintext.push(entry.state.to_byte() | if entry.verified { VERIFIED } else { 0 });
            plaintext.extend_from_slice(&[0; 7]);
            plaintext.extend_from_slice(&entry.since_ms.to_le_bytes());
        }
        plaintext.resize(plaintext.len().next_multiple_of(PADDING), 0);
        let sealed = seal_with_nonce(&account_key(account, labels::STICKY), &[], &plaintext, rng);
        [MAGIC.as_slice(), &[VERSION, 0, 0, 0], &sealed].concat()
    }

    /// Opens a set.
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn open(account: &Ed25519Secret, blob: &[u8]) -> Result<Self, BlobError> {
        let mut reader = Reader::new(blob);
        if reader.chunk::<4>()? != MAGIC || reader.u8()? != VERSION {
            return Err(BlobError::Unknown);
        }
        let _zero = reader.chunk::<3>()?;
        let plaintext = open_with_nonce(&account_key(account, labels::STICKY), &[], reader.rest());
        Self::parse(&plaintext.ok_or(BlobError::Signature)?)
    }

    fn parse(plaintext: &[u8]) -> Result<Self, BlobError> {
        let mut reader = Reader::new(plaintext);
        let count = usize::from(reader.u16()?);
        let _zero = reader.chunk::<6>()?;
        if count > MAX_ENTRIES || count.saturating_mul(ENTRY_LEN) > reader.left() {
            return Err(BlobError::Invalid);
        }
        let mut set = SortedMap::new();
        for _ in 0..count {
            let (contact, entry) = parse_entry(&mut reader)?;
            if let Some(entry) = entry
                && set.insert(contact, entry).is_some()
            {
                return Err(BlobError::Invalid);
            }
        }
        if reader.rest().iter().any(|byte| *byte != 0) {
            return Err(BlobError::Invalid);
        }
        Ok(Self(set))
    }
}

/// An entry, or `None` in the place of a state that a later version knows.
fn parse_entry(reader: &mut Reader<'_>) -> Result<([u8; 16], Option<StickyEntry>), WrongLength> {
    let contact = reader.array()?;
    let state = reader.u8()?;
    let _zero = reader.chunk::<7>()?;
    let since_ms = reader.u64()?;
    let verified = state & VERIFIED != 0;
    let state = StickyState::from_byte(state & !VERIFIED);
    Ok((contact, state.map(|state| StickyEntry { state, verified, since_ms })))
}

fn strongest(entries: &[StickyEntry]) -> Option<StickyEntry> {
    let verified = entries.iter().any(|entry| entry.verified);
    let latest = |given_up: bool| {
        entries
            .iter()
            .filter(|entry| (entry.state == StickyState::GivenUp) == given_up)
            .map(|entry| entry.since_ms)
            .max()
    };
    let kept = entries.iter().map(|entry| entry.state).filter(|state| *state != StickyState::GivenUp).max();
    match (kept.zip(latest(false)), latest(true)) {
        (Some((_, spoke_ms)), Some(since_ms)) if since_ms > spoke_ms => {
            Some(StickyEntry { state: StickyState::GivenUp, verified, since_ms })
        }
        (Some((state, since_ms)), _) => Some(StickyEntry { state, verified, since_ms }),
        (None, Some(since_ms)) => Some(StickyEntry { state: StickyState::GivenUp, verified, since_ms }),
        (None, None) => None,
    }
}

impl StickyState {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Pending => 1,
            Self::ForwardSecret => 2,
            Self::GivenUp => 3,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Pending),
            2 => Some(Self::ForwardSecret),
            3 => Some(Self::GivenUp),
            _ => None,
        }
    }
}

fn name(contact: &AccountId) -> [u8; 16] {
    short_digest(&[labels::STICKY, &contact.to_bytes()])
}

impl fmt::Debug for StickySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StickySet").field("len", &self.len()).finish_non_exhaustive()
    }
}
