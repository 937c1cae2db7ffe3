//! The handshake against KAT-1, and everything that a responder must refuse.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use hex_literal::hex;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::ratchet::Trust;
use crate::zr1_testing::{INIT_TS, Script, Side, bind, content_key, live_pair, seal, statement};

/// KAT-1 up to the first keys: every intermediate value of Appendix A.
#[test]
fn kat_1_handshake() {
    let (a, b) = (Side::a(), Side::b());
    assert_eq!(a.device.id().0, hex!("87d6e53c9d9d3d9beee8d38362aa228b"));
    assert_eq!(b.device.id().0, hex!("303c95e8d6187631cb74e7f52cd66ae9"));
    assert_eq!(
        a.certificate.signature,
        hex!(
            "7ed856d962b3032553cbd54f45e3ac4e6e12163b173faa141614ab8cb53df0e7986817e97e8a283568e801c01eb27157"
            "000b48cd90719c336876414e4774ec0f"
        )
    );
    let prekey = b.prekey.public();
    assert_eq!(prekey.id().0, hex!("367024f0"));
    assert_eq!(
        digest(&[prekey.kpk.as_bytes()]),
        hex!("b0f70395865b388a5b4bd49f749c619c07ed7ee0357c5a5fe00bf095d7837fe3")
    );

    let mut rng = Script::new(&[(0x14, 32), (0x15, 32), (0x16, 32)]);
    let session = initiate(&a.initiator(), &b.peer(), &statement(), INIT_TS, &mut rng).unwrap();
    assert!(rng.is_used_up());
    let block = session.opening().unwrap().clone();
    let parts = block.parts();
    assert_eq!(
        digest(&[parts.ciphertext.as_bytes()]),
        hex!("f3271fd2c32a9912a998c9d3e236092f211e2f5f13f7a469e55e2a35ca7caef8")
    );
    let kem = b.prekey.kem().decapsulate(&parts.ciphertext);
    assert_eq!(kem.expose(), &hex!("aea5f3372f6dcd692a5de40d5b89864897a2aa8c1105a39d41dde9f4b315b608"));
    let th0 = opening_hash(block.head(), &b.account.public(), &b.device.public(), prekey);
    assert_eq!(th0, hex!("d7f97437fe6bd798f55b95be3d0d1562d7257d69aea7d63efede09f34e169f2f"));
    let dh3 = b.prekey.spk().agree(&parts.ephemeral).unwrap();
    assert_eq!(
        identity_key(&dh3, &kem, &th0).expose(),
        &hex!("cf23b7b340c74375b50d349d76d3ac36a3df709fa8a48014a96ab753353e92a2")
    );
    assert_eq!(
        digest(&[block.sealed_identity()]),
        hex!("5b038e703719a6af799cd350fb624487bce93e6f087d7c52c806479f8a9ae118")
    );
    let introduction = Introduction::new(&a.initiator(), &statement());
    let transcript = transcript_hash(&th0, block.sealed_identity(), &introduction.to_bytes(), &b.device.public());
    assert_eq!(transcript, hex!("9b8269a4b6ed1268b6a97ab9f0ce86bd324c9952be966994141baefd59d49f26"));

    let dh1 = b.prekey.spk().agree(&a.device.dik().public()).unwrap();
    let dh2 = b.device.dik().agree(&parts.ephemeral).unwrap();
    let keys = Keys::derive([&dh1, &dh2, &dh3], &kem, &transcript);
    assert_eq!(keys.root.expose(), &hex!("3051481f562ac6c7d758c1a5e7c10d1e303c8edeb863e458d8d6a0b471c139f0"));
    assert_eq!(
        keys.initiator_header.expose(),
        &hex!("0c59b83a25679e189661dbc0536759702fb393b05e574b3a896f46169fbda64d")
    );
    assert_eq!(
        keys.responder_header.expose(),
        &hex!("f972616760ea426568d9ba7ec61e62cd384c5d073da36c4671a2d3d0b584b799")
    );
    assert_eq!(keys.id.0, hex!("07c3c829612ec4ec1331111e5086c023"));
    let exporter = hex!("afe5bff94c09dbc00bebd2039de25875f074a3bcb568a77e2e6b3b1385de86ae");
    assert_eq!(keys.exporter.expose(), &exporter);
    assert_eq!(session.id(), keys.id);
    assert_eq!(session.exporter().expose(), &exporter);
}

