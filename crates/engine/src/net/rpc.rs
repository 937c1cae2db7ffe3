//! Requests to service nodes through paths, and what each outcome says about whom (service-nodes 4.7, 10.3).
//!
//! Blame follows evidence: only an answer that opens comes from the destination; everything else is a hint that may change
//! this path, within limits, but takes no node away from the others.

use rand_core::CryptoRng;
use serde_json::Value;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::onion::{self, Cipher, Destination, Hop, HopError, ReplyKey};

use super::paths::Repair;
use super::{NodeSet, Owner};
use crate::effect::{HttpTarget, RequestId};
use crate::engine::{Cx, Engine};
use crate::input::HttpOutcome;
use crate::model::rows::NodeRow;
use crate::view::{Connection, Way};

/// A request without an answer for this long makes its path suspect; who needs an answer asks elsewhere too.
pub(crate) const SLOW_MS: u64 = 2_500;

/// After this long a request is over.
const TIMEOUT_MS: u32 = 10_000;

/// How packets are sealed.
const CIPHER: Cipher = Cipher::XChaCha20;

/// The driver reports every request; this is for one that does not.
const GRACE_MS: u64 = 5_000;

const PAUSE_MS: u64 = 500;
const PAUSE_MAX_MS: u64 = 15_000;
const RATE_LIMIT_PAUSE_MS: u64 = 2_000;

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `info` straight to a guard.
    GuardTest,
    /// `info` through a path nobody has heard from.
    Probe,
    Vote,
    Clock,
    Poll,
    Swarm(Owner),
    /// The outbox entry with this number.
    Outbox(u64),
    /// The mailbox of a throw-away account.
    Link,
    /// The outbox of an account.
    Lists(Owner),
    /// Account data.
    Push,
}

pub(crate) struct Flight {
    pub(crate) purpose: Purpose,
    pub(crate) path: Option<u64>,
    way: Way,
    nodes: NodeSet,
    pub(crate) destination: Ed25519Public,
    reply: ReplyKey,
    pub(crate) sent_ms: u64,
    /// How long the destination may wait before it answers; all other times begin after this.
    patience_ms: u64,
    slow: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The destination's own words.
    Reply { status: u16, body: Vec<u8>, sent_ms: u64 },
    /// Lost on the way; another path may do better.
    Lost,
    /// Line or gateway: nothing gets through at the moment.
    LineDown,
}

impl Engine {
    /// Asks a node through a path that does not contain it, if possible none of `not`. `None`: no such path now.
    pub(crate) fn ask(
        &mut self,
        cx: &mut Cx<'_>,
        purpose: Purpose,
        node: &NodeRow,
        request: &Value,
        not: &[u64],
    ) -> Option<RequestId> {
        let path = self.net.paths.choose(&node.key(), not, cx.rng)?.id;
        self.ask_through(cx, purpose, path, node, request, 0)
    }

    /// Asks a node that may wait so long before it answers (docs/waiting-retrieve.md).
    pub(crate) fn ask_waiting(
        &mut self,
        cx: &mut Cx<'_>,
        purpose: Purpose,
        node: &NodeRow,
        request: &Value,
        patience_ms: u32,
    ) -> Option<RequestId> {
        let path = self.net.paths.choose(&node.key(), &[], cx.rng)?.id;
        self.ask_through(cx, purpose, path, node, request, patience_ms)
    }

    fn ask_through(
        &mut self,
        cx: &mut Cx<'_>,
        purpose: Purpose,
        path: u64,
        node: &NodeRow,
        request: &Value,
        patience_ms: u32,
    ) -> Option<RequestId> {
        let keys = self.net.paths.get(path)?.hops;
        let hops: Option<Vec<Hop>> = keys.iter().map(|key| self.net.pool.get(key).map(hop)).collect();
        self.launch(cx, purpose, (Some(path), &hops?), node, request, patience_ms)
    }

    /// Whether nothing speaks against the path of this request. False for one that is over.
    pub(crate) fn is_on_good_path(&self, id: RequestId) -> bool {
        let path = self.net.flights.get(&id).and_then(|flight| flight.path);
        path.and_then(|path| self.net.paths.get(path)).is_some_and(|path| !path.suspect)
    }

    /// Nobody wants this answer any more.
    pub(crate) fn give_up_request(&mut self, id: RequestId) {
        if self.net.flights.remove(&id).is_some() {
            self.out.cancel(id);
        }
    }

