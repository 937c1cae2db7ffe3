//! What goes into the session manager and what comes out of it, besides rows.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::SortedMap;

/// One step: written together or not at all, and before any of the rest happens.
#[derive(Default)]
pub struct Step {
    /// Rows by key; `None` deletes.
    pub rows: SortedMap<Vec<u8>, Option<Zeroizing<Vec<u8>>>>,
    /// What to put into swarms, again and again with the same bytes until it is confirmed.
    pub stores: Vec<Store>,
    /// What the own swarm is to forget, once and without need: what is not deleted runs out by itself.
    pub deletes: Vec<Delete>,
    /// What to show.
    pub events: Vec<Event>,
}

impl Step {
    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.stores.is_empty() && self.deletes.is_empty() && self.events.is_empty()
    }
}

/// Bytes for a swarm.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// By which [`super::Manager::stored`] is told.
    pub number: u64,
    /// Whose swarm.
    pub to: AccountId,
    /// Which namespace; stores into namespaces of the own account that others cannot write are signed.
    pub namespace: i16,
    /// For how long.
    pub ttl_ms: u64,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Bytes that the own swarm is to forget; their hash names them there.
#[derive(Clone, PartialEq, Eq)]
pub struct Delete {
    /// Which namespace of the own account.
    pub namespace: i16,
    /// The bytes as they were read.
    pub data: Vec<u8>,
}

/// What to read from an account's outbox: the manifest and all bundles, from so many nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub owner: AccountId,
    /// From how many nodes of its swarm.
    pub nodes: u8,
}

/// What nodes answered to [`Wanted`], all values together.
#[derive(Debug, Default)]
pub struct Published {
    /// How many nodes answered: as many as were wanted, unless every other one that can be reached was asked in vain.
    pub nodes: u8,
    /// How many were asked and did not answer.
    pub unheard: usize,
    /// Values of the manifest's namespace.
    pub manifests: Vec<Vec<u8>>,
    /// Values of the bundles' namespaces.
    pub bundles: Vec<Vec<u8>>,
}

/// How a message to somebody goes out now (3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// As Session has always sent it.
    V1,
    /// Through ZR1, at once or as soon as keys are there.
    Zr1,
    /// Not before the person has decided: the contact gives ZR1 up, or has it while it is off here.
    Ask,
}

/// How a conversation is protected (3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// U: without forward secrecy.
    Standard,
    /// P: forward secret from the next message on; keys may still be missing.
    Waiting,
    /// F: forward secret, confirmed.
    ForwardSecret {
        /// The person has compared the safety number.
        verified: bool,
    },
    /// The contact has signed that it gives forward secrecy up; nothing is sent until the person decides.
    Asking,
    /// X: given up, and accepted.
    GivenUp,
}

/// Something a person must be told about a contact (8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A new device, vouched for by a known one.
    DeviceAdded,
    /// A new device nobody vouched for: restored from the words, or added by somebody who has them.
    DeviceUnendorsed,
    /// A device was removed.
    DeviceRemoved,
    /// A message without forward secrecy came although the contact has it.
    NotForwardSecret,
    /// A message came from a device that the contact's list does not name; it was dropped.
    UnlistedDevice,
    /// The contact's device may have been copied.
    MayBeCopied,
    /// Two lists of the contact contradict each other.
    Fork,
    /// The contact has spoken of a newer list for a day, and no node shows it.
    Withheld,
    /// A device of the own account has not been seen for two months and was taken out of the list.
    DeviceStale,
    /// Somebody's app says that this device of the own account may have been copied. Shown, and nothing else.
    SaidCopied {
        /// Which.
        device: [u8; 16],
    },
}

/// A device in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceView {
    /// Its id.
    pub id: [u8; 16],
    /// Its name; only those of the own account can be read.
    pub name: Option<String>,
    /// This very device.
    pub this: bool,
    /// When it was added, network time.
    pub added_ms: u64,
    /// When it last said anything to this device; own list: day of its last bundle if later.
    pub last_seen_ms: Option<u64>,
    /// Nobody vouched for it when it was first seen.
    pub unendorsed: bool,
}

