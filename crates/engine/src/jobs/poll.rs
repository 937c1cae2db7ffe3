//! Reading the own swarm: two of its members in turn, each from where it stood (service-nodes 3.6, 7.3). One batch asks
//! for messages and account data; account data is taken in first, so that messages meet what other devices decided
//! (session-config 8). What came, what is seen and where the next poll starts are one commit.

use std::collections::BTreeMap;

use serde_json::Value;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::directory::NetworkKind;
use zwiebel_proto::storage_rpc::{self, BatchResponse, MaxSize, MessageHash, Namespace, RetrieveResponse};

use crate::configs::NAMESPACES;
use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::model::rows::{CursorRow, NodeRow};
use crate::net::rpc::{Answer, Purpose, SLOW_MS};
use crate::net::{NodeSet, jitter};

/// In front, on networks of our own and on the public one; and hidden.
const OWN_MS: u64 = 2_000;
const SESSION_MS: u64 = 5_000;
const HIDDEN_MS: u64 = 60_000;

/// After a failed poll, doubled each time.
const RETRY_MS: u64 = 500;
const RETRY_MAX_MS: u64 = 15_000;

/// Polls before two other members are drawn.
const REDRAW: u32 = 20;

/// Members polled in turn.
const PAIR: usize = 2;

/// Polls at once, when the earlier ones stay unanswered.
const MAX_FLYING: usize = 3;

/// The n-th part of the largest answer, for messages and for each kind of account data (session-config 8).
const MESSAGES_SHARE: u8 = 2;
const CONFIG_SHARE: u8 = 8;

/// A member that was never asked before starts so many messages before the newest known one.
const OVERLAP: usize = 50;

/// The page is told of a poll at most this often.
const SHOW_MS: u64 = 10_000;

#[derive(Default)]
pub(crate) struct Poller {
    next_at: u64,
    flying: BTreeMap<RequestId, (Ed25519Public, u64)>,
    pair: Vec<Ed25519Public>,
    turns: u32,
    failures: u32,
    /// Device time of the last success, as shown.
    pub(crate) shown_poll_ms: Option<u64>,
}

impl Poller {
    pub(crate) fn hurry(&mut self, now: u64) {
        self.next_at = now;
        self.failures = 0;
    }
}

impl Engine {
    pub(crate) fn run_poller(&mut self, cx: &mut Cx<'_>) {
        // While the store takes nothing, nothing new is fetched: it could not be kept.
        if self.model.account.is_none() || self.out.is_failing() || self.net.paths.list.is_empty() {
            return;
        }
        if self.net.pause_until > cx.now || self.live.clock_check.is_busy() || self.live.poller.next_at > cx.now {
            return;
        }
        let poller = &self.live.poller;
        let slow = poller.flying.values().all(|(_, sent)| sent.saturating_add(SLOW_MS) <= cx.now);
        if !slow || poller.flying.len() >= MAX_FLYING {
            return;
        }
        self.poll_once(cx);
    }

    fn poll_once(&mut self, cx: &mut Cx<'_>) {
        let Some(member) = self.next_member(cx) else {
            self.live.poller.next_at = cx.now.saturating_add(RETRY_MS);
            return;
        };
        let Some(request) = self.poll_request(cx, member.key()) else { return };
        match self.ask(cx, Purpose::Poll, &member, &request, &[]) {
            Some(id) => {
                self.live.poller.flying.insert(id, (member.key(), cx.now));
                self.live.poller.next_at = cx.now.saturating_add(SLOW_MS);
            }
            None => self.live.poller.next_at = cx.now.saturating_add(RETRY_MS / 2),
        }
    }

    /// Messages first, then account data, each from where this member was left.
    fn poll_request(&self, cx: &Cx<'_>, member: Ed25519Public) -> Option<Value> {
        let account = self.model.account.as_ref()?;
        let timestamp = self.network_now(cx);
        let part = |namespace: Namespace, share| {
            let last = self.cursor(member, namespace);
            storage_rpc::retrieve(account, namespace, last.as_ref(), MaxSize::Share(share), timestamp)
        };
        let configs = NAMESPACES.into_iter().map(|namespace| part(namespace, CONFIG_SHARE));
        let parts = std::iter::once(part(Namespace::MESSAGES, MESSAGES_SHARE)).chain(configs);
        Some(storage_rpc::batch(parts.collect()))
    }

