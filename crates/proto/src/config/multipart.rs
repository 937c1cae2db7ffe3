//! Configs too large for one message, in parts (session-config 6.5).
//!
//! Parts are authenticated by the encryption around them; the bounds here are against mistakes, not strangers.

use zwiebel_crypto::hash::blake2b;

use super::seal::OVERHEAD;
use crate::bencode::Bencode;
use crate::sorted::SortedMap;
use crate::storage_rpc::{MAX_MESSAGE, MessageHash};

/// First byte of a part.
pub(super) const PART: u8 = b'm';
/// The most bytes of a padded config.
pub(super) const MAX_CONFIG: usize = 5_000_000;
/// The bytes of a config that fit a part, after encryption and framing.
const CHUNK: usize = MAX_MESSAGE - OVERHEAD - 50;
/// Incomplete sets that are kept at most; the one that expires first goes.
const MAX_SETS: usize = 8;
/// How long an incomplete set waits after its last part.
const PENDING_MS: u64 = 7 * 24 * 3600 * 1000;
/// How long late copies of a complete set are recognised.
const DONE_MS: u64 = 14 * 24 * 3600 * 1000;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// BLAKE2b-256 of the whole, padded.
    pub(super) whole: [u8; 32],
    pub(super) index: u8,
    pub(super) count: u8,
    pub(super) chunk: Vec<u8>,
}

/// The sets of parts that are not complete, and which were.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    sets: SortedMap<[u8; 32], Set>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Set {
    /// 0 for a complete one, of which no parts are kept.
    count: u8,
    expires_ms: u64,
    parts: SortedMap<u8, (MessageHash, Vec<u8>)>,
}

/// What a part was good for.
pub(super) enum Added {
    /// The last one: the padded whole and the hashes of all parts.
    Complete(Vec<u8>, Vec<MessageHash>),
    /// Of a set that does not fit together, or not a possible part.
    Invalid,
    /// Kept, or known already.
    Kept,
}

/// Whether a padded config goes in one message.
pub(super) const fn fits_one(padded: &[u8]) -> bool {
    padded.len() + OVERHEAD <= MAX_MESSAGE
}

/// The plaintexts of the parts; `None` if there would be too many.
pub(super) fn split(padded: &[u8]) -> Option<Vec<Vec<u8>>> {
    if padded.len() > MAX_CONFIG {
        return None;
    }
    let whole = blake2b(&[padded]);
    let count = u8::try_from(padded.len().div_ceil(CHUNK)).ok()?;
    let parts = (0..count).zip(padded.chunks(CHUNK));
    Some(parts.map(|(index, chunk)| Part { whole, index, count, chunk: chunk.to_vec() }.encode()).collect())
}

impl Part {
    /// Reads a part, its first byte included.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let Ok(Bencode::List(fields)) = Bencode::decode(bytes.strip_prefix(&[PART])?) else { return None };
        let [Bencode::Bytes(whole), Bencode::Bytes(index), Bencode::Bytes(count), Bencode::Bytes(chunk)] =
            <[Bencode; 4]>::try_from(fields).ok()?
        else {
            return None;
        };
        let whole = whole.try_into().ok()?;
        let ([index], [count]) = (index.try_into().ok()?, count.try_into().ok()?);
        let valid = count >= 2 && index < count && !chunk.is_empty();
        valid.then_some(Self { whole, index, count, chunk })
    }

    fn encode(&self) -> Vec<u8> {
        let fields = [self.whole.as_slice(), &[self.index], &[self.count], &self.chunk];
        let list = Bencode::List(fields.iter().map(|field| Bencode::Bytes(field.to_vec())).collect());
        [&[PART], list.encode().as_slice()].concat()
    }
}

impl Parts {
    /// Takes in a part that is stored under `hash`.
    pub(super) fn add(&mut self, part: Part, hash: MessageHash, now_ms: u64) -> Added {
        let set = self.sets.entry(part.whole).or_insert_with(|| Set {
            count: part.count,
            expires_ms: 0,
            parts: SortedMap::new(),
        });
        if set.count == 0 || set.parts.contains_key(&part.index) {
            return Added::Kept;
        }
        let size: usize = set.parts.values().map(|(_, chunk)| chunk.len()).sum();
        if set.count != part.count || size + part.chunk.len() > MAX_CONFIG {
            return Added::Invalid;
        }
        set.parts.insert(part.index, (hash, part.chunk));
        set.expires_ms = now_ms.saturating_add(PENDING_MS);
        if set.parts.len() < usize::from(set.count) {
            self.shrink();
            return Added::Kept;
        }
        set.count = 0;
        set.expires_ms = now_ms.saturating_add(DONE_MS);
        let (hashes, chunks): (Vec<_>, Vec<_>) = std::mem::take(&mut set.parts).into_values().unzip();
        let padded = chunks.concat();
        if blake2b(&[&padded]) == part.whole { Added::Complete(padded, hashes) } else { Added::Invalid }
    }

