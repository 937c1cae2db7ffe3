//! What changed between two trees, and doing the same to a third (session-config 3.2, 5.2).
//!
//! A diff carries no values of scalars, only where they changed; the values come from the data of the message the diff
//! belongs to. It is kept as the bencode it is on the wire, so that the diffs of other devices are passed on unchanged.

use super::ConfigError;
use super::tree::{self, Dict, Scalar, Value};
use crate::bencode::{self, Bencode};
use crate::sorted::SortedSet;

/// A diff: mirrors the keys of the tree it changes.
pub(super) type Diff = bencode::Dict;

/// The diff value of a removed scalar.
const REMOVED: &[u8] = b"-";

/// Whether this has the shape of a diff.
pub(super) fn check(diff: &Diff) -> Result<(), ConfigError> {
    diff.values().try_for_each(|value| match value {
        Bencode::Bytes(_) => Ok(()),
        Bencode::Dict(inner) => check(inner),
        Bencode::List(_) => set_change(value).map(|_| ()),
        Bencode::Int(_) => Err(ConfigError::NotCanonical),
    })
}

/// The diff that leads from `old` to `new`, both pruned.
pub(super) fn between(old: &Dict, new: &Dict) -> Diff {
    let keys: SortedSet<&Vec<u8>> = old.keys().chain(new.keys()).collect();
    keys.into_iter().filter_map(|key| Some((key.clone(), value_between(old.get(key), new.get(key))?))).collect()
}

fn value_between(old: Option<&Value>, new: Option<&Value>) -> Option<Bencode> {
    let (empty_dict, empty_set) = (Dict::new(), SortedSet::new());
    match new {
        None => match old? {
            Value::Scalar(_) => Some(Bencode::Bytes(REMOVED.to_vec())),
            Value::Dict(old) => dict_between(old, &empty_dict),
            Value::Set(old) => set_between(old, &empty_set),
        },
        Some(Value::Scalar(_)) if old == new => None,
        Some(Value::Scalar(_)) => Some(Bencode::Bytes(Vec::new())),
        Some(Value::Dict(new)) => dict_between(if let Some(Value::Dict(old)) = old { old } else { &empty_dict }, new),
        Some(Value::Set(new)) => set_between(if let Some(Value::Set(old)) = old { old } else { &empty_set }, new),
    }
}

fn dict_between(old: &Dict, new: &Dict) -> Option<Bencode> {
    let diff = between(old, new);
    (!diff.is_empty()).then_some(Bencode::Dict(diff))
}

fn set_between(old: &SortedSet<Scalar>, new: &SortedSet<Scalar>) -> Option<Bencode> {
    let change = [tree::encode_set(new.difference(old)), tree::encode_set(old.difference(new))];
    (old != new).then(|| Bencode::List(change.into()))
}

/// Does to `target` what `diff` did to get to `source`. May leave empty sets and dictionaries behind.
pub(super) fn apply(diff: &Diff, source: &Dict, target: &mut Dict) {
    for (key, change) in diff {
        match (change, source.get(key)) {
            (Bencode::Bytes(mark), Some(value @ Value::Scalar(_))) if mark != REMOVED => {
                target.insert(key.clone(), value.clone());
            }
            (Bencode::Dict(inner), Some(Value::Dict(source))) => {
                let slot = target.entry(key.clone()).or_insert_with(|| Value::Dict(Dict::new()));
                if slot.as_dict().is_none() {
                    *slot = Value::Dict(Dict::new());
                }
                if let Value::Dict(target) = slot {
                    apply(inner, source, target);
                }
            }
            (Bencode::List(_), Some(Value::Set(_))) => {
                let mut set = match target.remove(key) {
                    Some(Value::Set(set)) => set,
                    _ => SortedSet::new(),
                };
                if let Ok((added, removed)) = set_change(change) {
                    set.extend(added);
                    set.retain(|item| !removed.contains(item));
                }
                target.insert(key.clone(), Value::Set(set));
            }
            // Removed since, or of another kind by now: the change shows as the absence in the source.
            _ => {
                target.remove(key);
            }
        }
    }
}

/// The pair of sorted lists: added, removed.
fn set_change(change: &Bencode) -> Result<(SortedSet<Scalar>, SortedSet<Scalar>), ConfigError> {
    let Bencode::List(lists) = change else { return Err(ConfigError::NotCanonical) };
    let [Bencode::List(added), Bencode::List(removed)] = lists.as_slice() else {
        return Err(ConfigError::NotCanonical);
    };
    Ok((tree::decode_set(added.clone())?, tree::decode_set(removed.clone())?))
}
