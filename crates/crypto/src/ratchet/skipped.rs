//! Message keys of messages that have not come yet, and the tags of chains that are closed for good (4.2, 4.5).
//!
//! Invariants: never more keys than the cap; oldest first. A key leaves when it is used, when it is too old, when the
//! cap is reached, or with its session.

use std::collections::VecDeque;
use std::fmt;

use zeroize::Zeroizing;

use super::keys::MessageKey;
use crate::keys::X25519Public;
use crate::reader::{Reader, WrongLength};

/// How many messages one message may skip, in its own chain and in the one it closes. 2,000 is what a busy
/// conversation can lose or reorder in the 14 days a swarm keeps mail; the work for a skip this long is about 2 ms in
/// wasm, so a hostile peer gains nothing by it.
pub const MAX_SKIP: u32 = 2_000;
/// Skipped keys kept for a session with an approved contact: one full skip.
pub const MAX_SKIPPED: usize = 2_000;
/// Skipped keys kept for a session with an account nobody has approved: enough for a reordered request, too few to
/// fill a store with.
pub const MAX_SKIPPED_STRANGER: usize = 100;
/// Skipped keys of all sessions of a device together: ten sessions at their cap, about 1.5 MB of rows.
pub const MAX_SKIPPED_DEVICE: usize = 20_000;
/// The share of that which all strangers get together: ten at their cap.
pub const MAX_SKIPPED_STRANGERS: usize = 1_000;
/// How long a skipped key is kept: 14 days of mail in the swarm and a day of slack.
pub const MAX_SKIPPED_AGE_MS: u64 = 15 * 24 * 60 * 60 * 1_000;
/// Tags of closed chains kept for a session: at 8 bytes each 32 KB, for a conversation that turns 4,096 times. It is replaced
/// before ([`super::REFRESH_CLOSED`]). If the peer goes on in it all the same the oldest goes: its messages then fail to open instead
/// of being called consumed.
pub const MAX_CLOSED_CHAINS: usize = 4_096;

/// Where a message stands: which ratchet key of the peer, which number in its chain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub(crate) ratchet_key: X25519Public,
    pub(crate) number: u32,
}

impl Position {
    /// 36 bytes that name it within its session, for a row key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 36] {
        let mut out = [0; 36];
        out.iter_mut().zip(self.ratchet_key.0.into_iter().chain(self.number.to_le_bytes())).for_each(|(to, b)| *to = b);
        out
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Position(..)")
    }
}

/// Whether the account at the other end has been approved by the user: decides how much its sessions may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// An approved contact, or a device of the own account.
    Approved,
    /// Anybody else.
    Stranger,
}

impl Trust {
    /// How many skipped keys one session may keep.
    #[must_use]
    pub const fn skipped_cap(self) -> usize {
        match self {
            Self::Approved => MAX_SKIPPED,
            Self::Stranger => MAX_SKIPPED_STRANGER,
        }
    }
}

/// One skipped key, in its row.
pub(crate) struct SkippedKey {
    pub(crate) position: Position,
    pub(crate) key: MessageKey,
    pub(crate) since_ms: u64,
}

impl SkippedKey {
    /// `version 1 | ratchet key 32 | number 4 | since 8 | key 32`.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(77));
        out.push(super::codec::VERSION);
        out.extend_from_slice(&self.position.to_bytes());
        out.extend_from_slice(&self.since_ms.to_le_bytes());
        out.extend_from_slice(self.key.expose());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WrongLength> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != super::codec::VERSION {
            return Err(WrongLength);
        }
        let position = Position { ratchet_key: X25519Public(reader.array()?), number: reader.u32()? };
        let since_ms = reader.u64()?;
        let key = MessageKey::new(reader.array()?);
        reader.finish().map(|()| Self { position, key, since_ms })
    }
}

/// The skipped keys of one session, oldest first.
#[derive(Default)]
pub(crate) struct Skipped(VecDeque<SkippedKey>);

impl Skipped {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SkippedKey> {
        self.0.iter()
    }

    pub(crate) fn find(&self, position: &Position) -> Option<&SkippedKey> {
        self.0.iter().find(|skipped| skipped.position == *position)
    }

    /// Takes the key out; its bytes are wiped.
    pub(crate) fn remove(&mut self, position: &Position) {
        self.0.retain(|skipped| skipped.position != *position);
    }

    pub(crate) fn push(&mut self, skipped: SkippedKey) {
        self.0.push_back(skipped);
    }