    /// Asks whether a path carries, by way of a node that has nothing to do with what made it suspect.
    pub(crate) fn probe(&mut self, cx: &mut Cx<'_>, path: u64, not: Option<Ed25519Public>) {
        let known = |f: &Flight| f.purpose == Purpose::Probe && f.path == Some(path);
        if self.net.flights.values().any(known) {
            return;
        }
        let Some(hops) = self.net.paths.get(path).map(super::paths::Path::nodes) else { return };
        let avoid: NodeSet = hops.into_iter().chain(not).collect();
        if let Some(node) = any_node(self, &avoid, cx.now, cx.rng) {
            self.ask_through(cx, Purpose::Probe, path, &node, &crate::wire::info(), 0);
        }
    }

    /// `info` straight to a guard: it learns nothing but that somebody wants to use it (service-nodes 9.5).
    pub(crate) fn test_guard(&mut self, cx: &mut Cx<'_>, node: &NodeRow) -> Option<RequestId> {
        let request = crate::wire::info();
        self.launch(cx, Purpose::GuardTest, (None, &[]), node, &request, 0)
    }

    fn launch(
        &mut self,
        cx: &mut Cx<'_>,
        purpose: Purpose,
        (path, hops): (Option<u64>, &[Hop]),
        node: &NodeRow,
        request: &Value,
        patience_ms: u32,
    ) -> Option<RequestId> {
        let guard = hops.first().map_or(node.key(), |hop| hop.ed25519);
        let way = self.net.ways.current().clone();
        let (origin, target) = match &way {
            Way::Home => (None, HttpTarget::Onion(guard)),
            Way::Gateway(origin) => (Some(origin.clone()), HttpTarget::Onion(guard)),
            Way::Direct => (Some(self.net.ways.direct(&guard)?.to_owned()), HttpTarget::Direct(guard)),
        };
        let request = onion::pad_request(request.to_string().into_bytes(), hops.len(), CIPHER);
        let payload = onion::node_payload(&request);
        let end = Destination::Node(hop(node));
        let (packet, reply) = onion::build(hops, &end, &payload, CIPHER, cx.rng).ok()?;
        let id = self.out.http(origin, target, packet, patience_ms.saturating_add(TIMEOUT_MS));
        let flight = Flight {
            purpose,
            path,
            way,
            nodes: hops.iter().map(|hop| hop.ed25519).collect(),
            destination: node.key(),
            reply,
            sent_ms: cx.now,
            patience_ms: patience_ms.into(),
            slow: false,
        };
        self.net.flights.insert(id, flight);
        Some(id)
    }

    pub(crate) fn http_done(&mut self, cx: &mut Cx<'_>, id: RequestId, outcome: HttpOutcome) {
        if let Some((_, way)) = self.net.directories.in_flight.take_if(|(wanted, _)| *wanted == id) {
            self.directory_done(cx, &way, outcome);
        } else if let Some(flight) = self.net.flights.remove(&id) {
            let answer = self.judge(cx, &flight, outcome);
            self.dispatch(cx, id, &flight, answer);
        }
    }

    fn dispatch(&mut self, cx: &mut Cx<'_>, id: RequestId, flight: &Flight, answer: Answer) {
        match flight.purpose {
            Purpose::GuardTest => self.guard_tested(cx, flight.destination, answer),
            Purpose::Probe => self.probe_came(cx, flight, answer),
            Purpose::Vote => self.vote_came(cx, id, answer),
            Purpose::Clock => self.clock_came(cx, id, flight.destination, answer),
            Purpose::Poll => self.poll_came(cx, id, flight.destination, answer),
            Purpose::Link => self.link_came(cx, id, answer),
            Purpose::Lists(owner) => self.lists_came(cx, owner, id, answer),
            Purpose::Swarm(owner) => self.swarm_came(cx, owner, flight.destination, answer),
            Purpose::Push => self.push_came(cx, id, flight.destination, answer),
            Purpose::Outbox(number) => self.outbox_came(cx, number, id, flight.destination, answer),
        }
    }

    fn probe_came(&mut self, cx: &Cx<'_>, flight: &Flight, answer: Answer) {
        match (answer, flight.path) {
            (Answer::Reply { status: 200, body, sent_ms }, _) => {
                self.sample_clock(cx, flight.destination, &body, sent_ms);
            }
            (Answer::Lost, Some(path)) if self.net.paths.get(path).is_some_and(|p| p.suspect) => {
                self.give_up_path(cx, path);
            }
            _ => {}
        }
    }

