//! The protobuf messages (session-messages 3), as they are on the wire. They never leave this crate.
//!
//! proto2: every field is optional or repeated here, and what is required is checked in the conversion to domain
//! types. Closed enums are plain `int32` here; an unknown value counts as absent there. Fields nobody reads are left
//! out: unknown fields are ignored.

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WebSocketMessage {
    #[prost(int32, optional, tag = "1")]
    pub(crate) r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub(crate) request: Option<WebSocketRequest>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct WebSocketRequest {
    #[prost(string, optional, tag = "1")]
    pub(crate) verb: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) path: Option<String>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) body: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "4")]
    pub(crate) request_id: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Envelope {
    #[prost(int32, optional, tag = "1")]
    pub(crate) r#type: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub(crate) source: Option<String>,
    #[prost(uint64, optional, tag = "5")]
    pub(crate) timestamp: Option<u64>,
    #[prost(uint32, optional, tag = "7")]
    pub(crate) source_device: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) content: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "11")]
    pub(crate) pro_sig: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Content {
    #[prost(message, optional, tag = "1")]
    pub(crate) data_message: Option<DataMessage>,
    #[prost(message, optional, tag = "3")]
    pub(crate) call_message: Option<CallMessage>,
    #[prost(message, optional, tag = "5")]
    pub(crate) receipt_message: Option<ReceiptMessage>,
    #[prost(message, optional, tag = "6")]
    pub(crate) typing_message: Option<TypingMessage>,
    #[prost(message, optional, tag = "8")]
    pub(crate) data_extraction: Option<DataExtractionNotification>,
    #[prost(message, optional, tag = "9")]
    pub(crate) unsend_request: Option<UnsendRequest>,
    #[prost(message, optional, tag = "10")]
    pub(crate) request_response: Option<MessageRequestResponse>,
    #[prost(int32, optional, tag = "12")]
    pub(crate) expiration_type: Option<i32>,
    #[prost(uint32, optional, tag = "13")]
    pub(crate) expiration_timer: Option<u32>,
    #[prost(uint64, optional, tag = "15")]
    pub(crate) sig_timestamp: Option<u64>,
    /// Ours; unknown to others.
    #[prost(message, optional, tag = "2001")]
    pub(crate) manifest_hint: Option<ManifestHint>,
}

/// The sender's list of devices (forward-secrecy 3.5).
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ManifestHint {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) seq: Option<u64>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) hash: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReceiptMessage {
    #[prost(int32, optional, tag = "1")]
    pub(crate) r#type: Option<i32>,
    #[prost(uint64, repeated, packed = "false", tag = "2")]
    pub(crate) timestamp: Vec<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct TypingMessage {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) timestamp: Option<u64>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) action: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UnsendRequest {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) timestamp: Option<u64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) author: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct MessageRequestResponse {
    #[prost(bool, optional, tag = "1")]
    pub(crate) is_approved: Option<bool>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(crate) profile_key: Option<Vec<u8>>,
    #[prost(message, optional, tag = "3")]
    pub(crate) profile: Option<Profile>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DataExtractionNotification {
    #[prost(int32, optional, tag = "1")]
    pub(crate) r#type: Option<i32>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) timestamp: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CallMessage {
    #[prost(int32, optional, tag = "1")]
    pub(crate) r#type: Option<i32>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) sdps: Vec<String>,
    #[prost(uint32, repeated, packed = "false", tag = "3")]
    pub(crate) sdp_m_line_indexes: Vec<u32>,
    #[prost(string, repeated, tag = "4")]
    pub(crate) sdp_mids: Vec<String>,
    #[prost(string, optional, tag = "5")]
    pub(crate) uuid: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Profile {
    #[prost(string, optional, tag = "1")]
    pub(crate) display_name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) picture: Option<String>,
    #[prost(uint64, optional, tag = "3")]
    pub(crate) last_update_seconds: Option<u64>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct DataMessage {
    #[prost(string, optional, tag = "1")]
    pub(crate) body: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) attachments: Vec<AttachmentPointer>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) flags: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "6")]
    pub(crate) profile_key: Option<Vec<u8>>,
    #[prost(message, optional, tag = "8")]
    pub(crate) quote: Option<Quote>,
    #[prost(message, optional, tag = "11")]
    pub(crate) reaction: Option<Reaction>,
    #[prost(message, optional, tag = "101")]
    pub(crate) profile: Option<Profile>,
    #[prost(message, optional, tag = "102")]
    pub(crate) community_invitation: Option<CommunityInvitation>,
    #[prost(string, optional, tag = "105")]
    pub(crate) sync_target: Option<String>,
    /// Not read: its presence alone makes the message one that belongs to groups.
    #[prost(bytes = "vec", optional, tag = "120")]
    pub(crate) group_update: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Quote {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) id: Option<u64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) author: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Reaction {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) id: Option<u64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) author: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) emoji: Option<String>,
    #[prost(int32, optional, tag = "4")]
    pub(crate) action: Option<i32>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CommunityInvitation {
    #[prost(string, optional, tag = "1")]
    pub(crate) url: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(crate) name: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct AttachmentPointer {
    #[prost(fixed64, optional, tag = "1")]
    pub(crate) id: Option<u64>,
    #[prost(string, optional, tag = "2")]
    pub(crate) content_type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(crate) key: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "4")]
    pub(crate) size: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "6")]
    pub(crate) digest: Option<Vec<u8>>,
    #[prost(string, optional, tag = "7")]
    pub(crate) file_name: Option<String>,
    #[prost(uint32, optional, tag = "8")]
    pub(crate) flags: Option<u32>,
    #[prost(uint32, optional, tag = "9")]
    pub(crate) width: Option<u32>,
    #[prost(uint32, optional, tag = "10")]
    pub(crate) height: Option<u32>,
    #[prost(string, optional, tag = "11")]
    pub(crate) caption: Option<String>,
    #[prost(string, optional, tag = "101")]
    pub(crate) url: Option<String>,
}
