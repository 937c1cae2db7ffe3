//! Contents of messages: the table of encodings, limits, what is unknown or missing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::testing::{Vector, alice, bob, messages};

const T: u64 = 1_767_225_600_123;
const REFERENCED: u64 = 1_767_225_500_001;

/// What each entry of the table says, in the table's order.
fn table() -> Vec<Content> {
    let off = Expiration::OFF;
    let data = |data: DataMessage| Content::new(T, Payload::Data(data));
    vec![
        Content::new(T, Payload::Typing { timestamp: T, started: true }),
        Content::new(T, Payload::Typing { timestamp: T, started: false }),
        Content::new(T, Payload::Receipt { kind: ReceiptKind::Read, timestamps: vec![REFERENCED, REFERENCED + 1] }),
        Content::new(T, Payload::Unsend { timestamp: REFERENCED, author: alice().id() }),
        Content::new(
            T,
            Payload::RequestResponse {
                approved: true,
                profile: Some(Profile { display_name: Some("Bob".to_owned()), ..Profile::default() }),
            },
        ),
        data(DataMessage {
            reaction: Some(Reaction {
                sent_ms: REFERENCED,
                author: bob().id(),
                emoji: "\u{1f44d}".to_owned(),
                remove: false,
            }),
            ..DataMessage::default()
        })
        .with_expiration(off),
        data(DataMessage {
            flags: DataFlags::ExpirationTimerUpdate,
            sync_target: Some(bob().id()),
            ..DataMessage::default()
        })
        .with_expiration(Expiration { kind: ExpirationKind::AfterSend, seconds: 86_400 }),
        Content::new(T, Payload::DataExtraction { kind: ExtractionKind::MediaSaved, timestamp: Some(REFERENCED) })
            .with_expiration(off),
        Content::new(
            T,
            Payload::Call(CallMessage {
                kind: CallKind::PreOffer,
                sdps: Vec::new(),
                sdp_m_line_indexes: Vec::new(),
                sdp_mids: Vec::new(),
                uuid: "5f0f5f6e-1d3c-4b7e-9d55-0a1b2c3d4e5f".to_owned(),
            }),
        )
        .with_expiration(off),
    ]
}

#[test]
fn encodings_are_those_of_the_table() {
    let vectors = messages();
    let cases = vectors["contents"]["cases"].list();
    let table = table();
    assert_eq!(cases.len(), table.len());
    for (case, content) in cases.iter().zip(table) {
        let bytes = case["content_hex"].bytes();
        assert_eq!(decode(&bytes).as_ref(), Ok(&content), "{}", case["payload"]);
        assert_eq!(hex::encode(encode(&content)), case["content_hex"].text(), "{}", case["payload"]);
    }
}

#[test]
fn everything_of_a_message_survives() {
    let content = Content::new(
        T,
        Payload::Data(DataMessage {
            body: Some("Grüße \u{1f9c5}".to_owned()),
            quote: Some(Quote { sent_ms: REFERENCED, author: bob().id() }),
            reaction: None,
            profile: Some(Profile {
                display_name: Some("Alice".to_owned()),
                picture_url: Some("http://filev2.getsession.org/file/1".to_owned()),
                picture_key: Some([7; 32]),
                updated_s: Some(1_760_000_000),
            }),
            sync_target: Some(alice().id()),
            flags: DataFlags::None,
            attachments: vec![Attachment {
                id: 1,
                content_type: Some("image/png".to_owned()),
                key: Some(vec![1; 64]),
                size: Some(5),
                digest: Some(vec![2; 32]),
                file_name: Some("a.png".to_owned()),
                voice_message: true,
                width: Some(3),
                height: Some(4),
                caption: Some("caption".to_owned()),
                url: Some("http://filev2.getsession.org/file/1".to_owned()),
            }],
            invitation: Some(CommunityInvitation { url: "https://example.net/x".to_owned(), name: "X".to_owned() }),
        }),
    )
    .with_expiration(Expiration { kind: ExpirationKind::AfterRead, seconds: 60 });
    assert_eq!(decode(&encode(&content)), Ok(content));
}