/// Something to show or to file.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A contact wrote.
    Message {
        /// Who.
        from: AccountId,
        /// The message's name.
        id: [u8; 16],
        /// An unchanged Session `Content`.
        content: Vec<u8>,
        /// When it left its sender: when the swarm got it, as a member says, or when a repetition was sealed; 0: not known.
        left_ms: u64,
        /// The device that sent it could not be confirmed.
        unconfirmed: bool,
        /// Another device of ours passed it on: the sender's list of our devices was too old to name this one.
        relayed: bool,
    },
    /// The recipient turned out not to have ZR1: the message has left the manager and goes out as v1.
    Fallback {
        /// To whom.
        to: AccountId,
        /// Which message.
        id: [u8; 16],
        /// An unchanged Session `Content`.
        content: Vec<u8>,
    },
    /// Another device of ours wrote to somebody.
    Synced {
        /// To whom.
        with: AccountId,
        /// The message's name.
        id: [u8; 16],
        /// An unchanged Session `Content`.
        content: Vec<u8>,
        /// When it left its sender: when the swarm got it, as a member says, or when a repetition was sealed; 0: not known.
        left_ms: u64,
    },
    /// A device of ours shows that its code was scanned: see [`super::Manager::show_token`].
    LinkShown {
        /// Which device.
        device: [u8; 16],
        /// What only the scanned device and the scanner know.
        token_hash: [u8; 32],
    },
    /// Another device of ours sent a part of the account's history.
    History {
        /// As it was given to [`super::Manager::send_history`].
        part: Vec<u8>,
    },
    /// All devices' swarms have it.
    Stored {
        /// To whom.
        to: AccountId,
        /// Which message.
        id: [u8; 16],
    },
    /// A device of the recipient has acknowledged it.
    Delivered {
        /// To whom.
        to: AccountId,
        /// Which message.
        id: [u8; 16],
    },
    /// Given up after 60 days.
    Undelivered {
        /// To whom.
        to: AccountId,
        /// Which message.
        id: [u8; 16],
    },
    /// A message of this contact could not be read; it was asked for again.
    Unreadable {
        /// Whose.
        from: AccountId,
        /// Names the placeholder.
        container: [u8; 16],
    },
    /// The placeholder is replaced by a message, or nothing more is expected for it.
    Replaced {
        /// Whose.
        from: AccountId,
        /// Which placeholder.
        container: [u8; 16],
        /// By which message; `None`: nobody sends it any more.
        by: Option<[u8; 16]>,
    },
    /// How a conversation is protected has changed.
    Protection {
        /// Which.
        with: AccountId,
        /// How.
        now: Protection,
    },
    /// See [`Notice`].
    Notice {
        /// About whom; the own account too.
        about: AccountId,
        /// What.
        notice: Notice,
    },
    /// The own list has changed.
    Devices,
    /// This device was revoked by the account: sessions and keys are gone, messages stay.
    Revoked,
    /// This device is missing from its account's list: it sends nothing until the person decides.
    Dropped,
    /// Local state had gone back in time: this device has made itself new keys.
    Renewed,
    /// Another app without forward secrecy uses the account, see [`super::Manager::other_app`].
    OtherApp,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message { .. } => "Message",
            Self::Fallback { .. } => "Fallback",
            Self::Synced { .. } => "Synced",
            Self::LinkShown { .. } => "LinkShown",
            Self::History { .. } => "History",
            Self::Stored { .. } => "Stored",
            Self::Delivered { .. } => "Delivered",
            Self::Undelivered { .. } => "Undelivered",
            Self::Unreadable { .. } => "Unreadable",
            Self::Replaced { .. } => "Replaced",
            Self::Protection { .. } => "Protection",
            Self::Notice { .. } => "Notice",
            Self::Devices => "Devices",
            Self::Revoked => "Revoked",
            Self::Dropped => "Dropped",
            Self::Renewed => "Renewed",
            Self::OtherApp => "OtherApp",
        })
    }
}

impl fmt::Debug for Delete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delete").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
