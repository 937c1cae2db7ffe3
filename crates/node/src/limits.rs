//! The numbers a well-behaved node enforces (service-nodes 6.1) and those of our own transport. Nothing else.

use std::time::Duration;

use zwiebel_proto::storage_rpc::MAX_MESSAGE;

/// Largest HTTP body a node or gateway takes, and the largest answer it passes on.
pub const BODY: usize = 10 * 1024 * 1024;
/// Room for our own framing around a body that is itself at its limit.
pub const PEER_BODY: usize = BODY + 64 * 1024;
/// Largest message, decoded.
pub const MESSAGE: usize = MAX_MESSAGE;
/// What one account may keep on a node: bytes, each message counted with [`MESSAGE_OVERHEAD`] on top of its data.
pub const ACCOUNT: i64 = 64 * 1024 * 1024;
/// What a message costs beside its data.
pub const MESSAGE_OVERHEAD: i64 = 200;
/// Accounted bytes of one retrieve answer.
pub const RETRIEVE: i64 = 7_800_000;
/// Entries of a batch or sequence.
pub const BATCH: usize = 20;
/// Requests of clients that one node works on at a time.
pub const AT_WORK: usize = 128;
/// Values in one request, about: small ones take far more memory than bytes on the wire.
pub const VALUES: usize = 50_000;
/// Message hashes in one request.
pub const HASHES: usize = 10_000;

/// Subaccounts in one revocation, and revoked ones kept for an account.
pub const TOKENS: usize = 50;

/// Longest wait of a retrieve in ms.
pub const WAIT_MS: u64 = 20_000;
/// Open waits of one account; another one ends the oldest.
pub const WAITS_PER_ACCOUNT: usize = 2;
/// Open waits of one node; with more a retrieve does not wait.
pub const WAITS: usize = 4_096;

/// Shortest life of a message in ms.
pub const TTL_MIN: i64 = 10_000;
/// Longest life of a message in a public inbox in ms.
pub const TTL_MAX_PUBLIC: i64 = 14 * 86_400_000;
/// Longest life of any other message in ms, also the cap of `expire`.
pub const TTL_MAX: i64 = 30 * 86_400_000;
/// How far a store may be off in either direction in ms.
pub const STORE_TOLERANCE: i64 = 10_000;
/// How far a signature's time may be off in ms.
pub const SIGNATURE_TOLERANCE: i64 = 60_000;
/// The same for a copy forwarded by a member of the swarm, in ms.
pub const FORWARD_TOLERANCE: i64 = 70_000;
/// How far the time of a node-to-node request may be off in ms.
pub const PEER_TOLERANCE: i64 = 60_000;

/// How long a hop may be silent.
pub const HOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a server outside may take.
pub const RELAY_TIMEOUT: Duration = Duration::from_secs(25);
/// Requests to servers outside at a time.
pub const RELAYS: usize = 64;
/// How long a store waits for a member of the swarm; afterwards the copy is sent from the queue.
pub const FORWARD_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one attempt from the queue may take.
pub const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to send a body; less for a small one.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause between attempts from the queue.
pub const RETRY_EVERY: Duration = Duration::from_secs(2);
/// Entries kept in the queue; older ones are dropped first, the pull at the peer's start repairs that.
pub const QUEUE: i64 = 100_000;
/// Pause between purges of expired messages.
pub const PURGE_EVERY: Duration = Duration::from_secs(10);
/// How long the gateway waits for a guard.
pub const GATEWAY_TIMEOUT: Duration = Duration::from_secs(40);
/// How long connecting may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
