//! The data of a config: a tree of dictionaries, sets, strings and integers (session-config 3.1).
//!
//! Invariant of everything serialised: no empty dictionary or set inside, sets sorted and unique. [`decode`] refuses
//! anything else, so that one tree has one serialisation. In memory a tree may hold empty ones until it is pruned.

use super::ConfigError;
use crate::bencode::{self, Bencode};
use crate::sorted::{SortedMap, SortedSet};

/// A dictionary of the tree; the root is one.
pub type Dict = SortedMap<Vec<u8>, Value>;

/// What a set holds and a key may hold. Integers come before strings, both ascending: the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    Int(i64),
    Bytes(Vec<u8>),
}

/// What is at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Dict(Dict),
    Scalar(Scalar),
    Set(SortedSet<Scalar>),
}

impl Value {
    /// An integer.
    #[must_use]
    pub const fn int(value: i64) -> Self {
        Self::Scalar(Scalar::Int(value))
    }

    /// A string of bytes.
    #[must_use]
    pub fn bytes(value: impl Into<Vec<u8>>) -> Self {
        Self::Scalar(Scalar::Bytes(value.into()))
    }

    /// The dictionary, if it is one.
    #[must_use]
    pub const fn as_dict(&self) -> Option<&Dict> {
        if let Self::Dict(dict) = self { Some(dict) } else { None }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Dict(dict) => dict.is_empty(),
            Self::Scalar(_) => false,
            Self::Set(set) => set.is_empty(),
        }
    }
}

/// The dictionary at this path, if every step of it is one.
#[must_use]
pub(super) fn dict_at<'a>(root: &'a Dict, path: &[&[u8]]) -> Option<&'a Dict> {
    path.iter().try_fold(root, |dict, key| dict.get(*key)?.as_dict())
}

/// Reads the data of a message.
pub(super) fn decode(entries: bencode::Dict) -> Result<Dict, ConfigError> {
    entries.into_iter().map(|(key, value)| Ok((key, decode_value(value)?))).collect()
}

fn decode_value(value: Bencode) -> Result<Value, ConfigError> {
    let value = match value {
        Bencode::Bytes(bytes) => Value::bytes(bytes),
        Bencode::Int(int) => Value::int(int),
        Bencode::Dict(entries) => Value::Dict(decode(entries)?),
        Bencode::List(items) => Value::Set(decode_set(items)?),
    };
    if value.is_empty() { Err(ConfigError::NotCanonical) } else { Ok(value) }
}

/// A sorted list of different scalars.
pub(super) fn decode_set(items: Vec<Bencode>) -> Result<SortedSet<Scalar>, ConfigError> {
    let mut set = SortedSet::new();
    for item in items {
        let scalar = match item {
            Bencode::Int(int) => Scalar::Int(int),
            Bencode::Bytes(bytes) => Scalar::Bytes(bytes),
            Bencode::Dict(_) | Bencode::List(_) => return Err(ConfigError::NotCanonical),
        };
        if set.last().is_some_and(|last| *last >= scalar) {
            return Err(ConfigError::NotCanonical);
        }
        set.insert(scalar);
    }
    Ok(set)
}

/// What [`decode`] reads. Empty dictionaries and sets are left out.
pub(super) fn encode(dict: &Dict) -> bencode::Dict {
    dict.iter().filter_map(|(key, value)| Some((key.clone(), encode_value(value)?))).collect()
}

fn encode_value(value: &Value) -> Option<Bencode> {
    match value {
        Value::Scalar(scalar) => Some(encode_scalar(scalar)),
        Value::Set(set) => (!set.is_empty()).then(|| encode_set(set)),
        Value::Dict(dict) => {
            let entries = encode(dict);
            (!entries.is_empty()).then_some(Bencode::Dict(entries))
        }
    }
}

pub(super) fn encode_set<'a>(set: impl IntoIterator<Item = &'a Scalar>) -> Bencode {
    Bencode::List(set.into_iter().map(encode_scalar).collect())
}

fn encode_scalar(scalar: &Scalar) -> Bencode {
    match scalar {
        Scalar::Int(int) => Bencode::Int(*int),
        Scalar::Bytes(bytes) => Bencode::Bytes(bytes.clone()),
    }
}

/// Removes empty sets and dictionaries, from the leaves up.
pub(super) fn prune(dict: &mut Dict) {
    dict.retain(|_, value| {
        if let Value::Dict(inner) = value {
            prune(inner);
        }
        !value.is_empty()
    });
}

/// Sets or removes (`None`) the value at a path and a key. Dictionaries on the way are made or, when they become
/// empty, removed; what is in the way and no dictionary is replaced.
pub(super) fn set_at(root: &mut Dict, path: &[&[u8]], key: &[u8], value: Option<Value>) {
    let Some((first, rest)) = path.split_first() else {
        match value {
            Some(value) => root.insert(key.to_vec(), value),
            None => root.remove(key),
        };
        return;
    };
    if value.is_none() && root.get(*first).and_then(Value::as_dict).is_none() {
        return;
    }
    let slot = root.entry(first.to_vec()).or_insert_with(|| Value::Dict(Dict::new()));
    if slot.as_dict().is_none() {
        *slot = Value::Dict(Dict::new());
    }
    if let Value::Dict(inner) = slot {
        set_at(inner, rest, key, value);
    }
    if slot.is_empty() {
        root.remove(*first);
    }
}
