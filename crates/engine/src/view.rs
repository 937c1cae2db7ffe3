//! What a user interface is told: whole views of the things it shows, never protocol objects.
//! All of it is serialisable, because it crosses from the engine's worker to the page.

use serde::{Deserialize, Serialize};
use zwiebel_proto::account_id::AccountId;

use crate::input::CommitFailure;
pub use crate::zr1::{DeviceView, Notice, Protection};

/// Names one message on this account: who wrote it and its sent time in Unix ms (unique per author).
/// Conversation-independent, the same on every device (session-messages 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId {
    pub sent_ms: u64,
    pub author: AccountId,
}

/// A change to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ViewEvent {
    /// Always the first event after boot: everything the home screen needs.
    Ready(Box<Ready>),
    /// The account was created or restored, its name or settings changed.
    Account(AccountView),
    /// Answer to `RevealPhrase`.
    RecoveryPhrase(Phrase),
    /// Answer to `ShowLinkCode`: the text of the code.
    LinkCode(LinkText),
    /// Answer to `RestoreAccount` with a wrong phrase.
    RestoreRefused,
    /// How far a restore is.
    Restore(RestoreView),
    /// A conversation appeared or changed; replaces the one with the same id.
    Conversation(ConversationView),
    /// Many conversations appeared or changed at once (a restore): each replaces the one with the same id.
    Conversations(Vec<ConversationView>),
    /// A conversation went away.
    ConversationGone(AccountId),
    /// Messages of the open conversation, oldest first; replaces what was shown of it.
    Timeline { with: AccountId, messages: Vec<MessageView>, has_earlier: bool },
    /// A message of the open conversation appeared or changed; replaces the one with the same id, else is inserted by id.
    Message { with: AccountId, message: MessageView },
    /// A message of the open conversation went away without a trace.
    MessageGone { with: AccountId, message: MessageId },
    /// The other side types, or stopped.
    Typing { with: AccountId, active: bool },
    /// Connection, path, swarm or network changed.
    Network(NetworkView),
    /// How far the account data is the same on all devices.
    Sync(SyncView),
    /// The own devices, or this one's place among them, changed.
    Devices(DevicesView),
    /// Answer to `ShowDeviceCode`: the seven emoji (0 to 63) that all devices of the account show for this one; `None` if it
    /// is not listed.
    DeviceCode { id: [u8; 16], code: Option<[u8; 7]> },
    /// Answer to `ShowSafetyNumber`: 60 digits in groups of five; `None` while the devices of both sides are not known.
    SafetyNumber { with: AccountId, number: Option<String> },
    /// A command could not be done.
    Refused(Refusal),
    /// Something is wrong that the person should know or act on. `None`: solved.
    Problem(Option<Problem>),
    /// The account was erased on this device.
    Erased,
}

/// Everything a freshly started page shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// `None`: nobody has an account here yet.
    pub account: Option<AccountView>,
    /// The listed ones, and blocked people also where they are not listed.
    pub conversations: Vec<ConversationView>,
    pub network: NetworkView,
    /// A restore that was interrupted goes on.
    pub restore: Option<RestoreView>,
    pub sync: SyncView,
    pub devices: DevicesView,
}

/// The devices of the own account (forward-secrecy 5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DevicesView {
    pub status: DeviceStatus,
    /// As the account's list names them. Times are network times.
    pub devices: Vec<DeviceView>,
    /// Another app without forward secrecy was seen to use the account. Shown until `DismissOtherApp`.
    pub other_app: bool,
    /// What changed about the devices and was not done here, oldest first, until `DismissNotices` with the own id.
    pub notices: Vec<NoticeView>,
    /// What contact links and codes of this account add to its id, so that whoever follows them begins forward secretly
    /// ([`Command::FollowLink`](crate::input::Command::FollowLink)). Empty: nothing.
    pub link_hint: String,
}

/// This device's place in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DeviceStatus {
    /// Forward secrecy is off here: the account may be used by other apps. `ConfirmOnlyApp` turns it on.
    #[default]
    Off,
    /// Not in the account's list yet.
    Joining,
    /// In the list.
    Listed,
    /// Missing from the list, or no place in it: nothing is sent forward secretly until `ConfirmOnlyApp` joins again.
    Dropped,
    /// Another device of the account has revoked this one. It keeps its messages.
    Revoked,
}

/// Something about a contact's devices that the person should see, until `DismissNotices`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// When, on the device's clock.
    pub at_ms: u64,
    pub notice: Notice,
}

/// The place of a message that could not be read and was asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableView {
    /// When it came (Unix ms on the network's clock, like the times of messages).
    pub at_ms: u64,
    /// It did not come again in time.
    pub given_up: bool,
}

