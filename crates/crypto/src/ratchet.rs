//! The Double Ratchet of ZR1: a session between two devices (forward-secrecy 4).
//!
//! A [`Session`] seals content keys into capsules and opens the peer's. Every message has a key of its own; every
//! turn of the conversation mixes a fresh Diffie-Hellman result into all keys that follow. Headers are encrypted
//! under two keys that stay for the life of the session, so that a session recognises its mail even when a message
//! key is gone.
//!
//! **Sending.** [`Session::seal`] advances the state. The caller stores the new state and the capsule in one commit,
//! and only then sends: the same bytes may be sent again, a second capsule from an old state must not be.
//!
//! **Receiving** has two steps, because a message counts only when its payload has opened too:
//! [`Session::receive`] works beside the state and returns a [`Received`] with the content key;
//! [`Session::apply`] makes it the state. Dropping the `Received` changes nothing, so failure leaves the state
//! byte-identical. A `Received` fits only the state it was made from.
//!
//! **Storing.** Four kinds of rows, so that a message does not rewrite what it did not touch:
//! [`Session::encode_fixed`] (never changes), [`Session::encode_hot`] (changes with every message),
//! [`Session::encode_closed`] (changes when the peer turns) and one row for each skipped key
//! ([`Session::skipped_row`]; [`Changes`] says which came and went). [`Session::restore`] joins them again.
//!
//! What it does not know: whose session it is, which of several sessions to use, time (passed in), randomness (passed
//! in), what the content key opens. The handshake makes sessions; see [`crate::handshake`].
//!
//! Invariants: a message key is used for one capsule; a chain key is gone after its step; nothing is stored beyond
//! the named caps; peer keys that are not canonical or make a zero result are refused.

mod capsule;
mod codec;
mod keys;
mod skipped;
mod state;

use std::fmt;

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

pub use self::capsule::{Bind, CAPSULE_LEN, CONTAINER_HEADER_LEN, ContainerId};
#[cfg(feature = "testing")]
pub use self::codec::secrets_of;
pub use self::codec::{Parts, RestoreError};
pub(crate) use self::keys::{RootKey, part};
use self::skipped::{ClosedChains, Skipped, SkippedKey};
pub use self::skipped::{
    MAX_CLOSED_CHAINS, MAX_SKIP, MAX_SKIPPED, MAX_SKIPPED_AGE_MS, MAX_SKIPPED_DEVICE, MAX_SKIPPED_STRANGER,
    MAX_SKIPPED_STRANGERS, Position, Trust, evictions,
};
use self::state::{Advance, Ratchet};
pub(crate) use self::state::{Beginning, FixedKeys};
use crate::handshake::InitBlock;
use crate::keys::{WeakKey, X25519Public};
use crate::secret::Secret;

/// A session is replaced at this age: the refresh brings fresh post-quantum secrecy and fresh header keys (4.7).
pub const REFRESH_AGE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// A session is replaced after this many sent messages (4.7), so that no counter or store grows for ever.
pub const REFRESH_SENT: u64 = 5_000;

/// And after this many closed chains of the peer: their tags are kept for the life of a session (4.2), and there is room for what
/// comes until the new one is in use.
pub const REFRESH_CLOSED: usize = MAX_CLOSED_CHAINS - 512;

/// Names a session at both ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub [u8; 16]);

/// A ratchet session with one device of a peer.
pub struct Session {
    fixed: FixedKeys,
    ratchet: Ratchet,
    skipped: Skipped,
    closed: ClosedChains,
}

/// A capsule that has opened, and the state it leads to. Nothing has changed yet.
#[must_use = "a received message changes the session only when it is applied"]
pub struct Received {
    session: SessionId,
    revision: u64,
    position: Position,
    content_key: Secret<32>,
    advance: Advance,
}

/// Which skipped-key rows an applied message added and removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys to write; each may already be among the removed ones if a cap was reached at once.
    pub added: Vec<Position>,
    /// Keys to delete.
    pub removed: Vec<Position>,
    /// Whether the row of closed chains is to be written.
    pub closed: bool,
}

/// Why a capsule cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The chain has no numbers left: replace the session.
    #[error("the sending chain is used up")]
    ChainExhausted,
    /// The peer's ratchet key gives no secret. It was checked when it came in: a bug.
    #[error("the peer's ratchet key is of small order")]
    WeakKey,
}

