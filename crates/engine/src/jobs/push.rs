//! Storing changed configs (session-config 7.3): dump, commit, then one `sequence` request that stores everything and
//! deletes what is obsolete last. The same bytes go to other members until one took them all.

use serde_json::Value;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::config::{ConfigError, Object, Push};
use zwiebel_proto::sorted::SortedSet;
use zwiebel_proto::storage_rpc::{self, BatchResponse, MAX_BATCH, MessageHash, Namespace, StoreResponse};

use crate::clock::MINUTE_MS;
use crate::configs::{CONFIG_TTL_MS, NAMESPACES};
use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::model::Model;
use crate::net::NodeSet;
use crate::net::rpc::{Answer, Purpose, SLOW_MS};
use crate::outflow::Held;
use crate::view::Connection;

/// After the last change, and where only read marks changed: those change with every look.
const QUIET_MS: u64 = 300;
const QUIET_MARKS_MS: u64 = 3_000;

/// However much goes on changing: so many times the pause.
const PATIENCE: u64 = 5;

/// Attempts at once.
const MAX_FLYING: usize = 2;

/// Attempts that follow each other at once; then the pauses grow.
const QUICK: u32 = 4;
const RETRY_MS: u64 = 500;
const RETRY_MAX_MS: u64 = MINUTE_MS;
const WAIT_MS: u64 = 250;

/// What is too large is looked at again after this long, or after the next change.
const TOO_LARGE_MS: u64 = 10 * MINUTE_MS;

#[derive(Default)]
pub(crate) struct Pushing {
    job: Option<Job>,
    next_number: u64,
    /// First and last change that is not in a job yet.
    changed: Option<(u64, u64)>,
    /// What was lost in the network and is stored again, as a whole.
    again: SortedSet<Namespace>,
    too_large: bool,
    not_before: u64,
}

/// One push of one or more configs.
struct Job {
    number: u64,
    pushes: Vec<Push>,
    /// Those of them that were never handed out before this job.
    first: SortedSet<Namespace>,
    /// There are newer edits: if it fails, the next job takes over.
    outdated: bool,
    /// The dumps are committed: it may leave.
    durable: bool,
    /// It left at least once: from here on nobody knows what arrived.
    left: bool,
    /// Requests confirmed; only more than [`MAX_BATCH`] parts need more than one.
    done: usize,
    flying: SortedSet<RequestId>,
    tried: NodeSet,
    paths: Vec<u64>,
    attempts: u32,
    next_at: u64,
}

/// What a request of a job asks for, part by part.
enum Part<'a> {
    Store(Namespace, &'a MessageHash, &'a [u8]),
    Delete(Vec<MessageHash>),
}

/// What a member did with one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Done,
    Failed,
    Lie,
}

impl Pushing {
    pub(crate) fn durable(&mut self, number: u64) {
        if let Some(job) = self.job.as_mut().filter(|job| job.number == number) {
            job.durable = true;
        }
    }

    pub(crate) const fn is_too_large(&self) -> bool {
        self.too_large
    }

    pub(crate) fn store_again(&mut self, namespace: Namespace) {
        self.again.insert(namespace);
    }

    pub(crate) const fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    pub(crate) fn hurry(&mut self, now: u64) {
        if let Some(job) = &mut self.job {
            job.next_at = now;
            job.attempts = 0;
        }
    }
}

impl Job {
    /// All parts in order: every store, then one delete.
    fn parts(&self) -> Vec<Part<'_>> {
        let stores = self.pushes.iter().flat_map(|push| {
            push.messages().iter().map(|(hash, data)| Part::Store(push.namespace(), hash, data.as_slice()))
        });
        let obsolete: SortedSet<MessageHash> = self.pushes.iter().flat_map(Push::obsolete).copied().collect();
        let delete = (!obsolete.is_empty()).then(|| Part::Delete(obsolete.into_iter().collect()));
        stores.chain(delete).collect()
    }
}

