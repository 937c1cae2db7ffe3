//! Reading the own swarm: two of its members in turn, each from where it stood (service-nodes 3.6, 7.3). On networks of our
//! own one of them is asked to wait for what comes (docs/waiting-retrieve.md), and the other looked at now and then, so that
//! no member alone can hold messages back. One batch asks
//! for messages and account data; account data is taken in first, so that messages meet what other devices decided
//! (session-config 8). What came, what is seen and where the next poll starts are one commit.

use serde_json::Value;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::directory::NetworkKind;
use zwiebel_proto::sorted::SortedMap;
use zwiebel_proto::storage_rpc::{self, BatchResponse, MaxSize, MessageHash, Namespace, RetrieveResponse};

use crate::clock::MINUTE_MS;
use crate::configs::NAMESPACES;
use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::jobs::outboxes::MAILBOXES;
use crate::model::rows::{CursorRow, NodeRow};
use crate::net::rpc::{Answer, Purpose, SLOW_MS};
use crate::net::{NodeSet, jitter};
use crate::zr1::Manager;

/// In front, on networks of our own and on the public one; and hidden.
const OWN_MS: u64 = 2_000;
const SESSION_MS: u64 = 5_000;
const HIDDEN_MS: u64 = MINUTE_MS;

/// How long a member is asked to wait, and how often another one is looked at meanwhile.
const WAIT_MS: u32 = 20_000;
const LOOK_MS: u64 = 10_000;

/// An empty answer before this shows a member that does not wait: it is asked at an interval.
const WAITED_MS: u64 = WAIT_MS as u64 / 2;

/// After messages came, so that several at once are one answer.
const AGAIN_MS: u64 = 60;

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
/// And for the mailboxes of the forward-secret layer.
const SECRETS_SHARE: u8 = 8;

/// A member that was never asked before starts so many messages before the newest known one.
const OVERLAP: usize = 50;

/// The page is told of a poll at most this often.
const SHOW_MS: u64 = 10_000;

/// Whether a poll is answered at once or when something comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Look,
    Wait,
}

struct Flying {
    member: Ed25519Public,
    kind: Kind,
    sent_ms: u64,
    /// The account data whose time to live it extends.
    renewed: Vec<MessageHash>,
}

#[derive(Default)]
pub(crate) struct Poller {
    next_at: u64,
    /// The same for the poll that waits.
    wait_at: u64,
    flying: SortedMap<RequestId, Flying>,
    pair: Vec<Ed25519Public>,
    /// Where it waits, as long as that goes well.
    watched: Option<Ed25519Public>,
    turns: u32,
    failures: u32,
    /// Device time of the last success, as shown.
    pub(crate) shown_poll_ms: Option<u64>,
}

impl Poller {
    pub(crate) fn hurry(&mut self, now: u64) {
        self.next_at = now;
        self.wait_at = now;
        self.failures = 0;
    }

    /// When the next poll of this kind may start.
    const fn schedule(&mut self, kind: Kind, at: u64) {
        match kind {
            Kind::Look => self.next_at = at,
            Kind::Wait => self.wait_at = at,
        }
    }

    fn of(&self, kind: Kind) -> impl Iterator<Item = &Flying> {
        self.flying.values().filter(move |flying| flying.kind == kind)
    }

    fn waiting(&self) -> Vec<RequestId> {
        let waits = self.flying.iter().filter(|(_, flying)| flying.kind == Kind::Wait);
        waits.map(|(id, _)| *id).collect()
    }

    fn waits(&self) -> bool {
        self.of(Kind::Wait).next().is_some()
    }

    fn leave_watched(&mut self) {
        self.pair.retain(|key| Some(*key) != self.watched);
        self.watched = None;
    }
}

/// What an answer did to a cursor.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    moved: bool,
    more: bool,
}

impl Progress {
    const fn and(self, other: Self) -> Self {
        Self { moved: self.moved || other.moved, more: self.more || other.more }
    }
}

