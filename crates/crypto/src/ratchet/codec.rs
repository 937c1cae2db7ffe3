//! The stored forms of a session: fixed layouts with a version byte (see the module above for what goes where).
//!
//! These are local rows, sealed by the store; they never travel. A row of another version is refused, not guessed.

use thiserror::Error;
use zeroize::Zeroizing;

use super::keys::{ChainKey, RootKey};
use super::skipped::{ClosedChains, MAX_SKIPPED, Skipped, SkippedKey};
use super::state::{FixedKeys, Ratchet, Receiving, Sending};
use super::{Session, SessionId};
use crate::handshake::InitBlock;
use crate::keys::{X25519Public, X25519Secret};
use crate::reader::{Reader, WrongLength};
use crate::secret::Secret;

/// Version of all four row layouts.
pub(crate) const VERSION: u8 = 1;

/// The rows of one session, for [`Session::restore`].
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// From [`Session::encode_fixed`].
    pub fixed: &'a [u8],
    /// From [`Session::encode_hot`].
    pub hot: &'a [u8],
    /// From [`Session::encode_closed`]; empty if there never was such a row.
    pub closed: &'a [u8],
}

/// Rows that are not a session's, or not of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the stored rows are not a session")]
pub struct RestoreError;

impl From<WrongLength> for RestoreError {
    fn from(_: WrongLength) -> Self {
        Self
    }
}

/// Everything in a hot row that opens or leads to what opens messages: root key, own ratchet key, both chain keys, and the
/// message keys that follow from these. For tests of what a program leaves behind.
///
/// # Errors
/// [`RestoreError`]
#[cfg(feature = "testing")]
pub fn secrets_of(hot: &[u8]) -> Result<Vec<Secret<32>>, RestoreError> {
    let ratchet = decode_hot(hot)?;
    let chains = [Some(&ratchet.sending.chain), ratchet.receiving.as_ref().map(|receiving| &receiving.chain)];
    let keys = chains.into_iter().flatten().flat_map(|chain| [*chain.expose(), *chain.step().0.expose()]);
    Ok(keys.chain([*ratchet.root.expose(), *ratchet.ours.expose()]).map(Secret::new).collect())
}

impl Session {
    /// What never changes: keys of the headers, transcript, exporter, init block.
    #[must_use]
    pub fn encode_fixed(&self) -> Zeroizing<Vec<u8>> {
        let fixed = &self.fixed;
        let mut out = Zeroizing::new(Vec::with_capacity(154 + InitBlock::LEN));
        out.push(VERSION);
        out.extend_from_slice(&fixed.id.0);
        out.extend_from_slice(&fixed.transcript);
        out.extend_from_slice(fixed.header_out.expose());
        out.extend_from_slice(fixed.header_in.expose());
        out.extend_from_slice(fixed.exporter.expose());
        out.extend_from_slice(&fixed.created_ms.to_le_bytes());
        out.push(u8::from(fixed.opening.is_some()));
        if let Some(opening) = &fixed.opening {
            out.extend_from_slice(opening.as_bytes());
        }
        out
    }

    /// What changes with every message; about 230 bytes.
    #[must_use]
    pub fn encode_hot(&self) -> Zeroizing<Vec<u8>> {
        let ratchet = &self.ratchet;
        let mut out = Zeroizing::new(Vec::with_capacity(240));
        out.push(VERSION);
        let receiving = u8::from(ratchet.receiving.is_some());
        out.push(u8::from(ratchet.step_due) | u8::from(ratchet.answered) << 1 | receiving << 2);
        out.extend_from_slice(ratchet.root.expose());
        out.extend_from_slice(ratchet.ours.expose());
        out.extend_from_slice(ratchet.sending.chain.expose());
        out.extend_from_slice(&ratchet.sending.next.to_le_bytes());
        out.extend_from_slice(&ratchet.previous.to_le_bytes());
        out.extend_from_slice(&ratchet.peer.0);
        if let Some(receiving) = &ratchet.receiving {
            out.extend_from_slice(receiving.chain.expose());
            out.extend_from_slice(&receiving.next.to_le_bytes());
        }
        for counter in [ratchet.sent, ratchet.received, ratchet.peer_sent_at_ms, ratchet.revision] {
            out.extend_from_slice(&counter.to_le_bytes());
        }
        out
    }

    /// The closed chains of the peer; 8 bytes each, not secret.
    #[must_use]
    pub fn encode_closed(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.closed.encode());
        out
    }

    /// Joins the rows of a session. `rows` are its skipped-key rows in any order; more than the cap are refused.
    ///
    /// # Errors
    /// [`RestoreError`]
    pub fn restore<'a>(parts: &Parts<'_>, rows: impl Iterator<Item = &'a [u8]>) -> Result<Self, RestoreError> {
        let closed = match parts.closed.split_first() {
            None => ClosedChains::default(),
            Some((&VERSION, tags)) => ClosedChains::decode(tags)?,
            Some(_) => return Err(RestoreError),
        };
        let mut skipped = Skipped::default();
        for row in rows {
            if skipped.len() == MAX_SKIPPED {
                return Err(RestoreError);
            }
            skipped.insert(SkippedKey::decode(row)?);
        }
        Ok(Self { fixed: decode_fixed(parts.fixed)?, ratchet: decode_hot(parts.hot)?, skipped, closed })
    }
}

fn decode_fixed(bytes: &[u8]) -> Result<FixedKeys, RestoreError> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != VERSION {
        return Err(RestoreError);
    }
    let id = SessionId(reader.array()?);
    let transcript = reader.array()?;
    let header_out = Secret::new(reader.array()?);
    let header_in = Secret::new(reader.array()?);
    let exporter = Secret::new(reader.array()?);
    let created_ms = reader.u64()?;
    let opening = match reader.u8()? {
        0 => None,
        1 => Some(InitBlock::from_bytes(reader.chunk()?)),
        _ => return Err(RestoreError),
    };
    reader.finish()?;
    Ok(FixedKeys { id, transcript, header_out, header_in, exporter, created_ms, opening })
}

fn decode_hot(bytes: &[u8]) -> Result<Ratchet, RestoreError> {
    let mut reader = Reader::new(bytes);
    if reader.u8()? != VERSION {
        return Err(RestoreError);
    }
    let flags = reader.u8()?;
    if flags > 0b111 {
        return Err(RestoreError);
    }
    let root = RootKey::new(reader.array()?);
    let ours = X25519Secret::from_bytes(reader.array()?);
    let sending = Sending { chain: ChainKey::new(reader.array()?), next: reader.u32()? };
    let previous = reader.u32()?;
    let peer = X25519Public(reader.array()?);
    let receiving = if flags & 0b100 == 0 {
        None
    } else {
        Some(Receiving { chain: ChainKey::new(reader.array()?), next: reader.u32()? })
    };
    let (sent, received) = (reader.u64()?, reader.u64()?);
    let (peer_sent_at_ms, revision) = (reader.u64()?, reader.u64()?);
    reader.finish()?;
    Ok(Ratchet {
        root,
        ours,
        sending,
        previous,
        peer,
        receiving,
        step_due: flags & 1 != 0,
        answered: flags & 0b10 != 0,
        sent,
        received,
        peer_sent_at_ms,
        revision,
    })
}
