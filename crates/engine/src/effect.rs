//! What comes out of the engine: commits, requests, view events. A driver carries them out.

use serde::{Deserialize, Serialize};
use zwiebel_crypto::keys::Ed25519Public;

use crate::batch::Batch;
use crate::view::ViewEvent;

/// Names one request of this engine's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// One thing the engine asks its driver to do. The engine releases an effect only when the batch it depends on was
/// reported committed, so a driver may carry out every effect at once, in order.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "few at a time, and moved once")]
pub enum Effect {
    /// Write this atomically and durably, then answer `Input::Committed` or `Input::CommitFailed`.
    /// At most one commit is out at a time.
    Commit(Batch),
    /// Make this request and answer `Input::Http`. Many may run at once.
    Http(HttpRequest),
    /// Drop a running request; its outcome is no longer wanted (an answer all the same is ignored).
    CancelHttp(RequestId),
    /// Show this.
    Emit(ViewEvent),
    /// Tell the person about a new message if the app is not in front (no text, no name: the page decides what to show).
    Notify { with: zwiebel_proto::account_id::AccountId },
}

/// What [`crate::Engine::poll`] gives.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "handed over and carried out at once, never stored; smaller on wasm32")]
pub enum Poll {
    /// Do this, then poll again.
    Effect(Effect),
    /// Nothing to do before `wake_at` (Unix ms on the clock that is passed to `handle`); `None`: only an input can wake it.
    Idle { wake_at: Option<u64> },
}

/// A request to a gateway, or to a node that takes packets itself. The browser and the native driver map it to `fetch` / an
/// HTTP client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    pub id: RequestId,
    /// `https://host[:port]`; `None`: where the app came from.
    pub origin: Option<String>,
    pub target: HttpTarget,
    /// Body of a POST; empty for a GET.
    pub body: Vec<u8>,
    /// Give up after this many milliseconds and answer `HttpOutcome::TimedOut`.
    pub timeout_ms: u32,
}

/// The only things a client ever asks of a gateway (service-nodes 9.2), and the one of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpTarget {
    /// `GET /gw/v1/nodes`
    Nodes,
    /// `POST /gw/v1/onion/{ed25519 hex}`: a sealed packet for this guard.
    Onion(Ed25519Public),
    /// `POST /onion_req/v2` at this guard itself.
    Direct(Ed25519Public),
}
