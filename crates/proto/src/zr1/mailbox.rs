//! Where the blobs of ZR1 lie in a swarm, and who may speak there (2.3, 4.4).

use zwiebel_crypto::handshake::Origin;

use super::container::Kind;
use crate::storage_rpc::MAX_MESSAGE;

/// The device list; anybody reads, the owner writes, one value.
pub const MANIFEST: i16 = -6001;
/// Envelopes from others; anybody writes, the owner reads.
pub const FROM_OTHERS: i16 = 6000;
/// Envelopes between own devices; owner only. A private group has the same namespace in its own swarm.
pub const OWN_DEVICES: i16 = 6002;
/// Requests to link a device; owner only.
pub const LINK_REQUESTS: i16 = 6003;
/// Rollback witnesses, one for each device; owner only.
pub const WITNESSES: i16 = 6004;
/// The sticky set; owner only.
pub const STICKY: i16 = 6005;

/// How many devices an account can have: as many slots as there are bundle namespaces in one fetch with the
/// manifest, far below the 20 sub-requests of a batch.
pub const MAX_DEVICES: usize = 8;
/// How many values of one outbox are looked at: a replica may hold several, a hostile one any number.
pub const MAX_VALUES: usize = 8;
/// The largest blob a swarm stores.
pub const MAX_BLOB: usize = MAX_MESSAGE;

/// Lives of the blobs, in milliseconds.
pub mod ttl {
    /// Manifest, bundles, own devices, witnesses, sticky set.
    pub const OWNED: u64 = 30 * DAY;
    /// Envelopes from others: the most a public inbox keeps.
    pub const FROM_OTHERS: u64 = 14 * DAY;
    /// Link requests and answers to a link code.
    pub const LINK: u64 = 10 * 60 * 1_000;
    const DAY: u64 = 24 * 60 * 60 * 1_000;
}

/// The outbox of the bundle of the device in this slot; `None` above slot 7.
#[must_use]
pub const fn bundle_namespace(slot: u8) -> Option<i16> {
    match slot {
        0 => Some(-6021),
        1 => Some(-6041),
        2 => Some(-6061),
        3 => Some(-6081),
        4 => Some(-6101),
        5 => Some(-6121),
        6 => Some(-6141),
        7 => Some(-6161),
        _ => None,
    }
}

/// A mailbox that envelopes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mailbox {
    /// A private group's.
    Group,
    /// Our own, for our devices.
    OwnDevices,
    /// Our own, for everybody else.
    Others,
}

impl Mailbox {
    /// The only kind of container that may lie here; any other is dropped before a ratchet sees it. The outer
    /// encryption binds the account, not the namespace, so a node could move a blob.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Group => Kind::Group,
            Self::OwnDevices => Kind::Own,
            Self::Others => Kind::Peer,
        }
    }

    /// Who may introduce themselves here.
    #[must_use]
    pub const fn origin(self) -> Origin {
        match self {
            Self::Group => Origin::Group,
            Self::OwnDevices => Origin::Own,
            Self::Others => Origin::Public,
        }
    }
}