#[test]
fn both_sides_have_the_same_session() {
    let (a, b) = live_pair(&mut StdRng::seed_from_u64(1));
    assert_eq!(a.id(), b.id());
    assert_eq!(a.exporter(), b.exporter());
    assert!(a.opening().is_some(), "not answered yet");
    assert!(b.opening().is_none());
}

#[test]
fn the_responder_learns_who_speaks() {
    let (a, b) = (Side::a(), Side::b());
    let mut rng = StdRng::seed_from_u64(2);
    let statement = Statement { replace: true, reason: Reason::Refresh, caps: 5, ..statement() };
    let session = initiate(&a.initiator(), &b.peer(), &statement, INIT_TS, &mut rng).unwrap();
    let answer = b.responder().answer(session.opening().unwrap(), &b.prekey, Origin::Public, INIT_TS).unwrap();
    assert_eq!(answer.introduction.account, a.account.public());
    assert_eq!(answer.introduction.device, a.device.public());
    assert_eq!(answer.introduction.statement, statement);
}

#[test]
fn a_block_is_for_one_prekey_and_one_device() {
    let (a, b) = (Side::a(), Side::b());
    let session = initiate(&a.initiator(), &b.peer(), &statement(), INIT_TS, &mut StdRng::seed_from_u64(3)).unwrap();
    let block = session.opening().unwrap();
    let other = Prekey::from_bytes([0x34; 32], [0x35; 64]);
    assert_eq!(b.responder().answer(block, &other, Origin::Public, INIT_TS).unwrap_err(), AnswerError::OtherPrekey);
    // The same prekeys in the hands of another device or account: the transcript differs.
    let device = DeviceKeys::from_bytes([0x32; 32], [0x33; 32], [0; 32]);
    let elsewhere = Responder { account: b.account.public(), device: &device };
    assert_eq!(elsewhere.answer(block, &b.prekey, Origin::Public, INIT_TS).unwrap_err(), AnswerError::Identity);
    let elsewhere = Responder { account: device.public().dsk, device: &b.device };
    assert_eq!(elsewhere.answer(block, &b.prekey, Origin::Public, INIT_TS).unwrap_err(), AnswerError::Identity);
}

#[test]
fn mailbox_and_clock_are_checked() {
    let (a, b) = (Side::a(), Side::b());
    let session = initiate(&a.initiator(), &b.peer(), &statement(), INIT_TS, &mut StdRng::seed_from_u64(4)).unwrap();
    let block = session.opening().unwrap();
    let answer = |origin, now| b.responder().answer(block, &b.prekey, origin, now).map(|_| ());
    assert_eq!(answer(Origin::Public, INIT_TS), Ok(()));
    assert_eq!(answer(Origin::Group, INIT_TS), Ok(()));
    assert_eq!(answer(Origin::Own, INIT_TS), Err(AnswerError::Mailbox));
    assert_eq!(answer(Origin::Public, INIT_TS - MAX_AHEAD_MS), Ok(()));
    assert_eq!(answer(Origin::Public, INIT_TS - MAX_AHEAD_MS - 1), Err(AnswerError::Clock));
    assert_eq!(answer(Origin::Public, INIT_TS + MAX_INIT_AGE_MS), Ok(()));
    assert_eq!(answer(Origin::Public, INIT_TS + MAX_INIT_AGE_MS + 1), Err(AnswerError::Clock));
}

