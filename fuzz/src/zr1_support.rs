//! A pair of devices for the ZR1 targets, the same in every run.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zwiebel_crypto::handshake::{
    Certificate, DeviceKeys, InitBlock, Initiator, Origin, PeerDevice, Prekey, Reason, Responder, Statement, initiate,
};
use zwiebel_crypto::kdf::{ZERO_SALT, hkdf};
use zwiebel_crypto::keys::Ed25519Secret;
use zwiebel_crypto::ratchet::{Bind, Parts, Session, Trust};
use zwiebel_crypto::secret::Secret;

pub(crate) const NOW: u64 = 1_700_000_000_000;

/// No signature at all: its scalar is too large, which costs nothing to see.
pub(crate) const NO_SIGNATURE: [u8; 64] = [0xff; 64];

/// Whether an input is one of `n`, by its bytes, so that the same input always does the same.
pub(crate) fn one_in(n: u32, bytes: &[u8]) -> bool {
    bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte))) % n == 0
}

/// A key that only holders of the words have.
pub(crate) fn account_key(account: &Ed25519Secret, label: &[u8]) -> [u8; 32] {
    *hkdf::<32, 32>(&ZERO_SALT, &[account.seed()], &[label]).expose()
}

/// Counts: good enough for fuzzing, and the same every time.
pub(crate) struct Counter(pub(crate) u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(1);
        Ok(self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            let bytes = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

pub(crate) struct Side {
    pub(crate) account: Ed25519Secret,
    pub(crate) device: DeviceKeys,
    pub(crate) certificate: Certificate,
    pub(crate) prekey: Prekey,
}

impl Side {
    pub(crate) fn new(byte: u8) -> Self {
        let account = Ed25519Secret::from_seed([byte; 32]);
        let device = DeviceKeys::from_bytes([byte + 1; 32], [byte + 2; 32], [byte + 3; 32]);
        let certificate = Certificate::issue(&account, &device.public(), NOW);
        Self { account, device, certificate, prekey: Prekey::from_bytes([byte + 4; 32], [byte + 5; 64]) }
    }

    pub(crate) fn responder(&self) -> Responder<'_> {
        Responder { account: self.account.public(), device: &self.device }
    }

    pub(crate) fn initiate(&self, peer: &Self, rng: &mut Counter) -> Session {
        let us = Initiator { account: self.account.public(), device: &self.device, certificate: &self.certificate };
        let peer = PeerDevice {
            account: peer.account.public(),
            device: peer.device.public(),
            prekey: peer.prekey.public().clone(),
        };
        let statement = Statement {
            manifest_seq: 1,
            manifest_hash: [0; 32],
            init_ms: NOW,
            replace: false,
            reason: Reason::First,
            caps: 0,
        };
        initiate(&us, &peer, &statement, NOW, rng).expect("initiates")
    }
}

/// The rows of a live session, to bring it back for each run.
pub(crate) struct Rows(pub(crate) Vec<Vec<u8>>);

impl Rows {
    pub(crate) fn of(session: &Session) -> Self {
        let mut rows = vec![session.encode_fixed().to_vec(), session.encode_hot().to_vec(), session.encode_closed()];
        rows.extend(session.skipped_rows().map(|(_, row)| row.to_vec()));
        Self(rows)
    }

    pub(crate) fn restore(&self) -> Session {
        let parts = Parts { fixed: &self.0[0], hot: &self.0[1], closed: &self.0[2] };
        Session::restore(&parts, self.0[3..].iter().map(Vec::as_slice)).expect("restores")
    }
}

pub(crate) fn bind(number: u8) -> Bind {
    Bind::of(&[number; 24], &[])
}

pub(crate) fn seal(session: &mut Session, number: u8, rng: &mut Counter) -> Vec<u8> {
    session.seal(&Secret::new([number; 32]), &bind(number), rng).expect("seals")
}

/// Both ends of a session in which A has written and B has accepted.
pub(crate) fn live_pair(rng: &mut Counter) -> (Session, Session) {
    let (a, b) = (Side::new(1), Side::new(101));
    let mut at_a = a.initiate(&b, rng);
    let block: InitBlock = at_a.opening().expect("opening").clone();
    let capsule = seal(&mut at_a, 0, rng);
    let answer = b.responder().answer(&block, &b.prekey, Origin::Public, NOW).expect("answers");
    let received = answer.proposal.receive(&capsule, &bind(0)).expect("opens");
    let (at_b, _) = answer.proposal.accept(received, Trust::Approved, NOW, rng).expect("accepts");
    (at_a, at_b)
}