    /// Requests that became slow, or whose end the driver never reported. Two destinations that stay silent through the
    /// same path, one of them asked only because of the other, end it.
    pub(crate) fn expire_flights(&mut self, cx: &mut Cx<'_>) {
        let (mut over, mut slow) = (Vec::new(), Vec::new());
        for (id, flight) in self.net.flights.iter_mut() {
            let age = cx.now.saturating_sub(flight.sent_ms.saturating_add(flight.patience_ms));
            if age >= SLOW_MS && !flight.slow {
                flight.slow = true;
                slow.extend(flight.path.map(|path| (path, flight.purpose, flight.destination)));
            }
            if age >= u64::from(TIMEOUT_MS).saturating_add(GRACE_MS) {
                over.push(*id);
            }
        }
        for (path, purpose, destination) in slow {
            if purpose == Purpose::Probe {
                if self.net.paths.get(path).is_some_and(|p| p.suspect) {
                    self.give_up_path(cx, path);
                }
            } else {
                self.net.paths.suspect(path);
                self.probe(cx, path, Some(destination));
            }
        }
        for id in over {
            self.out.cancel(id);
            self.http_done(cx, id, HttpOutcome::TimedOut);
        }
    }

    pub(crate) fn flights_wake_at(&self) -> Option<u64> {
        let end = u64::from(TIMEOUT_MS).saturating_add(GRACE_MS);
        let due = |f: &Flight| f.sent_ms.saturating_add(f.patience_ms);
        let next = |f: &Flight| due(f).saturating_add(if f.slow { end } else { SLOW_MS });
        self.net.flights.values().map(next).min()
    }

    /// The decision table of service-nodes 10.3.
    fn judge(&mut self, cx: &mut Cx<'_>, flight: &Flight, outcome: HttpOutcome) -> Answer {
        // A gateway with a foreign list passes packets on and is to be left all the same.
        let refused = self.live.unsigned.as_ref() == Some(&flight.way);
        if matches!(outcome, HttpOutcome::Response { .. }) && !refused {
            self.net.ways.works(&flight.way);
        }
        match outcome {
            HttpOutcome::Unreachable => self.unreachable(cx, flight),
            HttpOutcome::TimedOut => {
                self.net.ways.timed_out(&flight.way, cx.now);
                self.blame_path(cx, flight)
            }
            HttpOutcome::Response { gateway_error: Some(error), .. } => self.gateway_said(cx, flight, &error),
            HttpOutcome::Response { status: 200, body, gateway_error: None } => match flight.reply.open(&body) {
                Ok(reply) => {
                    self.went_well(cx, flight);
                    Answer::Reply { status: reply.status, body: reply.body, sent_ms: flight.sent_ms }
                }
                // Somebody on the way changed it.
                Err(_) => self.blame_path(cx, flight),
            },
            HttpOutcome::Response { status, body, gateway_error: None } => self.hop_said(cx, flight, status, &body),
        }
    }

    fn went_well(&mut self, cx: &Cx<'_>, flight: &Flight) {
        self.net.connection = Connection::Online;
        self.net.last_success_ms = Some(cx.now);
        self.net.line_failures = 0;
        self.net.pause_until = 0;
        if let Some(path) = flight.path.and_then(|id| self.net.paths.succeeded(id)) {
            let hops = path.hops;
            self.net.guards.well(&path.guard());
            for key in &hops {
                self.net.pool.clear(key);
            }
        }
    }

    /// Nobody was there. A gateway that is gone is left for another one; the line is down when there is none.
    fn unreachable(&mut self, cx: &Cx<'_>, flight: &Flight) -> Answer {
        if flight.way == Way::Direct {
            // It may be this node alone.
            if let Some(path) = flight.path.and_then(|id| self.net.paths.remove(id)) {
                self.net.guards.put_off(path.guard(), cx.now);
            }
            let others = self.net.guards.testing.iter().any(|key| *key != flight.destination);
            if others || !self.net.guards.in_use().is_empty() {
                return Answer::Lost;
            }
        }
        if self.net.ways.failed(&flight.way, cx.now) { Answer::LineDown } else { self.line_down(cx) }
    }

    fn line_down(&mut self, cx: &Cx<'_>) -> Answer {
        self.net.connection = Connection::Offline;
        self.pause(cx, PAUSE_MS);
        Answer::LineDown
    }

    fn pause(&mut self, cx: &Cx<'_>, base: u64) {
        if self.net.pause_until > cx.now {
            return; // several requests of the same moment count once
        }
        self.net.line_failures = self.net.line_failures.saturating_add(1);
        let wait = base.saturating_mul(1 << self.net.line_failures.min(6)).min(PAUSE_MAX_MS);
        self.net.pause_until = cx.now.saturating_add(wait);
    }

