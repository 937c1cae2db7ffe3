//! What a container's payload says: a message with its identity, and acknowledgements (6.5).
//!
//! A protobuf inside the encryption. The message itself is an unchanged Session `Content` ([`crate::content`]) in
//! [`Message::session_content`]. A message is identified by sender, conversation and [`MessageId`] together, never by
//! the id alone: else a contact could suppress somebody else's message.
//!
//! What it does not know: which kinds are accepted from whom; that is the engine's table.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use prost::Message as _;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use thiserror::Error;
use zwiebel_crypto::ratchet::ContainerId;

use super::SEQ_LIMIT;
use super::mailbox::MAX_BLOB;

/// Acknowledgements in one message: ids of 16 bytes, so a long silence still fits a small envelope several times.
pub const MAX_ACKS: usize = 512;
/// Negative acknowledgements in one message (6.6), and answers to such.
pub const MAX_NACKS: usize = 20;

/// Names a message, together with its sender and conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 16]);

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentKind {
    /// Said to a contact.
    Chat,
    /// Said to a contact by another device of ours.
    SyncSent,
    /// Acknowledgements, manifests, warnings.
    Control,
    /// A new or renewed device presents itself.
    Hello,
    /// Keys of an archive.
    History,
    /// What a sibling received and we did not.
    SiblingForward,
    /// Said to a private group.
    Group,
}

/// A manifest as one side knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestHint {
    /// Its sequence number.
    pub seq: u64,
    /// The first half of its hash.
    pub hash: [u8; 16],
}

impl ManifestHint {
    /// `None` for a number that no manifest can have (2.1): nothing is named.
    #[must_use]
    pub fn new(seq: u64, hash: [u8; 16]) -> Option<Self> {
        (1..SEQ_LIMIT).contains(&seq).then_some(Self { seq, hash })
    }

    /// As contact links and codes carry it: the hash, then the number in as few bytes as it needs, highest first; base64url, 23 to 30
    /// characters.
    #[must_use]
    pub fn to_text(&self) -> String {
        let seq = self.seq.to_be_bytes();
        let short = seq.iter().skip_while(|byte| **byte == 0);
        let bytes: Vec<u8> = self.hash.iter().chain(short).copied().collect();
        Base64UrlUnpadded::encode_string(&bytes)
    }

    /// What [`Self::to_text`] has made; `None` for everything else, also for a number that no manifest can have (2.1).
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let bytes = Base64UrlUnpadded::decode_vec(text).ok().filter(|_| text.len() <= 30)?;
        let (hash, short) = bytes.split_first_chunk::<16>()?;
        let seq = short.iter().fold(0, |seq: u64, byte| seq << 8 | u64::from(*byte));
        ((1..=6).contains(&short.len()) && short.first() != Some(&0)).then_some(Self { seq, hash: *hash })
    }
}

/// What a device says when it presents itself after a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// It asks for what was acknowledged since then.
    pub since_ms: Option<u64>,
    /// The device it was before.
    pub predecessor: Option<[u8; 16]>,
}

/// The content of a payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// When this container was made; strictly rising for each sending device.
    pub sent_at_ms: u64,
    /// The sender's account: prefix and key. Must be the session's.
    pub from: [u8; 33],
    /// The account or group it is for. Must be ours.
    pub to: [u8; 33],
    /// What it is for.
    pub kind: ContentKind,
    /// An unchanged Session `Content`.
    pub session_content: Option<Vec<u8>>,
    /// Messages that have arrived.
    pub acks: Vec<MessageId>,
    /// Containers that could not be read.
    pub nacks: Vec<ContainerId>,
    /// The sender's own manifest.
    pub mine: Option<ManifestHint>,
    /// The receiver's manifest as the sender knows it.
    pub yours: Option<ManifestHint>,
    /// A manifest the receiver should fetch.
    pub manifest: Option<Vec<u8>>,
    /// See [`Hello`].
    pub hello: Option<Hello>,
    /// State between own devices; the engine's format.
    pub sync: Option<Vec<u8>>,
    /// How often the message has been sent before.
    pub resend: u32,
    /// Containers of the sender that the receiver need not wait for: this message takes their place, or they carried nothing that
    /// a person would see.
    pub settled: Vec<ContainerId>,
    /// A device of the receiver's account that may have been copied, as seen from the sender.
    pub copied: Option<[u8; 16]>,
}

