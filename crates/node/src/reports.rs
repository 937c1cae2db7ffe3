//! What this node found when it tested others: the one place where results go, and from where they are told.
//!
//! Today they travel in uptime proofs to the seeds; a registry chain will take them from here too.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::roster::Report;

/// A node counts as missed after this many failed tests in a row: one lost packet is no news.
const FAILURES: u32 = 3;

/// The results so far.
#[derive(Debug, Default)]
pub struct Reports(Mutex<BTreeMap<[u8; 32], Found>>);

#[derive(Debug, Clone, Copy)]
struct Found {
    /// Failures in a row, and when the first of them was.
    failures: u32,
    since: i64,
}

impl Reports {
    /// Takes the result of one test of a node, made at this time (Unix ms).
    pub fn record(&self, node: &Ed25519Public, passed: bool, now: i64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if passed {
            all.remove(&node.0);
            return;
        }
        let found = all.entry(node.0).or_insert(Found { failures: 0, since: now });
        found.failures = found.failures.saturating_add(1);
    }

    /// Forgets nodes that are no longer listed.
    pub fn keep(&self, listed: impl Fn(&Ed25519Public) -> bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|key, _| listed(&Ed25519Public(*key)));
    }

    /// Failed tests in a row.
    #[must_use]
    pub fn failures(&self, node: &Ed25519Public) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node.0).map_or(0, |found| found.failures)
    }

    /// The nodes that are missed: what is to be told.
    #[must_use]
    pub fn missed(&self) -> Vec<Report> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = all.iter().filter(|(_, found)| found.failures >= FAILURES);
        missed.map(|(node, found)| Report { node: hex::encode(node), since: found.since }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_missed_after_three_failures_and_back_after_one_success() {
        let (reports, node) = (Reports::default(), Ed25519Public([1; 32]));
        let told = || reports.missed().first().map(|report| report.since);
        reports.record(&node, true, 10);
        reports.record(&node, false, 20);
        reports.record(&node, false, 30);
        assert_eq!(told(), None);
        reports.record(&node, false, 40);
        assert_eq!(told(), Some(20), "since the first failure");
        reports.keep(|_| true);
        assert_eq!((told(), reports.failures(&node)), (Some(20), 3));
        reports.record(&node, true, 50);
        assert_eq!((told(), reports.failures(&node)), (None, 0));
        for at in 60..63 {
            reports.record(&node, false, at);
        }
        reports.keep(|_| false);
        assert_eq!(told(), None);
    }
}
