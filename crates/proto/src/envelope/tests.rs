//! Stored messages from padding to sealed box against vectors, and everything a recipient must refuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use base64ct::{Base64, Encoding};
use serde_json::Value;
use zwiebel_crypto::hash::{blake2b_keyed, sha256, sha512};
use zwiebel_crypto::keys::X25519Secret;

use super::*;
use crate::content::{DataMessage, Expiration, ExtractionKind, Profile, ReceiptKind};
use crate::testing::{Vector, alice, bob, messages, rng};

const T: u64 = 1_767_225_600_123;

fn visible(body: &str) -> DataMessage {
    DataMessage { body: Some(body.to_owned()), ..DataMessage::default() }
}

/// The content of the whole-chain vector.
fn chain_content() -> Content {
    let profile =
        Profile { display_name: Some("Alice".to_owned()), updated_s: Some(1_760_000_000), ..Profile::default() };
    let data = DataMessage { profile: Some(profile), ..visible("Hello from Zwiebel") };
    Content::new(T, Payload::Data(data)).with_expiration(Expiration::OFF)
}

/// Alice's signed and sealed chain content, with the vector's ephemeral key.
fn chain_sealed(vector: &Value) -> Vec<u8> {
    let padded = padding::pad(&content::encode(&chain_content()));
    let inner = sign(alice().ed25519(), &bob().id().key(), &padded);
    seal::seal_with_ephemeral(vector["ephemeral_sk_hex"].x25519_secret(), &bob().id().key(), &inner).unwrap()
}

/// Stored bytes around any inner bytes, valid but for what the caller made wrong.
fn sealed_for_bob(inner: &[u8], timestamp: u64) -> Vec<u8> {
    wrap(&envelope(timestamp, seal::seal(&bob().id().key(), inner, &mut rng()).unwrap(), None))
}

fn sent(from: &Account, to: &Account, content: &Content) -> Vec<u8> {
    seal_message(from, &to.id(), content, &mut rng()).unwrap()
}

#[test]
fn deterministic_sealing_agrees() {
    let vector = &messages()["deterministic_sealing"];
    let message = vector["message_utf8"].text().as_bytes();
    let to = bob().id().key();
    let seed: [u8; 32] = blake2b_keyed(b"SessionBoxEphemeralHashKey", &[alice().ed25519().seed(), &to.0, message]);
    assert_eq!(seed, vector["ephemeral_seed_hex"].array());
    let secret = X25519Secret::from_bytes(*sha512(&seed).first_chunk().unwrap());

    let inner = sign(alice().ed25519(), &to, message);
    assert_eq!(inner.last_chunk::<64>().unwrap(), &vector["signature_hex"].array());
    let sealed = seal::seal_with_ephemeral(secret, &to, &inner).unwrap();
    assert_eq!(hex::encode(&sealed), vector["sealed_hex"].text());
    let opened = seal::open(bob().x25519(), &sealed).unwrap();
    assert_eq!(verify(&bob().id(), &opened), Ok((alice().id(), message)));
}

#[test]
fn the_whole_chain_agrees() {
    let vector = &messages()["full_chain"];
    assert_eq!(hex::encode(content::encode(&chain_content())), vector["content_hex"].text());
    let sealed = chain_sealed(vector);
    assert_eq!(sealed.first_chunk::<32>().unwrap(), &vector["ephemeral_pk_hex"].array());
    assert_eq!(hex::encode(sha256(&sealed)), vector["sealed_sha256"].text());
    let envelope = envelope(T, sealed, None);
    let bytes = envelope.encode_to_vec();
    assert_eq!(bytes.len() as u64, vector["envelope_len"]);
    assert!(bytes.starts_with(&vector["envelope_start_hex"].bytes()));
    let data = wrap(&envelope);
    assert_eq!(data.len() as u64, vector["websocket_len"]);
    assert!(data.starts_with(&vector["websocket_start_hex"].bytes()));
    assert_eq!(hex::encode(sha256(&data)), vector["websocket_sha256"].text());
    assert_eq!(Base64::encode_string(&data), vector["data_b64"].text());
}

#[test]
fn the_stored_string_opens() {
    let vectors = messages();
    let data = Base64::decode_vec(vectors["full_chain"]["data_b64"].text()).unwrap();
    let expected = Opened { sender: alice().id(), content: chain_content(), sent_ms: T };
    assert_eq!(open_message(&bob(), &data), Ok(expected));
    assert_eq!(open_message(&alice(), &data), Err(OpenMessageError::Sealed));
}

