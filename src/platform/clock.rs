//! The device's clock and timers. The engine corrects the clock; here it may be wrong and may jump.

use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;

/// Browsers count timers in signed 32-bit milliseconds; nothing here needs to sleep longer than an hour at a time.
const LONGEST_MS: u64 = 3_600_000;

/// Unix milliseconds by the device's clock.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole milliseconds; `as` saturates, and before 1970 counts as 1970"
)]
pub fn now_ms() -> u64 {
    js_sys::Date::now() as u64
}

/// Waits.
pub async fn sleep(ms: u32) {
    TimeoutFuture::new(ms).await;
}

/// A pending call; dropping it cancels it.
pub struct Alarm {
    _timeout: Timeout,
}

impl Alarm {
    /// Calls `ring` at `at_ms` (device clock), or earlier: never later than an hour from now.
    #[must_use]
    pub fn set(at_ms: u64, ring: impl FnOnce() + 'static) -> Self {
        let wait = at_ms.saturating_sub(now_ms()).min(LONGEST_MS);
        Self { _timeout: Timeout::new(u32::try_from(wait).unwrap_or(u32::MAX), ring) }
    }
}
