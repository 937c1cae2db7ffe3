//! The state of a ratchet, and how a message moves it (4.2).
//!
//! Sending replaces the state in place, at the very end of the work. Receiving computes an [`Advance`] beside it.

use rand_core::CryptoRng;

use super::capsule::{Bind, Capsule, Header, HeaderSeal, MalformedHeader};
use super::capsule::{chain_tag, open_content_key, seal_content_key};
use super::keys::{ChainKey, MessageKey, RootKey};
use super::skipped::{ClosedChains, MAX_SKIP, Position, Skipped};
use super::{ReceiveError, SealError, SessionId};
use crate::handshake::InitBlock;
use crate::keys::{WeakKey, X25519Public, X25519Secret};
use crate::secret::Secret;

/// The part of a session that never changes.
pub(crate) struct FixedKeys {
    pub(crate) id: SessionId,
    /// TH: what both ends know they agreed on.
    pub(crate) transcript: [u8; 32],
    pub(crate) header_out: Secret<32>,
    pub(crate) header_in: Secret<32>,
    pub(crate) exporter: Secret<32>,
    pub(crate) created_ms: u64,
    /// There if we initiated.
    pub(crate) opening: Option<InitBlock>,
}

/// The chain we send in.
pub(crate) struct Sending {
    pub(crate) chain: ChainKey,
    pub(crate) next: u32,
}

/// The chain of the peer we receive in.
pub(crate) struct Receiving {
    pub(crate) chain: ChainKey,
    pub(crate) next: u32,
}

/// The part of a session that changes with every message.
pub(crate) struct Ratchet {
    pub(crate) root: RootKey,
    /// DHs.
    pub(crate) ours: X25519Secret,
    pub(crate) sending: Sending,
    /// PN: the length of our previous chain.
    pub(crate) previous: u32,
    /// DHr.
    pub(crate) peer: X25519Public,
    pub(crate) receiving: Option<Receiving>,
    /// The peer has turned: our next message starts a new chain.
    pub(crate) step_due: bool,
    /// Something of the peer's has been applied.
    pub(crate) answered: bool,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) peer_sent_at_ms: u64,
    /// Counts changes, so that a received message is applied to the state it was made from.
    pub(crate) revision: u64,
}

/// A responder's state before the first message: RK0, and the prekey in the place of DHs.
pub(crate) struct Beginning {
    pub(crate) root: RootKey,
    pub(crate) prekey: X25519Secret,
}

/// What receiving needs to know of the state.
pub(crate) struct Standing<'a> {
    pub(crate) root: &'a RootKey,
    pub(crate) ours: &'a X25519Secret,
    pub(crate) peer: Option<X25519Public>,
    pub(crate) receiving: Option<&'a Receiving>,
}

/// The next state of the receiving side.
pub(crate) struct Advance {
    /// `None` if a skipped key opened the message: the chains stay where they are.
    pub(crate) chain: Option<NextChain>,
    pub(crate) taken: Option<Position>,
    pub(crate) added: Vec<(Position, MessageKey)>,
    pub(crate) closed: Option<[u8; 8]>,
}

/// The receiving chain after a message, and the root key with it.
pub(crate) struct NextChain {
    pub(crate) root: RootKey,
    pub(crate) peer: X25519Public,
    pub(crate) receiving: Receiving,
    pub(crate) turned: bool,
}

/// A capsule opened beside the state.
pub(crate) struct Opened {
    pub(crate) position: Position,
    pub(crate) content_key: Secret<32>,
    pub(crate) advance: Advance,
}