/// Account data (profile, contacts, conversations, read positions) on its way to the account's other devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SyncView {
    pub state: SyncState,
    /// When everything was last known to be in the network (Unix ms on the device's clock).
    pub last_ms: Option<u64>,
    /// When the network forgets the account data if nobody renews it (Unix ms on the device's clock).
    pub expires_ms: Option<u64>,
    pub problem: Option<SyncProblem>,
}

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SyncState {
    /// The network was not asked yet since the start, or a restore is running.
    #[default]
    Waiting,
    /// Own changes are not in the network yet.
    Changed,
    /// Everything of this device is in the network.
    Synchronised,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncProblem {
    /// The account data is too large for the network.
    TooLarge,
    /// Nothing was confirmed for more than 10 minutes while online.
    Unreachable,
    /// Not renewed for 14 days or more of the 30 the network keeps it.
    NearExpiry,
    /// It was missing from the network and was put back from this device's copy. Shown until `DismissSync`.
    Renewed,
    /// Data of a newer client is in the network; it is left alone and not applied.
    NewerClient,
}

/// Disappearing messages of a conversation (session-messages 5.5): for how long, and from when on. Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Expiry {
    /// Messages stay.
    #[default]
    Off,
    /// From sending on.
    AfterSend(u32),
    /// From reading on.
    AfterRead(u32),
}

/// The own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    pub id: AccountId,
    pub display_name: String,
    pub settings: Settings,
}

/// What a person can switch. Defaults are all off (session-messages 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Send and show read receipts (reciprocal).
    pub read_receipts: bool,
    /// Send and show typing indicators (reciprocal).
    pub typing_indicators: bool,
}

/// The 13 words. Debug does not print them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrase(pub String);

impl std::fmt::Debug for Phrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phrase(..)")
    }
}

/// The text of a link code. Debug does not print it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkText(pub String);

impl std::fmt::Debug for LinkText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkText(..)")
    }
}

/// Progress of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreView {
    pub stage: RestoreStage,
    /// Messages brought back so far.
    pub messages: u32,
    /// 0 to 100, never going backwards.
    pub percent: u8,
}

/// Where a restore stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestoreStage {
    /// Waiting for nodes and a path.
    Connecting,
    /// Asking the swarm for name, contacts and conversations.
    AccountData,
    /// Asking the swarm for messages.
    Fetching,
    /// Everything the asked members hold is here.
    Done,
}

/// A conversation in the list and the header of the open one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationView {
    pub with: AccountId,
    pub kind: ConversationKind,
    /// Nickname, else display name, else empty (the page then shows a shortened Account ID).
    pub name: String,
    /// The name the other side gave itself; empty if unknown.
    pub display_name: String,
    pub nickname: String,
    pub blocked: bool,
    pub pinned: bool,
    pub muted: bool,
    pub unread: u32,
    /// Unsent text.
    pub draft: String,
    /// The newest message, for the preview line.
    pub last: Option<Preview>,
    /// When it last mattered (Unix ms), for sorting: newest message, else creation.
    pub active_ms: u64,
    /// First unread message, where the "new messages" line goes.
    pub first_unread: Option<MessageId>,
    /// The other side has accepted us (or written to us).
    pub approved_me: bool,
    /// Shown in the list. An opened but still empty conversation is not.
    pub listed: bool,
    /// The other side was told so far that we accept it, or does not need to be.
    pub accepted: bool,
    /// New messages disappear after this.
    pub expiry: Expiry,
    /// Marked as unread by hand, here or on another device.
    pub marked_unread: bool,
    /// How messages are protected.
    pub protection: Protection,
    /// A message has waited for the contact's keys for more than a minute.
    pub waits_for_keys: bool,
    /// Messages that could not be read, by the time they came.
    pub unreadable: Vec<UnreadableView>,
    /// Oldest first.
    pub notices: Vec<NoticeView>,
}

/// What a conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConversationKind {
    /// With a contact I accepted or wrote to.
    Contact,
    /// Somebody wrote to me and I have not answered yet.
    Request,
    /// Note to self.
    SelfNote,
}

/// The last message in a list row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// First 120 characters, line breaks as spaces. Empty for a deleted message.
    pub text: String,
    pub outgoing: bool,
    pub sent_ms: u64,
    /// Only for outgoing ones.
    pub state: Option<SendState>,
    pub deleted: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageView {
    pub id: MessageId,
    pub outgoing: bool,
    /// Empty for a message that has only attachments, and for a deleted one.
    pub body: String,
    /// Deleted for everyone: only a marker is left.
    pub deleted: bool,
    pub quote: Option<QuoteView>,
    /// In order of first appearance.
    pub reactions: Vec<ReactionView>,
    /// Only for outgoing ones.
    pub state: Option<SendState>,
    /// Set for a message that disappears.
    pub expires: Option<ExpiresView>,
    pub mark: Mark,
    /// Has waited for the other side's keys for more than a minute; `SendOpenly` would send it without.
    pub waits: bool,
}