impl Engine {
    /// A config changed: it is pushed when things are quiet.
    pub(crate) fn push_soon(&mut self, cx: &Cx<'_>) {
        if self.model.configs.objects().any(Object::has_edits) {
            if let Some(job) = &mut self.live.push.job {
                job.outdated = true;
            }
            let first = self.live.push.changed.map_or(cx.now, |(first, _)| first);
            self.live.push.changed = Some((first, cx.now));
            self.live.push.too_large = false;
            self.live.push.not_before = 0;
        }
    }

    /// Before a row's change becomes an edit: a push that has certainly not left is taken back, so that the edit needs
    /// no new sequence number.
    pub(crate) fn take_push_back(&mut self) {
        let Some(job) = self.live.push.job.take_if(|job| !job.left) else { return };
        for push in job.pushes.iter().filter(|push| job.first.contains(&push.namespace())) {
            if let Some(object) = self.model.configs.object_mut(push.namespace()) {
                object.abandon_push(push.receipt());
            }
        }
    }

    pub(crate) fn run_push(&mut self, cx: &mut Cx<'_>) {
        if !self.may_push() || self.net.pause_until > cx.now {
            return;
        }
        match &self.live.push.job {
            None => self.prepare_push(cx),
            Some(job) if job.durable && job.next_at <= cx.now && job.flying.len() < MAX_FLYING => self.attempt_push(cx),
            Some(_) => {}
        }
    }

    /// Not while restoring, not before the network was asked, not without a way out.
    fn may_push(&self) -> bool {
        self.model.account.is_some()
            && self.model.restore.is_none()
            && self.model.configs.row.seeded
            && self.net.connection != Connection::Offline
            && !self.net.paths.list.is_empty()
            && !self.live.clock_check.is_busy()
            && !self.out.is_failing()
    }

    /// The configs to push now.
    fn due_pushes(&self) -> Vec<Namespace> {
        let due = |namespace: &Namespace| {
            let Some(object) = self.model.configs.object(*namespace) else { return false };
            let wanted = object.needs_push() || self.live.push.again.contains(namespace);
            wanted && self.live.syncing.is_polled(*namespace)
        };
        NAMESPACES.into_iter().filter(due).collect()
    }

    fn due_at(&self) -> Option<u64> {
        let due = self.due_pushes();
        if due.is_empty() {
            return None;
        }
        let quiet = if due == [Namespace::CONVERSATIONS] { QUIET_MARKS_MS } else { QUIET_MS };
        let at = match self.live.push.changed {
            Some((first, last)) => last.saturating_add(quiet).min(first.saturating_add(quiet.saturating_mul(PATIENCE))),
            None => 0,
        };
        Some(at.max(self.live.push.not_before))
    }

    fn prepare_push(&mut self, cx: &Cx<'_>) {
        if self.due_at().is_none_or(|at| at > cx.now) {
            return;
        }
        let due = self.due_pushes();
        let (mut pushes, mut first) = (Vec::new(), SortedSet::new());
        for namespace in due {
            let Model { account: Some(account), configs, .. } = &mut self.model else { return };
            let Some(object) = configs.object_mut(namespace) else { continue };
            if object.has_edits() {
                first.insert(namespace);
            }
            let push = match object.push(account) {
                Ok(None) => object.push_again(account).map(Some),
                other => other,
            };
            match push {
                Ok(push) => pushes.extend(push),
                Err(ConfigError::TooLarge) => {
                    tracing::warn!(%namespace, "account data is too large for the network");
                    self.live.push.too_large = true;
                    self.live.push.not_before = cx.now.saturating_add(TOO_LARGE_MS);
                }
                Err(error) => tracing::warn!(%error, %namespace, "account data cannot be stored"),
            }
        }
        self.live.push.changed = None;
        if pushes.is_empty() {
            return;
        }
        self.live.push.next_number = self.live.push.next_number.wrapping_add(1);
        let number = self.live.push.next_number;
        self.live.push.job = Some(Job {
            number,
            pushes,
            first,
            outdated: false,
            durable: false,
            left: false,
            done: 0,
            flying: SortedSet::new(),
            tried: NodeSet::new(),
            paths: Vec::new(),
            attempts: 0,
            next_at: cx.now,
        });
        self.out.hold(Held::PushReady(number));
    }

