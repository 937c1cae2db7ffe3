//! What the engine does by itself: finding the way, agreeing on the list, keeping the time, polling.

pub(crate) mod bootstrap;
pub(crate) mod clock_check;
pub(crate) mod poll;
pub(crate) mod prune;
pub(crate) mod restore;
pub(crate) mod votes;
