//! Containers and envelopes: the message of KAT-1, sizes, several devices, damaged bytes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use hex_literal::hex;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use zwiebel_crypto::kdf::digest;

use super::super::mailbox::MAX_BLOB;
use super::super::tests::{Mail as _, NOW, Script, Side, send};
use super::*;

/// KAT-1, the message: container id, capsule and envelope of Appendix A. It skips bucket padding.
#[test]
fn kat_1_message() {
    let (a, b) = (Side::a(), Side::b());
    let mut rng = Script::new(&[(0x14, 32), (0x15, 32), (0x16, 32), (0x18, 32), (0x19, 16), (0x17, 24), (0x1a, 32)]);
    let mut session = a.initiate(&b, &mut rng);
    let mut recipients = [Recipient { device: b.device.id(), session: &mut session }];
    let sealed = seal_padded(Kind::Peer, b"kat", 64, &mut recipients, &b.outer(), &mut rng).unwrap();
    assert!(rng.is_used_up());
    assert_eq!(sealed.id.0, hex!("33693f4b6cc176b084884093f3639bf2"));
    assert_eq!(sealed.envelope.len(), 1_669);
    assert_eq!(digest(&[&sealed.envelope]), hex!("e325afc24e1c28515be24f725c517ae95b62e04fafa5520d30278167341bd5ab"));
    let body = envelope::open(&b.account.to_x25519(), &sealed.envelope).unwrap();
    let container = Container::parse(&body).unwrap();
    assert_eq!(container.bind().as_bytes(), &hex!("33693f4b6cc176b084884093f3639bf29c8f2fab0f0fd4c02c3db117cf93fec0"));
    let entry = container.entries_for(&b.device.id()).unwrap()[0];
    assert_eq!(
        &entry.capsule()[24..],
        &hex!(
            "3737ade9314a2199269a725c7ec0d0a860b9c1347e318d9be99b409a29651303e692fe6f1c8636c6767c0f7f05308c51"
            "09f6e9635d90734b9ab6ef382b41cca8cd424ef2f356e2409b9d6357b9ce3b699af3fe7afb016e8f1177db2801e36f82"
            "55fea82be54b0b8bde8854b3a73cefe5"
        )
    );
    let (_, opened) = b.accept(&sealed.envelope, &mut StdRng::seed_from_u64(0));
    assert_eq!(opened.content.as_slice(), b"kat");
}

/// P14, and the table of 4.4.
#[test]
fn sizes_are_those_of_the_buckets() {
    let (a, b) = (Side::a(), Side::b());
    let mut rng = StdRng::seed_from_u64(1);
    let mut live = a.initiate(&b, &mut rng);
    let first = send(&b, &mut live, b"hello", &mut rng);
    assert_eq!(first.envelope.len(), 2_048, "a first message");
    let (mut back, _) = b.accept(&first.envelope, &mut rng);
    let reply = send(&a, &mut back, b"", &mut rng);
    a.open(&mut live, &reply.envelope);
    assert!(live.opening().is_none());

    let overhead = 236;
    for edge in [2_048, 4_096, 8_192, 16_384, 24_576, 32_768, 40_960, 49_152, 57_344, 65_536, 73_728, 76_800_usize] {
        for (more, size) in [(0, edge), (1, envelope::bucket(edge + 1).unwrap_or(0))] {
            let content = vec![7; edge - overhead + more];
            let mut recipients = [Recipient { device: b.device.id(), session: &mut live }];
            let sealed = seal(Kind::Peer, &content, &mut recipients, &b.outer(), &mut rng);
            match sealed {
                Ok(sealed) => {
                    assert_eq!(sealed.envelope.len(), size);
                    assert_eq!(b.open(&mut back, &sealed.envelope).content.as_slice(), content);
                }
                Err(error) => {
                    assert_eq!((error, edge, more), (SealContainerError::TooBig, MAX_BLOB, 1));
                }
            }
        }
    }
}

#[test]
fn one_container_for_many_devices_and_a_plan_for_more() {
    let a = Side::a();
    let mut rng = StdRng::seed_from_u64(2);
    let peers: Vec<Side> = (0..8).map(|number| Side::new(0x21 + 16 * (number % 8))).collect();
    let mut sessions: Vec<Session> = peers.iter().map(|peer| a.initiate(peer, &mut rng)).collect();
    let to = peers[0].outer();
    let mut recipients: Vec<_> = peers
        .iter()
        .zip(&mut sessions)
        .map(|(peer, session)| Recipient { device: peer.device.id(), session })
        .collect();
    let sealed = seal(Kind::Group, b"to all", &mut recipients[..4], &to, &mut rng).unwrap();
    assert_eq!(sealed.envelope.len(), 8_192, "first message to four devices");

    assert_eq!(fitting(&[true; 64], 100), 50);
    assert_eq!(fitting(&[false; 64], 100), 64);
    assert_eq!(fitting(&[false; 80], 100), MAX_CAPSULES);
    assert_eq!(fitting(&[false], MAX_BLOB), 0);
    assert_eq!(fitting(&[], 0), 0);
    assert_eq!(seal(Kind::Peer, b"", &mut [], &to, &mut rng).unwrap_err(), SealContainerError::Recipients);
}