/// Why a capsule does not open. In every case the session is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The header is the peer's and the key was there, but the capsule does not open with it.
    #[error("the capsule does not open with its message key")]
    BadKey(Position),
    /// The key of this message has been used, or has been dropped by age or cap.
    #[error("the key of this message is gone")]
    Consumed(Position),
    /// The header is the peer's, but says what this version cannot follow.
    #[error("the header is not understood")]
    MalformedHeader,
    /// Not a capsule of this session, or not of this container.
    #[error("not a capsule of this session")]
    NoSession,
    /// The message is further ahead than [`MAX_SKIP`].
    #[error("too many messages are missing before this one")]
    TooFar(Position),
}

/// The session has moved on since the message was received: receive it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the session has changed since the message was opened")]
pub struct Stale;

impl Session {
    /// The initiator's session: its first chain begins here. Draws 32 bytes.
    pub(crate) fn initiating(
        fixed: FixedKeys,
        root: &RootKey,
        prekey: X25519Public,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, WeakKey> {
        let ratchet = Ratchet::initiating(root, prekey, rng)?;
        Ok(Self { fixed, ratchet, skipped: Skipped::default(), closed: ClosedChains::default() })
    }

    /// The session's name.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.fixed.id
    }

    /// A secret both ends share, for uses outside the ratchet (3.3), such as confirming this very session (8.1).
    #[must_use]
    pub const fn exporter(&self) -> &Secret<32> {
        &self.fixed.exporter
    }

    /// When the session was made.
    #[must_use]
    pub const fn created_ms(&self) -> u64 {
        self.fixed.created_ms
    }

    /// The init block that must go before each capsule: there until the first message of the peer has been applied.
    #[must_use]
    pub fn opening(&self) -> Option<&InitBlock> {
        if self.ratchet.answered { None } else { self.fixed.opening.as_ref() }
    }

    /// How many capsules have been made.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.ratchet.sent
    }

    /// How many messages have been applied.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.ratchet.received
    }

    /// How many skipped keys are stored.
    #[must_use]
    pub fn skipped_len(&self) -> usize {
        self.skipped.len()
    }

    /// The largest sending time accepted in this session, as [`Session::note_sent_at`] was told.
    #[must_use]
    pub const fn peer_sent_at_ms(&self) -> u64 {
        self.ratchet.peer_sent_at_ms
    }

    /// Notes the sending time of an applied message (5.3), already clamped by the caller; only a larger one counts.
    pub const fn note_sent_at(&mut self, sent_at_ms: u64) {
        if sent_at_ms > self.ratchet.peer_sent_at_ms {
            self.ratchet.peer_sent_at_ms = sent_at_ms;
        }
    }

    /// Whether the next message should go into a new session (4.7).
    #[must_use]
    pub fn needs_refresh(&self, now_ms: u64) -> bool {
        self.ratchet.sent >= REFRESH_SENT
            || self.closed.len() >= REFRESH_CLOSED
            || now_ms.saturating_sub(self.fixed.created_ms) > REFRESH_AGE_MS
    }

    /// Seals a content key into a capsule for the peer and advances the state. Draws 32 bytes if a new chain is due,
    /// then 24.
    ///
    /// # Errors
    /// [`SealError`]; the state is then unchanged.
    pub fn seal(
        &mut self,
        content_key: &Secret<32>,
        bind: &Bind,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, SealError> {
        self.ratchet.seal(&self.fixed, content_key, bind, rng)
    }

    /// Whether the capsule's header is under this session's key: says whose message it is, even if its key is gone.
    #[must_use]
    pub fn recognises(&self, capsule: &[u8], bind: &Bind) -> bool {
        state::open_header(&self.fixed, capsule, bind).is_some()
    }

    /// Opens a capsule beside the state. See [`Session::apply`].
    ///
    /// # Errors
    /// [`ReceiveError`]
    pub fn receive(&self, capsule: &[u8], bind: &Bind) -> Result<Received, ReceiveError> {
        let at = state::Standing {
            root: &self.ratchet.root,
            ours: &self.ratchet.ours,
            peer: Some(self.ratchet.peer),
            receiving: self.ratchet.receiving.as_ref(),
        };
        let opened = state::open(&self.fixed, &at, &self.skipped, &self.closed, capsule, bind)?;
        Ok(Received::new(self.fixed.id, self.ratchet.revision, opened))
    }

    /// Makes a received message part of the state; to be called when its payload has opened.
    ///
    /// # Errors
    /// [`Stale`] if the state is not the one the message was received on; it is then unchanged.
    pub fn apply(&mut self, received: Received, trust: Trust, now_ms: u64) -> Result<Changes, Stale> {
        if received.session != self.fixed.id || received.revision != self.ratchet.revision {
            return Err(Stale);
        }
        let mut changes = Changes::default();
        if let Some(position) = received.advance.taken {
            self.skipped.remove(&position);
            changes.removed.push(position);
        }
        if let Some(tag) = received.advance.closed {
            self.closed.push(tag);
            changes.closed = true;
        }
        self.ratchet.advance(received.advance.chain);
        for (position, key) in received.advance.added {
            changes.added.push(position);
            self.skipped.push(SkippedKey { position, key, since_ms: now_ms });
        }
        changes.removed.extend(self.skipped.expire(now_ms));
        changes.removed.extend(self.skipped.shrink_to(trust.skipped_cap()));
        Ok(changes)
    }

    /// Drops skipped keys that are too old (4.5); returns the rows to delete.
    pub fn expire_skipped(&mut self, now_ms: u64) -> Vec<Position> {
        self.skipped.expire(now_ms)
    }

    /// Drops the `count` oldest skipped keys, see [`evictions`]; returns the rows to delete.
    pub fn evict_skipped(&mut self, count: usize) -> Vec<Position> {
        self.skipped.shrink_to(self.skipped.len().saturating_sub(count))
    }

    /// The row of one skipped key.
    #[must_use]
    pub fn skipped_row(&self, position: &Position) -> Option<Zeroizing<Vec<u8>>> {
        self.skipped.find(position).map(SkippedKey::encode)
    }

    /// The rows of all skipped keys, oldest first.
    pub fn skipped_rows(&self) -> impl Iterator<Item = (Position, Zeroizing<Vec<u8>>)> {
        self.skipped.iter().map(|skipped| (skipped.position, skipped.encode()))
    }
}

