//! The rows of the session manager and their keys. One byte of kind, then what names the row within its kind.
//! Everything that belongs to a device is named by (account, device): an account may list keys copied from another.

use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;
use zwiebel_proto::account_id::AccountId;

use crate::model::rows::{account_bytes, account_key};

/// Names a device of an account.
pub(crate) type Device = (AccountId, [u8; 16]);

/// Kinds of rows: the first byte of a key.
pub(crate) mod kind {
    /// Single row: this device.
    pub(crate) const DEVICE: u8 = b'd';
    /// Single row: counters.
    pub(crate) const COUNTERS: u8 = b'n';
    /// Single row: the log of witnesses (6.4).
    pub(crate) const WITNESSES: u8 = b'w';
    /// Prekey pairs by their id.
    pub(crate) const PREKEY: u8 = b'k';
    /// Accounts.
    pub(crate) const PERSON: u8 = b'p';
    /// Devices of accounts, and their prekeys.
    pub(crate) const PEER: u8 = b'v';
    /// Sessions: whose, and in which state.
    pub(crate) const SESSION: u8 = b's';
    /// Sessions: what never changes.
    pub(crate) const FIXED: u8 = b'F';
    /// Sessions: what every message changes.
    pub(crate) const HOT: u8 = b'H';
    /// Sessions: chains that are closed.
    pub(crate) const CLOSED: u8 = b'C';
    /// Sessions: keys of messages that have not come, by session and position.
    pub(crate) const SKIPPED: u8 = b'S';
    /// Sessions that are gone, so that a replay is known.
    pub(crate) const TOMBSTONE: u8 = b't';
    /// Used positions, by session and position: which container used them.
    pub(crate) const CONSUMED: u8 = b'u';
    /// Outgoing messages by number.
    pub(crate) const OUT: u8 = b'o';
    /// What is owed to a device: acknowledgements and questions.
    pub(crate) const OWED: u8 = b'a';
    /// Blobs with our hint that no session opens, by their digest.
    pub(crate) const ORPHAN: u8 = b'r';
    /// First messages over the budget, by their digest.
    pub(crate) const WAITING: u8 = b'W';
    /// Messages of devices that are not listed yet, by container.
    pub(crate) const HELD: u8 = b'h';
    /// Messages taken in: a digest over sender, conversation and id.
    pub(crate) const TAKEN: u8 = b'm';
    /// Messages that could not be read, by container.
    pub(crate) const UNREADABLE: u8 = b'x';
    /// Since when a device of the own account has no valid bundle.
    pub(crate) const MISSING: u8 = b'i';
    /// What goes along to a device, and what it was told in passing.
    pub(crate) const ASIDE: u8 = b'g';
    /// Accounts whose verification the person has taken back on this device.
    pub(crate) const UNVERIFIED: u8 = b'y';
    /// What a person should see about an account, by account.
    pub(crate) const NOTICES: u8 = b'z';
}

/// Whether this device belongs to its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    /// ZR1 is off: an account that other apps use.
    Off,
    /// Made, not seen in the account's list yet.
    New,
    /// Listed.
    Listed,
    /// Missing from the list without a revocation for more than a day: the person is asked (2.4).
    Dropped,
    /// Revoked by its account.
    Revoked,
}

/// This device.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DeviceRow {
    pub(crate) dsk: [u8; 32],
    pub(crate) dik: [u8; 32],
    pub(crate) dsec: [u8; 32],
    pub(crate) added_at_ms: u64,
    pub(crate) slot: u8,
    pub(crate) name: String,
    pub(crate) status: Status,
    /// Made from the words, beside or after other devices (5.5).
    pub(crate) restored: bool,
    pub(crate) endorser: [u8; 16],
    /// 64 bytes, or empty.
    pub(crate) endorsement: Vec<u8>,
    /// The device it was before, to be revoked as renewed.
    pub(crate) predecessor: Option<[u8; 16]>,
    pub(crate) bundle_seq: u64,
    /// The bundle as last signed, and where it was put.
    pub(crate) bundle: Vec<u8>,
    pub(crate) bundle_ms: u64,
    pub(crate) bundle_slot: u8,
    /// When it last saw itself listed.
    pub(crate) listed_ms: u64,
    /// Whom it must still present itself to.
    pub(crate) hello: Vec<AccountId>,
    /// Since when the sticky set has changes that are not stored, or from when on it is stored again without any; 0: it never was.
    pub(crate) sticky_ms: u64,
    /// It has lost what it acknowledged since then, by going back in time, and asks contacts for it; 0: nothing.
    pub(crate) lost_since_ms: u64,
    /// When another app was seen to use the account; 0: not, or the person knows.
    pub(crate) other_app_ms: u64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct CountersRow {
    /// Numbers of outgoing messages and of stores.
    pub(crate) next: u64,
    /// The largest sending time used (5.3).
    pub(crate) sent_ms: u64,
}

