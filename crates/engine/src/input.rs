//! What goes into the engine: commands of the person, outcomes of I/O, and the passing of time.

use serde::{Deserialize, Serialize};
use zwiebel_proto::account_id::AccountId;

use crate::batch::BatchId;
use crate::effect::RequestId;
use crate::view::{Expiry, MessageId, Settings, Way};

/// One thing that happened outside; handed to [`crate::Engine::handle`].
#[derive(Debug)]
pub enum Input {
    /// A person asked for something.
    Command(Command),
    /// An [`crate::effect::Effect::Http`] ended.
    Http { id: RequestId, outcome: HttpOutcome },
    /// The batch is durable: what waited for it may leave now.
    Committed(BatchId),
    /// The batch was not written. The engine rolls nothing forward and reports [`crate::view::Problem::Storage`].
    CommitFailed { batch: BatchId, reason: CommitFailure },
    /// Time passed; sent at the instant the engine asked for, or earlier.
    Tick,
    /// The app came to the front or left it (polling slows down when hidden).
    Visible(bool),
    /// The system says the network came or went. A hint only.
    Online(bool),
}

/// How an HTTP request to our own origin (the gateway) ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpOutcome {
    /// The gateway answered. `gateway_error` is the header `X-Gateway-Error` when the gateway itself, not the
    /// guard, wrote the answer: nodes are not to blame then (service-nodes 9.3).
    Response { status: u16, body: Vec<u8>, gateway_error: Option<String> },
    /// No answer: offline, refused, aborted.
    Unreachable,
    /// No answer within the request's own time limit.
    TimedOut,
}

/// Why a batch could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommitFailure {
    /// The disk or the browser's quota is full.
    QuotaExceeded,
    /// Another tab took over (its generation is newer): this engine must stop writing.
    Superseded,
    /// Anything else the store reported.
    Other,
}

/// What a person can ask for. Serialisable: it crosses from the page to the engine's worker.
#[derive(Clone, Serialize, Deserialize)]
pub enum Command {
    /// Make a new account. An empty name is allowed (the name is skippable).
    CreateAccount { display_name: String },
    /// Bring an account back from its recovery phrase. The phrase was checked by the page with
    /// `zwiebel_proto::phrase`; the engine checks again and answers [`crate::view::ViewEvent::RestoreRefused`] if it is wrong.
    RestoreAccount { phrase: String },
    /// Show a code that another device of an account can scan to give the account to this one; answered by
    /// [`crate::view::ViewEvent::LinkCode`]. The restore begins by itself.
    ShowLinkCode,
    /// The code is not on the screen any more.
    HideLinkCode,
    /// Give the account, and the messages of so many days, to the device that shows this code. Refused if it is none.
    AnswerLinkCode { text: String, days: u16 },
    /// Show the recovery phrase; answered by [`crate::view::ViewEvent::RecoveryPhrase`].
    RevealPhrase,
    /// Change the own display name (at most 100 bytes of UTF-8; longer is cut at a character).
    SetDisplayName(String),
    /// Change the settings.
    SetSettings(Settings),
    /// Forget account and messages on this device. Everything in the store is deleted.
    EraseAccount,

    /// Show a conversation: answered by [`crate::view::ViewEvent::Timeline`]; messages that arrive while it is open count as read once
    /// [`Command::MarkRead`] says so. An unknown id opens an empty, not yet listed conversation.
    OpenConversation { with: AccountId },
    /// Give more, older messages of the open conversation: answered by another `Timeline`.
    LoadEarlier { with: AccountId },
    /// No conversation is open any more.
    CloseConversation,
    /// Send text (1 to 2,000 code points after trimming; else [`crate::view::ViewEvent::Refused`]).
    SendText { to: AccountId, body: String, quote: Option<MessageId> },
    /// Set or take back one emoji on a message.
    React { message: MessageId, emoji: String, remove: bool },
    /// Delete here only, or (own messages) for everyone.
    Delete { message: MessageId, for_everyone: bool },
    /// Send a failed message again: the same bytes, the same timestamp.
    Retry { message: MessageId },
    /// Keep unsent text; an empty one deletes the draft.
    SetDraft { with: AccountId, text: String },
    /// The person is (still) typing, or stopped.
    Typing { with: AccountId, active: bool },
    /// Everything up to this message is read.
    MarkRead { with: AccountId, up_to: MessageId },
    /// Mark a conversation as unread by hand, or take that back. Follows to the other devices.
    MarkUnread { with: AccountId, unread: bool },
    /// Accept a message request.
    AcceptRequest { from: AccountId },
    /// Decline: the request and its messages go away; a later message is a new request.
    DeclineRequest { from: AccountId },
    /// Block or unblock.
    SetBlocked { who: AccountId, blocked: bool },
    /// Own name for a contact; empty takes it back.
    SetNickname { who: AccountId, nickname: String },
    /// Pin or unpin in the list.
    SetPinned { with: AccountId, pinned: bool },
    /// Mute or unmute notifications.
    SetMuted { with: AccountId, muted: bool },
    /// Delete a conversation with all its messages on this device. The other devices take it out of their list.
    DeleteConversation { with: AccountId },
    /// Let new messages of a conversation disappear, or stay. The other side is told.
    SetExpiry { with: AccountId, expiry: Expiry },
    /// The person saw [`crate::view::SyncProblem::Renewed`].
    DismissSync,

    /// No other app uses this account: forward secrecy goes on. For a device that was dropped or revoked: join again.
    ConfirmOnlyApp,
    /// Take a device out of the account's list, for ever.
    RevokeDevice([u8; 16]),
    /// Vouch for a device that was added without an endorsement.
    EndorseDevice([u8; 16]),
    /// The person knows that another app uses the account.
    DismissOtherApp,
    /// Answered by [`crate::view::ViewEvent::DeviceCode`].
    ShowDeviceCode([u8; 16]),
    /// Send the messages of the last days, at most 14, to another device of the account.
    SendHistory { device: [u8; 16], days: u16 },
    /// The person has compared the safety number, or takes that back.
    SetVerified { who: AccountId, verified: bool },
    /// What nobody has acknowledged may go to this contact's new devices.
    AcceptDevices { who: AccountId },
    /// A contact gives forward secrecy up ([`crate::view::Protection::Asking`]): write without it, or keep waiting.
    Decide { who: AccountId, give_up: bool },
    /// Send one message that waits for keys without forward secrecy. Nothing happens if it does not wait, or the contact is
    /// verified.
    SendOpenly { message: MessageId },
    /// The person followed a contact link, or scanned a code, that had this beside the id
    /// ([`crate::view::DevicesView::link_hint`]). Before `OpenConversation`.
    FollowLink { who: AccountId, hint: String },
    /// Answered by [`crate::view::ViewEvent::SafetyNumber`].
    ShowSafetyNumber { with: AccountId },
    /// The person saw the notices of a conversation.
    DismissNotices { with: AccountId },

    /// Build a new path.
    NewPath,
    /// Use this way out as long as it works; `None`: the app chooses.
    PreferWay(Option<Way>),
    /// Give the pinned operator up: the next list pins whoever signed it.
    ForgetOperator,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command(..)") // ids, phrases and texts never reach a log
    }
}