#[test]
fn device_number_and_pro_signature_agree() {
    let vector = &messages()["full_chain"];
    let sealed = chain_sealed(vector);
    let vector = &vector["with_device_and_pro_signature"];
    let signature = Ed25519Secret::from_seed(vector["signer_seed_hex"].array()).sign(&sealed);
    assert_eq!(signature, vector["signature_hex"].array());
    let envelope = wire::Envelope { source_device: Some(1), ..envelope(T, sealed, Some(&signature)) };
    let bytes = envelope.encode_to_vec();
    assert_eq!(bytes.len() as u64, vector["envelope_len"]);
    assert_eq!(hex::encode(sha256(&bytes)), vector["envelope_sha256"].text());
    assert_eq!(open_message(&bob(), &wrap(&envelope)).unwrap().sender, alice().id());
}

#[test]
fn what_is_sent_arrives() {
    let content = chain_content();
    let data = sent(&alice(), &bob(), &content);
    assert_eq!(data.len(), 330 + 66, "with a decoy signature"); // tag, length and 64 bytes
    assert_eq!(open_message(&bob(), &data), Ok(Opened { sender: alice().id(), content, sent_ms: T }));
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let long = Content::new(T, Payload::Data(visible(&"x".repeat(MAX_MESSAGE))));
    let timeless = Content { sent_ms: None, ..chain_content() };
    let nobody = AccountId::from_key(X25519Public([0; 32]));
    let refused = |to: &AccountId, content: &Content| seal_message(&alice(), to, content, &mut rng()).err();
    assert_eq!(refused(&bob().id(), &long), Some(SealError::TooLong));
    assert_eq!(refused(&bob().id(), &timeless), Some(SealError::NoTimestamp));
    assert_eq!(refused(&nobody, &chain_content()), Some(SealError::WeakKey));
}

#[test]
fn a_message_cannot_be_passed_on_in_the_senders_name() {
    let padded = padding::pad(&content::encode(&chain_content()));
    // Signed for Alice herself, then sealed for Bob by whoever got hold of it.
    let inner = sign(alice().ed25519(), &alice().id().key(), &padded);
    assert_eq!(open_message(&bob(), &sealed_for_bob(&inner, T)), Err(OpenMessageError::Signature));
}

#[test]
fn a_changed_message_or_sender_is_refused() {
    let padded = padding::pad(&content::encode(&chain_content()));
    let inner = sign(alice().ed25519(), &bob().id().key(), &padded);
    for position in [0, padded.len() - 1, padded.len(), inner.len() - 64, inner.len() - 1] {
        let mut changed = inner.clone();
        changed[position] ^= 1;
        assert_eq!(open_message(&bob(), &sealed_for_bob(&changed, T)), Err(OpenMessageError::Signature));
    }
}

#[test]
fn times_must_agree() {
    let sign_for_bob =
        |content: &Content| sign(alice().ed25519(), &bob().id().key(), &padding::pad(&content::encode(content)));
    let inner = sign_for_bob(&chain_content());
    assert_eq!(open_message(&bob(), &sealed_for_bob(&inner, T + 1)), Err(OpenMessageError::Timestamp));
    // Without a time inside, the envelope's counts.
    let inner = sign_for_bob(&Content { sent_ms: None, ..chain_content() });
    let opened = open_message(&bob(), &sealed_for_bob(&inner, T + 1)).unwrap();
    assert_eq!((opened.sent_ms, opened.content.sent_ms), (T + 1, None));

    let typing = Content::new(T, Payload::Typing { timestamp: T + 1, started: true });
    assert_eq!(open_message(&bob(), &sent(&alice(), &bob(), &typing)), Err(OpenMessageError::Timestamp));
}

#[test]
fn sync_copies_come_from_oneself_alone() {
    let copy = DataMessage { sync_target: Some(bob().id()), ..visible("Hi") };
    let copy = Content::new(T, Payload::Data(copy));
    assert_eq!(open_message(&alice(), &sent(&alice(), &alice(), &copy)).unwrap().content, copy);
    assert_eq!(open_message(&bob(), &sent(&alice(), &bob(), &copy)), Err(OpenMessageError::SyncTarget));
}