/// The log of witnesses, oldest first: incarnation and nonce.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct WitnessesRow {
    pub(crate) log: Vec<(u64, [u8; 16])>,
    pub(crate) bumped_ms: u64,
}

#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
pub(crate) struct PrekeyRow {
    pub(crate) spk: [u8; 32],
    /// 64 bytes.
    pub(crate) kem: Vec<u8>,
    pub(crate) made_ms: u64,
    pub(crate) superseded_ms: Option<u64>,
}

/// What a contact has shown (3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// U
    Unknown,
    /// P
    Pending,
    /// F
    Confirmed,
    /// It has signed that it gives ZR1 up; the person has not decided.
    Asking,
    /// X
    GivenUp,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PersonRow {
    /// The pinned signing key.
    pub(crate) signer: Option<[u8; 32]>,
    /// The accepted manifest, and the highest sequence number ever verified.
    pub(crate) manifest: Vec<u8>,
    pub(crate) seq: u64,
    pub(crate) standing: Standing,
    pub(crate) since_ms: u64,
    pub(crate) verified: bool,
    pub(crate) approved: bool,
    pub(crate) blocked: bool,
    /// When the network last answered, and when it last had nothing.
    pub(crate) fetched_ms: u64,
    pub(crate) absent_ms: u64,
    /// The sequence number a hint named, and how many searches of three nodes found nothing.
    pub(crate) hinted_seq: u64,
    pub(crate) searches: u8,
    /// Another manifest of the same number: a race of two devices, or a fork if nothing settles it for a day. With a time alone:
    /// since when a newer one is spoken of that no node shows.
    pub(crate) fork: Vec<u8>,
    pub(crate) fork_ms: u64,
}