    /// Where to go on reading at a member.
    fn cursor(&self, member: Ed25519Public, namespace: Namespace) -> Option<MessageHash> {
        let row = self.model.cursors.get(&(member, namespace.0));
        let known = row.and_then(|row| MessageHash::parse(&row.last_hash).ok());
        if row.is_some() || namespace != Namespace::MESSAGES || self.model.restore.is_some() {
            return known;
        }
        // Members hold the same messages: one that is new to us need not hand out all of them again. If it does not
        // know this hash it does.
        let newest_first = self.model.index.iter().rev();
        let hashes = newest_first.filter_map(|(id, _)| self.model.message(id)?.1.hash.as_ref());
        hashes.skip(OVERLAP).find_map(|hash| MessageHash::parse(hash).ok())
    }

    /// The member whose turn it is. In a restore: one that was not read to its end.
    fn next_member(&mut self, cx: &mut Cx<'_>) -> Option<NodeRow> {
        let own = self.model.own_id()?;
        let busy: NodeSet = self.live.poller.flying.values().map(|(key, _)| *key).collect();
        let finished: NodeSet =
            self.model.restore.iter().flat_map(|r| &r.finished).map(|k| Ed25519Public(*k)).collect();
        let swarm = self.net.swarms.of(&own, &self.net.pool, cx.now);
        if swarm.is_thin() {
            self.ask_swarm(cx, own);
        }
        let swarm = self.net.swarms.of(&own, &self.net.pool, cx.now).clone();
        let poller = &mut self.live.poller;
        poller.turns = poller.turns.wrapping_add(1);
        if poller.turns.is_multiple_of(REDRAW) {
            poller.pair.clear();
        }
        poller.pair.retain(|key| swarm.members.iter().any(|m| m.key() == *key));
        let mut not: NodeSet = poller.pair.iter().copied().chain(finished.iter().copied()).collect();
        while poller.pair.len() < PAIR {
            let Some(new) = swarm.choose(&not, cx.rng) else { break };
            not.insert(new.key());
            poller.pair.push(new.key());
        }
        let turn = usize::try_from(poller.turns).unwrap_or(0) % PAIR;
        let order: Vec<Ed25519Public> = poller.pair.iter().cycle().skip(turn).take(PAIR).copied().collect();
        let free = |key: &Ed25519Public| !busy.contains(key) && !finished.contains(key);
        let well = |key: &Ed25519Public| free(key) && self.net.paths.reach(key, &[]) == Some(0);
        let key = order.iter().copied().find(|key| well(key));
        match key {
            Some(key) => swarm.members.iter().find(|m| m.key() == key).copied(),
            None => {
                let not: NodeSet = busy.union(&finished).copied().collect();
                swarm.choose_reachable(&self.net.paths, &not, &[], cx.rng)
            }
        }
    }

    pub(crate) fn poll_came(&mut self, cx: &mut Cx<'_>, id: RequestId, member: Ed25519Public, answer: Answer) {
        if self.live.poller.flying.remove(&id).is_none() {
            return; // of an account that is gone
        }
        match answer {
            Answer::Reply { status: 200, body, sent_ms } => self.poll_answered(cx, member, &body, sent_ms),
            Answer::Reply { status, .. } => self.poll_refused(cx, member, status, &[]),
            Answer::LineDown => self.live.poller.next_at = self.net.pause_until.max(cx.now),
            Answer::Lost => self.poll_failed(cx, member),
        }
    }

    fn poll_answered(&mut self, cx: &mut Cx<'_>, member: Ed25519Public, body: &[u8], sent_ms: u64) {
        let mut results = BatchResponse::parse(body).map(|batch| batch.0).unwrap_or_default().into_iter();
        let Some((code, value)) = results.next() else { return self.poll_refused(cx, member, 0, &[]) };
        if code != 200 {
            return self.poll_refused(cx, member, code, value.to_string().as_bytes());
        }
        let Ok(answer) = RetrieveResponse::from_value(&value) else { return self.poll_refused(cx, member, 0, &[]) };
        if let Some(time) = answer.t {
            self.sample_time(cx, member, time, sent_ms);
        }
        let mut more_configs = false;
        for (namespace, (code, value)) in NAMESPACES.into_iter().zip(results) {
            more_configs |= self.configs_came(cx, member, namespace, code, &value);
        }
        self.seed_configs();
        let newest = answer.messages.last().map(|m| m.timestamp);
        let taken = self.take_messages(cx, &answer.messages);
        let more = self.move_cursor(member, Namespace::MESSAGES, &answer) || more_configs;
        self.note_synchronised(cx);
        if let Some(own) = self.model.own_id() {
            self.net.swarms.of(&own, &self.net.pool, cx.now).well(&member);
        }
        self.live.poller.failures = 0;
        let device_now = self.time.to_device(cx.now);
        if self.live.poller.shown_poll_ms.is_none_or(|at| device_now.saturating_sub(at) >= SHOW_MS) {
            self.live.poller.shown_poll_ms = Some(device_now);
        }
        let restoring = self.model.restore.is_some();
        self.restore_step(cx, member, taken, newest, more);
        let wait = if more || restoring { 0 } else { jitter(self.poll_interval(), cx.rng) };
        self.live.poller.next_at = cx.now.saturating_add(wait);
    }

