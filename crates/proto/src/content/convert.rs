//! Between the domain types of [`super`] and the wire structs.
//!
//! Closed enums: a value off the list is treated as absent, as proto2 decoders do. Where a field is required that
//! makes the whole message invalid.

use super::{
    Attachment, CallKind, CallMessage, CommunityInvitation, Content, ContentError, DataFlags, DataMessage, Expiration,
    ExpirationKind, ExtractionKind, MAX_ATTACHMENTS, MAX_DISPLAY_NAME, MAX_PICTURE_URL, Payload, Profile, Quote,
    Reaction, ReceiptKind,
};
use crate::account_id::AccountId;
use crate::wire;
use crate::zr1::content::ManifestHint;

/// `DataMessage.flags`: this message only announces a timer.
const FLAG_EXPIRATION_TIMER_UPDATE: u32 = 2;
/// `AttachmentPointer.flags`: recorded with the microphone.
const FLAG_VOICE_MESSAGE: u32 = 1;

impl From<&Content> for wire::Content {
    fn from(content: &Content) -> Self {
        let mut out = Self { sig_timestamp: content.sent_ms, ..Self::default() };
        if let Some(Expiration { kind, seconds }) = content.expiration {
            out.expiration_type = Some(match kind {
                ExpirationKind::Off => 0,
                ExpirationKind::AfterRead => 1,
                ExpirationKind::AfterSend => 2,
            });
            out.expiration_timer = Some(seconds);
        }
        out.manifest_hint =
            content.hint.map(|hint| wire::ManifestHint { seq: Some(hint.seq), hash: Some(hint.hash.to_vec()) });
        match &content.body {
            Payload::Data(data) => out.data_message = Some(data.into()),
            Payload::Receipt { kind, timestamps } => {
                let kind = match kind {
                    ReceiptKind::Delivery => 0,
                    ReceiptKind::Read => 1,
                };
                out.receipt_message = Some(wire::ReceiptMessage { r#type: Some(kind), timestamp: timestamps.clone() });
            }
            Payload::Typing { timestamp, started } => {
                let action = i32::from(!started);
                out.typing_message = Some(wire::TypingMessage { timestamp: Some(*timestamp), action: Some(action) });
            }
            Payload::Unsend { timestamp, author } => {
                let author = Some(author.to_string());
                out.unsend_request = Some(wire::UnsendRequest { timestamp: Some(*timestamp), author });
            }
            Payload::RequestResponse { approved, profile } => {
                out.request_response = Some(wire::MessageRequestResponse {
                    is_approved: Some(*approved),
                    profile_key: picture_key_of(profile.as_ref()),
                    profile: profile.as_ref().map(Into::into),
                });
            }
            Payload::DataExtraction { kind, timestamp } => {
                let kind = match kind {
                    ExtractionKind::Screenshot => 1,
                    ExtractionKind::MediaSaved => 2,
                };
                out.data_extraction =
                    Some(wire::DataExtractionNotification { r#type: Some(kind), timestamp: *timestamp });
            }
            Payload::Call(call) => out.call_message = Some(call.into()),
            Payload::Other => {}
        }
        out
    }
}

impl TryFrom<wire::Content> for Content {
    type Error = ContentError;

    fn try_from(wire: wire::Content) -> Result<Self, ContentError> {
        let kind = wire.expiration_type.and_then(expiration_kind);
        let expiration = (kind.is_some() || wire.expiration_timer.is_some()).then(|| Expiration {
            kind: kind.unwrap_or(ExpirationKind::Off),
            seconds: wire.expiration_timer.unwrap_or_default(),
        });
        let hint = wire
            .manifest_hint
            .as_ref()
            .and_then(|hint| ManifestHint::new(hint.seq?, hint.hash.as_deref()?.try_into().ok()?));
        Ok(Self { sent_ms: wire.sig_timestamp, expiration, hint, body: payload(wire)? })
    }
}

/// The first payload present in the order of the official desktop client; senders set only one.
fn payload(wire: wire::Content) -> Result<Payload, ContentError> {
    if let Some(data) = wire.data_message {
        return if data.group_update.is_some() { Ok(Payload::Other) } else { data.try_into().map(Payload::Data) };
    }
    if let Some(receipt) = wire.receipt_message {
        let kind = match receipt.r#type {
            Some(0) => ReceiptKind::Delivery,
            Some(1) => ReceiptKind::Read,
            _ => return Err(ContentError::Missing("receiptMessage.type")),
        };
        return Ok(Payload::Receipt { kind, timestamps: receipt.timestamp });
    }
    if let Some(typing) = wire.typing_message {
        let started = match typing.action {
            Some(0) => true,
            Some(1) => false,
            _ => return Err(ContentError::Missing("typingMessage.action")),
        };
        let timestamp = typing.timestamp.ok_or(ContentError::Missing("typingMessage.timestamp"))?;
        return Ok(Payload::Typing { timestamp, started });
    }
    if let Some(extraction) = wire.data_extraction {
        let kind = match extraction.r#type {
            Some(1) => ExtractionKind::Screenshot,
            Some(2) => ExtractionKind::MediaSaved,
            _ => return Err(ContentError::Missing("dataExtractionNotification.type")),
        };
        return Ok(Payload::DataExtraction { kind, timestamp: extraction.timestamp });
    }
    if let Some(unsend) = wire.unsend_request {
        let timestamp = unsend.timestamp.ok_or(ContentError::Missing("unsendRequest.timestamp"))?;
        let author = unsend.author.ok_or(ContentError::Missing("unsendRequest.author"))?;
        let author = AccountId::parse(&author).map_err(|_| ContentError::Invalid("unsendRequest.author"))?;
        return Ok(Payload::Unsend { timestamp, author });
    }
    if let Some(call) = wire.call_message {
        return call.try_into().map(Payload::Call);
    }
    if let Some(response) = wire.request_response {
        let approved = response.is_approved.ok_or(ContentError::Missing("messageRequestResponse.isApproved"))?;
        let profile = profile(response.profile, response.profile_key);
        return Ok(Payload::RequestResponse { approved, profile });
    }
    Ok(Payload::Other)
}

impl From<&DataMessage> for wire::DataMessage {
    fn from(data: &DataMessage) -> Self {
        Self {
            body: data.body.clone(),
            attachments: data.attachments.iter().map(Into::into).collect(),
            flags: (data.flags == DataFlags::ExpirationTimerUpdate).then_some(FLAG_EXPIRATION_TIMER_UPDATE),
            profile_key: picture_key_of(data.profile.as_ref()),
            quote: data
                .quote
                .as_ref()
                .map(|quote| wire::Quote { id: Some(quote.sent_ms), author: Some(quote.author.to_string()) }),
            reaction: data.reaction.as_ref().map(|reaction| wire::Reaction {
                id: Some(reaction.sent_ms),
                author: Some(reaction.author.to_string()),
                emoji: Some(reaction.emoji.clone()),
                action: Some(i32::from(reaction.remove)),
            }),
            profile: data.profile.as_ref().map(Into::into),
            community_invitation: data.invitation.as_ref().map(|invitation| wire::CommunityInvitation {
                url: Some(invitation.url.clone()),
                name: Some(invitation.name.clone()),
            }),
            sync_target: data.sync_target.as_ref().map(ToString::to_string),
            group_update: None,
        }
    }
}

impl TryFrom<wire::DataMessage> for DataMessage {
    type Error = ContentError;

    fn try_from(wire: wire::DataMessage) -> Result<Self, ContentError> {
        if wire.attachments.len() > MAX_ATTACHMENTS {
            return Err(ContentError::Invalid("dataMessage.attachments"));
        }
        let flags = match wire.flags {
            None | Some(0) => DataFlags::None,
            Some(FLAG_EXPIRATION_TIMER_UPDATE) => DataFlags::ExpirationTimerUpdate,
            Some(_) => return Err(ContentError::Invalid("dataMessage.flags")),
        };
        let sync_target = match wire.sync_target {
            Some(target) => {
                Some(AccountId::parse(&target).map_err(|_| ContentError::Invalid("dataMessage.syncTarget"))?)
            }
            None => None,
        };
        Ok(Self {
            body: wire.body,
            quote: wire.quote.map(quote).transpose()?.flatten(),
            reaction: wire.reaction.map(TryInto::try_into).transpose()?,
            profile: profile(wire.profile, wire.profile_key),
            sync_target,
            flags,
            attachments: wire.attachments.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            invitation: wire.community_invitation.map(TryInto::try_into).transpose()?,
        })
    }
}

/// A quote whose author is no user account (a community's blinded id) is left out; the message stands without it.
fn quote(wire: wire::Quote) -> Result<Option<Quote>, ContentError> {
    let sent_ms = wire.id.ok_or(ContentError::Missing("quote.id"))?;
    let author = wire.author.ok_or(ContentError::Missing("quote.author"))?;
    Ok(AccountId::parse(&author).ok().map(|author| Quote { sent_ms, author }))
}

impl TryFrom<wire::Reaction> for Reaction {
    type Error = ContentError;

    fn try_from(wire: wire::Reaction) -> Result<Self, ContentError> {
        let remove = match wire.action {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(ContentError::Missing("reaction.action")),
        };
        let author = wire.author.ok_or(ContentError::Missing("reaction.author"))?;
        Ok(Self {
            sent_ms: wire.id.ok_or(ContentError::Missing("reaction.id"))?,
            author: AccountId::parse(&author).map_err(|_| ContentError::Invalid("reaction.author"))?,
            emoji: wire.emoji.unwrap_or_default(),
            remove,
        })
    }
}

impl From<&Profile> for wire::Profile {
    fn from(profile: &Profile) -> Self {
        Self {
            display_name: profile.display_name.as_deref().map(|name| cut(name, MAX_DISPLAY_NAME).to_owned()),
            picture: profile.picture_url.clone().filter(|url| url.len() <= MAX_PICTURE_URL),
            last_update_seconds: profile.updated_s,
        }
    }
}

/// The profile, whose picture key travels beside it. A key of a wrong length counts as absent.
fn profile(wire: Option<wire::Profile>, key: Option<Vec<u8>>) -> Option<Profile> {
    let wire = wire?;
    Some(Profile {
        display_name: wire.display_name.map(|name| cut(&name, MAX_DISPLAY_NAME).to_owned()),
        picture_url: wire.picture.filter(|url| url.len() <= MAX_PICTURE_URL),
        picture_key: key.and_then(|key| key.try_into().ok()),
        updated_s: wire.last_update_seconds,
    })
}

fn picture_key_of(profile: Option<&Profile>) -> Option<Vec<u8>> {
    profile?.picture_key.map(Vec::from)
}

/// The longest start of `text` that has at most `max` bytes and whole characters.
fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

impl From<&Attachment> for wire::AttachmentPointer {
    fn from(attachment: &Attachment) -> Self {
        Self {
            id: Some(attachment.id),
            content_type: attachment.content_type.clone(),
            key: attachment.key.clone(),
            size: attachment.size,
            digest: attachment.digest.clone(),
            file_name: attachment.file_name.clone(),
            flags: attachment.voice_message.then_some(FLAG_VOICE_MESSAGE),
            width: attachment.width,
            height: attachment.height,
            caption: attachment.caption.clone(),
            url: attachment.url.clone(),
        }
    }
}

impl TryFrom<wire::AttachmentPointer> for Attachment {
    type Error = ContentError;

    fn try_from(wire: wire::AttachmentPointer) -> Result<Self, ContentError> {
        Ok(Self {
            id: wire.id.ok_or(ContentError::Missing("attachment.id"))?,
            content_type: wire.content_type,
            key: wire.key,
            size: wire.size,
            digest: wire.digest,
            file_name: wire.file_name,
            voice_message: wire.flags.is_some_and(|flags| flags & FLAG_VOICE_MESSAGE != 0),
            width: wire.width,
            height: wire.height,
            caption: wire.caption,
            url: wire.url,
        })
    }
}

impl TryFrom<wire::CommunityInvitation> for CommunityInvitation {
    type Error = ContentError;

    fn try_from(wire: wire::CommunityInvitation) -> Result<Self, ContentError> {
        Ok(Self {
            url: wire.url.ok_or(ContentError::Missing("openGroupInvitation.url"))?,
            name: wire.name.ok_or(ContentError::Missing("openGroupInvitation.name"))?,
        })
    }
}

impl From<&CallMessage> for wire::CallMessage {
    fn from(call: &CallMessage) -> Self {
        Self {
            r#type: Some(match call.kind {
                CallKind::Offer => 1,
                CallKind::Answer => 2,
                CallKind::ProvisionalAnswer => 3,
                CallKind::IceCandidates => 4,
                CallKind::EndCall => 5,
                CallKind::PreOffer => 6,
            }),
            sdps: call.sdps.clone(),
            sdp_m_line_indexes: call.sdp_m_line_indexes.clone(),
            sdp_mids: call.sdp_mids.clone(),
            uuid: Some(call.uuid.clone()),
        }
    }
}

impl TryFrom<wire::CallMessage> for CallMessage {
    type Error = ContentError;

    fn try_from(wire: wire::CallMessage) -> Result<Self, ContentError> {
        let kind = match wire.r#type {
            Some(1) => CallKind::Offer,
            Some(2) => CallKind::Answer,
            Some(3) => CallKind::ProvisionalAnswer,
            Some(4) => CallKind::IceCandidates,
            Some(5) => CallKind::EndCall,
            Some(6) => CallKind::PreOffer,
            _ => return Err(ContentError::Missing("callMessage.type")),
        };
        Ok(Self {
            kind,
            sdps: wire.sdps,
            sdp_m_line_indexes: wire.sdp_m_line_indexes,
            sdp_mids: wire.sdp_mids,
            uuid: wire.uuid.ok_or(ContentError::Missing("callMessage.uuid"))?,
        })
    }
}

fn expiration_kind(value: i32) -> Option<ExpirationKind> {
    match value {
        0 => Some(ExpirationKind::Off),
        1 => Some(ExpirationKind::AfterRead),
        2 => Some(ExpirationKind::AfterSend),
        _ => None,
    }
}
