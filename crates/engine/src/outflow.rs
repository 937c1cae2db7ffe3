//! What leaves the engine, and when: one commit out at a time, and behind it everything that must not be seen before
//! it is durable. Knows nothing of what it carries.
//!
//! Invariants: a held thing is released only after the batch that was open when it was queued is committed; order is
//! kept. A batch that was not written goes back in front of what was collected since, so nothing is lost while the
//! program lives, and nothing was sent or shown that a restart would not find.

use std::collections::VecDeque;

use serde::Serialize;
use zeroize::Zeroizing;
use zwiebel_proto::sorted::SortedMap;

use crate::batch::{Batch, BatchId, Op, Row, Table};
use crate::effect::{Effect, HttpRequest, HttpTarget, RequestId};
use crate::input::CommitFailure;
use crate::row;
use crate::view::{Problem, ViewEvent};

/// A store that is full is asked again after this long (or at the next change).
const RETRY_MS: u64 = 5_000;

/// Something that waits for a commit.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "few at a time, and the large variant is the common one; smaller on wasm32"
)]
pub(crate) enum Held {
    Effect(Effect),
    /// The outbox entry with this number is durable: it may be sent.
    OutboxReady(u64),
    /// The dumps of the push with this number are durable.
    PushReady(u64),
    /// The store was emptied.
    Cleared,
}

type Ops = SortedMap<(Table, Vec<u8>), Option<Zeroizing<Vec<u8>>>>;

#[derive(Default)]
pub(crate) struct Outflow {
    ready: VecDeque<Effect>,
    pending: Ops,
    pending_held: Vec<Held>,
    clear: bool,
    flying: Option<Flying>,
    retry_at: Option<u64>,
    failure: Option<CommitFailure>,
    stopped: bool,
    next_batch: u64,
    next_request: u64,
}

struct Flying {
    id: BatchId,
    ops: Ops,
    clear: bool,
    held: Vec<Held>,
}

impl Outflow {
    pub(crate) fn put<T: Serialize>(&mut self, table: Table, key: Vec<u8>, value: &T) {
        self.pending.insert((table, key), Some(row::encode(table, value)));
    }

    /// A row that is bytes already.
    pub(crate) fn put_bytes(&mut self, table: Table, key: Vec<u8>, bytes: Zeroizing<Vec<u8>>) {
        self.pending.insert((table, key), Some(bytes));
    }

    pub(crate) fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.pending.insert((table, key), None);
    }

    /// Empties the store; whatever was collected before is forgotten.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.pending_held.clear();
        self.clear = true;
        self.pending_held.push(Held::Cleared);
    }

    /// Shows something, after everything changed so far is durable.
    pub(crate) fn emit(&mut self, event: ViewEvent) {
        self.pending_held.push(Held::Effect(Effect::Emit(event)));
    }

    /// Shows something that depends on no row.
    pub(crate) fn emit_now(&mut self, event: ViewEvent) {
        self.ready.push_back(Effect::Emit(event));
    }

    pub(crate) fn hold(&mut self, held: Held) {
        self.pending_held.push(held);
    }

    /// Makes a request at once. Only for requests that reveal and change nothing a commit records.
    pub(crate) fn http(
        &mut self,
        origin: Option<String>,
        target: HttpTarget,
        body: Vec<u8>,
        timeout_ms: u32,
    ) -> RequestId {
        self.next_request = self.next_request.wrapping_add(1);
        let id = RequestId(self.next_request);
        self.ready.push_back(Effect::Http(HttpRequest { id, origin, target, body, timeout_ms }));
        id
    }

    pub(crate) fn cancel(&mut self, id: RequestId) {
        self.ready.push_back(Effect::CancelHttp(id));
    }

    pub(crate) fn pop(&mut self) -> Option<Effect> {
        self.ready.pop_front()
    }

    pub(crate) const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Ends one call of the engine: opens the next commit if none is out. Returns what is released at once because
    /// nothing stands before it.
    pub(crate) fn settle(&mut self, now: u64, changed: bool) -> Vec<Held> {
        if self.pending.is_empty() && !self.clear {
            let held = std::mem::take(&mut self.pending_held);
            return match &mut self.flying {
                Some(flying) => {
                    flying.held.extend(held);
                    Vec::new()
                }
                None => held,
            };
        }
        let due = self.retry_at.is_none_or(|at| changed || at <= now);
        if self.flying.is_none() && due && !self.stopped {
            self.retry_at = None;
            self.next_batch = self.next_batch.wrapping_add(1);
            let id = BatchId(self.next_batch);
            // A clear stands alone in its batch; what was written since follows in the next one.
            let clear = std::mem::take(&mut self.clear);
            let (ops, held) = if clear {
                let at = self.pending_held.iter().position(|h| matches!(h, Held::Cleared)).map_or(0, |i| i + 1);
                let rest = self.pending_held.split_off(at.min(self.pending_held.len()));
                (Ops::new(), std::mem::replace(&mut self.pending_held, rest))
            } else {
                (std::mem::take(&mut self.pending), std::mem::take(&mut self.pending_held))
            };
            let list = if clear { vec![Op::Clear] } else { to_ops(&ops) };
            self.flying = Some(Flying { id, ops, clear, held });
            self.ready.push_back(Effect::Commit(Batch { id, ops: list }));
        }
        Vec::new()
    }

    /// The batch is durable: gives what it held back.
    pub(crate) fn committed(&mut self, id: BatchId) -> Vec<Held> {
        match self.flying.take_if(|f| f.id == id) {
            Some(flying) => {
                if self.failure.take().is_some() {
                    self.ready.push_back(Effect::Emit(ViewEvent::Problem(None)));
                }
                flying.held
            }
            None => Vec::new(),
        }
    }

    /// The batch was not written: it is tried again, together with what came since.
    pub(crate) fn failed(&mut self, id: BatchId, reason: CommitFailure, now: u64) {
        let Some(mut flying) = self.flying.take_if(|f| f.id == id) else { return };
        if self.failure.replace(reason) != Some(reason) {
            self.ready.push_back(Effect::Emit(ViewEvent::Problem(Some(Problem::Storage(reason)))));
        }
        if flying.clear {
            self.clear = true;
        } else {
            let newer = std::mem::take(&mut self.pending);
            if !self.clear {
                self.pending = std::mem::take(&mut flying.ops);
            }
            self.pending.extend(newer);
        }
        let newer = std::mem::take(&mut self.pending_held);
        self.pending_held = flying.held;
        self.pending_held.extend(newer);
        if reason == CommitFailure::Superseded {
            // Another tab owns the store now. The event just queued is the last thing this engine says.
            self.ready.retain(|e| matches!(e, Effect::Emit(ViewEvent::Problem(_))));
            self.pending.clear();
            self.pending_held.clear();
            self.stopped = true;
            return;
        }
        self.retry_at = Some(now.saturating_add(RETRY_MS));
    }

    pub(crate) fn wake_at(&self) -> Option<u64> {
        self.retry_at
    }

    /// The store does not take writes at the moment: nothing new should be fetched.
    pub(crate) fn is_failing(&self) -> bool {
        self.failure.is_some()
    }

    pub(crate) fn release(&mut self, effect: Effect) {
        self.ready.push_back(effect);
    }
}

