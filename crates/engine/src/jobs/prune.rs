//! Forgetting hashes that no swarm can serve any more.

use crate::clock::HOUR_MS;
use crate::engine::{Cx, Engine};

const EVERY_MS: u64 = 6 * HOUR_MS;

impl Engine {
    pub(crate) fn run_pruning(&mut self, cx: &Cx<'_>) {
        if self.live.prune_at > cx.now {
            return;
        }
        self.live.prune_at = cx.now.saturating_add(EVERY_MS);
        // Without network time a clock that runs ahead would forget too much.
        if self.net.clock.offset().is_some() {
            let network_now = self.network_now(cx);
            self.model.prune_seen(&mut self.out, network_now);
        }
    }
}
