//! What the engine does by itself: finding the way, agreeing on the list, keeping the time, polling, and keeping account
//! data in the network.

pub(crate) mod bootstrap;
pub(crate) mod clock_check;
pub(crate) mod link;
pub(crate) mod outboxes;
pub(crate) mod poll;
pub(crate) mod prune;
pub(crate) mod push;
pub(crate) mod renew;
pub(crate) mod restore;
pub(crate) mod vanish;
pub(crate) mod votes;
