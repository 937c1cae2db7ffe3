//! What a message says: [`Content`], the innermost layer (session-messages 3.2 to 3.3), as domain types.
//!
//! Encoding writes exactly what official clients write. Decoding enforces what they enforce (required fields, closed
//! enums, limits) and ignores what they ignore. Knows nothing of who sent it: that is [`crate::envelope`].

use prost::Message;
use thiserror::Error;

use crate::account_id::AccountId;
use crate::storage_rpc::MAX_MESSAGE;
use crate::wire;
use crate::zr1::content::ManifestHint;

mod convert;

/// The longest content we look at: the limit of a stored message.
pub const MAX_CONTENT: usize = MAX_MESSAGE;
/// The longest display name, in bytes of UTF-8.
pub const MAX_DISPLAY_NAME: usize = 100;
/// The longest URL of a profile picture, in bytes.
pub const MAX_PICTURE_URL: usize = 223;
/// The most attachments of one message.
pub const MAX_ATTACHMENTS: usize = 32;

/// One message, whatever its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// When it was sent: Unix milliseconds of network time, the sender's identity for this message. `None` only in
    /// messages of very old clients; [`crate::envelope::Opened::sent_ms`] then has the envelope's.
    pub sent_ms: Option<u64>,
    pub body: Payload,
    /// The conversation's disappearing-messages setting as the sender has it. Written on everything that can expire,
    /// even when it is off.
    pub expiration: Option<Expiration>,
    /// The sender's list of devices, if it has ZR1 (forward-secrecy 3.5). Unsigned: it only says where to look.
    pub hint: Option<ManifestHint>,
}

/// The kinds of message. Exactly one per content.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "short-lived, and the large variant is the common one; smaller on wasm32")]
pub enum Payload {
    /// Something visible, or about something visible.
    Data(DataMessage),
    /// "I received" or "I read" the messages with these timestamps.
    Receipt { kind: ReceiptKind, timestamps: Vec<u64> },
    /// Typing started or stopped; `timestamp` equals the envelope's.
    Typing { timestamp: u64, started: bool },
    /// Delete the message `author` sent at `timestamp`.
    Unsend { timestamp: u64, author: AccountId },
    /// The answer to a message request.
    RequestResponse { approved: bool, profile: Option<Profile> },
    /// The media sent at `timestamp` were saved, or a screenshot was taken.
    DataExtraction { kind: ExtractionKind, timestamp: Option<u64> },
    /// Signalling of a call.
    Call(CallMessage),
    /// Something we do not know, no longer know, or do not read here (groups). To be ignored.
    Other,
}

/// A visible message, a reaction, or a change of the disappearing-messages timer.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DataMessage {
    pub body: Option<String>,
    pub quote: Option<Quote>,
    pub reaction: Option<Reaction>,
    /// The sender's own profile; absent in sync copies.
    pub profile: Option<Profile>,
    /// Only in copies to the own account: the conversation the message was sent to.
    pub sync_target: Option<AccountId>,
    pub flags: DataFlags,
    pub attachments: Vec<Attachment>,
    pub invitation: Option<CommunityInvitation>,
}

/// What `DataMessage.flags` can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataFlags {
    #[default]
    None,
    /// The message only announces a new timer.
    ExpirationTimerUpdate,
}

/// The message this one answers, by its sender and time.
#[derive(Clone, PartialEq, Eq)]
pub struct Quote {
    pub sent_ms: u64,
    pub author: AccountId,
}

/// One emoji on the message `author` sent at `sent_ms`.
#[derive(Clone, PartialEq, Eq)]
pub struct Reaction {
    pub sent_ms: u64,
    pub author: AccountId,
    pub emoji: String,
    /// Take it back.
    pub remove: bool,
}

/// How somebody presents themselves.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// At most [`MAX_DISPLAY_NAME`] bytes; a longer one is cut at a character, both ways.
    pub display_name: Option<String>,
    /// At most [`MAX_PICTURE_URL`] bytes; a longer one counts as absent. Empty: no picture.
    pub picture_url: Option<String>,
    /// Opens the picture.
    pub picture_key: Option<[u8; 32]>,
    /// When it last changed: Unix **seconds**.
    pub updated_s: Option<u64>,
}

