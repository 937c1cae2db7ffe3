//! The way to service nodes: which are known, which guards and paths are used, what is under way.
//! Knows nothing of messages and contacts.

pub(crate) mod directory;
pub(crate) mod guards;
pub(crate) mod paths;
pub(crate) mod pool;
pub(crate) mod rpc;
pub(crate) mod swarms;
pub(crate) mod trust;
pub(crate) mod ways;

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::directory::DirectoryContact;
use zwiebel_proto::sorted::{SortedMap, SortedSet};

use self::directory::Directories;
use self::guards::Guards;
use self::paths::Paths;
use self::pool::Pool;
use self::rpc::Flight;
use self::swarms::Swarms;
use self::trust::OperatorRow;
use self::ways::Ways;
use crate::clock::NetworkClock;
use crate::effect::RequestId;
use crate::view::{Connection, NetworkName};

#[derive(Default)]
pub(crate) struct Network {
    pub(crate) directories: Directories,
    /// The id of the network all of this belongs to.
    pub(crate) id: Option<String>,
    pub(crate) name: Option<NetworkName>,
    pub(crate) contacts: Vec<DirectoryContact>,
    /// Whose signature lists need, on a network of one's own.
    pub(crate) operator: Option<OperatorRow>,
    pub(crate) ways: Ways,
    pub(crate) pool: Pool,
    pub(crate) guards: Guards,
    pub(crate) paths: Paths,
    pub(crate) swarms: Swarms,
    pub(crate) clock: NetworkClock,
    pub(crate) flights: SortedMap<RequestId, Flight>,
    pub(crate) connection: Connection,
    /// Gateway or line trouble: nothing is sent before this.
    pub(crate) pause_until: u64,
    pub(crate) line_failures: u32,
    pub(crate) last_success_ms: Option<u64>,
    pub(crate) boot_ms: u64,
}

/// Names of the single rows that belong to the network.
pub(crate) mod meta {
    pub(crate) const NETWORK: &[u8] = b"network";
    pub(crate) const NODES: &[u8] = b"nodes";
    pub(crate) const GUARDS: &[u8] = b"guards";
    pub(crate) const CLOCK: &[u8] = b"clock";
    pub(crate) const OPERATOR: &[u8] = b"operator";
    pub(crate) const WAYS: &[u8] = b"ways";
}

/// Something to choose at random, none of it twice.
pub(crate) fn pick<'a, T>(list: &'a [T], rng: &mut dyn rand_core::CryptoRng) -> Option<&'a T> {
    let count = u64::try_from(list.len()).ok().filter(|n| *n > 0)?;
    // 64 random bits over lists of a few thousand: the bias is below 2^-50.
    let index = usize::try_from(rng.next_u64() % count).ok()?;
    list.get(index)
}

/// A duration with up to a fifth more or less, so that clients do not beat in time.
pub(crate) fn jitter(ms: u64, rng: &mut dyn rand_core::CryptoRng) -> u64 {
    let fifth = ms / 5;
    ms.saturating_sub(fifth).saturating_add(rng.next_u64() % fifth.saturating_mul(2).saturating_add(1))
}

pub(crate) type NodeSet = SortedSet<Ed25519Public>;

/// Accounts whose swarm is of interest.
pub(crate) type Owner = AccountId;