/// What a person is to know of the way of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// Nothing.
    #[default]
    None,
    /// It went or came without forward secrecy although the other side has it.
    Open,
    /// Whether the device that sent it belongs to its author could not be found out for a day (forward-secrecy 3.4).
    Unconfirmed,
    /// Another device of ours passed it on: its author did not know of this one (forward-secrecy 5.2).
    Relayed,
}

/// When a message disappears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiresView {
    /// Unix ms on the device's clock; `None`: the time starts with reading.
    pub at_ms: Option<u64>,
}

/// How far an outgoing message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendState {
    /// In the outbox; goes out by itself.
    Sending,
    /// At least one member of the recipient's swarm confirmed it.
    Sent,
    /// The recipient's device says it was read.
    Read,
    /// Given up (the message is older than the swarm would keep it, or the swarm refused it); `Retry` is offered.
    Failed(SendFailure),
    /// A device of the recipient has acknowledged it.
    Delivered,
}

/// Why a message failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendFailure {
    /// No node took it within the time the outbox tries.
    NotReached,
    /// The swarm refused it.
    Refused,
}

/// A quoted message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteView {
    pub id: MessageId,
    /// First 200 characters; `None`: not found here.
    pub text: Option<String>,
    pub outgoing: bool,
}

/// One emoji on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReactionView {
    pub emoji: String,
    pub count: u32,
    /// I am one of them.
    pub mine: bool,
}

/// Connection and path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NetworkView {
    pub state: Connection,
    /// The network the gateway serves; `None` until its list came.
    pub network: Option<NetworkName>,
    /// Guard, relay, relay of the path in use; empty while none is built.
    pub path: Vec<HopView>,
    /// The own account's swarm, as far as known.
    pub swarm: Vec<HopView>,
    /// The swarm's id in hex; empty if unknown.
    pub swarm_id: String,
    /// People offered on an empty home screen (local networks only).
    pub suggestions: Vec<Suggestion>,
    /// When the swarm last answered a poll (Unix ms).
    pub last_poll_ms: Option<u64>,
    /// Service nodes known.
    pub nodes: u32,
    /// The operator whose signature lists need (public key, 64 hex digits); none where nobody signs.
    pub operator: Option<String>,
    /// The ways out, in a fixed order: gateways, and nodes without any.
    pub ways: Vec<WayView>,
    /// The way the person wants; `None`: the app chooses.
    pub preferred: Option<Way>,
    /// Network time minus this device's clock, in ms; `None` until known.
    pub clock_offset_ms: Option<i64>,
}

/// A way out of the browser.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Way {
    /// The gateway that served the app.
    #[default]
    Home,
    /// Another one, by its origin.
    Gateway(String),
    /// None: guards that take packets from pages.
    Direct,
}

/// A way and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WayView {
    pub way: Way,
    pub state: WayState,
}

/// How a way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WayState {
    /// Packets take it.
    InUse,
    /// Nothing speaks against it.
    Ready,
    /// It did not answer; it is tested from time to time.
    Down,
}

/// Whether the swarm can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Connection {
    /// Fetching nodes, building a path.
    #[default]
    Connecting,
    /// The last requests went through.
    Online,
    /// No way out; the engine keeps trying.
    Offline,
}

/// The network's name for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkName {
    pub name: String,
    pub kind: zwiebel_proto::directory::NetworkKind,
}

/// A service node as shown in the path view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopView {
    /// Ed25519 key in hex (64 digits).
    pub key: String,
    /// `ip:port`
    pub address: String,
}

/// Somebody to talk to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    pub id: AccountId,
    pub name: String,
}

/// Why a command was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Nothing but white space.
    EmptyMessage,
    /// More than 2,000 code points.
    MessageTooLong,
    /// The message is not here (any more).
    UnknownMessage,
    /// Only own messages can be deleted for everyone.
    NotYours,
    /// There is no account yet.
    NoAccount,
    /// There is an account already.
    AccountExists,
    /// The Account ID is not one anybody can write to (its key is of small order).
    UnusableAccountId,
    /// Not while blocked.
    Blocked,
    /// The text is no link code.
    NotALinkCode,
}

/// Something the person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Problem {
    /// The store does not take writes: nothing was lost, but nothing more can be sent or received before it does.
    Storage(CommitFailure),
    /// The gateway's node list cannot be used.
    BadNodeList,
    /// The gateway's node list is not signed by the network's operator; it is not used.
    UnsignedNodeList,
}
