//! What the person sees of the synchronisation.

use zwiebel_proto::config::Object;

use super::NAMESPACES;
use super::apply::CONFIG_TTL_MS;
use crate::clock::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::engine::{Cx, Engine};
use crate::view::{Connection, SyncProblem, SyncState, SyncView, ViewEvent};

/// Not renewed for this long: the person is told.
const NEAR_MS: u64 = 14 * DAY_MS;

/// Nothing confirmed for this long while online.
const UNREACHABLE_MS: u64 = 10 * MINUTE_MS;

/// The time of the last success is shown anew at most this often.
const SHOW_MS: u64 = MINUTE_MS;

#[derive(Default)]
pub(crate) struct Status {
    shown: SyncView,
    /// Since when something has been waiting to be stored while online (engine time).
    waiting_since: Option<u64>,
}

impl Engine {
    pub(crate) fn sync_view(&self, now: u64) -> SyncView {
        let configs = &self.model.configs;
        let waits = self.model.restore.is_some() || !self.live.syncing.all_polled() || self.model.account.is_none();
        let state = match (waits, configs.needs_push()) {
            (true, _) => SyncState::Waiting,
            (false, true) => SyncState::Changed,
            (false, false) => SyncState::Synchronised,
        };
        let stored = NAMESPACES.into_iter().filter(|n| configs.object(*n).is_some_and(|o| o.seqno() > 0));
        let renewed = stored.filter_map(|namespace| configs.row.renewed_ms(namespace)).min();
        SyncView {
            state,
            last_ms: configs.row.last_ms.map(|at| self.device_time(at)),
            expires_ms: renewed.map(|at| self.device_time(at.saturating_add(CONFIG_TTL_MS))),
            problem: self.sync_problem(now, renewed),
        }
    }

    fn sync_problem(&self, now: u64, renewed: Option<u64>) -> Option<SyncProblem> {
        let syncing = &self.live.syncing;
        let since = syncing.status.waiting_since;
        let unreachable = since.is_some_and(|since| since.saturating_add(UNREACHABLE_MS) <= now);
        let near = renewed.is_some_and(|at| at.saturating_add(NEAR_MS) <= self.net.clock.network(now));
        if self.live.push.is_too_large() {
            Some(SyncProblem::TooLarge)
        } else if syncing.newer {
            Some(SyncProblem::NewerClient)
        } else if unreachable {
            Some(SyncProblem::Unreachable)
        } else if near {
            Some(SyncProblem::NearExpiry)
        } else if self.model.configs.row.put_back {
            Some(SyncProblem::Renewed)
        } else {
            None
        }
    }

    /// Tells the page what is new.
    pub(crate) fn show_sync(&mut self, cx: &Cx<'_>) {
        let waits = self.model.configs.objects().any(Object::needs_push);
        let since = self.live.syncing.status.waiting_since;
        let waits = waits && self.net.connection == Connection::Online;
        self.live.syncing.status.waiting_since = waits.then(|| since.unwrap_or(cx.now));
        let view = self.sync_view(cx.now);
        let shown = self.live.syncing.status.shown;
        let moved = |a: Option<u64>, b: Option<u64>| a.unwrap_or(0).abs_diff(b.unwrap_or(0)) >= SHOW_MS;
        let changed = view.state != shown.state
            || view.problem != shown.problem
            || moved(view.last_ms, shown.last_ms)
            || moved(view.expires_ms, shown.expires_ms);
        if changed {
            self.live.syncing.status.shown = view;
            self.out.emit(ViewEvent::Sync(view));
        }
    }

    /// The swarm answered, and everything of this device is there.
    pub(crate) fn note_synchronised(&mut self, cx: &Cx<'_>) {
        if self.model.restore.is_none() && self.live.syncing.all_polled() && !self.model.configs.needs_push() {
            let now = self.network_now(cx);
            let row = &mut self.model.configs.row;
            // Written when it moved by an hour, or with the next change.
            let write = row.last_ms.is_none_or(|at| at.saturating_add(HOUR_MS) <= now);
            row.last_ms = Some(now);
            if write {
                self.model.configs.put_row(&mut self.out);
            }
        }
    }
}