#[test]
fn some_kinds_never_come_from_oneself() {
    for payload in [
        Payload::Receipt { kind: ReceiptKind::Read, timestamps: vec![1] },
        Payload::Typing { timestamp: T, started: true },
        Payload::DataExtraction { kind: ExtractionKind::MediaSaved, timestamp: None },
    ] {
        let content = Content::new(T, payload);
        let to_self = sent(&alice(), &alice(), &content);
        assert_eq!(open_message(&alice(), &to_self), Err(OpenMessageError::NotFromSelf));
        assert_eq!(open_message(&bob(), &sent(&alice(), &bob(), &content)).unwrap().content, content);
    }
    let unsend = Content::new(T, Payload::Unsend { timestamp: 1, author: alice().id() });
    assert!(open_message(&alice(), &sent(&alice(), &alice(), &unsend)).is_ok());
}

#[test]
fn wrappings_are_checked() {
    use OpenMessageError::{Envelope, Version2};

    let good = || {
        let padded = padding::pad(&content::encode(&chain_content()));
        let inner = sign(alice().ed25519(), &bob().id().key(), &padded);
        envelope(T, seal::seal(&bob().id().key(), &inner, &mut rng()).unwrap(), None)
    };
    let error = |envelope: wire::Envelope| open_message(&bob(), &wrap(&envelope)).err();
    assert_eq!(error(good()), None);
    assert_eq!(error(wire::Envelope { source: Some(String::new()), ..good() }), None);
    assert_eq!(error(wire::Envelope { source: Some(alice().id().to_string()), ..good() }), None);
    assert_eq!(error(wire::Envelope { source_device: Some(1), ..good() }), None);
    assert!(matches!(error(wire::Envelope { source: Some("05".to_owned()), ..good() }), Some(Envelope(_))));
    assert!(matches!(error(wire::Envelope { r#type: Some(7), ..good() }), Some(Envelope(_))));
    assert!(matches!(error(wire::Envelope { r#type: None, ..good() }), Some(Envelope(_))));
    assert!(matches!(error(wire::Envelope { timestamp: None, ..good() }), Some(Envelope(_))));
    assert!(matches!(error(wire::Envelope { content: None, ..good() }), Some(Envelope(_))));
    assert!(matches!(error(wire::Envelope { content: Some(vec![0; 143]), ..good() }), Some(Envelope(_))));
    assert!(matches!(error(wire::Envelope { pro_sig: Some(vec![0; 63]), ..good() }), Some(Envelope(_))));
    assert_eq!(open_message(&bob(), &[0, 1, 2]), Err(Version2));
    assert!(matches!(open_message(&bob(), &vec![1; MAX_MESSAGE + 1]), Err(Envelope(_))));
    assert!(matches!(open_message(&bob(), &[]), Err(Envelope(_))));
}

#[test]
fn signed_nonsense_is_content_error() {
    let inner = sign(alice().ed25519(), &bob().id().key(), &[0xff; 5]);
    assert_eq!(
        open_message(&bob(), &sealed_for_bob(&inner, T)),
        Err(OpenMessageError::Content(ContentError::Protobuf))
    );
}

#[test]
fn the_version_check_identity_agrees() {
    // Not used yet; it proves keyed hashing and signing against other implementations.
    let vector = &messages()["version_check_identity"];
    let identity = |ed_seed: &[u8; 32]| Ed25519Secret::from_seed(blake2b_keyed(b"VersionCheckKey_sig", &[ed_seed]));
    let secret = identity(&vector["ed_seed_hex"].array());
    assert_eq!(secret.public(), vector["public_hex"].ed25519());
    let signature = secret.sign(vector["message_utf8"].text().as_bytes());
    assert!(signature.starts_with(&vector["signature_start_hex"].bytes()));
    let id = format!("07{}", hex::encode(identity(alice().ed25519().seed()).public().0));
    assert_eq!(id, vector["alice_id"].text());
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_quietly(bytes: Vec<u8>) {
            prop_assert!(open_message(&bob(), &bytes).is_err());
        }

        #[test]
        fn a_changed_byte_never_changes_the_message(position in 0_usize..396, flip in 1_u8..) {
            let mut data = sent(&alice(), &bob(), &chain_content());
            data[position] ^= flip;
            if let Ok(opened) = open_message(&bob(), &data) {
                prop_assert_eq!(opened.sender, alice().id());
                prop_assert_eq!(opened.content, chain_content());
            }
        }
    }
}
