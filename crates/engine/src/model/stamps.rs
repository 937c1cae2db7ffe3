//! Sent times: every message an account emits has a millisecond of its own (session-messages 2.4 rule 10, 9.3),
//! across restarts and also after the clock was set back.

use serde::{Deserialize, Serialize};
use zwiebel_proto::sorted::sort;

/// Used stretches of time, ascending and apart. Between two messages less than [`JOIN_MS`] apart everything counts as used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamps {
    used: Vec<(u64, u64)>,
}

const JOIN_MS: u64 = 60_000;

/// More stretches than this are joined from the oldest on.
const MAX_STRETCHES: usize = 64;

impl Stamps {
    /// The first unused millisecond at or after `now`, which is used from here on.
    pub(crate) fn take(&mut self, now: u64) -> u64 {
        let mut stamp = now;
        for (from, to) in &self.used {
            if (*from..=*to).contains(&stamp) {
                stamp = to.saturating_add(1);
            }
        }
        match self.used.iter_mut().find(|(from, to)| *from <= stamp && stamp <= to.saturating_add(JOIN_MS)) {
            Some((_, to)) => *to = stamp,
            None => self.used.push((stamp, stamp)),
        }
        sort(&mut self.used);
        self.join();
        stamp
    }

    /// A time that some other device of this account used.
    pub(crate) fn note(&mut self, stamp: u64) {
        if !self.used.iter().any(|(from, to)| (*from..=*to).contains(&stamp)) {
            self.used.push((stamp, stamp));
            sort(&mut self.used);
            self.join();
        }
    }

    fn join(&mut self) {
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.used.len());
        for (from, to) in std::mem::take(&mut self.used) {
            match joined.last_mut() {
                Some((_, end)) if from <= end.saturating_add(1) => *end = (*end).max(to),
                _ => joined.push((from, to)),
            }
        }
        while joined.len() > MAX_STRETCHES {
            joined.remove(0);
        }
        self.used = joined;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use zwiebel_proto::sorted::SortedSet;

    use super::*;

    #[test]
    fn same_instant_gives_different_stamps() {
        let mut stamps = Stamps::default();
        assert_eq!([stamps.take(1000), stamps.take(1000), stamps.take(1000)], [1000, 1001, 1002]);
    }

    #[test]
    fn clock_set_back_gives_no_stamp_twice() {
        let mut stamps = Stamps::default();
        let mut given = SortedSet::new();
        let hours = 3 * 3_600_000;
        for t in [hours, hours + 5, 7, 8, 8, hours + 5, hours + 5, 9, hours] {
            assert!(given.insert(stamps.take(t)), "{t}");
        }
        assert!(given.contains(&7), "a corrected clock is followed at once");
    }

    #[test]
    fn ends_may_fall_together() {
        let mut stamps = Stamps::default();
        stamps.take(100);
        stamps.take(100_000);
        for t in 0..200 {
            stamps.take(99_900 + t);
        }
        assert_eq!(stamps.take(100_000), 100_101);
    }
}