impl Ratchet {
    /// The initiator's state: DHr is the peer's prekey, and the first chain has begun. Draws 32 bytes.
    pub(crate) fn initiating(
        root: &RootKey,
        prekey: X25519Public,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, WeakKey> {
        let ours = X25519Secret::generate(rng);
        let (root, chain) = root.step(&ours.agree(&prekey)?, None);
        Ok(Self {
            root,
            ours,
            sending: Sending { chain, next: 0 },
            previous: 0,
            peer: prekey,
            receiving: None,
            step_due: false,
            answered: false,
            sent: 0,
            received: 0,
            peer_sent_at_ms: 0,
            revision: 0,
        })
    }

    /// The responder's state after the first message, its own first chain begun. Draws 32 bytes.
    pub(crate) fn answering(first: NextChain, rng: &mut (impl CryptoRng + ?Sized)) -> Option<Self> {
        let ours = X25519Secret::generate(rng);
        let (root, chain) = first.root.step(&ours.agree(&first.peer).ok()?, None);
        Some(Self {
            root,
            ours,
            sending: Sending { chain, next: 0 },
            previous: 0,
            peer: first.peer,
            receiving: Some(first.receiving),
            step_due: false,
            answered: true,
            sent: 0,
            received: 1,
            peer_sent_at_ms: 0,
            revision: 1,
        })
    }

    pub(crate) fn seal(
        &mut self,
        fixed: &FixedKeys,
        content_key: &Secret<32>,
        bind: &Bind,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, SealError> {
        let turn = if self.step_due { Some(self.turn(rng)?) } else { None };
        let (chain, number, previous, public) = match &turn {
            Some((_, ours, sending)) => (&sending.chain, sending.next, self.sending.next, ours.public()),
            None => (&self.sending.chain, self.sending.next, self.previous, self.ours.public()),
        };
        let next = number.checked_add(1).ok_or(SealError::ChainExhausted)?;
        let (message_key, next_chain) = chain.step();

        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let header = Header { ratchet_key: public, previous, number, pq_epoch: 0 };
        let seal = HeaderSeal { key: &fixed.header_out, transcript: &fixed.transcript, bind };
        let mut capsule = seal.seal(&nonce, &header);
        let aad = seal.key_aad(&capsule);
        capsule.extend(seal_content_key(&message_key.cipher(&nonce), &aad, content_key));

        if let Some((root, ours, _)) = turn {
            self.root = root;
            self.ours = ours;
            self.previous = previous;
            self.step_due = false;
        }
        self.sending = Sending { chain: next_chain, next };
        self.sent = self.sent.saturating_add(1);
        self.revision = self.revision.wrapping_add(1);
        Ok(capsule)
    }

    /// A sending DH step, beside the state.
    pub(super) fn turn(
        &self,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<(RootKey, X25519Secret, Sending), SealError> {
        let ours = X25519Secret::generate(rng);
        let agreed = ours.agree(&self.peer).map_err(|WeakKey| SealError::WeakKey)?;
        let (root, chain) = self.root.step(&agreed, None);
        Ok((root, ours, Sending { chain, next: 0 }))
    }

    /// Applies the next receiving state.
    pub(crate) fn advance(&mut self, chain: Option<NextChain>) {
        if let Some(NextChain { root, peer, receiving, turned }) = chain {
            self.root = root;
            self.peer = peer;
            self.receiving = Some(receiving);
            self.step_due |= turned;
        }
        self.answered = true;
        self.received = self.received.saturating_add(1);
        self.revision = self.revision.wrapping_add(1);
    }
}

/// The header, if it is under this session's key.
pub(crate) fn open_header(fixed: &FixedKeys, capsule: &[u8], bind: &Bind) -> Option<Result<Header, MalformedHeader>> {
    let seal = HeaderSeal { key: &fixed.header_in, transcript: &fixed.transcript, bind };
    seal.open(&Capsule::parse(capsule)?)
}

/// Opens a capsule beside the state (decrypt of 4.2, up to the payload).
pub(crate) fn open(
    fixed: &FixedKeys,
    at: &Standing<'_>,
    skipped: &Skipped,
    closed: &ClosedChains,
    capsule: &[u8],
    bind: &Bind,
) -> Result<Opened, ReceiveError> {
    let parts = Capsule::parse(capsule).ok_or(ReceiveError::NoSession)?;
    let seal = HeaderSeal { key: &fixed.header_in, transcript: &fixed.transcript, bind };
    let header = seal.open(&parts).ok_or(ReceiveError::NoSession)?;
    let header = header.map_err(|MalformedHeader| ReceiveError::MalformedHeader)?;
    let position = Position { ratchet_key: header.ratchet_key, number: header.number };

    let (message_key, advance) = match skipped.find(&position) {
        Some(found) => {
            let advance = Advance { chain: None, taken: Some(position), added: Vec::new(), closed: None };
            (found.key.duplicate(), advance)
        }
        None if closed.contains(&chain_tag(&header.ratchet_key)) => return Err(ReceiveError::Consumed(position)),
        None => follow(at, &header, position)?,
    };
    let key = message_key.cipher(parts.nonce);
    let content_key = open_content_key(&key, &seal.key_aad(parts.before), parts.content_key);
    let content_key = content_key.ok_or(ReceiveError::BadKey(position))?;
    Ok(Opened { position, content_key, advance })
}

/// Walks the chains forward to the message; what is passed by becomes skipped keys.
fn follow(at: &Standing<'_>, header: &Header, position: Position) -> Result<(MessageKey, Advance), ReceiveError> {
    let too_far = ReceiveError::TooFar(position);
    let mut added = Vec::new();
    let current = at.receiving.filter(|_| at.peer == Some(header.ratchet_key));
    let (root, begin, closed) = match current {
        Some(receiving) => {
            let begin = Receiving { chain: receiving.chain.duplicate(), next: receiving.next };
            (at.root.duplicate(), begin, None)
        }
        None => {
            let agreed = at.ours.agree(&header.ratchet_key).map_err(|WeakKey| ReceiveError::MalformedHeader)?;
            if let (Some(receiving), Some(peer)) = (at.receiving, at.peer) {
                let rest = Receiving { chain: receiving.chain.duplicate(), next: receiving.next };
                let _ends_here = skip(rest, header.previous, peer, &mut added).ok_or(too_far)?;
            }
            let (root, chain) = at.root.step(&agreed, None);
            let replaced = at.peer.filter(|peer| *peer != header.ratchet_key);
            (root, Receiving { chain, next: 0 }, replaced.as_ref().map(chain_tag))
        }
    };
    if header.number < begin.next {
        return Err(ReceiveError::Consumed(position));
    }
    let here = skip(begin, header.number, header.ratchet_key, &mut added).ok_or(too_far)?;
    let (message_key, chain) = here.chain.step();
    let next = header.number.checked_add(1).ok_or(too_far)?;
    let receiving = Receiving { chain, next };
    let chain = NextChain { root, peer: header.ratchet_key, receiving, turned: current.is_none() };
    Ok((message_key, Advance { chain: Some(chain), taken: None, added, closed }))
}

/// The chain at number `until`, the keys before it kept; `None` if that is more than [`MAX_SKIP`] away. A chain that
/// is already past `until` stays.
fn skip(
    from: Receiving,
    until: u32,
    ratchet_key: X25519Public,
    added: &mut Vec<(Position, MessageKey)>,
) -> Option<Receiving> {
    let Receiving { mut chain, next } = from;
    if until.saturating_sub(next) > MAX_SKIP {
        return None;
    }
    for number in next..until {
        let (key, following) = chain.step();
        added.push((Position { ratchet_key, number }, key));
        chain = following;
    }
    Some(Receiving { chain, next: next.max(until) })
}