/// A payload that is not a content of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the payload is not understood")]
pub struct MalformedContent;

/// Encodes a content.
#[must_use]
pub fn encode(message: &Message) -> Vec<u8> {
    Wire {
        msg_id: message.id.0.to_vec(),
        sent_at: message.sent_at_ms,
        from: message.from.to_vec(),
        to: message.to.to_vec(),
        kind: message.kind.to_number(),
        session_content: message.session_content.clone(),
        ack: message.acks.iter().map(|id| id.0.to_vec()).collect(),
        nack: message.nacks.iter().map(|id| id.0.to_vec()).collect(),
        mine: message.mine.as_ref().map(WireHint::new),
        yours: message.yours.as_ref().map(WireHint::new),
        manifest_blob: message.manifest.clone(),
        hello: message
            .hello
            .map(|hello| WireHello { since: hello.since_ms, predecessor: hello.predecessor.map(|id| id.to_vec()) }),
        sync: message.sync.clone(),
        resend_no: message.resend,
        settled: message.settled.iter().map(|id| id.0.to_vec()).collect(),
        copied: message.copied.map(|id| id.to_vec()),
    }
    .encode_to_vec()
}

/// Decodes a content; fields of later versions are ignored.
///
/// # Errors
/// [`MalformedContent`]
pub fn decode(payload: &[u8]) -> Result<Message, MalformedContent> {
    if payload.len() > MAX_BLOB || !lists_fit(payload) {
        return Err(MalformedContent);
    }
    let wire = Wire::decode(payload).map_err(|_| MalformedContent)?;
    let acks = wire.ack.iter().map(|id| array(id).map(MessageId)).collect::<Result<_, _>>()?;
    let nacks = wire.nack.iter().map(|id| array(id).map(ContainerId)).collect::<Result<_, _>>()?;
    Ok(Message {
        id: MessageId(array(&wire.msg_id)?),
        sent_at_ms: wire.sent_at,
        from: array(&wire.from)?,
        to: array(&wire.to)?,
        kind: ContentKind::from_number(wire.kind).ok_or(MalformedContent)?,
        session_content: wire.session_content,
        acks,
        nacks,
        mine: wire.mine.map(|hint| hint.parse()).transpose()?.flatten(),
        yours: wire.yours.map(|hint| hint.parse()).transpose()?.flatten(),
        manifest: wire.manifest_blob,
        hello: wire.hello.map(|hello| hello.parse()).transpose()?,
        sync: wire.sync,
        resend: wire.resend_no,
        settled: wire.settled.iter().map(|id| array(id).map(ContainerId)).collect::<Result<_, _>>()?,
        copied: wire.copied.as_deref().map(array).transpose()?,
    })
}

/// Whether the lists are short and hold nothing but ids, looked at before anything is allocated: an empty entry takes two bytes
/// here and many more in memory (9.2).
fn lists_fit(mut payload: &[u8]) -> bool {
    let (mut acks, mut nacks, mut settled) = (MAX_ACKS, MAX_NACKS, MAX_NACKS);
    while !payload.is_empty() {
        let Ok((tag, wire)) = decode_key(&mut payload) else { return false };
        let room = match tag {
            7 => &mut acks,
            8 => &mut nacks,
            15 => &mut settled,
            _ if skip_field(wire, tag, &mut payload, DecodeContext::default()).is_ok() => continue,
            _ => return false,
        };
        let (Some(less), Some((&16, rest))) = (room.checked_sub(1), payload.split_first()) else { return false };
        let Some((_, rest)) = rest.split_at_checked(16) else { return false };
        (*room, payload) = (less, rest);
    }
    true
}

