//! Tests of the small formats: witness, sticky set, link request and code, safety number, content.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::ratchet::ContainerId;
use zwiebel_crypto::secret::Secret;

use super::super::BlobError;
use super::super::bundle::{self, BundleFacts};
use super::super::content::{self, ContentKind, Hello, ManifestHint, Message, MessageId};
use super::super::link::{self, LinkCode, LinkRequest, LinkToken};
use super::super::mailbox::{MAX_BLOB, Mailbox, bundle_namespace};
use super::super::manifest::DeviceEntry;
use super::super::safety::{SafetyCode, safety_number};
use super::super::sticky::{MAX_ENTRIES, StickyEntry, StickySet, StickyState};
use super::super::tests::Mail as _;
use super::super::witness::{self, WITNESS_LEN, Witness};
use super::*;
use crate::account::Account;

fn rng() -> StdRng {
    StdRng::seed_from_u64(11)
}

pub(super) fn entry(side: &Side) -> DeviceEntry {
    DeviceEntry {
        slot: 0,
        says_endorsed: false,
        caps: 0,
        added_at_ms: ADDED_AT,
        public: side.device.public(),
        endorser: DeviceId([0; 16]),
        endorsement: [0; 64],
    }
}

#[test]
fn namespaces() {
    let bundles: Vec<_> = (0..9).map(bundle_namespace).collect();
    for (slot, namespace) in (0..8_i16).zip(&bundles) {
        assert_eq!(*namespace, Some(-6_021 - 20 * slot));
        assert_eq!(namespace.unwrap() % 20, -1, "a public outbox");
    }
    assert_eq!(bundles[8], None);
    assert_eq!(Mailbox::OwnDevices.kind(), Kind::Own);
    assert_eq!(Mailbox::Others.origin(), Origin::Public);
}

#[test]
fn a_witness_opens_for_its_device_only() {
    let (a, b) = (Side::a(), Side::b());
    let said = Witness { incarnation: 3, nonce: [9; 16] };
    let blob = witness::seal(&a.device, &said, &mut rng());
    assert_eq!(blob.len(), WITNESS_LEN);
    assert_eq!(witness::open(&a.device, &blob), Some(said));
    assert_eq!(witness::open(&b.device, &blob), None);
    for at in 0..blob.len() {
        let mut bad = blob.clone();
        bad[at] ^= 1;
        // Three bytes are reserved: ignored on receive.
        assert_eq!(witness::open(&a.device, &bad).is_some(), (5..8).contains(&at), "byte {at}");
    }
    assert_eq!(witness::open(&a.device, &blob[..103]), None);
}

#[test]
fn the_sticky_set_comes_back() {
    let a = Side::a();
    let mut set = StickySet::default();
    let entry = StickyEntry { state: StickyState::ForwardSecret, verified: true, since_ms: 77 };
    set.set(&Side::b().id(), entry);
    let blob = set.seal(&a.account, &mut rng());
    assert_eq!(blob.len(), 8 + 24 + 1_024 + 16);
    let opened = StickySet::open(&a.account, &blob).unwrap();
    assert_eq!(opened.of(&Side::b().id()), Some(&entry));
    assert_eq!(opened.of(&a.id()), None);
    assert_eq!(StickySet::open(&Side::b().account, &blob).unwrap_err(), BlobError::Signature);
    for cut in [0, 4, 7, 31, blob.len() - 1] {
        assert!(StickySet::open(&a.account, &blob[..cut]).is_err());
    }
}

#[test]
fn a_big_sticky_set_keeps_the_most_recent_and_fits_a_blob() {
    let mut set = StickySet::default();
    let contact = |number: u16| {
        let mut key = [9; 32];
        key[..2].copy_from_slice(&number.to_le_bytes());
        AccountId::from_key(zwiebel_crypto::keys::X25519Public(key))
    };
    for number in 0..2_100 {
        let entry = StickyEntry { state: StickyState::Pending, verified: false, since_ms: u64::from(number) };
        set.set(&contact(number), entry);
    }
    let blob = set.seal(&Side::a().account, &mut rng());
    assert!(blob.len() <= MAX_BLOB);
    let opened = StickySet::open(&Side::a().account, &blob).unwrap();
    assert_eq!(opened.len(), MAX_ENTRIES);
    assert!(opened.of(&contact(99)).is_none());
    assert!(opened.of(&contact(100)).is_some());
}