/// A file elsewhere, with its key.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// Numeric file id, or 0.
    pub id: u64,
    pub content_type: Option<String>,
    /// 64 bytes (legacy) or 32 (stream).
    pub key: Option<Vec<u8>>,
    /// Plaintext size in bytes.
    pub size: Option<u32>,
    pub digest: Option<Vec<u8>>,
    pub file_name: Option<String>,
    pub voice_message: bool,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub caption: Option<String>,
    pub url: Option<String>,
}

/// An invitation to a community.
#[derive(Clone, PartialEq, Eq)]
pub struct CommunityInvitation {
    pub url: String,
    pub name: String,
}

/// What a receipt confirms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiptKind {
    /// Deprecated; clients ignore it.
    Delivery,
    Read,
}

/// What was taken out of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtractionKind {
    /// Deprecated; clients ignore it.
    Screenshot,
    MediaSaved,
}

/// Signalling of a call.
#[derive(Clone, PartialEq, Eq)]
pub struct CallMessage {
    pub kind: CallKind,
    /// Session descriptions, or one ICE candidate each.
    pub sdps: Vec<String>,
    pub sdp_m_line_indexes: Vec<u32>,
    pub sdp_mids: Vec<String>,
    /// The call's id, a UUID v4 as text.
    pub uuid: String,
}

/// Steps of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    Offer,
    Answer,
    ProvisionalAnswer,
    IceCandidates,
    EndCall,
    PreOffer,
}

/// A disappearing-messages setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiration {
    pub kind: ExpirationKind,
    /// 0: off.
    pub seconds: u32,
}

/// From when a message's timer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpirationKind {
    /// Not at all.
    Off,
    AfterRead,
    AfterSend,
}

/// Why bytes are no content. Facts only, no text of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ContentError {
    /// A field whose value is outside its rules.
    #[error("{0} has a value outside its rules")]
    Invalid(&'static str),
    /// A field without which official clients reject the message.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Not protobuf, or not these messages.
    #[error("malformed protobuf")]
    Protobuf,
    /// More than [`MAX_CONTENT`] bytes.
    #[error("longer than any stored message")]
    TooLong,
}

impl Content {
    /// Content sent at this time, without an expiration setting.
    #[must_use]
    pub fn new(sent_ms: u64, body: Payload) -> Self {
        Self { sent_ms: Some(sent_ms), body, expiration: None, hint: None }
    }

    /// The same with this hint.
    #[must_use]
    pub fn with_hint(self, hint: Option<ManifestHint>) -> Self {
        Self { hint, ..self }
    }

    /// The same with this setting.
    #[must_use]
    pub fn with_expiration(self, expiration: Expiration) -> Self {
        Self { expiration: Some(expiration), ..self }
    }
}

impl Expiration {
    /// "Messages stay": what conversations without a timer write.
    pub const OFF: Self = Self { kind: ExpirationKind::Off, seconds: 0 };
}

/// The protobuf bytes.
#[must_use]
pub fn encode(content: &Content) -> Vec<u8> {
    wire::Content::from(content).encode_to_vec()
}

/// Reads what anybody may have written.
///
/// # Errors
/// [`ContentError`]; unknown payloads are no error but [`Payload::Other`].
pub fn decode(bytes: &[u8]) -> Result<Content, ContentError> {
    if bytes.len() > MAX_CONTENT {
        return Err(ContentError::TooLong);
    }
    wire::Content::decode(bytes).map_err(|_| ContentError::Protobuf)?.try_into()
}

/// Redacted, like all types here that carry text or ids: only the kind is shown.
impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Data(_) => "Data(..)",
            Self::Receipt { .. } => "Receipt(..)",
            Self::Typing { .. } => "Typing(..)",
            Self::Unsend { .. } => "Unsend(..)",
            Self::RequestResponse { .. } => "RequestResponse(..)",
            Self::DataExtraction { .. } => "DataExtraction(..)",
            Self::Call(_) => "Call(..)",
            Self::Other => "Other",
        })
    }
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}
redacted!(Attachment, CallMessage, CommunityInvitation, DataMessage, Profile, Quote, Reaction);

#[cfg(test)]
mod tests;