impl Engine {
    pub(crate) fn run_poller(&mut self, cx: &mut Cx<'_>) {
        // While the store takes nothing, nothing new is fetched: it could not be kept.
        if self.model.account.is_none() || self.out.is_failing() || self.net.paths.list.is_empty() {
            return;
        }
        if self.net.pause_until > cx.now || self.live.clock_check.is_busy() {
            return;
        }
        self.leave_bad_paths(cx);
        let poller = &self.live.poller;
        if self.may_wait() && !poller.waits() && poller.wait_at <= cx.now {
            self.poll_once(cx, Kind::Wait);
        }
        let poller = &self.live.poller;
        let slow = poller.of(Kind::Look).all(|look| look.sent_ms.saturating_add(SLOW_MS) <= cx.now);
        if poller.next_at <= cx.now && slow && poller.of(Kind::Look).count() < MAX_FLYING {
            self.poll_once(cx, Kind::Look);
        }
    }

    /// In front, on a network whose nodes can wait; a restore reads on and on anyway.
    fn may_wait(&self) -> bool {
        let own = self.net.name.as_ref().is_some_and(|name| name.kind != NetworkKind::Session);
        own && !self.live.hidden && self.model.restore.is_none()
    }

    /// A silent wait looks like a dead path. So one whose path became suspect meanwhile moves to another, and one that took
    /// too long also to another member.
    fn leave_bad_paths(&mut self, cx: &Cx<'_>) {
        for id in self.live.poller.waiting() {
            if self.is_on_good_path(id) {
                continue;
            }
            let poller = &mut self.live.poller;
            let late = u64::from(WAIT_MS).saturating_add(SLOW_MS);
            if poller.flying.remove(&id).is_some_and(|wait| cx.now.saturating_sub(wait.sent_ms) >= late) {
                poller.leave_watched();
            }
            poller.wait_at = cx.now;
            self.give_up_request(id);
        }
    }

    fn poll_once(&mut self, cx: &mut Cx<'_>, kind: Kind) {
        let Some(member) = self.next_member(cx, kind) else {
            return self.live.poller.schedule(kind, cx.now.saturating_add(RETRY_MS));
        };
        let (renewed, renewal) = if kind == Kind::Look { self.renewal(cx) } else { Default::default() };
        let Some(request) = self.poll_request(cx, member.key(), kind, renewal) else { return };
        // A wait needs a path that is known to carry: on another one nobody could tell it from a lost request.
        let asked = match kind {
            Kind::Look => self.ask(cx, Purpose::Poll, &member, &request, &[]),
            Kind::Wait if self.net.paths.reach(&member.key(), &[]) != Some(0) => None,
            Kind::Wait => self.ask_waiting(cx, Purpose::Poll, &member, &request, WAIT_MS),
        };
        let poller = &mut self.live.poller;
        match asked {
            Some(id) => {
                if kind == Kind::Wait {
                    poller.watched = Some(member.key());
                }
                poller.flying.insert(id, Flying { member: member.key(), kind, sent_ms: cx.now, renewed });
                poller.schedule(kind, cx.now.saturating_add(SLOW_MS));
            }
            None => poller.schedule(kind, cx.now.saturating_add(RETRY_MS / 2)),
        }
    }

