//! Two clocks. [`Monotone`] turns the device clock into a time that never runs backwards, for deadlines. [`NetworkClock`]
//! learns from the times nodes put into their answers how far network time is from it (session-messages 0, service-nodes 2.3):
//! the middle value over several nodes, so that one lying node moves nothing.

use std::collections::VecDeque;

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::sorted::sort;

pub(crate) const SECOND_MS: u64 = 1_000;
pub(crate) const MINUTE_MS: u64 = 60 * SECOND_MS;
pub(crate) const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

/// Device time without steps backwards.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Monotone {
    last_device: u64,
    correction: u64,
}

impl Monotone {
    /// The engine's time for this device time.
    pub(crate) fn advance(&mut self, device_now: u64) -> u64 {
        if device_now < self.last_device {
            self.correction = self.correction.saturating_add(self.last_device.saturating_sub(device_now));
        }
        self.last_device = device_now;
        device_now.saturating_add(self.correction)
    }

    /// The engine's time at the last input.
    pub(crate) const fn now(self) -> u64 {
        self.last_device.saturating_add(self.correction)
    }

    /// A deadline of the engine on the device clock.
    pub(crate) const fn to_device(self, at: u64) -> u64 {
        at.saturating_sub(self.correction)
    }

    /// An offset from the engine's time as one from the device clock.
    pub(crate) fn device_offset(self, offset: i64) -> i64 {
        offset.saturating_add(i64::try_from(self.correction).unwrap_or(i64::MAX))
    }
}

/// Nodes asked for the middle value.
const SAMPLES: usize = 5;

/// An answer that took longer says too little about the time.
const MAX_ROUND_TRIP_MS: u64 = 12_000;

/// Two fresh samples of different nodes that agree this closely overrule the older ones.
const AGREE_MS: i64 = 5_000;

/// Times before January 2021 are no network times.
const EARLIEST_MS: u64 = 1_609_459_200_000;

#[derive(Debug, Default)]
pub(crate) struct NetworkClock {
    offset: Option<i64>,
    /// Newest last, one per node.
    samples: VecDeque<(Ed25519Public, i64)>,
}

impl NetworkClock {
    pub(crate) fn restore(offset: i64) -> Self {
        Self { offset: Some(offset), samples: VecDeque::new() }
    }

    pub(crate) const fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// Network time.
    pub(crate) fn network(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.offset.unwrap_or(0))
    }

    /// Forgets what was measured; the offset stays until better is known.
    pub(crate) fn distrust(&mut self) {
        self.samples.clear();
    }

    /// A node's time in an answer to a request sent at `sent` and received at `received`. True if the offset moved noticeably.
    pub(crate) fn sample(&mut self, node: Ed25519Public, time: u64, sent: u64, received: u64) -> bool {
        let round_trip = received.saturating_sub(sent);
        if round_trip > MAX_ROUND_TRIP_MS || time < EARLIEST_MS {
            return false;
        }
        let (Ok(time), Ok(middle)) = (i64::try_from(time), i64::try_from(sent.saturating_add(round_trip / 2))) else {
            return false;
        };
        let sample = time.saturating_sub(middle);
        let agreeing = self
            .samples
            .back()
            .is_some_and(|(other, s)| *other != node && s.abs_diff(sample) <= AGREE_MS.unsigned_abs());
        self.samples.retain(|(other, _)| *other != node);
        self.samples.push_back((node, sample));
        while self.samples.len() > SAMPLES {
            self.samples.pop_front();
        }
        if agreeing {
            let near = |s: i64| s.abs_diff(sample) <= AGREE_MS.unsigned_abs();
            // The two newest agree with each other: if the rest does not, the device clock was moved.
            if self.samples.iter().filter(|(_, s)| near(*s)).count() <= self.samples.len() / 2 {
                self.samples.retain(|(_, s)| near(*s));
            }
        }
        let old = self.offset;
        // One node alone may only set what is not known yet.
        if self.samples.len() >= 2 || old.is_none() {
            self.offset = self.median();
        }
        match (old, self.offset) {
            (Some(a), Some(b)) => a.abs_diff(b) > 250,
            (a, b) => a != b,
        }
    }

    fn median(&self) -> Option<i64> {
        let mut all: Vec<i64> = self.samples.iter().map(|(_, s)| *s).collect();
        sort(&mut all);
        all.get(all.len().saturating_sub(1) / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_800_000_000_000;

    fn node(n: u8) -> Ed25519Public {
        Ed25519Public([n; 32])
    }

    #[test]
    fn one_liar_among_three_moves_nothing() {
        let mut clock = NetworkClock::default();
        clock.sample(node(1), T + 1000, T, T);
        clock.sample(node(2), T + 99_000_000, T, T);
        clock.sample(node(3), T + 1010, T, T);
        assert_eq!(clock.offset(), Some(1010));
        for _ in 0..5 {
            clock.sample(node(2), T - 99_000_000, T, T);
        }
        assert_eq!(clock.offset(), Some(1000));
    }

    #[test]
    fn moved_device_clock_is_noticed_after_two_nodes() {
        let mut clock = NetworkClock::default();
        for n in 1..=5 {
            clock.sample(node(n), T, T, T);
        }
        let now = T + 3 * 3_600_000;
        clock.sample(node(1), T, now, now);
        clock.sample(node(2), T, now, now);
        assert_eq!(clock.offset(), Some(-3 * 3_600_000));
    }

    #[test]
    fn slow_answers_and_old_times_say_nothing() {
        let mut clock = NetworkClock::default();
        assert!(!clock.sample(node(1), T, T, T + 60_000));
        assert!(!clock.sample(node(1), 5, T, T));
        assert_eq!(clock.offset(), None);
    }

    #[test]
    fn engine_time_never_runs_backwards() {
        let mut time = Monotone::default();
        assert_eq!(time.advance(1000), 1000);
        assert_eq!(time.advance(400), 1000);
        assert_eq!(time.advance(500), 1100);
        assert_eq!(time.to_device(1200), 600);
        assert_eq!(time.device_offset(-7), 593);
    }
}
