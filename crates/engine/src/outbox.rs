//! Sending: every entry of the outbox is offered to members of its swarm, through different paths, until one confirms it.
//! Always the same bytes, so that a second store is the same message (service-nodes 3.4). One line per swarm and
//! namespace, in order.
//!
//! Entries arrive here only when their row is durable.

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::{SortedMap, SortedSet};
use zwiebel_proto::storage_rpc::{self, ExpiryMode, MessageHash, Namespace, StoreResponse};

use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::model::rows::{FAILED_NOT_REACHED, FAILED_REFUSED, OutboxRow, Outgoing};
use crate::net::NodeSet;
use crate::net::rpc::{Answer, Purpose, SLOW_MS};
use crate::view::{SendFailure, SendState};

/// Attempts at once, each through another path to another member.
const MAX_FLYING: usize = 3;

/// Attempts that follow each other at once; then the pauses grow.
const QUICK: u32 = 4;
const RETRY_MS: u64 = 500;
const RETRY_MAX_MS: u64 = 30_000;

/// Without a path or swarm we look again soon; every input looks as well.
const WAIT_MS: u64 = 250;

/// A message is refused for good when this many members say so; one alone may lie.
const REFUSALS: usize = 2;

/// Swarms take nothing shorter-lived (service-nodes 3.3).
const MIN_TTL_MS: u64 = 10_000;

#[derive(Default)]
pub(crate) struct Sending {
    entries: SortedMap<u64, Entry>,
}

/// The state of an entry in this run.
#[derive(Default)]
struct Entry {
    flying: SortedSet<RequestId>,
    tried: NodeSet,
    paths: Vec<u64>,
    refused: NodeSet,
    attempts: u32,
    next_at: u64,
}

impl Sending {
    /// The entry is durable.
    pub(crate) fn ready(&mut self, number: u64) {
        self.entries.entry(number).or_default();
    }

    pub(crate) fn reset(&mut self, number: u64) {
        self.entries.remove(&number);
    }

    pub(crate) fn hurry(&mut self, now: u64) {
        for entry in self.entries.values_mut() {
            entry.next_at = now;
            entry.attempts = 0;
        }
    }
}

/// The hash a swarm will give to these bytes.
pub(crate) fn hash_of(to: &AccountId, data: &[u8]) -> String {
    hash_in(to, Namespace::MESSAGES, data)
}

/// The same for any namespace.
pub(crate) fn hash_in(to: &AccountId, namespace: Namespace, data: &[u8]) -> String {
    storage_rpc::message_hash(&to.to_bytes(), namespace, data).to_string()
}

impl Engine {
    pub(crate) fn run_outbox(&mut self, cx: &mut Cx<'_>) {
        self.give_up_old(cx);
        if self.net.pause_until > cx.now || self.live.clock_check.is_busy() {
            return;
        }
        for number in self.heads() {
            let due = self
                .live
                .sending
                .entries
                .get(&number)
                .is_some_and(|e| e.next_at <= cx.now && e.flying.len() < MAX_FLYING);
            if due {
                self.attempt(cx, number);
            }
        }
    }

    /// The first entry of each line that may be sent.
    fn heads(&self) -> Vec<u64> {
        let mut lines = SortedSet::new();
        let open = self.model.outbox.iter().filter(|(_, row)| !row.failed);
        open.filter(|(_, row)| lines.insert((row.to, row.what.line()))).map(|(number, _)| *number).collect()
    }

    fn attempt(&mut self, cx: &mut Cx<'_>, number: u64) {
        let Some(row) = self.model.outbox.get(&number) else { return };
        let to = row.to;
        let swarm = self.net.swarms.of(&to, &self.net.pool, cx.now);
        let thin = swarm.is_thin();
        let Some(entry) = self.live.sending.entries.get_mut(&number) else { return };
        if swarm.members.iter().all(|m| entry.tried.contains(&m.key())) {
            entry.tried.clear();
        }
        let member = swarm.choose_reachable(&self.net.paths, &entry.tried, &entry.paths, cx.rng);
        entry.next_at = cx.now.saturating_add(WAIT_MS);
        let not = entry.paths.clone();
        if thin {
            self.ask_swarm(cx, to);
        }
        let Some(member) = member else { return };
        let Some(request) = self.request(cx, number) else { return };
        let asked = self.ask(cx, Purpose::Outbox(number), &member, &request, &not);
        let path = asked.and_then(|id| self.net.flights.get(&id)).and_then(|f| f.path);
        let Some(entry) = self.live.sending.entries.get_mut(&number) else { return };
        entry.tried.insert(member.key());
        if let Some(id) = asked {
            entry.flying.insert(id);
            entry.paths.extend(path);
            // If no answer comes soon, the same bytes take another way.
            entry.next_at = cx.now.saturating_add(SLOW_MS);
        }
    }