fn to_ops(ops: &Ops) -> Vec<Op> {
    ops.iter()
        .map(|((table, key), value)| match value {
            Some(value) => Op::Put(Row { table: *table, key: key.clone(), value: value.clone() }),
            None => Op::Delete { table: *table, key: key.clone() },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    fn commit(out: &mut Outflow) -> Batch {
        match out.pop() {
            Some(Effect::Commit(batch)) => batch,
            other => panic!("a commit, not {other:?}"),
        }
    }

    fn shown(held: &[Held]) -> usize {
        held.iter().filter(|h| matches!(h, Held::Effect(Effect::Emit(_)))).count()
    }

    #[test]
    fn nothing_is_released_before_its_batch_is_durable() {
        let mut out = Outflow::default();
        out.emit(ViewEvent::Erased); // queued before the row it belongs to
        out.put(Table::Meta, vec![1], &1_u8);
        assert!(out.settle(0, true).is_empty());
        let first = commit(&mut out);
        out.put(Table::Meta, vec![2], &2_u8);
        out.emit(ViewEvent::Erased);
        assert!(out.settle(0, true).is_empty() && out.pop().is_none(), "one commit at a time");
        assert_eq!(shown(&out.committed(first.id)), 1);
        assert!(out.settle(0, true).is_empty());
        let second = commit(&mut out);
        assert_eq!(second.ops.len(), 1);
        assert_eq!(shown(&out.committed(second.id)), 1);
        out.emit(ViewEvent::Erased);
        assert_eq!(shown(&out.settle(0, true)), 1, "nothing stands before it");
    }

    #[test]
    fn refused_batch_comes_again_with_the_newer_values() {
        let mut out = Outflow::default();
        out.put(Table::Meta, vec![1], &1_u8);
        out.put(Table::Meta, vec![2], &1_u8);
        out.settle(0, true);
        let first = commit(&mut out);
        out.put(Table::Meta, vec![2], &9_u8);
        out.failed(first.id, CommitFailure::QuotaExceeded, 0);
        assert!(out.is_failing());
        assert!(matches!(out.pop(), Some(Effect::Emit(ViewEvent::Problem(Some(_))))));
        out.settle(1, false);
        assert!(out.pop().is_none(), "not before the pause is over");
        out.settle(RETRY_MS, false);
        let again = commit(&mut out);
        let row = |key: u8, value: u8| {
            Op::Put(Row { table: Table::Meta, key: vec![key], value: row::encode(Table::Meta, &value) })
        };
        assert!(again.ops == [row(1, 1), row(2, 9)]);
        out.committed(again.id);
        assert!(matches!(out.pop(), Some(Effect::Emit(ViewEvent::Problem(None)))));
    }

    #[test]
    fn clear_stands_alone() {
        let mut out = Outflow::default();
        out.put(Table::Meta, vec![1], &1_u8);
        out.clear();
        out.put(Table::Meta, vec![2], &2_u8);
        out.settle(0, true);
        let clear = commit(&mut out);
        assert!(clear.ops == [Op::Clear]);
        assert!(matches!(out.committed(clear.id).as_slice(), [Held::Cleared]));
        out.settle(0, true);
        assert_eq!(commit(&mut out).ops.len(), 1);
    }
}