    /// The hashes of the parts that wait for others.
    pub(super) fn pending(&self) -> impl Iterator<Item = &MessageHash> {
        self.sets.values().flat_map(|set| set.parts.values().map(|(hash, _)| hash))
    }

    /// Drops what waited too long. Whether anything went.
    pub(super) fn expire(&mut self, now_ms: u64) -> bool {
        let before = self.sets.len();
        self.sets.retain(|_, set| set.expires_ms > now_ms);
        self.sets.len() < before
    }

    fn shrink(&mut self) {
        let pending = self.sets.iter().filter(|(_, set)| set.count != 0);
        if pending.clone().count() > MAX_SETS
            && let Some(oldest) = pending.min_by_key(|(_, set)| set.expires_ms).map(|(whole, _)| *whole)
        {
            self.sets.remove(&oldest);
        }
    }

    /// For the dump (7.2, `*`).
    pub(super) fn to_bencode(&self) -> Bencode {
        Bencode::Dict(self.sets.iter().map(|(whole, set)| (whole.to_vec(), set.to_bencode())).collect())
    }

    /// What [`Self::to_bencode`] wrote.
    pub(super) fn from_bencode(value: Bencode) -> Option<Self> {
        let Bencode::Dict(entries) = value else { return None };
        let sets = entries.into_iter().map(|(whole, set)| Some((whole.try_into().ok()?, Set::from_bencode(set)?)));
        Some(Self { sets: sets.collect::<Option<_>>()? })
    }
}

impl Set {
    fn to_bencode(&self) -> Bencode {
        let mut entries = SortedMap::from([
            (b"#".to_vec(), Bencode::Int(self.count.into())),
            (b"T".to_vec(), Bencode::Int(i64::try_from(self.expires_ms).unwrap_or(i64::MAX))),
        ]);
        let parts: Vec<Bencode> = self.parts.iter().map(part_to_bencode).collect();
        if !parts.is_empty() {
            entries.insert(b"p".to_vec(), Bencode::List(parts));
        }
        Bencode::Dict(entries)
    }

    fn from_bencode(value: Bencode) -> Option<Self> {
        let Bencode::Dict(mut entries) = value else { return None };
        let (Bencode::Int(count), Bencode::Int(expires)) =
            (entries.remove(b"#".as_slice())?, entries.remove(b"T".as_slice())?)
        else {
            return None;
        };
        let parts = match entries.remove(b"p".as_slice()) {
            Some(Bencode::List(parts)) => parts.into_iter().map(part_from_bencode).collect::<Option<_>>()?,
            Some(_) => return None,
            None => SortedMap::new(),
        };
        let (count, expires_ms) = (u8::try_from(count).ok()?, u64::try_from(expires).ok()?);
        Some(Self { count, expires_ms, parts })
    }
}

fn part_to_bencode((index, (hash, chunk)): (&u8, &(MessageHash, Vec<u8>))) -> Bencode {
    Bencode::Dict(SortedMap::from([
        (b"#".to_vec(), Bencode::Int((*index).into())),
        (b"M".to_vec(), Bencode::Bytes(hash.as_str().into())),
        (b"d".to_vec(), Bencode::Bytes(chunk.clone())),
    ]))
}

fn part_from_bencode(value: Bencode) -> Option<(u8, (MessageHash, Vec<u8>))> {
    let Bencode::Dict(mut entries) = value else { return None };
    let (Bencode::Int(index), Bencode::Bytes(hash), Bencode::Bytes(chunk)) =
        (entries.remove(b"#".as_slice())?, entries.remove(b"M".as_slice())?, entries.remove(b"d".as_slice())?)
    else {
        return None;
    };
    let hash = MessageHash::parse(std::str::from_utf8(&hash).ok()?).ok()?;
    Some((u8::try_from(index).ok()?, (hash, chunk)))
}
