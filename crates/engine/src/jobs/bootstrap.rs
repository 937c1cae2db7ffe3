//! From nothing to paths: the gateway's list, guards that answer, two paths; and the swarm of an account when it has to
//! be asked for.

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::directory::{Directory, NetworkKind};

use crate::batch::Table;
use crate::effect::HttpTarget;
use crate::engine::{Cx, Engine};
use crate::input::HttpOutcome;
use crate::model::Model;
use crate::model::rows::{NetworkRow, NodeRow};
use crate::net::guards::WANTED;
use crate::net::paths::{Path, RENEW_MS};
use crate::net::rpc::{Answer, Purpose, any_node};
use crate::net::trust::{self, Checked, Distrust};
use crate::net::{self, NodeSet, Owner, pool};
use crate::view::{Connection, HopView, NetworkName, NetworkView, Problem, Suggestion, ViewEvent, Way};

/// The node list may be long.
const LIST_TIMEOUT_MS: u32 = 15_000;

/// Guards tested at a time.
const TESTS: usize = 3;

/// After this long without any success a list that nodes agreed on is given up for the gateway's.
const STRANDED_MS: u64 = 45_000;

/// A swarm is not asked for more often.
const SWARM_ASK_MS: u64 = 5_000;

/// The longest list of people offered.
const MAX_SUGGESTIONS: usize = 20;

impl Engine {
    pub(crate) fn run_bootstrap(&mut self, cx: &mut Cx<'_>) {
        if self.is_stranded(cx) {
            self.net.directories.hurry(cx.now);
            self.net.ways.turn(cx.now);
        }
        self.ask_for_list(cx);
        let direct = self.net.ways.is_direct().then(|| self.net.ways.direct_nodes());
        self.net.guards.limit(direct);
        if !self.net.pool.is_usable() || self.net.pause_until > cx.now {
            return;
        }
        self.renew_paths(cx);
        self.test_guards(cx);
        self.build_paths(cx);
    }

    /// The list when it is due; or that of a gateway which failed, to see whether it is back.
    fn ask_for_list(&mut self, cx: &Cx<'_>) {
        if self.net.directories.in_flight.is_some() {
            return;
        }
        let due = self.net.directories.next_at <= cx.now && !self.net.ways.is_direct();
        let test = self.net.ways.to_test(cx.now);
        let Some(way) = test.or_else(|| due.then(|| self.net.ways.current().clone())) else { return };
        let origin = match &way {
            Way::Gateway(origin) => Some(origin.clone()),
            Way::Home | Way::Direct => None,
        };
        let id = self.out.http(origin, HttpTarget::Nodes, Vec::new(), LIST_TIMEOUT_MS);
        self.net.directories.in_flight = Some((id, way));
    }

    pub(crate) fn bootstrap_wake_at(&self) -> Option<u64> {
        let renew = self.net.paths.list.iter().map(|p| p.built_ms.saturating_add(RENEW_MS)).min();
        let pause = Some(self.net.pause_until).filter(|at| *at > self.time.now());
        let tests = self.net.guards.wake_at(self.time.now()).map(|at| at.max(self.net.pause_until));
        let idle = self.net.directories.in_flight.is_none();
        let ways = self.net.ways.wake_at().filter(|_| idle);
        let list = self.net.directories.wake_at().filter(|_| !self.net.ways.is_direct());
        [list, ways, tests, renew, pause].into_iter().flatten().min()
    }

    /// Old paths go when no answer is awaited through them, so that a change costs nobody anything.
    fn renew_paths(&mut self, cx: &Cx<'_>) {
        let busy: Vec<u64> = self.net.flights.values().filter_map(|f| f.path).collect();
        let pool = &self.net.pool;
        self.net.paths.list.retain(|path| {
            let old = path.built_ms.saturating_add(RENEW_MS) <= cx.now && !busy.contains(&path.id);
            !old && path.hops.iter().all(|hop| pool.contains(hop))
        });
    }