    fn attempt_push(&mut self, cx: &mut Cx<'_>) {
        let Some(own) = self.model.own_id() else { return };
        let Some(request) = self.push_request(cx) else { return };
        let swarm = self.net.swarms.of(&own, &self.net.pool, cx.now);
        let thin = swarm.is_thin();
        let Some(job) = &mut self.live.push.job else { return };
        if swarm.members.iter().all(|m| job.tried.contains(&m.key())) {
            job.tried.clear();
        }
        job.next_at = cx.now.saturating_add(WAIT_MS);
        let member = swarm.choose_reachable(&self.net.paths, &job.tried, &job.paths, cx.rng);
        let not = job.paths.clone();
        if thin {
            self.ask_swarm(cx, own);
        }
        let Some(member) = member else { return };
        let asked = self.ask(cx, Purpose::Push, &member, &request, &not);
        let path = asked.and_then(|id| self.net.flights.get(&id)).and_then(|f| f.path);
        let Some(job) = &mut self.live.push.job else { return };
        job.tried.insert(member.key());
        if let Some(id) = asked {
            job.left = true;
            job.flying.insert(id);
            job.paths.extend(path);
            job.next_at = cx.now.saturating_add(SLOW_MS);
        }
    }

    fn push_request(&self, cx: &Cx<'_>) -> Option<Value> {
        let (account, job) = (self.model.account.as_ref()?, self.live.push.job.as_ref()?);
        let now = self.network_now(cx);
        let parts = job.parts();
        let requests = parts.chunks(MAX_BATCH).nth(job.done)?.iter().map(|part| match part {
            Part::Store(namespace, _, data) => storage_rpc::store_signed(account, data, CONFIG_TTL_MS, now, *namespace),
            Part::Delete(hashes) => storage_rpc::delete(account, hashes),
        });
        Some(storage_rpc::sequence(requests.collect()))
    }

    pub(crate) fn push_came(&mut self, cx: &mut Cx<'_>, id: RequestId, member: Ed25519Public, answer: Answer) {
        let Some(job) = &mut self.live.push.job else { return };
        if !job.flying.remove(&id) {
            return; // of an earlier job
        }
        match answer {
            Answer::Reply { status: 200, body, sent_ms } => self.push_answered(cx, member, &body, sent_ms),
            Answer::Reply { status, body, .. } => self.push_refused(cx, member, status, &body),
            Answer::Lost => self.push_again(cx),
            Answer::LineDown => {
                job.next_at = self.net.pause_until;
                job.tried.clear();
            }
        }
    }

