//! The rules, one case each, by chapter.

mod auth;
mod batches;
mod bencoded;
mod delete;
mod expire;
mod network;
mod onion;
mod outbox;
mod refusals;
mod retrieve;
mod revoke;
mod store;
mod surface;

use crate::harness::Case;

/// The storage RPC: the same by every way.
pub(crate) fn storage() -> Vec<Case> {
    [
        refusals::cases(),
        auth::cases(),
        store::cases(),
        outbox::cases(),
        retrieve::cases(),
        delete::cases(),
        expire::cases(),
        revoke::cases(),
        batches::cases(),
        bencoded::cases(),
        network::cases(),
    ]
    .concat()
}

/// The HTTP surface of a node.
pub(crate) fn surface() -> Vec<Case> {
    surface::cases()
}

/// Packets and hops.
pub(crate) fn onions() -> Vec<Case> {
    onion::cases()
}