    fn test_guards(&mut self, cx: &mut Cx<'_>) {
        let network_now = self.network_now(cx);
        if self.net.guards.retain(&self.net.pool, network_now) {
            self.save_guards();
        }
        for key in self.net.guards.to_retest(cx.now) {
            self.start_guard_test(cx, key);
        }
        let mut missing = WANTED.saturating_sub(self.net.guards.in_use().len());
        if missing > 0 && self.net.guards.is_empty() {
            missing = TESTS; // a first start: the fastest two win
        }
        let may_try = self.net.guards.has_room() && self.net.guards.try_after <= cx.now;
        while may_try && self.net.guards.testing.len() < missing {
            let near: Vec<Ed25519Public> = self.net.guards.in_use();
            let mut not: NodeSet = self.net.guards.keys().union(&self.net.guards.testing).copied().collect();
            if self.net.ways.is_direct() {
                not.extend(self.net.pool.iter().map(NodeRow::key).filter(|key| self.net.ways.direct(key).is_none()));
            }
            let Some(key) = self.net.pool.choose(&not, &near, cx.now, cx.rng) else { break };
            if !self.start_guard_test(cx, key) {
                break;
            }
        }
    }

    fn start_guard_test(&mut self, cx: &mut Cx<'_>, key: Ed25519Public) -> bool {
        let Some(node) = self.net.pool.get(&key).copied() else { return false };
        let started = self.test_guard(cx, &node).is_some();
        if started {
            self.net.guards.testing.insert(key);
        }
        started
    }

    pub(crate) fn guard_tested(&mut self, cx: &mut Cx<'_>, key: Ed25519Public, answer: Answer) {
        match answer {
            Answer::Reply { status: 200, body, sent_ms } => {
                self.sample_clock(cx, key, &body, sent_ms);
                let network_now = self.network_now(cx);
                let spare = self.net.guards.in_use().len() >= WANTED;
                let known = self.net.guards.keys().contains(&key);
                if known || !spare {
                    if self.net.guards.passed(key, network_now) {
                        self.save_guards();
                    }
                } else {
                    self.net.guards.testing.remove(&key);
                }
            }
            Answer::LineDown => {
                self.net.guards.testing.remove(&key);
            }
            _ => {
                self.net.guards.put_off(key, cx.now);
                if !self.net.guards.keys().contains(&key) {
                    self.net.guards.candidate_failed(cx.now);
                    self.net.pool.strike(key, cx.now);
                }
            }
        }
    }

    fn save_guards(&mut self) {
        Model::put_meta(&mut self.out, net::meta::GUARDS, &self.net.guards.row());
    }

    fn build_paths(&mut self, cx: &mut Cx<'_>) {
        let guards = self.net.guards.in_use();
        self.net.paths.list.retain(|path| guards.contains(&path.guard()));
        let all: NodeSet = guards.iter().copied().collect();
        for guard in guards {
            if !self.net.paths.list.iter().any(|path| path.guard() == guard) {
                let built = self.net.paths.build(&self.net.pool, guard, &all, cx.now, cx.rng);
                if let Some(path) = built {
                    self.probe(cx, path, None);
                }
            }
        }
    }

    pub(crate) fn directory_done(&mut self, cx: &mut Cx<'_>, way: &Way, outcome: HttpOutcome) {
        let body = match outcome {
            HttpOutcome::Response { status: 200, body, .. } => body,
            HttpOutcome::Response { status: ..500, .. } => return self.net.directories.failed(cx.now),
            // Also from whatever stands in front of a gateway that is gone.
            HttpOutcome::Response { .. } | HttpOutcome::Unreachable | HttpOutcome::TimedOut => {
                return self.no_list(cx, way);
            }
        };
        let Ok(directory) = serde_json::from_slice::<Directory>(&body) else {
            self.net.directories.failed(cx.now);
            return self.show_list_problem();
        };
        match trust::check(self.net.operator.as_ref(), &directory) {
            Ok(checked) => {
                self.net.ways.works(way);
                self.live.unsigned.take_if(|refused| refused == way);
                self.take_checked(cx, way, directory, checked);
            }
            Err(Distrust::Unsigned) => {
                self.net.ways.failed(way, cx.now);
                self.net.directories.failed(cx.now);
                self.live.unsigned = Some(way.clone());
                self.show_list_problem();
            }
            // Most likely it has not heard yet.
            Err(Distrust::Old) => self.net.directories.failed(cx.now),
        }
    }

    fn no_list(&mut self, cx: &Cx<'_>, way: &Way) {
        let was_current = self.net.ways.current() == way;
        if self.net.ways.failed(way, cx.now) {
            if was_current {
                self.net.directories.next_at = cx.now;
            }
        } else {
            if self.net.connection == Connection::Connecting {
                self.net.connection = Connection::Offline;
            }
            self.net.directories.failed(cx.now);
        }
    }