#[test]
fn giving_up_counts_only_if_it_is_the_last_word() {
    let id = Side::b().id();
    let with = |state, since_ms, verified| {
        let mut set = StickySet::default();
        set.set(&id, StickyEntry { state, verified, since_ms });
        set
    };
    use StickyState::{ForwardSecret, GivenUp, Pending};
    let merged = |sets: &[StickySet]| {
        let forwards = StickySet::merge(sets);
        let backwards = StickySet::merge(&sets.iter().rev().cloned().collect::<Vec<_>>());
        assert_eq!(forwards, backwards);
        *forwards.of(&id).unwrap()
    };
    let entry = |state, since_ms, verified| StickyEntry { state, verified, since_ms };
    assert_eq!(merged(&[with(Pending, 9, true), with(ForwardSecret, 5, false)]), entry(ForwardSecret, 9, true));
    assert_eq!(merged(&[with(ForwardSecret, 5, false), with(GivenUp, 5, false)]), entry(ForwardSecret, 5, false));
    assert_eq!(merged(&[with(ForwardSecret, 5, false), with(GivenUp, 6, false)]), entry(GivenUp, 6, false));
    let three = [with(ForwardSecret, 5, false), with(GivenUp, 6, false), with(Pending, 7, false)];
    assert_eq!(merged(&three), entry(ForwardSecret, 7, false));
}

#[test]
fn a_link_request_shows_the_device_and_the_token() {
    let a = Side::a();
    let facts = BundleFacts { seq: 1, caps: 0, name: "new" };
    let bundle = bundle::sign(&a.account, &a.device, a.prekey.public(), &facts, NOW, &mut rng()).unwrap();
    let token = LinkToken::generate(&mut rng());
    for token in [None, Some(&token)] {
        let blob = link::seal_request(&a.account, &entry(&a), &bundle, "Firefox", token, &mut rng()).unwrap();
        let request = LinkRequest::open(&a.account, &blob, NOW).unwrap();
        assert_eq!(request.entry, entry(&a));
        assert_eq!(request.platform, "Firefox");
        assert_eq!(request.bundle.prekey, *a.prekey.public());
        assert_eq!(token.is_some_and(|token| request.shows(token)), token.is_some());
        assert!(!request.shows(&LinkToken::generate(&mut StdRng::seed_from_u64(12))));
        assert!(LinkRequest::open(&Side::b().account, &blob, NOW).is_err());
    }
    // A bundle of another device under this entry.
    let blob = link::seal_request(&a.account, &entry(&Side::b()), &bundle, "", None, &mut rng()).unwrap();
    assert_eq!(LinkRequest::open(&a.account, &blob, NOW).unwrap_err(), BlobError::Signature);
    let long = "x".repeat(65);
    assert!(link::seal_request(&a.account, &entry(&a), &bundle, &long, None, &mut rng()).is_err());
}