    /// Account data in an answer. True if there is more of it.
    fn configs_came(
        &mut self,
        cx: &mut Cx<'_>,
        member: Ed25519Public,
        namespace: Namespace,
        code: u16,
        value: &Value,
    ) -> bool {
        let answer = match RetrieveResponse::from_value(value) {
            Ok(answer) if code == 200 => answer,
            _ => {
                tracing::debug!(code, %namespace, "a member does not give account data");
                return false;
            }
        };
        self.take_configs(cx, namespace, &answer.messages);
        let more = self.move_cursor(member, namespace, &answer);
        if !more {
            self.live.syncing.answered(namespace, member);
        }
        more
    }

    /// The next poll of this member starts after what it just gave. True if it has more.
    fn move_cursor(&mut self, member: Ed25519Public, namespace: Namespace, answer: &RetrieveResponse) -> bool {
        let before = self.model.cursors.get(&(member, namespace.0)).map(|c| c.last_hash.clone());
        // A member with nothing new is remembered where it was asked to start, so that it is asked from there again.
        let given = answer.messages.last().map(|m| m.hash.to_string());
        let after = given.or_else(|| self.cursor(member, namespace).map(|hash| hash.to_string()));
        let Some(after) = after.filter(|after| before.as_ref() != Some(after)) else { return false };
        self.model.put_cursor(&mut self.out, member, namespace.0, CursorRow { last_hash: after });
        answer.more
    }

    fn poll_interval(&self) -> u64 {
        if self.live.hidden {
            HIDDEN_MS
        } else if self.net.name.as_ref().is_some_and(|n| n.kind == NetworkKind::Session) {
            SESSION_MS
        } else {
            OWN_MS
        }
    }

    fn poll_refused(&mut self, cx: &mut Cx<'_>, member: Ed25519Public, code: u16, body: &[u8]) {
        let Some(own) = self.model.own_id() else { return };
        match code {
            421 => {
                if !self.learn_swarm(cx, own, body) {
                    self.net.swarms.of(&own, &self.net.pool, cx.now).drop_member(&member);
                }
                self.live.poller.pair.clear();
                self.live.poller.next_at = cx.now.saturating_add(RETRY_MS);
            }
            406 | 425 => {
                if !self.live.clock_check.want(cx.now) {
                    self.net.pool.strike(member, cx.now);
                }
                self.poll_failed(cx, member);
            }
            _ => {
                self.net.pool.strike(member, cx.now);
                self.poll_failed(cx, member);
            }
        }
    }

    fn poll_failed(&mut self, cx: &mut Cx<'_>, member: Ed25519Public) {
        if let Some(own) = self.model.own_id() {
            self.net.swarms.of(&own, &self.net.pool, cx.now).strike(&member);
        }
        let poller = &mut self.live.poller;
        poller.pair.retain(|key| *key != member);
        poller.failures = poller.failures.saturating_add(1);
        // The first failures are answered at once: somebody else may know.
        let wait = match poller.failures {
            0..=2 => 0,
            n => RETRY_MS.saturating_mul(1 << n.min(7)).min(RETRY_MAX_MS),
        };
        poller.next_at = cx.now.saturating_add(jitter(wait, cx.rng));
    }

    pub(crate) fn poller_wake_at(&self) -> Option<u64> {
        let runs = self.model.account.is_some() && !self.net.paths.list.is_empty() && !self.out.is_failing();
        let full = self.live.poller.flying.len() >= MAX_FLYING || self.live.clock_check.is_busy();
        (runs && !full).then(|| self.live.poller.next_at.max(self.net.pause_until))
    }
}