    fn take_checked(&mut self, cx: &Cx<'_>, way: &Way, directory: Directory, checked: Checked) {
        if checked.nodes.len() < pool::MIN_NODES {
            self.net.directories.failed(cx.now);
            return self.show_list_problem();
        }
        self.net.directories.came(cx.now);
        if self.net.connection == Connection::Offline {
            self.net.connection = Connection::Connecting;
        }
        // What other gateways name, the policy of this page does not allow.
        if *way == Way::Home && self.net.ways.offer(&directory.gateways, checked.direct, self.config.local_origin) {
            self.save_ways();
        }
        if let Some(operator) = checked.operator.filter(|new| self.net.operator.as_ref() != Some(new)) {
            Model::put_meta(&mut self.out, net::meta::OPERATOR, &operator);
            if self.net.pool.keep_members(&operator) {
                self.pool_changed();
            }
            self.net.operator = Some(operator);
            self.live.votes.hurry(cx.now);
        }
        self.take_directory(cx, directory, checked.nodes);
        if !self.net.pool.is_usable() {
            self.net.directories.failed(cx.now);
        }
        self.show_list_problem();
    }

    fn take_directory(&mut self, cx: &Cx<'_>, directory: Directory, nodes: Vec<NodeRow>) {
        let kind = match directory.network.kind {
            NetworkKind::Local => 0,
            NetworkKind::Own => 1,
            NetworkKind::Session => 2,
        };
        let row = NetworkRow { id: directory.network.id, name: directory.network.name, kind };
        let moved = self.net.id.as_ref().is_some_and(|id| *id != row.id);
        if self.net.id.as_ref() != Some(&row.id) || self.net.name.as_ref().is_none_or(|n| n.name != row.name) {
            Model::put_meta(&mut self.out, net::meta::NETWORK, &row);
        }
        self.set_network_row(row);
        self.net.contacts = directory.contacts;
        self.net.contacts.truncate(MAX_SUGGESTIONS);
        let stranded = self.is_stranded(cx) && !self.same_nodes(&nodes);
        if moved || self.net.pool.agreed_ms.is_none() || !self.net.pool.is_usable() || stranded {
            self.net.pool.agreed_ms = None;
            self.replace_pool(nodes);
            self.live.votes.hurry(cx.now);
        }
    }

    /// Nothing went through for a long time although the gateway answers.
    fn is_stranded(&self, cx: &Cx<'_>) -> bool {
        let since = self.net.last_success_ms.unwrap_or(self.net.boot_ms);
        since.saturating_add(STRANDED_MS) < cx.now && self.net.connection != Connection::Online
    }

    /// Whether at least half of this list is known.
    fn same_nodes(&self, nodes: &[NodeRow]) -> bool {
        let known = nodes.iter().filter(|n| self.net.pool.get(&n.key()).is_some_and(|k| k == *n)).count();
        known.saturating_mul(2) >= nodes.len()
    }

    pub(crate) fn replace_pool(&mut self, nodes: Vec<NodeRow>) {
        self.net.pool.replace(nodes, self.config.local_origin);
        self.pool_changed();
    }

    fn pool_changed(&mut self) {
        self.net.swarms.forget();
        let pool = &self.net.pool;
        self.net.paths.list.retain(|path| path.hops.iter().all(|hop| pool.contains(hop)));
    }

    pub(crate) fn set_network_row(&mut self, row: NetworkRow) {
        let kind = match row.kind {
            0 => NetworkKind::Local,
            1 => NetworkKind::Own,
            _ => NetworkKind::Session,
        };
        self.net.id = Some(row.id);
        self.net.name = Some(NetworkName { name: row.name, kind });
    }

    /// Writes again what the network's rows held, after the store was emptied.
    pub(crate) fn keep_network(&mut self) {
        if let Some(offset) = self.net.clock.offset() {
            Model::put_meta(&mut self.out, net::meta::CLOCK, &self.time.device_offset(offset));
        }
        if self.net.pool.agreed_ms.is_some() {
            Model::put_meta(&mut self.out, net::meta::NODES, &self.net.pool.row());
        }
        if let Some(operator) = &self.net.operator {
            Model::put_meta(&mut self.out, net::meta::OPERATOR, operator);
        }
        self.save_ways();
        self.save_guards();
    }

    fn save_ways(&mut self) {
        Model::put_meta(&mut self.out, net::meta::WAYS, &self.net.ways.row());
    }

    /// The person says which way out to take first; `None`: the app shall.
    pub(crate) fn prefer_way(&mut self, way: Option<Way>) {
        self.net.ways.prefer(way);
        self.save_ways();
    }

