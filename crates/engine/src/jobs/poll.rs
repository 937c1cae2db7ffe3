//! Reading the own swarm: two of its members in turn, each from where it stood (service-nodes 3.6, 7.3). What came,
//! what is seen and where the next poll starts are one commit.

use std::collections::BTreeMap;

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::directory::NetworkKind;
use zwiebel_proto::storage_rpc::{self, BatchResponse, MaxSize, MessageHash, Namespace, RetrieveResponse};

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
        let cursor = self.model.cursors.get(&(member.key(), Namespace::MESSAGES.0)).map(|c| c.last_hash.clone());
        let last = cursor.and_then(|hash| MessageHash::parse(&hash).ok());
        let timestamp = self.network_now(cx);
        let Some(account) = &self.model.account else { return };
        let part = storage_rpc::retrieve(account, Namespace::MESSAGES, last.as_ref(), MaxSize::Share(2), timestamp);
        let request = storage_rpc::batch(vec![part]);
        match self.ask(cx, Purpose::Poll, &member, &request, &[]) {
            Some(id) => {
                self.live.poller.flying.insert(id, (member.key(), cx.now));
                self.live.poller.next_at = cx.now.saturating_add(SLOW_MS);
            }
            None => self.live.poller.next_at = cx.now.saturating_add(RETRY_MS / 2),
        }
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
        let first = BatchResponse::parse(body).ok().and_then(|batch| batch.0.into_iter().next());
        let Some((code, value)) = first else { return self.poll_refused(cx, member, 0, &[]) };
        if code != 200 {
            return self.poll_refused(cx, member, code, value.to_string().as_bytes());
        }
        let Ok(answer) = RetrieveResponse::from_value(&value) else { return self.poll_refused(cx, member, 0, &[]) };
        if let Some(time) = answer.t {
            self.sample_time(cx, member, time, sent_ms);
        }
        let key = (member, Namespace::MESSAGES.0);
        let before = self.model.cursors.get(&key).map(|c| c.last_hash.clone()).unwrap_or_default();
        let after = answer.messages.last().map_or_else(|| before.clone(), |m| m.hash.to_string());
        let more = answer.more && after != before;
        let newest = answer.messages.last().map(|m| m.timestamp);
        let taken = self.take_messages(cx, &answer.messages);
        if after != before {
            self.model.put_cursor(&mut self.out, member, key.1, CursorRow { last_hash: after });
        }
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