#[test]
fn a_list_that_cannot_be_and_a_device_of_the_future_are_refused() {
    let (a, b) = (Side::a(), Side::b());
    let answer = |said: &Statement, certificate: &Certificate| {
        let us = Initiator { certificate, ..a.initiator() };
        let session = initiate(&us, &b.peer(), said, INIT_TS, &mut StdRng::seed_from_u64(7)).unwrap();
        b.responder().answer(session.opening().unwrap(), &b.prekey, Origin::Public, INIT_TS).map(|_| ())
    };
    let list = |manifest_seq| answer(&Statement { manifest_seq, ..statement() }, &a.certificate);
    assert_eq!([1, SEQ_LIMIT - 1].map(list), [Ok(()), Ok(())]);
    assert_eq!([0, SEQ_LIMIT].map(list), [Err(AnswerError::List), Err(AnswerError::List)]);
    let added = |at| answer(&statement(), &Certificate::issue(&a.account, &a.device.public(), at));
    assert_eq!(added(INIT_TS + MAX_AHEAD_MS), Ok(()));
    assert_eq!(added(INIT_TS + MAX_AHEAD_MS + 1), Err(AnswerError::Clock));
}

#[test]
fn own_devices_speak_through_the_own_mailbox_only() {
    let (a, b) = (Side::a(), Side::b());
    let account = crate::keys::Ed25519Secret::from_seed([0x21; 32]); // B's account, another device
    let certificate = Certificate::issue(&account, &a.device.public(), 7);
    let us = Initiator { account: account.public(), device: &a.device, certificate: &certificate };
    let mut rng = StdRng::seed_from_u64(5);
    let session = initiate(&us, &b.peer(), &statement(), INIT_TS, &mut rng).unwrap();
    let block = session.opening().unwrap();
    let answer = |origin| b.responder().answer(block, &b.prekey, origin, INIT_TS).map(|_| ());
    assert_eq!(answer(Origin::Own), Ok(()));
    assert_eq!(answer(Origin::Public), Err(AnswerError::Mailbox));

    // A clone of this very device must not talk to itself.
    let certificate = Certificate::issue(&account, &b.device.public(), 7);
    let us = Initiator { account: account.public(), device: &b.device, certificate: &certificate };
    let session = initiate(&us, &b.peer(), &statement(), INIT_TS, &mut rng).unwrap();
    let answer = b.responder().answer(session.opening().unwrap(), &b.prekey, Origin::Own, INIT_TS);
    assert_eq!(answer.unwrap_err(), AnswerError::Mailbox);
}

#[test]
fn a_certificate_of_another_account_is_refused() {
    let (a, b) = (Side::a(), Side::b());
    let us = Initiator { account: b.device.public().dsk, ..a.initiator() };
    let session = initiate(&us, &b.peer(), &statement(), INIT_TS, &mut StdRng::seed_from_u64(6)).unwrap();
    let answer = b.responder().answer(session.opening().unwrap(), &b.prekey, Origin::Public, INIT_TS);
    assert_eq!(answer.unwrap_err(), AnswerError::Certificate);
}

#[test]
fn weak_and_not_canonical_keys_are_refused() {
    let (a, b) = (Side::a(), Side::b());
    let mut rng = StdRng::seed_from_u64(7);
    let mut twin = b.prekey.public().spk.0;
    twin[31] |= 0x80;
    let prime = {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed, 0x7f);
        bytes
    };
    for bad in [
        [0; 32],
        {
            let mut one = [0; 32];
            one[0] = 1;
            one
        },
        prime,
        [0xff; 32],
        twin,
    ] {
        let mut peer = b.peer();
        peer.prekey.spk.0 = bad;
        let result = initiate(&a.initiator(), &peer, &statement(), INIT_TS, &mut rng);
        assert_eq!(result.map(|_| ()).unwrap_err(), InitiateError::WeakKey);
        let mut peer = b.peer();
        peer.device.dik.0 = bad;
        let result = initiate(&a.initiator(), &peer, &statement(), INIT_TS, &mut rng);
        assert_eq!(result.map(|_| ()).unwrap_err(), InitiateError::WeakKey);

        let session = initiate(&a.initiator(), &b.peer(), &statement(), INIT_TS, &mut rng).unwrap();
        let mut block = *session.opening().unwrap().as_bytes();
        block[10..42].copy_from_slice(&bad);
        let answer = b.responder().answer(&InitBlock::from_bytes(&block), &b.prekey, Origin::Public, INIT_TS);
        assert!(matches!(answer.unwrap_err(), AnswerError::WeakKey | AnswerError::Identity));
    }
}