/// A device of an account, and how we stand with it.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct PeerRow {
    /// Its bundle as verified; empty: none.
    pub(crate) bundle: Vec<u8>,
    pub(crate) bundle_seq: u64,
    /// The largest sending time accepted from it, clamped.
    pub(crate) newest_ms: u64,
    pub(crate) init_accepted_ms: u64,
    pub(crate) init_sent_ms: u64,
    pub(crate) active: Option<[u8; 16]>,
    /// When it last said anything.
    pub(crate) heard_ms: u64,
    /// When it was first seen without an endorsement; 0: endorsed or first seen.
    pub(crate) unendorsed_ms: u64,
    /// When we first saw it listed, and in which revision of the list.
    pub(crate) listed_ms: u64,
    pub(crate) listed_seq: u64,
    /// The device that vouched for it when it was first seen.
    pub(crate) endorsed_by: Option<[u8; 16]>,
    /// The person agreed that unacknowledged messages go to it.
    pub(crate) consented: bool,
    /// Self-made resets: how many in a row, and the last.
    pub(crate) resets: u8,
    pub(crate) reset_ms: u64,
    /// Times of its replacing inits and of contradicting positions, within a day: it may be copied.
    pub(crate) suspicions: Vec<u64>,
    /// The revision of our own list it was last sent.
    pub(crate) told_seq: u64,
    /// When messages that left nothing visible were last acknowledged to it.
    pub(crate) quiet_ms: u64,
    /// Resends of acknowledged content: since when, and how many.
    pub(crate) resends: (u64, u32),
    /// Revoked by its account, or gone from its list.
    pub(crate) gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Ours, nothing received in it.
    Initiated,
    Live,
    /// Only receives, for 15 days.
    Retired,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    pub(crate) account: AccountId,
    pub(crate) device: [u8; 16],
    pub(crate) stage: Stage,
    pub(crate) ours: bool,
    /// The time its init named.
    pub(crate) init_ms: u64,
    /// The largest sending time accepted in it.
    pub(crate) last_ms: u64,
    pub(crate) retired_ms: u64,
    /// The pair that made it; zeros for ours.
    pub(crate) prekey: [u8; 4],
    /// When the bundle it was made from was fetched.
    pub(crate) bundle_ms: u64,
    pub(crate) used_ms: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct TombstoneRow {
    pub(crate) prekey: [u8; 4],
    pub(crate) at_ms: u64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ConsumedRow {
    pub(crate) container: [u8; 16],
    pub(crate) at_ms: u64,
}

/// Where a message stands with one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TargetStage {
    /// To be sealed.
    Queued,
    /// Sealed; the swarm has not confirmed it.
    Sealed,
    Stored,
    Acked,
    /// The device is gone.
    Dropped,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Target {
    pub(crate) account: AccountId,
    pub(crate) device: [u8; 16],
    pub(crate) stage: TargetStage,
    /// The containers that carried it to this device.
    pub(crate) containers: Vec<[u8; 16]>,
    /// The store that carries it now.
    pub(crate) store: u64,
    pub(crate) session: [u8; 16],
    pub(crate) first_ms: u64,
    pub(crate) sealed_ms: u64,
    pub(crate) acked_ms: u64,
    /// Since when a later message is acknowledged and this one not.
    pub(crate) gap_ms: u64,
    pub(crate) gap_done: bool,
    /// Resends by the clock so far.
    pub(crate) tries: u8,
    /// Wanted in a session that is younger than this; 0: any.
    pub(crate) after_ms: u64,
    pub(crate) not_before_ms: u64,
    pub(crate) resends: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OutKind {
    /// For a person: to their devices, and to our own others.
    Chat,
    /// What a contact wrote, for devices of ours whom the sender did not know.
    Forward {
        /// Who wrote it.
        from: AccountId,
    },
    /// For one of our own devices: a part of the history.
    History,
}

/// A message on its way.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OutRow {
    pub(crate) id: [u8; 16],
    pub(crate) to: AccountId,
    pub(crate) kind: OutKind,
    pub(crate) content: Vec<u8>,
    pub(crate) created_ms: u64,
    pub(crate) targets: Vec<Target>,
    pub(crate) stored: bool,
    pub(crate) delivered: bool,
    pub(crate) failed: bool,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct OwedRow {
    pub(crate) acks: Vec<[u8; 16]>,
    /// Messages that left nothing visible: acknowledged together, and rarely.
    pub(crate) quiet: Vec<[u8; 16]>,
    pub(crate) nacks: Vec<[u8; 16]>,
    pub(crate) due_ms: u64,
    /// A new session is wanted, because this one does not open (6.6).
    pub(crate) reset: bool,
    /// It is to be sent our list.
    pub(crate) list: bool,
}

/// Beside what is owed to a device.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AsideRow {
    /// The latest containers to it that carried nothing a person would see.
    pub(crate) said: Vec<[u8; 16]>,
    /// Those of them that it has asked for: it is told not to wait.
    pub(crate) void: Vec<[u8; 16]>,
    /// It is to be told that this device of its account may be copied.
    pub(crate) copied: Option<[u8; 16]>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct OrphanRow {
    pub(crate) blob: Vec<u8>,
    pub(crate) own: bool,
    pub(crate) container: [u8; 16],
    pub(crate) at_ms: u64,
    /// Whom it was asked of, and how often.
    pub(crate) asked: Vec<(Device, u8)>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WaitingRow {
    pub(crate) blob: Vec<u8>,
    pub(crate) own: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct HeldRow {
    pub(crate) account: AccountId,
    pub(crate) device: [u8; 16],
    pub(crate) session: [u8; 16],
    /// The list it named.
    pub(crate) seq: u64,
    pub(crate) at_ms: u64,
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct UnreadableRow {
    pub(crate) account: AccountId,
    pub(crate) device: [u8; 16],
    pub(crate) at_ms: u64,
}

impl OwedRow {
    /// Whether only what can wait is owed.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.acks.is_empty() && self.nacks.is_empty() && !self.list && !self.reset
    }
}

impl OutRow {
    /// A message that nothing has happened to.
    pub(crate) const fn new(id: [u8; 16], to: AccountId, kind: OutKind, content: Vec<u8>, created_ms: u64) -> Self {
        Self { id, to, kind, content, created_ms, targets: Vec::new(), stored: false, delivered: false, failed: false }
    }

    /// Whether it has waited for somebody's keys for more than a minute.
    pub(crate) fn waits(&self, who: &AccountId, now: u64) -> bool {
        let late = now.saturating_sub(self.created_ms) > super::MINUTE_MS;
        self.to == *who && self.is_shown() && late && self.is_unsealed_for(who)
    }

    /// Whether nothing of it was sealed for any device of an account.
    pub(crate) fn is_unsealed_for(&self, who: &AccountId) -> bool {
        !self.targets.iter().any(|target| target.account == *who && !target.containers.is_empty())
    }

    /// Whether the person sees what becomes of it.
    pub(crate) const fn is_shown(&self) -> bool {
        matches!(self.kind, OutKind::Chat)
    }
}

impl Default for PersonRow {
    fn default() -> Self {
        Self {
            signer: None,
            manifest: Vec::new(),
            seq: 0,
            standing: Standing::Unknown,
            since_ms: 0,
            verified: false,
            approved: false,
            blocked: false,
            fetched_ms: 0,
            absent_ms: 0,
            hinted_seq: 0,
            searches: 0,
            fork: Vec::new(),
            fork_ms: 0,
        }
    }
}

pub(crate) fn key(kind: u8, name: &[u8]) -> Vec<u8> {
    [&[kind], name].concat()
}

pub(crate) fn device_key(kind: u8, (account, device): &Device) -> Vec<u8> {
    [&[kind], account_bytes(account).as_slice(), device].concat()
}

pub(crate) fn device_of(name: &[u8]) -> Option<Device> {
    let (account, device) = name.split_at_checked(33)?;
    Some((account_key(account)?, device.try_into().ok()?))
}

pub(crate) fn number_key(number: u64) -> Vec<u8> {
    key(kind::OUT, &number.to_be_bytes())
}

/// A row of one position in one session.
pub(crate) fn position_key(kind: u8, session: &[u8; 16], position: &[u8; 36]) -> Vec<u8> {
    [&[kind], session.as_slice(), position].concat()
}