#[test]
fn a_sibling_finds_its_own_capsule() {
    let (a, b, c) = (Side::a(), Side::b(), Side::new(0x41));
    let mut rng = StdRng::seed_from_u64(3);
    let (mut to_b, mut to_c) = (a.initiate(&b, &mut rng), a.initiate(&c, &mut rng));
    let mut recipients = [
        Recipient { device: b.device.id(), session: &mut to_b },
        Recipient { device: c.device.id(), session: &mut to_c },
    ];
    let sealed = seal(Kind::Peer, b"both", &mut recipients, &b.outer(), &mut rng).unwrap();
    let body = envelope::open(&b.account.to_x25519(), &sealed.envelope).unwrap();
    let container = Container::parse(&body).unwrap();
    assert_eq!(container.id(), sealed.id);
    assert_eq!(container.entries_for(&b.device.id()).unwrap().len(), 1);
    assert_eq!(container.entries_for(&c.device.id()).unwrap().len(), 1);
    assert_eq!(container.entries_for(&a.device.id()).unwrap().len(), 0);
}

#[test]
fn a_payload_without_padding_or_with_another_key_is_bad_and_changes_nothing() {
    let (a, b) = (Side::a(), Side::b());
    let mut rng = StdRng::seed_from_u64(4);
    let mut session = a.initiate(&b, &mut rng);
    let first = send(&b, &mut session, b"x", &mut rng);
    let (mut back, _) = b.accept(&first.envelope, &mut rng);

    // A sender that seals a capsule with one key and the payload with another.
    let salt = [1; 16];
    let payload = chacha_seal(&[2; 32], &NONCE, &payload_aad(&salt), b"x\x80");
    for key in [[2; 32], [3; 32]] {
        let header = header(1, Kind::Peer, u32::try_from(payload.len()).unwrap(), &salt);
        let bind = Bind::of(&header, &payload);
        let capsule = session.seal(&Secret::new(key), &bind, &mut rng).unwrap();
        let mut body = header.to_vec();
        body.extend(hint(&salt, &b.device.id()));
        body.extend([TYPE_RATCHET, 0]);
        body.extend(u16::try_from(capsule.len()).unwrap().to_le_bytes());
        body.extend(capsule);
        body.extend(&payload);
        let container = Container::parse(&body).unwrap();
        let entry = container.entries_for(&b.device.id()).unwrap()[0];
        let before = back.encode_hot();
        let result = receive(&mut back, &container, &entry, Trust::Approved, NOW);
        if key == [2; 32] {
            assert_eq!(result.unwrap().content.as_slice(), b"x");
        } else {
            assert_eq!(result.unwrap_err(), OpenError::Payload(BadPayload));
            assert_eq!(back.encode_hot(), before);
        }
    }
    let payloads: [&[u8]; 4] = [b"", b"\0\0", b"x", b"x\x81"];
    for bad in payloads {
        let payload = chacha_seal(&[2; 32], &NONCE, &payload_aad(&salt), bad);
        let header = header(1, Kind::Peer, 0, &salt);
        let container =
            Container { kind: Kind::Peer, salt, entries: vec![], payload: &payload, bind: Bind::of(&header, &payload) };
        assert_eq!(container.open_payload(&Secret::new([2; 32])).unwrap_err(), BadPayload);
    }
}

#[test]
fn too_many_own_hints_drop_the_container() {
    let device = DeviceId([5; 16]);
    let salt = [0; 16];
    for count in 1..=3_u8 {
        let mut body = header(count, Kind::Peer, 0, &salt).to_vec();
        for _ in 0..count {
            body.extend(hint(&salt, &device));
            body.extend([TYPE_RATCHET, 0, 136, 0]);
            body.extend([0; 136]);
        }
        let container = Container::parse(&body).unwrap();
        assert_eq!(container.entries_for(&device).is_ok(), count <= 2);
    }
}

#[test]
fn layouts_are_strict() {
    let good = {
        let mut body = header(1, Kind::Own, 3, &[0; 16]).to_vec();
        body.extend([9, 9, 9, 9, TYPE_RATCHET, 0, 136, 0]);
        body.extend([0; 136 + 3]);
        body
    };
    assert_eq!(Container::parse(&good).unwrap().kind(), Kind::Own);
    for (at, value) in [(0, 0), (0, 2), (0, 65), (1, 3), (4, 2), (4, 4), (28, 2), (28, 1), (30, 135), (30, 137)] {
        let mut bad = good.clone();
        bad[at] = value;
        assert!(Container::parse(&bad).is_err(), "{at} = {value}");
    }
    for end in 0..good.len() {
        assert!(Container::parse(&good[..end]).is_err());
    }
    assert!(Container::parse(&[good, vec![0]].concat()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// P13 for envelopes: a flipped bit anywhere is refused.
    #[test]
    fn any_flipped_bit_of_an_envelope_is_refused(at in 0..2_048_usize, bit in 0..8_u32) {
        let (a, b) = (Side::a(), Side::b());
        let mut rng = StdRng::seed_from_u64(5);
        let mut session = a.initiate(&b, &mut rng);
        let mut envelope = send(&b, &mut session, b"x", &mut rng).envelope;
        envelope[at] ^= 1 << bit;
        prop_assert!(envelope::open(&b.account.to_x25519(), &envelope).is_none());
    }

    /// Nothing panics, and nothing is accepted that was not made.
    #[test]
    fn any_bytes_are_parsed_without_harm(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Container::parse(&body);
        let b = Side::b();
        prop_assert!(envelope::open(&b.account.to_x25519(), &body).is_none());
    }

    /// Content of any length comes back as it was.
    #[test]
    fn content_comes_back(content in proptest::collection::vec(any::<u8>(), 0..5_000)) {
        let (a, b) = (Side::a(), Side::b());
        let mut rng = StdRng::seed_from_u64(6);
        let mut session = a.initiate(&b, &mut rng);
        let sealed = send(&b, &mut session, &content, &mut rng);
        prop_assert_eq!(envelope::bucket(sealed.envelope.len()), Some(sealed.envelope.len()));
        let (_, opened) = b.accept(&sealed.envelope, &mut rng);
        prop_assert_eq!(opened.content.as_slice(), &content);
    }
}
