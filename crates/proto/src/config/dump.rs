//! A config as bytes for the device's own store (session-config 7.2): never sent.
//!
//! The form of the reference, with three keys more, written only when they say something: `before`, `pushed` and
//! `shared` hold what an unconfirmed edit needs. A dump of the reference loads as well.

use super::message::{Encoded, Version};
use super::multipart::Parts;
use super::object::{Edits, Object, State};
use super::tree::{self, Dict};
use super::{ConfigError, Kind};
use crate::bencode::{self, Bencode};
use crate::sorted::SortedSet;
use crate::storage_rpc::MessageHash;

/// Dumps are our own, but not without bound.
const MAX_VALUES: usize = 8_000_000;

impl Object {
    /// The dump; from now on none is needed until something changes.
    pub fn dump(&mut self) -> Vec<u8> {
        self.needs_dump = false;
        let (state, edits) = match &self.state {
            State::Clean(_) => (0, None),
            State::Dirty(_, edits) => (1, Some(edits)),
            State::Waiting(_, edits) => (2, Some(edits)),
        };
        let mut entries = bencode::Dict::from([
            (b"!".to_vec(), Bencode::Int(state)),
            (b"$".to_vec(), Bencode::Bytes(self.encoded().bytes)),
            (b"(".to_vec(), encode_hashes(&self.current)),
            (b")".to_vec(), encode_hashes(&self.obsolete)),
            (b"*".to_vec(), self.parts.to_bencode()),
            (b"+".to_vec(), Bencode::Dict(bencode::Dict::new())),
        ]);
        if let Some(edits) = edits {
            encode_edits(edits, matches!(self.state, State::Dirty(..)), &mut entries);
        }
        Bencode::Dict(entries).encode()
    }

    /// What [`Self::dump`] wrote.
    pub(super) fn load(kind: Kind, dump: &[u8]) -> Result<Self, ConfigError> {
        let Ok(Bencode::Dict(mut entries)) = Bencode::decode_with_limit(dump, MAX_VALUES) else {
            return Err(ConfigError::NotCanonical);
        };
        let (Some(Bencode::Int(state)), Some(Bencode::Bytes(message))) =
            (entries.remove(b"!".as_slice()), entries.remove(b"$".as_slice()))
        else {
            return Err(ConfigError::NotCanonical);
        };
        let encoded = Encoded::decode(message)?;
        let mut take = |key: &[u8]| entries.remove(key);
        let (current, obsolete) = (decode_hashes(take(b"(")), decode_hashes(take(b")")));
        let parts = take(b"*").map(|value| Parts::from_bencode(value).ok_or(ConfigError::NotCanonical));
        let parts = parts.transpose()?.unwrap_or_default();
        let before = take(b"before").map(decode_dict).transpose()?;
        let shared = take(b"shared").map(decode_dict).transpose()?.unwrap_or_default();
        let pushed = take(b"pushed").and_then(decode_pushed);
        let state = match (state, before) {
            (0, _) => State::Clean(encoded),
            (1, Some(before)) => State::Dirty(encoded.message, Edits { before, shared, pushed }),
            // Not from us: it may have been pushed with other contents, so its number is used up.
            (1, None) => {
                let before = encoded.message.data.clone();
                State::Dirty(encoded.next(), Edits { before, shared, pushed })
            }
            (2, before) => State::Waiting(encoded, Edits { before: before.unwrap_or_default(), shared, pushed }),
            _ => return Err(ConfigError::NotCanonical),
        };
        Ok(Self { kind, state, current, obsolete, parts, needs_dump: false })
    }
}

fn encode_edits(edits: &Edits, with_before: bool, entries: &mut bencode::Dict) {
    if with_before || !edits.before.is_empty() {
        entries.insert(b"before".to_vec(), Bencode::Dict(tree::encode(&edits.before)));
    }
    if !edits.shared.is_empty() {
        entries.insert(b"shared".to_vec(), Bencode::Dict(tree::encode(&edits.shared)));
    }
    if let Some((version, data)) = &edits.pushed {
        let hash = Bencode::Bytes(version.hash.to_vec());
        let fields = vec![Bencode::Int(version.seqno), hash, Bencode::Dict(tree::encode(data))];
        entries.insert(b"pushed".to_vec(), Bencode::List(fields));
    }
}

fn decode_pushed(value: Bencode) -> Option<(Version, Dict)> {
    let Bencode::List(fields) = value else { return None };
    let Ok([Bencode::Int(seqno), Bencode::Bytes(hash), Bencode::Dict(data)]) = <[Bencode; 3]>::try_from(fields) else {
        return None;
    };
    Some((Version { seqno, hash: hash.try_into().ok()? }, tree::decode(data).ok()?))
}

fn decode_dict(value: Bencode) -> Result<Dict, ConfigError> {
    if let Bencode::Dict(entries) = value { tree::decode(entries) } else { Err(ConfigError::NotCanonical) }
}

fn encode_hashes(hashes: &SortedSet<MessageHash>) -> Bencode {
    Bencode::List(hashes.iter().map(|hash| Bencode::Bytes(hash.as_str().into())).collect())
}

/// The hashes of a list; old dumps have one string.
fn decode_hashes(value: Option<Bencode>) -> SortedSet<MessageHash> {
    let items = match value {
        Some(Bencode::List(items)) => items,
        Some(item) => vec![item],
        None => Vec::new(),
    };
    let parse = |item: &Bencode| {
        let Bencode::Bytes(bytes) = item else { return None };
        MessageHash::parse(std::str::from_utf8(bytes).ok()?).ok()
    };
    items.iter().filter_map(parse).collect()
}