impl Received {
    fn new(session: SessionId, revision: u64, opened: state::Opened) -> Self {
        let state::Opened { position, content_key, advance } = opened;
        Self { session, revision, position, content_key, advance }
    }

    /// The key of the container's payload.
    #[must_use]
    pub const fn content_key(&self) -> &Secret<32> {
        &self.content_key
    }

    /// Where the message stands in its session: with the container id it tells a duplicate from a clone (4.5).
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }
}

/// A session an init block asks for, before its first message has opened (3.4). The prekey that made it is in here,
/// and leaves with it: it never gets into a session's rows.
pub struct Proposal {
    fixed: FixedKeys,
    beginning: Beginning,
}

impl Proposal {
    pub(crate) const fn new(fixed: FixedKeys, beginning: Beginning) -> Self {
        Self { fixed, beginning }
    }

    /// The name the session would have. If it is known already, the capsule belongs to that session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.fixed.id
    }

    /// Opens the first capsule. The session exists only when the payload has opened too: [`Proposal::accept`].
    ///
    /// # Errors
    /// [`ReceiveError`]
    pub fn receive(&self, capsule: &[u8], bind: &Bind) -> Result<Received, ReceiveError> {
        let (skipped, closed) = (Skipped::default(), ClosedChains::default());
        let at =
            state::Standing { root: &self.beginning.root, ours: &self.beginning.prekey, peer: None, receiving: None };
        let opened = state::open(&self.fixed, &at, &skipped, &closed, capsule, bind)?;
        Ok(Received::new(self.fixed.id, 0, opened))
    }

    /// Makes the session, with `received` as its first message, and starts its own first chain at once, so that the
    /// prekey rests nowhere. Draws 32 bytes.
    ///
    /// # Errors
    /// [`Stale`] if `received` is not of this proposal.
    pub fn accept(
        self,
        received: Received,
        trust: Trust,
        now_ms: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(Session, Changes), Stale> {
        let Received { session: id, revision, advance, .. } = received;
        let (true, 0, Some(chain)) = (id == self.fixed.id, revision, advance.chain) else { return Err(Stale) };
        let ratchet = Ratchet::answering(chain, rng).ok_or(Stale)?;
        let (skipped, closed) = (Skipped::default(), ClosedChains::default());
        let mut session = Session { fixed: self.fixed, ratchet, skipped, closed };
        let mut changes = Changes::default();
        for (position, key) in advance.added {
            changes.added.push(position);
            session.skipped.push(SkippedKey { position, key, since_ms: now_ms });
        }
        changes.removed.extend(session.skipped.shrink_to(trust.skipped_cap()));
        Ok((session, changes))
    }
}

/// Whether the strict reader of headers takes these bytes; behind a cipher, where a fuzzer does not get by itself.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    capsule::Header::parse(bytes).is_ok()
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

impl fmt::Debug for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bind(..)")
    }
}

impl fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContainerId(..)")
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Received(..)")
    }
}

impl fmt::Debug for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proposal(..)")
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
