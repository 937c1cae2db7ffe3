//! The clock of a node: the system's clock and an offset that all nodes of a local network share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds as this network sees them.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// A clock without offset.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// Now, in Unix milliseconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(system.as_millis()).unwrap_or(i64::MAX).saturating_add(self.offset())
    }

    /// The offset in ms.
    #[must_use]
    pub fn offset(&self) -> i64 {
        self.offset.load(Ordering::SeqCst)
    }

    /// Moves the clock by so many ms and returns the new offset.
    pub fn advance(&self, by: i64) -> i64 {
        let moved = self.offset().saturating_add(by);
        self.offset.store(moved, Ordering::SeqCst);
        moved
    }
}