    /// The person gives the pinned operator up: the next list pins another one.
    pub(crate) fn forget_operator(&mut self, cx: &Cx<'_>) {
        if self.net.operator.take().is_some() {
            self.out.delete(Table::Meta, net::meta::OPERATOR.to_vec());
        }
        self.net.directories.next_at = cx.now;
    }

    /// A list that was refused stays a problem until the same gateway has a better one, even if others have good ones.
    fn show_list_problem(&mut self) {
        let problem = match self.live.unsigned {
            Some(_) => Some(Problem::UnsignedNodeList),
            None => (!self.net.pool.is_usable()).then_some(Problem::BadNodeList),
        };
        if self.live.list_problem != problem {
            self.live.list_problem = problem;
            self.out.emit_now(ViewEvent::Problem(problem));
        }
    }

    /// Asks some node who keeps this account's messages.
    pub(crate) fn ask_swarm(&mut self, cx: &mut Cx<'_>, owner: Owner) {
        let swarm = self.net.swarms.of(&owner, &self.net.pool, cx.now);
        if swarm.asked_ms.is_some_and(|at| at.saturating_add(SWARM_ASK_MS) > cx.now) {
            return;
        }
        swarm.asked_ms = Some(cx.now);
        if let Some(node) = any_node(self, &NodeSet::new(), cx.now, cx.rng) {
            self.ask(cx, Purpose::Swarm(owner), &node, &crate::wire::get_swarm(&owner), &[]);
        }
    }

    pub(crate) fn swarm_came(&mut self, cx: &Cx<'_>, owner: Owner, from: Ed25519Public, answer: Answer) {
        let Answer::Reply { status, body, .. } = answer else { return };
        if status == 200 {
            self.learn_swarm(cx, owner, &body);
        } else {
            self.net.pool.strike(from, cx.now);
        }
    }

    /// Takes in a swarm body (service-nodes 2.4). Where the list is agreed on, only its nodes count; strangers make it be
    /// asked for again. True if anything came of it.
    pub(crate) fn learn_swarm(&mut self, cx: &Cx<'_>, owner: Owner, body: &[u8]) -> bool {
        let Some((id, members)) = crate::wire::parse_swarm(body) else { return false };
        let known: Vec<NodeRow> = members.iter().filter_map(|m| self.net.pool.get(&m.key()).copied()).collect();
        if known.len() < members.len() {
            self.live.votes.hurry(cx.now);
        }
        let learnt = !known.is_empty();
        self.net.swarms.learn(owner, Some(id), known, cx.now);
        learnt
    }

    /// Shows what changed about network and path.
    pub(crate) fn show_network(&mut self) {
        let view = self.network_view();
        if self.live.shown_network.as_ref() != Some(&view) {
            self.live.shown_network = Some(view.clone());
            self.out.emit_now(ViewEvent::Network(view));
        }
    }

    pub(crate) fn network_view(&self) -> NetworkView {
        let swarm = self.model.own_id().and_then(|own| self.net.swarms.peek(&own));
        let best = self.net.paths.list.iter().find(|p| !p.suspect).or_else(|| self.net.paths.list.first());
        let hops = |path: &Path| path.hops.iter().filter_map(|k| self.net.pool.get(k)).map(hop_view).collect();
        NetworkView {
            state: self.net.connection,
            network: self.net.name.clone(),
            path: best.map(hops).unwrap_or_default(),
            swarm: swarm.map(|s| s.members.iter().map(hop_view).collect()).unwrap_or_default(),
            swarm_id: swarm.and_then(|s| s.id).map(|id| format!("{id:x}")).unwrap_or_default(),
            suggestions: self.suggestions(),
            last_poll_ms: self.live.poller.shown_poll_ms,
            nodes: u32::try_from(self.net.pool.len()).unwrap_or(u32::MAX),
            operator: self.net.operator.as_ref().map(|row| hex::encode(row.key)),
            ways: self.net.ways.view(),
            preferred: self.net.ways.preferred().cloned(),
            clock_offset_ms: self.net.clock.offset().map(|o| self.time.device_offset(o) / 1000 * 1000),
        }
    }

    fn suggestions(&self) -> Vec<Suggestion> {
        let own = self.model.own_id();
        let valid = self.net.contacts.iter().filter_map(|contact| {
            let id = zwiebel_proto::account_id::AccountId::parse(&contact.id).ok()?;
            Some(Suggestion { id, name: contact.name.clone() }).filter(|s| Some(s.id) != own)
        });
        valid.collect()
    }
}

fn hop_view(node: &NodeRow) -> HopView {
    HopView { key: hex::encode(node.ed25519), address: node.address() }
}