#[test]
fn what_nobody_knows_is_ignored() {
    // Field 30 of varint, field 31 of bytes, then a body and the time.
    let bytes = hex::decode("f00101fa0102aabb0a040a02486978fbd0eab6b733").unwrap();
    let Content { sent_ms, body, expiration, .. } = decode(&bytes).unwrap();
    assert_eq!((sent_ms, expiration), (Some(T), None));
    let Payload::Data(data) = body else { panic!("a visible message") };
    assert_eq!(data.body.as_deref(), Some("Hi"));

    assert_eq!(decode(&[]).unwrap().body, Payload::Other);
    assert_eq!(decode(&hex::decode("3a0078fbd0eab6b733").unwrap()).unwrap().body, Payload::Other);
}

#[test]
fn group_updates_are_not_ours() {
    // dataMessage { body "Hi", groupUpdateMessage {} }
    let bytes = hex::decode("0a070a024869c20700").unwrap();
    assert_eq!(decode(&bytes).unwrap().body, Payload::Other);
}

#[test]
fn required_fields_are_required_and_enums_closed() {
    for (hex, expected) in [
        ("2a00", ContentError::Missing("receiptMessage.type")),
        ("2a020807", ContentError::Missing("receiptMessage.type")),
        ("32021000", ContentError::Missing("typingMessage.timestamp")),
        ("32020801", ContentError::Missing("typingMessage.action")),
        ("320408011002", ContentError::Missing("typingMessage.action")),
        ("4a020801", ContentError::Missing("unsendRequest.author")),
        ("4a0508011201ff", ContentError::Protobuf),
        ("4a050801120130", ContentError::Invalid("unsendRequest.author")),
        ("5200", ContentError::Missing("messageRequestResponse.isApproved")),
        ("4200", ContentError::Missing("dataExtractionNotification.type")),
        ("1a020801", ContentError::Missing("callMessage.uuid")),
        ("0a022001", ContentError::Invalid("dataMessage.flags")),
        ("0a024200", ContentError::Missing("quote.id")),
        ("0a025a00", ContentError::Missing("reaction.action")),
        ("0a021200", ContentError::Missing("attachment.id")),
        ("0a02", ContentError::Protobuf),
        ("ff", ContentError::Protobuf),
    ] {
        assert_eq!(decode(&hex::decode(hex).unwrap()).err(), Some(expected), "{hex}");
    }
    // An unknown expiration type is an absent one.
    assert_eq!(decode(&hex::decode("6009").unwrap()).unwrap().expiration, None);
    assert_eq!(decode(&hex::decode("60096800").unwrap()).unwrap().expiration, Some(Expiration::OFF));
}

#[test]
fn limits_hold() {
    assert_eq!(decode(&vec![0; MAX_CONTENT + 1]), Err(ContentError::TooLong));

    let profile = Profile {
        display_name: Some("ü".repeat(51)),
        picture_url: Some("x".repeat(MAX_PICTURE_URL + 1)),
        ..Profile::default()
    };
    let content = Content::new(T, Payload::RequestResponse { approved: true, profile: Some(profile) });
    let Payload::RequestResponse { profile: Some(profile), .. } = decode(&encode(&content)).unwrap().body else {
        panic!("a response with a profile")
    };
    assert_eq!(profile.display_name, Some("ü".repeat(50)));
    assert_eq!(profile.picture_url, None);

    let attachments = vec![Attachment::default(); MAX_ATTACHMENTS + 1];
    let content = Content::new(T, Payload::Data(DataMessage { attachments, ..DataMessage::default() }));
    assert_eq!(decode(&encode(&content)), Err(ContentError::Invalid("dataMessage.attachments")));
}

#[test]
fn nothing_said_is_printed() {
    let content = table().remove(5);
    let printed = format!("{content:?}");
    assert!(printed.contains("Data(..)") && !printed.contains('\u{1f44d}'), "{printed}");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_quietly(bytes: Vec<u8>) {
            if let Ok(content) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(&content)), Ok(content));
            }
        }

        #[test]
        fn every_text_survives(body: String, sent_ms: u64, seconds: u32) {
            let data = DataMessage { body: Some(body), ..DataMessage::default() };
            let content = Content::new(sent_ms, Payload::Data(data))
                .with_expiration(Expiration { kind: ExpirationKind::AfterSend, seconds });
            prop_assert_eq!(decode(&encode(&content)), Ok(content));
        }
    }
}