    fn request(&self, cx: &Cx<'_>, number: u64) -> Option<serde_json::Value> {
        let row = self.model.outbox.get(&number)?;
        if let Outgoing::Delete(hashes) = &row.what {
            let hashes: Vec<MessageHash> = hashes.iter().filter_map(|h| MessageHash::parse(h).ok()).collect();
            return self.model.account.as_ref().map(|account| storage_rpc::delete(account, &hashes));
        }
        if let Outgoing::Shorten { hash, at_ms } = &row.what {
            let (account, hash) = (self.model.account.as_ref()?, MessageHash::parse(hash).ok()?);
            return Some(storage_rpc::expire(account, &[hash], *at_ms, ExpiryMode::Shorten));
        }
        let now = self.network_now(cx);
        let ttl_ms = row.ttl_ms.max(MIN_TTL_MS);
        let namespace = row.what.line();
        if namespace.store_needs_auth() {
            let account = self.model.account.as_ref().filter(|account| account.id() == row.to)?;
            return Some(storage_rpc::store_signed(account, &row.sealed.data, ttl_ms, now, namespace));
        }
        Some(storage_rpc::store(&row.to, &row.sealed.data, ttl_ms, now, namespace))
    }

    pub(crate) fn outbox_came(
        &mut self,
        cx: &mut Cx<'_>,
        number: u64,
        id: RequestId,
        member: Ed25519Public,
        answer: Answer,
    ) {
        let Some(row) = self.model.outbox.get(&number).cloned() else { return };
        let Some(entry) = self.live.sending.entries.get_mut(&number) else { return };
        if !entry.flying.remove(&id) {
            return;
        }
        match answer {
            Answer::Reply { status: 200, body, sent_ms } => {
                if self.confirms(cx, &row, member, &body, sent_ms) {
                    self.net.swarms.of(&row.to, &self.net.pool, cx.now).well(&member);
                    self.stored(cx, number, &row);
                } else {
                    self.member_failed(cx, number, &row, member);
                }
            }
            Answer::Reply { status: 421, body, .. } => {
                if !self.learn_swarm(cx, row.to, &body) {
                    self.net.swarms.of(&row.to, &self.net.pool, cx.now).drop_member(&member);
                }
                self.again(cx, number);
            }
            Answer::Reply { status: 406 | 425, .. } => {
                if !self.live.clock_check.want(cx.now) {
                    self.net.pool.strike(member, cx.now);
                }
                self.member_failed(cx, number, &row, member);
            }
            Answer::Reply { status: 400 | 401 | 413, .. } => self.refused(cx, number, &row, member),
            Answer::Reply { .. } => {
                self.net.pool.strike(member, cx.now);
                self.member_failed(cx, number, &row, member);
            }
            Answer::Lost => self.again(cx, number),
            Answer::LineDown => {
                if let Some(entry) = self.live.sending.entries.get_mut(&number) {
                    entry.next_at = self.net.pause_until;
                    entry.tried.clear();
                }
            }
        }
    }

    /// Whether a member proved that it has the message now. For a deletion every answer without error will do: those
    /// who do not have the message confirm as well.
    fn confirms(&mut self, cx: &Cx<'_>, row: &OutboxRow, member: Ed25519Public, body: &[u8], sent_ms: u64) -> bool {
        if matches!(row.what, Outgoing::Delete(_) | Outgoing::Shorten { .. }) {
            return true;
        }
        let Ok(answer) = StoreResponse::parse(body) else { return false };
        if let Some(time) = answer.t {
            self.sample_time(cx, member, time, sent_ms);
        }
        // One member alone may forget; where nobody else will ask, two must have it (forward-secrecy 2.3).
        let members = self.net.swarms.of(&row.to, &self.net.pool, cx.now).members.len();
        let needed = if matches!(row.what, Outgoing::Secret { .. }) { members.clamp(1, 2) } else { 1 };
        answer.hash.as_str() == row.sealed.hash && answer.confirmed.len() >= needed
    }