    /// Messages first, then account data, each from where this member was left.
    fn poll_request(&self, cx: &Cx<'_>, member: Ed25519Public, kind: Kind, last: Option<Value>) -> Option<Value> {
        let account = self.model.account.as_ref()?;
        let timestamp = self.network_now(cx);
        let part = |namespace: Namespace, share| {
            let last = self.cursor(member, namespace);
            let retrieve = storage_rpc::retrieve(account, namespace, last.as_ref(), MaxSize::Share(share), timestamp);
            if kind == Kind::Wait { storage_rpc::waiting(retrieve, WAIT_MS) } else { retrieve }
        };
        let configs = NAMESPACES.into_iter().map(|namespace| part(namespace, CONFIG_SHARE));
        let on = self.zr1().is_some_and(Manager::is_on);
        let secrets = MAILBOXES.into_iter().filter(|_| on).map(|(namespace, _)| part(namespace, SECRETS_SHARE));
        let messages = part(Namespace::MESSAGES, MESSAGES_SHARE);
        Some(storage_rpc::batch(std::iter::once(messages).chain(configs).chain(secrets).chain(last).collect()))
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
    fn next_member(&mut self, cx: &mut Cx<'_>, kind: Kind) -> Option<NodeRow> {
        let own = self.model.own_id()?;
        let busy: NodeSet = self.live.poller.flying.values().map(|flying| flying.member).collect();
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
        let turns = poller.pair.iter().cycle().skip(turn).take(PAIR).copied();
        // A wait stays where it is, and it is the other one that is looked at.
        let (watched, others): (Vec<_>, Vec<_>) = turns.partition(|key| Some(*key) == poller.watched);
        let order: Vec<Ed25519Public> = match kind {
            Kind::Look => others.into_iter().chain(watched).collect(),
            Kind::Wait => watched.into_iter().chain(others).collect(),
        };
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
        let Some(flying) = self.live.poller.flying.remove(&id) else { return }; // of an account that is gone
        let kind = flying.kind;
        match answer {
            Answer::Reply { status: 200, body, .. } => self.poll_answered(cx, &flying, &body),
            Answer::Reply { status, .. } => self.poll_refused(cx, member, kind, status, &[]),
            Answer::LineDown => self.live.poller.schedule(kind, self.net.pause_until.max(cx.now)),
            Answer::Lost => self.poll_failed(cx, member, kind),
        }
    }

    fn poll_answered(&mut self, cx: &mut Cx<'_>, flying: &Flying, body: &[u8]) {
        let Flying { member, kind, sent_ms, ref renewed } = *flying;
        let mut results = BatchResponse::parse(body).map(|batch| batch.0).unwrap_or_default();
        let renewal = if renewed.is_empty() { None } else { results.pop() };
        let mut results = results.into_iter();
        let Some((code, value)) = results.next() else { return self.poll_refused(cx, member, kind, 0, &[]) };
        if code != 200 {
            return self.poll_refused(cx, member, kind, code, value.to_string().as_bytes());
        }
        let Ok(answer) = RetrieveResponse::from_value(&value) else {
            return self.poll_refused(cx, member, kind, 0, &[]);
        };
        // The time of an answer says when it was sent, not when the question came.
        if let Some(time) = answer.t.filter(|_| kind == Kind::Look || cx.now.saturating_sub(sent_ms) < SLOW_MS) {
            self.sample_time(cx, member, time, sent_ms);
        }
        let mut progress = Progress::default();
        for (namespace, (code, value)) in NAMESPACES.into_iter().zip(results.by_ref()) {
            progress = progress.and(self.configs_came(cx, member, namespace, code, &value));
        }
        self.seed_configs();
        if let Some((code, value)) = renewal {
            self.renewal_came(cx, renewed, code, &value);
        }
        let newest = answer.messages.last().map(|m| m.timestamp);
        let taken = self.take_messages(cx, &answer.messages);
        let progress = progress.and(self.move_cursor(member, Namespace::MESSAGES, &answer));
        let (secrets, came) = self.all_secrets_came(cx, member, results, sent_ms);
        let progress = progress.and(came);
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
        self.restore_step(cx, member, taken, newest, progress.more);
        if kind == Kind::Look && (taken > 0 || secrets > 0) && self.live.poller.waits() {
            self.watch_another(cx);
        }
        let waited = cx.now.saturating_sub(sent_ms) >= WAITED_MS;
        let pause = match kind {
            _ if progress.more => 0,
            Kind::Look if restoring => 0,
            Kind::Look => jitter(self.poll_interval(), cx.rng),
            Kind::Wait if progress.moved => AGAIN_MS,
            Kind::Wait if waited => 0,
            Kind::Wait => {
                self.live.poller.watched = None;
                jitter(OWN_MS, cx.rng)
            }
        };
        self.live.poller.schedule(kind, cx.now.saturating_add(pause));
    }

    /// One member had messages that another, which waits for them, did not give: it goes on elsewhere.
    fn watch_another(&mut self, cx: &Cx<'_>) {
        self.live.poller.leave_watched();
        self.live.poller.wait_at = cx.now;
        for id in self.live.poller.waiting() {
            self.live.poller.flying.remove(&id);
            self.give_up_request(id);
        }
    }

    /// The mailboxes of the forward-secret layer; gives how many messages were new.
    fn all_secrets_came(
        &mut self,
        cx: &mut Cx<'_>,
        member: Ed25519Public,
        results: impl Iterator<Item = (u16, Value)>,
        sent_ms: u64,
    ) -> (usize, Progress) {
        self.with_zr1(cx, |manager, _| manager.poll_begins());
        let (mut progress, mut read, mut new) = (Progress::default(), 0, 0_usize);
        for (mailbox, (_, value)) in MAILBOXES.into_iter().zip(results).filter(|(_, (code, _))| *code == 200) {
            let Ok(answer) = RetrieveResponse::from_value(&value) else { continue };
            new = new.saturating_add(self.take_secrets(cx, mailbox, &answer.messages));
            progress = progress.and(self.move_cursor(member, mailbox.0, &answer));
            read += 1;
        }
        if !progress.more && read == MAILBOXES.len() {
            self.secrets_drained(cx, member, sent_ms);
        }
        (new, progress)
    }

    /// Account data in an answer.
    fn configs_came(
        &mut self,
        cx: &mut Cx<'_>,
        member: Ed25519Public,
        namespace: Namespace,
        code: u16,
        value: &Value,
    ) -> Progress {
        let answer = match RetrieveResponse::from_value(value) {
            Ok(answer) if code == 200 => answer,
            _ => {
                tracing::debug!(code, %namespace, "a member does not give account data");
                return Progress::default();
            }
        };
        self.take_configs(cx, namespace, &answer.messages);
        let progress = self.move_cursor(member, namespace, &answer);
        if !progress.more {
            self.live.syncing.answered(namespace, member);
        }
        progress
    }

    /// The next poll of this member starts after what it just gave.
    fn move_cursor(&mut self, member: Ed25519Public, namespace: Namespace, answer: &RetrieveResponse) -> Progress {
        let before = self.model.cursors.get(&(member, namespace.0)).map(|c| c.last_hash.clone());
        // A member with nothing new is remembered where it was asked to start, so that it is asked from there again.
        let given = answer.messages.last().map(|m| m.hash.to_string());
        let after = given.or_else(|| self.cursor(member, namespace).map(|hash| hash.to_string()));
        let Some(after) = after.filter(|after| before.as_ref() != Some(after)) else { return Progress::default() };
        self.model.put_cursor(&mut self.out, member, namespace.0, CursorRow { last_hash: after });
        Progress { moved: true, more: answer.more }
    }

    fn poll_interval(&self) -> u64 {
        if self.live.hidden {
            HIDDEN_MS
        } else if self.net.name.as_ref().is_some_and(|n| n.kind == NetworkKind::Session) {
            SESSION_MS
        } else if self.may_wait() {
            LOOK_MS
        } else {
            OWN_MS
        }
    }

    fn poll_refused(&mut self, cx: &mut Cx<'_>, member: Ed25519Public, kind: Kind, code: u16, body: &[u8]) {
        let Some(own) = self.model.own_id() else { return };
        match code {
            421 => {
                if !self.learn_swarm(cx, own, body) {
                    self.net.swarms.of(&own, &self.net.pool, cx.now).drop_member(&member);
                }
                self.live.poller.pair.clear();
                self.live.poller.schedule(kind, cx.now.saturating_add(RETRY_MS));
            }
            406 | 425 => {
                if !self.live.clock_check.want(cx.now) {
                    self.net.pool.strike(member, cx.now);
                }
                self.poll_failed(cx, member, kind);
            }
            _ => {
                self.net.pool.strike(member, cx.now);
                self.poll_failed(cx, member, kind);
            }
        }
    }

    fn poll_failed(&mut self, cx: &mut Cx<'_>, member: Ed25519Public, kind: Kind) {
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
        poller.schedule(kind, cx.now.saturating_add(jitter(wait, cx.rng)));
    }

    pub(crate) fn poller_wake_at(&self) -> Option<u64> {
        let runs = self.model.account.is_some() && !self.net.paths.list.is_empty() && !self.out.is_failing();
        let poller = &self.live.poller;
        let full = poller.of(Kind::Look).count() >= MAX_FLYING;
        let look = (!full).then_some(poller.next_at);
        let wait = (self.may_wait() && !poller.waits()).then_some(poller.wait_at);
        let next = look.into_iter().chain(wait).min();
        next.filter(|_| runs && !self.live.clock_check.is_busy()).map(|at| at.max(self.net.pause_until))
    }
}
