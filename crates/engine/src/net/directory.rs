//! The gateway's node list: enough to start with, never believed alone once nodes can be asked (service-nodes 9.5).

use crate::clock::HOUR_MS;
use crate::effect::RequestId;
use crate::view::Way;

/// How long the list is good for.
pub(crate) const REFRESH_MS: u64 = HOUR_MS;

const RETRY_MS: u64 = 500;
const RETRY_MAX_MS: u64 = 30_000;

#[derive(Debug, Default)]
pub(crate) struct Directories {
    /// The request, and the way it took.
    pub(crate) in_flight: Option<(RequestId, Way)>,
    pub(crate) next_at: u64,
    failures: u32,
    /// The list came at least once in this run.
    pub(crate) fresh: bool,
}

impl Directories {
    pub(crate) fn came(&mut self, now: u64) {
        self.failures = 0;
        self.fresh = true;
        self.next_at = now.saturating_add(REFRESH_MS);
    }

    pub(crate) fn failed(&mut self, now: u64) {
        self.failures = self.failures.saturating_add(1);
        self.next_at = now.saturating_add(RETRY_MS.saturating_mul(1 << self.failures.min(6)).min(RETRY_MAX_MS));
    }

    /// The list is wanted sooner, but no more often than a failing one.
    pub(crate) fn hurry(&mut self, now: u64) {
        self.next_at = self.next_at.min(now.saturating_add(RETRY_MAX_MS));
    }

    pub(crate) fn wake_at(&self) -> Option<u64> {
        self.in_flight.is_none().then_some(self.next_at)
    }
}