    /// Puts a key where its age belongs.
    pub(crate) fn insert(&mut self, skipped: SkippedKey) {
        let age = |skipped: &SkippedKey| (skipped.since_ms, skipped.position.number);
        let at = self.0.partition_point(|older| age(older) <= age(&skipped));
        self.0.insert(at, skipped);
    }

    /// Drops what is older than [`MAX_SKIPPED_AGE_MS`] and returns what was dropped.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Vec<Position> {
        let old = |skipped: &SkippedKey| now_ms.saturating_sub(skipped.since_ms) > MAX_SKIPPED_AGE_MS;
        if !self.0.iter().any(old) {
            return Vec::new();
        }
        let (mut kept, mut gone) = (VecDeque::with_capacity(self.0.len()), Vec::new());
        for skipped in self.0.drain(..) {
            if old(&skipped) {
                gone.push(skipped.position);
            } else {
                kept.push_back(skipped);
            }
        }
        self.0 = kept;
        gone
    }

    /// Drops the oldest until `cap` are left and returns what was dropped.
    pub(crate) fn shrink_to(&mut self, cap: usize) -> Vec<Position> {
        let excess = self.0.len().saturating_sub(cap);
        self.0.drain(..excess).map(|skipped| skipped.position).collect()
    }
}

/// The chains of the peer that are closed: nothing on them can be opened but with a skipped key.
#[derive(Default)]
pub(crate) struct ClosedChains(VecDeque<[u8; 8]>);

impl ClosedChains {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn contains(&self, tag: &[u8; 8]) -> bool {
        self.0.contains(tag)
    }

    pub(crate) fn push(&mut self, tag: [u8; 8]) {
        if self.0.len() >= MAX_CLOSED_CHAINS {
            self.0.pop_front();
        }
        self.0.push_back(tag);
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        self.0.iter().flatten().copied().collect()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WrongLength> {
        let mut reader = Reader::new(bytes);
        let mut tags = VecDeque::new();
        while reader.left() > 0 {
            if tags.len() == MAX_CLOSED_CHAINS {
                return Err(WrongLength);
            }
            tags.push_back(reader.array()?);
        }
        Ok(Self(tags))
    }
}

/// Which sessions must give up how many of their oldest skipped keys so that a device stays within
/// [`MAX_SKIPPED_DEVICE`] and strangers within [`MAX_SKIPPED_STRANGERS`].
///
/// `counts` names for each session whose it is and how many keys it holds; the answer has one number for each, in the
/// same order. It is always the session that holds most which gives, strangers' before contacts'.
#[must_use]
pub fn evictions(counts: &[(Trust, usize)]) -> Vec<usize> {
    let mut keep: Vec<usize> = counts.iter().map(|(_, count)| *count).collect();
    let strangers: Vec<bool> = counts.iter().map(|(trust, _)| *trust == Trust::Stranger).collect();
    // What contacts hold comes first: strangers share what is left, and never more than their own.
    let contacts: usize =
        keep.iter().zip(&strangers).filter(|(_, stranger)| !**stranger).map(|(count, _)| *count).sum();
    level(&mut keep, &strangers, MAX_SKIPPED_STRANGERS.min(MAX_SKIPPED_DEVICE.saturating_sub(contacts)));
    level(&mut keep, &vec![true; counts.len()], MAX_SKIPPED_DEVICE);
    counts.iter().zip(keep).map(|((_, count), keep)| count.saturating_sub(keep)).collect()
}

/// Cuts the tallest of the chosen numbers until their sum is at most `cap`: all of them to one height, the biggest
/// that fits.
fn level(numbers: &mut [usize], chosen: &[bool], cap: usize) {
    let sum_at = |numbers: &[usize], height: usize| -> usize {
        numbers.iter().zip(chosen).filter(|(_, chosen)| **chosen).map(|(number, _)| (*number).min(height)).sum()
    };
    if sum_at(numbers, usize::MAX) <= cap {
        return;
    }
    let (mut fits, mut too_high) = (0, cap.saturating_add(1));
    while too_high.saturating_sub(fits) > 1 {
        let middle = fits.midpoint(too_high);
        if sum_at(numbers, middle) <= cap { fits = middle } else { too_high = middle }
    }
    let mut spare = cap.saturating_sub(sum_at(numbers, fits)); // fewer than there are sessions: one more for some
    for (number, _) in numbers.iter_mut().zip(chosen).filter(|(_, chosen)| **chosen) {
        if *number > fits {
            *number = fits.saturating_add(usize::from(spare > 0));
            spare = spare.saturating_sub(1);
        }
    }
}