    /// The gateway's own words: no node is to blame, but this guard cannot be reached through it now.
    fn gateway_said(&mut self, cx: &mut Cx<'_>, flight: &Flight, error: &str) -> Answer {
        match error {
            "rate-limit" => {
                self.net.pause_until = self.net.pause_until.max(cx.now.saturating_add(RATE_LIMIT_PAUSE_MS));
                Answer::LineDown
            }
            "node-timeout" | "node-unreachable" | "unknown-node" => {
                if let Some(path) = flight.path.and_then(|id| self.net.paths.remove(id)) {
                    self.net.guards.put_off(path.guard(), cx.now);
                }
                Answer::Lost
            }
            "too-large" | "not-onion" => Answer::Lost,
            _ if self.net.ways.failed(&flight.way, cx.now) => Answer::LineDown,
            _ => self.line_down(cx),
        }
    }

    /// Nothing usable came back, and nobody can say whose fault it is.
    fn blame_path(&mut self, cx: &Cx<'_>, flight: &Flight) -> Answer {
        if let Some(id) = flight.path
            && self.net.paths.failed(id, flight.destination)
        {
            self.give_up_path(cx, id);
        }
        let silent_since = self.net.last_success_ms.unwrap_or(0);
        if cx.now.saturating_sub(silent_since) > u64::from(TIMEOUT_MS).saturating_mul(2)
            && self.net.connection == Connection::Online
        {
            self.net.connection = Connection::Offline;
        }
        Answer::Lost
    }

    fn give_up_path(&mut self, cx: &Cx<'_>, id: u64) {
        if let Some(path) = self.net.paths.remove(id) {
            let [guard, relays @ ..] = path.hops;
            for relay in relays {
                self.net.pool.accuse(relay, path.nodes(), cx.now);
            }
            self.net.guards.lost_path(guard, cx.now);
        }
    }

    /// A plain error: any hop may have written it (service-nodes 4.7).
    fn hop_said(&mut self, cx: &mut Cx<'_>, flight: &Flight, status: u16, body: &[u8]) -> Answer {
        let named = match HopError::parse(status, body) {
            HopError::NextNotFound(key) | HopError::NextUnreachable(key) | HopError::NotReady(key) => key,
            HopError::InvalidCiphertext => {
                self.live.votes.hurry(cx.now); // a key of ours may be old
                return self.blame_path(cx, flight);
            }
            _ => return self.blame_path(cx, flight),
        };
        if named == flight.destination {
            self.net.pool.accuse(named, flight.nodes.clone(), cx.now);
            return Answer::Lost; // the path carried a message back: it is not to blame
        }
        let Some(id) = flight.path.filter(|_| flight.nodes.contains(&named)) else {
            return self.blame_path(cx, flight); // nobody of this path: a lie
        };
        self.net.pool.accuse(named, flight.nodes.clone(), cx.now);
        if self.net.paths.repair(&self.net.pool, id, named, cx.now, cx.rng) == Repair::GiveUp {
            self.give_up_path(cx, id);
        }
        Answer::Lost
    }

    /// The system says the network is back.
    pub(crate) fn line_back(&mut self, cx: &Cx<'_>) {
        self.net.pause_until = 0;
        self.net.line_failures = 0;
        if self.net.connection == Connection::Offline {
            self.net.connection = Connection::Connecting;
        }
        if !self.net.directories.fresh {
            self.net.directories.next_at = cx.now;
        }
        self.net.ways.hurry();
        self.net.guards.hurry();
        self.live.sending.hurry(cx.now);
        self.live.push.hurry(cx.now);
        self.live.poller.hurry(cx.now);
    }

    pub(crate) fn new_path(&mut self) {
        self.net.paths.list.clear();
    }
}

pub(crate) fn hop(node: &NodeRow) -> Hop {
    Hop { ed25519: node.key(), x25519: node.sealing_key() }
}

/// A random node, for questions any node can answer.
pub(crate) fn any_node(engine: &Engine, not: &NodeSet, now: u64, rng: &mut dyn CryptoRng) -> Option<NodeRow> {
    let near: Vec<Ed25519Public> = not.iter().copied().collect();
    let key = engine.net.pool.choose(not, &near, now, rng).or_else(|| engine.net.pool.choose(not, &[], now, rng))?;
    engine.net.pool.get(&key).copied()
}
