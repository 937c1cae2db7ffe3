//! When a node says our time is wrong (406): three nodes are asked for theirs before anything is signed again
//! (service-nodes 10.3).

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::sorted::SortedSet;

use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::net::NodeSet;
use crate::net::rpc::{Answer, Purpose, any_node};

const ASKED: usize = 3;

/// Who complains within this time after a check has a wrong clock itself.
const BELIEVED_MS: u64 = 20_000;

#[derive(Default)]
pub(crate) struct ClockCheck {
    flying: SortedSet<RequestId>,
    wanted: bool,
    next_at: u64,
}

impl ClockCheck {
    /// A node says that our time is wrong. False if that was checked only just now: then its own is.
    pub(crate) const fn want(&mut self, now: u64) -> bool {
        if self.next_at <= now {
            self.wanted = true;
        }
        self.wanted
    }

    /// Nothing should be signed just now.
    pub(crate) fn is_busy(&self) -> bool {
        self.wanted || !self.flying.is_empty()
    }

    pub(crate) fn wake_at(&self) -> Option<u64> {
        (self.wanted && self.flying.is_empty()).then_some(self.next_at) // waits only for a path
    }
}

impl Engine {
    pub(crate) fn run_clock_check(&mut self, cx: &mut Cx<'_>) {
        let check = &self.live.clock_check;
        if !check.wanted || !check.flying.is_empty() || check.next_at > cx.now || self.net.paths.list.is_empty() {
            return;
        }
        self.live.clock_check.wanted = false;
        self.live.clock_check.next_at = cx.now.saturating_add(BELIEVED_MS);
        self.net.clock.distrust();
        let mut asked = NodeSet::new();
        for _ in 0..ASKED {
            let Some(node) = any_node(self, &asked, cx.now, cx.rng) else { break };
            asked.insert(node.key());
            if let Some(id) = self.ask(cx, Purpose::Clock, &node, &crate::wire::info(), &[]) {
                self.live.clock_check.flying.insert(id);
            }
        }
    }

    pub(crate) fn clock_came(&mut self, cx: &mut Cx<'_>, id: RequestId, node: Ed25519Public, answer: Answer) {
        self.live.clock_check.flying.remove(&id);
        if let Answer::Reply { status: 200, body, sent_ms } = answer {
            self.sample_clock(cx, node, &body, sent_ms);
        }
    }
}
