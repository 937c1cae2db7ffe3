//! Cross-checking the node list: three random nodes are asked through the paths, and only nodes on which two of them
//! agree are used (service-nodes 1.6, 9.5).

use zwiebel_proto::sorted::SortedSet;

use crate::clock::{HOUR_MS, MINUTE_MS};
use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::model::Model;
use crate::model::rows::NodeRow;
use crate::net::pool::{self, MIN_NODES};
use crate::net::rpc::{Answer, Purpose, any_node};
use crate::net::{self, NodeSet};

const VOTERS: usize = 3;
const QUORUM: usize = 2;

/// Voters tried in one round, counting those that did not answer.
const MAX_ASKED: usize = 7;

/// How long an agreed list is good for: two hours.
const REFRESH_MS: u64 = 2 * HOUR_MS;
const RETRY_MS: u64 = 20_000;

/// However loudly somebody asks for a new list, there is no more than one round in this time.
const MIN_PAUSE_MS: u64 = MINUTE_MS;

#[derive(Default)]
pub(crate) struct Votes {
    flying: SortedSet<RequestId>,
    asked: NodeSet,
    answers: Vec<Vec<NodeRow>>,
    next_at: u64,
    last_ms: Option<u64>,
}

impl Votes {
    /// The list may be old: check soon.
    pub(crate) fn hurry(&mut self, now: u64) {
        let earliest = self.last_ms.map_or(now, |at| at.saturating_add(MIN_PAUSE_MS).max(now));
        self.next_at = self.next_at.min(earliest);
    }
}

impl Engine {
    pub(crate) fn run_votes(&mut self, cx: &mut Cx<'_>) {
        let idle = self.live.votes.flying.is_empty();
        if idle && self.live.votes.next_at > cx.now {
            return;
        }
        // Not before the first poll or without an account: the person waits for other things first.
        if self.net.paths.list.is_empty() || self.net.pause_until > cx.now {
            return;
        }
        while self.live.votes.flying.len().saturating_add(self.live.votes.answers.len()) < VOTERS
            && self.live.votes.asked.len() < MAX_ASKED
        {
            let not = self.live.votes.asked.clone();
            let Some(node) = any_node(self, &not, cx.now, cx.rng) else { break };
            self.live.votes.asked.insert(node.key());
            if let Some(id) = self.ask(cx, Purpose::Vote, &node, &crate::wire::service_nodes(), &[]) {
                self.live.votes.flying.insert(id);
            }
        }
        if self.live.votes.flying.is_empty() {
            self.conclude(cx);
        }
    }

    pub(crate) fn vote_came(&mut self, cx: &mut Cx<'_>, id: RequestId, answer: Answer) {
        self.live.votes.flying.remove(&id);
        if let Answer::Reply { status: 200, body, .. } = answer
            && let Some(nodes) = crate::wire::parse_service_nodes(&body)
        {
            self.live.votes.answers.push(nodes);
        }
        if self.live.votes.flying.is_empty() && self.live.votes.answers.len() >= VOTERS {
            self.conclude(cx);
        }
    }

    fn conclude(&mut self, cx: &Cx<'_>) {
        let answers = std::mem::take(&mut self.live.votes.answers);
        self.live.votes.asked.clear();
        self.live.votes.last_ms = Some(cx.now);
        let mut nodes = pool::agreement(&answers, QUORUM);
        if let Some(operator) = &self.net.operator {
            // Nodes can say where members are, not who is one.
            let agreed = nodes.len();
            nodes.retain(|node| operator.lists(node));
            if nodes.len() < agreed {
                self.net.directories.hurry(cx.now);
            }
        }
        if answers.len() < QUORUM || nodes.len() < MIN_NODES {
            self.live.votes.next_at = cx.now.saturating_add(RETRY_MS);
            return;
        }
        self.live.votes.next_at = cx.now.saturating_add(REFRESH_MS);
        self.net.pool.agreed_ms = Some(self.network_now(cx));
        let before = self.net.pool.row();
        if before.nodes != nodes {
            tracing::debug!(nodes = nodes.len(), "the agreed node list changed");
            self.replace_pool(nodes);
        }
        Model::put_meta(&mut self.out, net::meta::NODES, &self.net.pool.row());
    }

    pub(crate) fn votes_wake_at(&self) -> Option<u64> {
        let ready = !self.net.paths.list.is_empty() && self.live.votes.flying.is_empty();
        ready.then(|| self.live.votes.next_at.max(self.net.pause_until))
    }
}
