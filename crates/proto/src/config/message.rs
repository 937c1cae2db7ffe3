//! One version of a config as a message: sequence number, data, last change, changes before (session-config 3).
//!
//! Strict: what decodes is canonical, with two exceptions of the format itself (changes older than the window and a
//! signature are read but not written again). That is why [`Version`]ed messages keep their bytes.

use zwiebel_crypto::hash::blake2b;

use super::ConfigError;
use super::diff::{self, Diff};
use super::tree::{self, Dict};
use crate::bencode::{self, Bencode};
use crate::sorted::SortedMap;

/// How many sequence numbers, the own one included, a message tells the changes of.
pub(super) const WINDOW: i64 = 5;
/// No honest device gets here; with it adding to a sequence number cannot overflow.
const MAX_SEQNO: i64 = i64::MAX / 2;
/// More than a whole config of the largest size has.
const MAX_VALUES: usize = 2_000_000;

const SEQNO: &[u8] = b"#";
const DATA: &[u8] = b"&";
const LAGS: &[u8] = b"<";
const DIFF: &[u8] = b"=";
const SIGNATURE: &[u8] = b"~";

/// The name of a version: sequence number, then BLAKE2b-256 of the message. Its order decides conflicts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) seqno: i64,
    pub(super) hash: [u8; 32],
}

/// A config at one sequence number.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) seqno: i64,
    pub(super) data: Dict,
    /// The changes before: at which version, and what.
    pub(super) lags: SortedMap<Version, Diff>,
    /// What changed at this sequence number.
    pub(super) diff: Diff,
    /// Keys of a newer format, carried along.
    pub(super) extra: bencode::Dict,
}

/// A message with the bytes it was read from or written to.
#[derive(Clone)]
pub(super) struct Encoded {
    pub(super) message: Message,
    pub(super) bytes: Vec<u8>,
    pub(super) version: Version,
}

impl Message {
    /// Where every config starts: empty, number 0, never sent.
    pub(super) const fn initial() -> Self {
        Self { seqno: 0, data: Dict::new(), lags: SortedMap::new(), diff: Diff::new(), extra: bencode::Dict::new() }
    }

    /// The message as bytes, and their name.
    pub(super) fn encode(self) -> Encoded {
        let mut entries = self.extra.clone();
        entries.insert(SEQNO.to_vec(), Bencode::Int(self.seqno));
        entries.insert(DATA.to_vec(), Bencode::Dict(tree::encode(&self.data)));
        entries.insert(LAGS.to_vec(), Bencode::List(self.lags.iter().map(encode_lag).collect()));
        entries.insert(DIFF.to_vec(), Bencode::Dict(self.diff.clone()));
        let bytes = Bencode::Dict(entries).encode();
        let version = Version { seqno: self.seqno, hash: blake2b(&[&bytes]) };
        Encoded { message: self, bytes, version }
    }
}

impl Encoded {
    /// Reads a message.
    ///
    /// # Errors
    /// [`ConfigError::Incompatible`] for a format to come, [`ConfigError::NotCanonical`] for everything else.
    pub(super) fn decode(bytes: Vec<u8>) -> Result<Self, ConfigError> {
        let Ok(Bencode::Dict(mut entries)) = Bencode::decode_with_limit(&bytes, MAX_VALUES) else {
            return Err(ConfigError::NotCanonical);
        };
        if entries.first_key_value().is_some_and(|(key, _)| key.as_slice() < SEQNO) {
            return Err(ConfigError::Incompatible);
        }
        let (
            Some(Bencode::Int(seqno)),
            Some(Bencode::Dict(data)),
            Some(Bencode::List(lags)),
            Some(Bencode::Dict(diff)),
        ) = (entries.remove(SEQNO), entries.remove(DATA), entries.remove(LAGS), entries.remove(DIFF))
        else {
            return Err(ConfigError::NotCanonical);
        };
        if !(0..=MAX_SEQNO).contains(&seqno) || entries.keys().any(|key| key.as_slice() > SIGNATURE) {
            return Err(ConfigError::NotCanonical);
        }
        // Signed configs are those of groups, which check it before; here it is only of the right form.
        if let Some(signature) = entries.remove(SIGNATURE) {
            let Bencode::Bytes(signature) = signature else { return Err(ConfigError::NotCanonical) };
            if signature.len() != 64 {
                return Err(ConfigError::NotCanonical);
            }
        }
        diff::check(&diff)?;
        let message =
            Message { seqno, data: tree::decode(data)?, lags: decode_lags(lags, seqno)?, diff, extra: entries };
        let version = Version { seqno, hash: blake2b(&[&bytes]) };
        Ok(Self { message, bytes, version })
    }

    /// The message that follows this one, with the same data and no change yet.
    pub(super) fn next(&self) -> Message {
        let seqno = self.message.seqno.saturating_add(1);
        let mut lags = self.message.lags.clone();
        lags.insert(self.version, self.message.diff.clone());
        lags.retain(|version, _| version.seqno > seqno - WINDOW);
        Message { seqno, data: self.message.data.clone(), lags, diff: Diff::new(), extra: self.message.extra.clone() }
    }
}

fn encode_lag((version, diff): (&Version, &Diff)) -> Bencode {
    let hash = Bencode::Bytes(version.hash.to_vec());
    Bencode::List(vec![Bencode::Int(version.seqno), hash, Bencode::Dict(diff.clone())])
}

fn decode_lags(items: Vec<Bencode>, own: i64) -> Result<SortedMap<Version, Diff>, ConfigError> {
    let mut lags = SortedMap::new();
    let mut last = None;
    for item in items {
        let Bencode::List(fields) = item else { return Err(ConfigError::NotCanonical) };
        let Ok([Bencode::Int(seqno), Bencode::Bytes(hash), Bencode::Dict(diff)]) = <[Bencode; 3]>::try_from(fields)
        else {
            return Err(ConfigError::NotCanonical);
        };
        let hash = hash.try_into().map_err(|_| ConfigError::NotCanonical)?;
        let version = Version { seqno, hash };
        if !(0..own).contains(&seqno) || last.is_some_and(|last| last >= version) {
            return Err(ConfigError::NotCanonical);
        }
        last = Some(version);
        diff::check(&diff)?;
        if seqno > own - WINDOW {
            lags.insert(version, diff);
        }
    }
    Ok(lags)
}