#[test]
fn a_scanned_code_brings_the_words_over() {
    let throw_away = Account::generate(&mut rng());
    let code = LinkCode::generate(throw_away.id(), &mut rng());
    let text = code.to_text();
    let scanned = LinkCode::parse(&text).unwrap();
    let token = LinkToken::generate(&mut rng());
    let blob = scanned.answer(&Secret::new([5; 16]), &token, &mut rng()).unwrap();
    let answer = code.open_answer(throw_away.x25519(), &blob).unwrap();
    assert_eq!(answer.seed.expose(), &[5; 16]);
    assert_eq!(answer.token.hash(), token.hash());

    let other = LinkCode::generate(throw_away.id(), &mut StdRng::seed_from_u64(13));
    assert!(other.open_answer(throw_away.x25519(), &blob).is_none(), "another screen");
    assert!(code.open_answer(Account::generate(&mut StdRng::seed_from_u64(14)).x25519(), &blob).is_none());
    for at in 0..blob.len() {
        let mut bad = blob.clone();
        bad[at] ^= 1;
        assert!(code.open_answer(throw_away.x25519(), &bad).is_none());
    }
    for bad in ["", "zrl1:", "zr1:AAAA", &text[..text.len() - 2], &[text.as_str(), "A"].concat()] {
        assert!(LinkCode::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_safety_number_is_the_same_on_both_sides() {
    let (a, b) = (Side::a(), Side::b());
    let (ids_a, ids_b) = ([a.device.id()], [b.device.id(), DeviceId([1; 16])]);
    let number = safety_number((&a.id(), &ids_a), (&b.id(), &ids_b));
    let swapped = [ids_b[1], ids_b[0]];
    assert_eq!(number, safety_number((&b.id(), &swapped), (&a.id(), &ids_a)));
    assert_eq!(number.len(), 71, "twelve groups of five digits");
    assert_ne!(number, safety_number((&a.id(), &ids_a), (&b.id(), &ids_b[..1])));
}

#[test]
fn a_verification_code_comes_back() {
    let a = Side::a();
    let code = SafetyCode {
        account: a.id(),
        manifest_seq: 5,
        manifest_hash: [6; 32],
        device: a.device.id(),
        session: SafetyCode::session_proof(&Secret::new([7; 32])),
    };
    let text = code.to_text();
    assert!(SafetyCode::parse(&text) == Some(code));
    for bad in ["", "zr1:", "zrl1:AAAA", &text[..text.len() - 1], &[text.as_str(), "AA"].concat()] {
        assert!(SafetyCode::parse(bad).is_none());
    }
}

fn message() -> Message {
    Message {
        id: MessageId([1; 16]),
        sent_at_ms: NOW,
        from: Side::a().id().to_bytes(),
        to: Side::b().id().to_bytes(),
        kind: ContentKind::Chat,
        session_content: Some(vec![1, 2, 3]),
        acks: vec![MessageId([2; 16])],
        nacks: vec![ContainerId([3; 16])],
        mine: Some(ManifestHint { seq: 4, hash: [5; 16] }),
        yours: None,
        manifest: Some(vec![9]),
        hello: Some(Hello { since_ms: Some(6), predecessor: Some([7; 16]) }),
        sync: Some(vec![]),
        resend: 8,
        settled: vec![ContainerId([8; 16])],
        copied: Some([9; 16]),
    }
}

#[test]
fn content_comes_back_and_shows_nothing() {
    let bytes = content::encode(&message());
    assert_eq!(content::decode(&bytes), Ok(message()));
    assert_eq!(format!("{:?}", message()), "Message { kind: Chat, .. }");
    let many = Message { nacks: vec![ContainerId([3; 16]); 21], ..message() };
    assert!(content::decode(&content::encode(&many)).is_err());
    let many = Message { acks: vec![MessageId([3; 16]); 513], ..message() };
    assert!(content::decode(&content::encode(&many)).is_err());
    assert!(content::decode(&[]).is_err(), "no id, no kind");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_decoded_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let a = Side::a();
        let _ = content::decode(&bytes);
        prop_assert!(witness::open(&a.device, &bytes).is_none());
        prop_assert!(StickySet::open(&a.account, &bytes).is_err());
        prop_assert!(LinkRequest::open(&a.account, &bytes, NOW).is_err());
    }
}

#[test]
fn a_number_that_no_list_can_have_names_none() {
    let said = |seq| {
        let hint = Some(ManifestHint { seq, hash: [5; 16] });
        let message = content::decode(&content::encode(&Message { mine: hint, yours: hint, ..message() })).unwrap();
        (message.mine.map(|hint| hint.seq), message.yours.map(|hint| hint.seq))
    };
    assert_eq!(said((1 << 48) - 1), (Some((1 << 48) - 1), Some((1 << 48) - 1)));
    for seq in [0, 1 << 48, u64::MAX] {
        assert_eq!(said(seq), (None, None));
    }
}

#[test]
fn a_hint_in_a_link_comes_back_and_nothing_else_is_one() {
    for seq in [1, 255, 256, 1_000_000, (1 << 48) - 1] {
        let hint = ManifestHint { seq, hash: [0xfb; 16] };
        let text = hint.to_text();
        assert!((23..=30).contains(&text.len()), "{text}");
        assert_eq!(ManifestHint::from_text(&text), Some(hint));
    }
    let (none, large) = (ManifestHint { seq: 0, hash: [1; 16] }, ManifestHint { seq: 1 << 48, hash: [1; 16] });
    for text in [none.to_text(), large.to_text(), String::new(), "utm=1".into(), "\u{e4}".repeat(15), "A".repeat(1_000)]
    {
        assert_eq!(ManifestHint::from_text(&text), None);
    }
}