    fn push_answered(&mut self, cx: &mut Cx<'_>, member: Ed25519Public, body: &[u8], sent_ms: u64) {
        let Some(job) = &self.live.push.job else { return };
        let parts = job.parts();
        let (chunks, wanted) = (parts.chunks(MAX_BATCH).len(), parts.chunks(MAX_BATCH).nth(job.done));
        let Ok(BatchResponse(results)) = BatchResponse::parse(body) else {
            return self.push_refused(cx, member, 0, &[]);
        };
        let failed = results.iter().find(|(code, _)| *code != 200).map(|(code, value)| (*code, value.to_string()));
        let verdict = |(part, (_, value)): (&Part<'_>, &(u16, Value))| match part {
            Part::Store(_, hash, _) => match StoreResponse::from_value(value) {
                Ok(answer) if answer.hash != **hash => Verdict::Lie,
                Ok(answer) if !answer.confirmed.is_empty() => Verdict::Done,
                _ => Verdict::Failed,
            },
            Part::Delete(_) => Verdict::Done,
        };
        let verdicts = wanted.into_iter().flatten().zip(&results).map(verdict);
        let worst = verdicts.max().unwrap_or(Verdict::Failed);
        let complete = wanted.is_some_and(|wanted| wanted.len() == results.len());
        if let Some((code, text)) = failed {
            return self.push_refused(cx, member, code, text.as_bytes());
        }
        if worst == Verdict::Lie {
            // It stored something else than it was given, or says so: not to be asked again.
            tracing::warn!("a member of the own swarm confirmed account data it was not given");
            if let Some(own) = self.model.own_id() {
                self.net.swarms.of(&own, &self.net.pool, cx.now).drop_member(&member);
            }
        }
        if worst != Verdict::Done || !complete {
            return self.push_refused(cx, member, 0, &[]);
        }
        let time = results.first().and_then(|(_, value)| StoreResponse::from_value(value).ok()).and_then(|a| a.t);
        if let Some(time) = time {
            self.sample_time(cx, member, time, sent_ms);
        }
        let Some(job) = &mut self.live.push.job else { return };
        job.done = job.done.saturating_add(1);
        if job.done < chunks {
            job.next_at = cx.now;
            job.tried.remove(&member);
        } else {
            self.pushed(cx);
        }
    }

    fn pushed(&mut self, cx: &Cx<'_>) {
        let Some(job) = self.live.push.job.take() else { return };
        let now = self.network_now(cx);
        for push in &job.pushes {
            let namespace = push.namespace();
            let configs = &mut self.model.configs;
            if let Some(object) = configs.object_mut(namespace) {
                object.confirm_pushed(push.receipt());
            }
            configs.row.renew(namespace, now);
            if namespace == Namespace::CONTACTS {
                configs.row.contacts_ms = configs.row.contacts_ms.max(now);
            }
            configs.row.put_back |= self.live.push.again.remove(&namespace) && self.live.renew.was_gone(namespace);
        }
        self.note_synchronised(cx);
        self.model.configs.put_row(&mut self.out);
    }

    fn push_refused(&mut self, cx: &mut Cx<'_>, member: Ed25519Public, code: u16, body: &[u8]) {
        let Some(own) = self.model.own_id() else { return };
        match code {
            421 => {
                if !self.learn_swarm(cx, own, body) {
                    self.net.swarms.of(&own, &self.net.pool, cx.now).drop_member(&member);
                }
            }
            406 | 425 => {
                if !self.live.clock_check.want(cx.now) {
                    self.net.pool.strike(member, cx.now);
                }
            }
            _ => {
                self.net.pool.strike(member, cx.now);
                self.net.swarms.of(&own, &self.net.pool, cx.now).strike(&member);
            }
        }
        self.push_again(cx);
    }

    fn push_again(&mut self, cx: &Cx<'_>) {
        if self.live.push.job.take_if(|job| job.outdated && job.flying.is_empty()).is_some() {
            return; // what arrived of it, nobody knows: the next one is newer
        }
        let Some(job) = &mut self.live.push.job else { return };
        job.attempts = job.attempts.saturating_add(1);
        let wait = match job.attempts.saturating_sub(QUICK) {
            0 => 0,
            n => RETRY_MS.saturating_mul(1 << n.min(8)).min(RETRY_MAX_MS),
        };
        job.next_at = cx.now.saturating_add(wait);
    }

    pub(crate) fn push_wake_at(&self) -> Option<u64> {
        if !self.may_push() {
            return None; // what stands in the way wakes the engine when it is over
        }
        let at = match &self.live.push.job {
            Some(job) if job.durable && job.flying.len() < MAX_FLYING => Some(job.next_at),
            Some(_) => None,
            None => self.due_at(),
        };
        at.map(|at| at.max(self.net.pause_until))
    }
}
