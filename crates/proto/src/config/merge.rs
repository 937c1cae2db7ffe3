//! Merging versions of one config (session-config 5.1).
//!
//! A pure function of the set of messages: their order and repetitions do not matter, so that devices which see the
//! same messages make the same bytes without talking to each other.

use std::cmp::Reverse;

use super::diff::{self, Diff};
use super::message::{Encoded, Message, Version, WINDOW};
use super::tree::{self, Dict};
use crate::sorted::{SortedMap, SortedSet, sort_by_key};

/// What came out.
pub(super) enum Merged {
    /// All the others are older versions of this one (an index into the input).
    Unchanged(usize),
    /// A new version, not yet encoded; its own diff is empty.
    New(Message),
}

/// Merges; `None` if there is nothing to merge.
pub(super) fn merge(messages: &[&Encoded]) -> Option<Merged> {
    let mut heads = heads(messages);
    sort_by_key(&mut heads, |index| messages.get(*index).map(|message| Reverse(message.version)));
    let heads: Vec<(usize, &Encoded)> =
        heads.into_iter().filter_map(|index| Some((index, *messages.get(index)?))).collect();
    match heads.as_slice() {
        [] => None,
        [(index, _)] => Some(Merged::Unchanged(*index)),
        [(_, first), ..] => {
            let sources: Vec<&Encoded> = heads.iter().map(|(_, message)| *message).collect();
            Some(Merged::New(combine(first, &sources)))
        }
    }
}

/// The messages that are not older versions or copies of others.
fn heads(messages: &[&Encoded]) -> Vec<usize> {
    let highest = messages.iter().map(|message| message.version.seqno).max().unwrap_or(0);
    let known: SortedSet<Version> = messages.iter().flat_map(|message| message.message.lags.keys().copied()).collect();
    let mut seen = SortedSet::new();
    let is_head = |message: &Encoded| {
        let fresh = seen.insert(message.version);
        fresh && !known.contains(&message.version) && message.version.seqno + WINDOW > highest
    };
    let flags: Vec<bool> = messages.iter().copied().map(is_head).collect();
    flags.into_iter().enumerate().filter_map(|(index, head)| head.then_some(index)).collect()
}

/// The new version of several heads, sorted from the highest down.
fn combine(first: &Encoded, heads: &[&Encoded]) -> Message {
    let mut table: SortedMap<Version, (&Dict, &Diff)> = SortedMap::new();
    for head in heads {
        let own = std::iter::once((&head.version, &head.message.diff));
        for (version, diff) in own.chain(&head.message.lags) {
            table.entry(*version).or_insert((&head.message.data, diff));
        }
    }
    let seqno = first.version.seqno.saturating_add(1);
    let mut data = first.message.data.clone();
    for (source, diff) in table.values() {
        diff::apply(diff, source, &mut data);
    }
    tree::prune(&mut data);
    let lags = table
        .iter()
        .filter(|(version, _)| version.seqno > seqno - WINDOW)
        .map(|(version, (_, diff))| (*version, (*diff).clone()))
        .collect();
    // Keys of newer formats: nobody here knows how to merge them, so the highest version that has one decides.
    let extra = heads.iter().rev().flat_map(|head| head.message.extra.clone()).collect();
    Message { seqno, data, lags, diff: Diff::new(), extra }
}