    fn stored(&mut self, cx: &mut Cx<'_>, number: u64, row: &OutboxRow) {
        self.forget_outbox(number);
        if let Outgoing::Secret { number, .. } = row.what {
            self.with_zr1(cx, |manager, _| manager.stored(number));
            self.settle_secrecy(cx, "");
        }
        if let Outgoing::Message(id) = row.what
            && let Some((_, message)) = self.model.message(&id)
        {
            let read = message.state == Some(SendState::Read);
            self.sent_one(id, self.net.clock.network(self.time.now()));
            if !read {
                self.set_state(id, SendState::Sent);
            }
        }
        if let (Some(sync), Some(own)) = (&row.sync, self.model.own_id()) {
            let copy = OutboxRow {
                to: own,
                what: Outgoing::Sync,
                sealed: sync.clone(),
                ttl_ms: row.ttl_ms,
                created_ms: row.created_ms,
                failed: false,
                sync: None,
            };
            self.enqueue(copy);
        }
    }

    fn member_failed(&mut self, cx: &Cx<'_>, number: u64, row: &OutboxRow, member: Ed25519Public) {
        self.net.swarms.of(&row.to, &self.net.pool, cx.now).strike(&member);
        self.again(cx, number);
    }

    fn again(&mut self, cx: &Cx<'_>, number: u64) {
        if self.model.outbox.get(&number).is_some_and(|row| row.what == Outgoing::Typing) {
            self.forget_outbox(number); // not worth a second attempt
            return;
        }
        let Some(entry) = self.live.sending.entries.get_mut(&number) else { return };
        entry.attempts = entry.attempts.saturating_add(1);
        let wait = match entry.attempts.saturating_sub(QUICK) {
            0 => 0,
            n => RETRY_MS.saturating_mul(1 << n.min(7)).min(RETRY_MAX_MS),
        };
        entry.next_at = cx.now.saturating_add(wait);
    }

    fn refused(&mut self, cx: &Cx<'_>, number: u64, row: &OutboxRow, member: Ed25519Public) {
        let Some(entry) = self.live.sending.entries.get_mut(&number) else { return };
        entry.refused.insert(member);
        if entry.refused.len() >= REFUSALS {
            self.give_up(number, row, SendFailure::Refused);
        } else {
            self.again(cx, number);
        }
    }

    /// What no swarm would keep any more is not offered any more.
    fn give_up_old(&mut self, cx: &Cx<'_>) {
        let now = self.network_now(cx);
        let old = |row: &&OutboxRow| !row.failed && row.created_ms.saturating_add(row.ttl_ms) < now;
        let numbers: Vec<(u64, OutboxRow)> =
            self.model.outbox.iter().filter(|(_, row)| old(row)).map(|(n, row)| (*n, row.clone())).collect();
        for (number, row) in numbers {
            self.give_up(number, &row, SendFailure::NotReached);
        }
    }

    fn give_up(&mut self, number: u64, row: &OutboxRow, why: SendFailure) {
        let Outgoing::Message(id) = row.what else {
            self.forget_outbox(number);
            return;
        };
        let failed = OutboxRow { failed: true, ..row.clone() };
        self.model.put_outbox(&mut self.out, number, failed);
        self.live.sending.reset(number);
        let state = if why == SendFailure::Refused { FAILED_REFUSED } else { FAILED_NOT_REACHED };
        self.set_state(id, state);
    }

    pub(crate) fn forget_outbox(&mut self, number: u64) {
        self.live.sending.reset(number);
        self.model.remove_outbox(&mut self.out, number);
    }

    /// Takes an own message back before it left.
    pub(crate) fn forget_outbox_of(&mut self, message: crate::view::MessageId) {
        let wanted = Outgoing::Message(message);
        let found = self.model.outbox.iter().find(|(_, row)| row.what == wanted).map(|(n, _)| *n);
        if let Some(number) = found {
            self.forget_outbox(number);
        }
    }

    pub(crate) fn outbox_wake_at(&self) -> Option<u64> {
        if self.net.paths.list.is_empty() || self.live.clock_check.is_busy() {
            return None;
        }
        let due = self.heads().into_iter().filter_map(|n| self.live.sending.entries.get(&n));
        let next = due.filter(|e| e.flying.len() < MAX_FLYING).map(|e| e.next_at).min()?;
        Some(next.max(self.net.pause_until))
    }
}