#[test]
fn unknown_suites_and_one_time_keys_are_not_supported() {
    let (a, b) = (Side::a(), Side::b());
    let session = initiate(&a.initiator(), &b.peer(), &statement(), INIT_TS, &mut StdRng::seed_from_u64(8)).unwrap();
    for (at, value) in [(0, 2), (1, 1)] {
        let mut block = *session.opening().unwrap().as_bytes();
        block[at] = value;
        let answer = b.responder().answer(&InitBlock::from_bytes(&block), &b.prekey, Origin::Public, INIT_TS);
        assert_eq!(answer.unwrap_err(), AnswerError::Unsupported);
    }
}

#[test]
fn the_prekey_is_in_no_row_of_the_session() {
    let (_, session) = live_pair(&mut StdRng::seed_from_u64(9));
    let side = Side::b();
    let spk = side.prekey.spk().expose();
    for row in crate::zr1_testing::rows(&session) {
        assert!(!row.windows(32).any(|window| window == spk));
    }
}

#[test]
fn debug_shows_nothing() {
    let (a, b) = (Side::a(), Side::b());
    let text = format!("{:?} {:?} {:?} {:?}", a.device, b.prekey, b.peer(), a.device.id());
    assert_eq!(text, "DeviceKeys(..) Prekey(..) PeerDevice(..) DeviceId(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// P13 for the init block: a flipped bit anywhere is refused. Bits of reserved fields are in the transcript too.
    #[test]
    fn any_flipped_bit_is_refused(at in 0..InitBlock::LEN, bit in 0..8_u32, seed: u64) {
        let (a, b) = (Side::a(), Side::b());
        let mut rng = StdRng::seed_from_u64(seed);
        let mut session = initiate(&a.initiator(), &b.peer(), &statement(), INIT_TS, &mut rng).unwrap();
        let mut block = *session.opening().unwrap().as_bytes();
        let (capsule, bind) = seal(&mut session, 1, &mut rng);
        block[at] ^= 1 << bit;
        let answer = b.responder().answer(&InitBlock::from_bytes(&block), &b.prekey, Origin::Public, INIT_TS);
        let opened = answer.ok().and_then(|answer| answer.proposal.receive(&capsule, &bind).ok());
        prop_assert!(opened.is_none());
    }
}

#[test]
fn a_first_message_opens_only_with_its_container() {
    let (a, b) = (Side::a(), Side::b());
    let mut rng = StdRng::seed_from_u64(10);
    let mut session = initiate(&a.initiator(), &b.peer(), &statement(), INIT_TS, &mut rng).unwrap();
    let block = session.opening().unwrap().clone();
    let (capsule, good) = seal(&mut session, 1, &mut rng);
    let answer = b.responder().answer(&block, &b.prekey, Origin::Public, INIT_TS).unwrap();
    assert!(answer.proposal.receive(&capsule, &bind(2)).is_err());
    let received = answer.proposal.receive(&capsule, &good).unwrap();
    assert_eq!(received.content_key(), &content_key(1));
    let (accepted, changes) = answer.proposal.accept(received, Trust::Stranger, INIT_TS, &mut rng).unwrap();
    assert_eq!(accepted.id(), session.id());
    assert_eq!(changes, crate::ratchet::Changes::default());
}