impl ContentKind {
    const fn to_number(self) -> u32 {
        match self {
            Self::Chat => 1,
            Self::SyncSent => 2,
            Self::Control => 3,
            Self::Hello => 4,
            Self::History => 5,
            Self::SiblingForward => 6,
            Self::Group => 7,
        }
    }

    const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Chat),
            2 => Some(Self::SyncSent),
            3 => Some(Self::Control),
            4 => Some(Self::Hello),
            5 => Some(Self::History),
            6 => Some(Self::SiblingForward),
            7 => Some(Self::Group),
            _ => None,
        }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Wire {
    #[prost(bytes = "vec", tag = "1")]
    msg_id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    sent_at: u64,
    #[prost(bytes = "vec", tag = "3")]
    from: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    to: Vec<u8>,
    #[prost(uint32, tag = "5")]
    kind: u32,
    #[prost(bytes = "vec", optional, tag = "6")]
    session_content: Option<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    ack: Vec<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    nack: Vec<Vec<u8>>,
    #[prost(message, optional, tag = "9")]
    mine: Option<WireHint>,
    #[prost(message, optional, tag = "10")]
    yours: Option<WireHint>,
    #[prost(bytes = "vec", optional, tag = "11")]
    manifest_blob: Option<Vec<u8>>,
    #[prost(message, optional, tag = "12")]
    hello: Option<WireHello>,
    #[prost(bytes = "vec", optional, tag = "13")]
    sync: Option<Vec<u8>>,
    #[prost(uint32, tag = "14")]
    resend_no: u32,
    #[prost(bytes = "vec", repeated, tag = "15")]
    settled: Vec<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "16")]
    copied: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHint {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(bytes = "vec", tag = "2")]
    hash16: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct WireHello {
    #[prost(uint64, optional, tag = "1")]
    since: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "2")]
    predecessor: Option<Vec<u8>>,
}

impl WireHint {
    fn new(hint: &ManifestHint) -> Self {
        Self { seq: hint.seq, hash16: hint.hash.to_vec() }
    }

    fn parse(&self) -> Result<Option<ManifestHint>, MalformedContent> {
        Ok(ManifestHint::new(self.seq, array(&self.hash16)?))
    }
}

impl WireHello {
    fn parse(&self) -> Result<Hello, MalformedContent> {
        let predecessor = self.predecessor.as_deref().map(array).transpose()?;
        Ok(Hello { since_ms: self.since, predecessor })
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], MalformedContent> {
    bytes.try_into().map_err(|_| MalformedContent)
}

/// Redacted: contents and ids do not belong in logs.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MessageId(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many entries of a list, each with an id of so many bytes.
    fn list(tag: u8, entries: usize, len: u8) -> Vec<u8> {
        let entry = [vec![tag << 3 | 2, len], vec![7; usize::from(len)]].concat();
        entry.repeat(entries)
    }

    #[test]
    fn lists_are_measured_before_anything_is_allocated() {
        for (tag, most) in [(7, MAX_ACKS), (8, MAX_NACKS), (15, MAX_NACKS)] {
            assert!(lists_fit(&list(tag, most, 16)));
            assert!(!lists_fit(&list(tag, most + 1, 16)));
            assert!(!lists_fit(&list(tag, 1, 0)) && !lists_fit(&list(tag, 1, 15)) && !lists_fit(&list(tag, 1, 17)));
        }
        assert!(!lists_fit(&list(7, MAX_BLOB / 2, 0)), "two bytes each");
        assert!(lists_fit(&list(14, 3, 40)), "other fields are the decoder's");
        let truncated = list(7, 1, 16);
        assert!(truncated.split_last().is_some_and(|(_, rest)| !lists_fit(rest)));
    }
}
