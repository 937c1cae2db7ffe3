//! Help for the tests: scripted randomness, and the parties of KAT-1 (forward-secrecy, Appendix A).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use crate::handshake::{Certificate, DeviceKeys, Initiator, Origin, PeerDevice, Prekey, Reason, Responder, Statement};
use crate::keys::{Ed25519Public, Ed25519Secret};
use crate::ratchet::{Bind, Received, Session, Trust};
use crate::secret::Secret;

/// Draws exactly what the script says: pieces of one repeated byte.
pub(crate) struct Script(std::vec::IntoIter<(u8, usize)>);

impl Script {
    pub(crate) fn new(pieces: &[(u8, usize)]) -> Self {
        Self(Vec::from(pieces).into_iter())
    }

    pub(crate) fn is_used_up(&mut self) -> bool {
        self.0.next().is_none()
    }
}

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("the script knows no integers")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("the script knows no integers")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let (byte, length) = self.0.next().expect("the script is long enough");
        assert_eq!(out.len(), length, "the script fits");
        out.fill(byte);
        Ok(())
    }
}

impl TryCryptoRng for Script {}

pub(crate) const ADDED_AT: u64 = 1_700_000_000_000;
pub(crate) const INIT_TS: u64 = 1_700_000_001_000;

/// Both parties of KAT-1.
pub(crate) struct Parties {
    pub(crate) account_a: Ed25519Public,
    pub(crate) device_a: DeviceKeys,
    pub(crate) certificate_a: Certificate,
    pub(crate) account_b: Ed25519Public,
    pub(crate) device_b: DeviceKeys,
    pub(crate) prekey_b: Prekey,
}

impl Parties {
    pub(crate) fn kat1() -> Self {
        let account = Ed25519Secret::from_seed([0x11; 32]);
        let device_a = DeviceKeys::from_bytes([0x12; 32], [0x13; 32], [0x1c; 32]);
        Self {
            account_a: account.public(),
            certificate_a: Certificate::issue(&account, &device_a.public(), ADDED_AT),
            device_a,
            account_b: Ed25519Secret::from_seed([0x21; 32]).public(),
            device_b: DeviceKeys::from_bytes([0x22; 32], [0x23; 32], [0x2c; 32]),
            prekey_b: Prekey::from_bytes([0x24; 32], [0x25; 64]),
        }
    }

    pub(crate) fn initiator(&self) -> Initiator<'_> {
        Initiator { account: self.account_a, device: &self.device_a, certificate: &self.certificate_a }
    }

    pub(crate) fn responder(&self) -> Responder<'_> {
        Responder { account: self.account_b, device: &self.device_b }
    }

    pub(crate) fn peer(&self) -> PeerDevice {
        PeerDevice { account: self.account_b, device: self.device_b.public(), prekey: self.prekey_b.public().clone() }
    }

    pub(crate) fn statement() -> Statement {
        Statement {
            manifest_seq: 1,
            manifest_hash: [0x1b; 32],
            init_ms: INIT_TS,
            replace: false,
            reason: Reason::First,
            caps: 0,
        }
    }

    /// A live session: A has written once, B has accepted. B has not answered.
    pub(crate) fn session(&self, rng: &mut impl rand_core::CryptoRng) -> (Session, Session) {
        let mut a = crate::handshake::initiate(&self.initiator(), &self.peer(), &Self::statement(), INIT_TS, rng)
            .expect("initiates");
        let answer = self
            .responder()
            .answer(a.opening().expect("opening"), &self.prekey_b, Origin::Public, INIT_TS)
            .expect("answers");
        let (capsule, bind) = seal(&mut a, 0, rng);
        let received = answer.proposal.receive(&capsule, &bind).expect("opens");
        let (b, _) = answer.proposal.accept(received, Trust::Approved, INIT_TS, rng).expect("accepts");
        (a, b)
    }
}

/// The content key of message `number`: distinct for each.
pub(crate) fn content_key(number: u64) -> Secret<32> {
    let mut key = [0x18; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    Secret::new(key)
}

/// The container of message `number`.
pub(crate) fn bind(number: u64) -> Bind {
    Bind::of(&[0x19; 24], &number.to_le_bytes())
}

pub(crate) fn seal(from: &mut Session, number: u64, rng: &mut impl rand_core::CryptoRng) -> (Vec<u8>, Bind) {
    let bind = bind(number);
    (from.seal(&content_key(number), &bind, rng).expect("seals"), bind)
}

/// Receives and applies, and checks the content key.
pub(crate) fn deliver(to: &mut Session, number: u64, capsule: &[u8], now_ms: u64) {
    let received: Received = to.receive(capsule, &bind(number)).expect("opens");
    assert_eq!(received.content_key(), &content_key(number));
    to.apply(received, Trust::Approved, now_ms).expect("applies");
}

/// Everything that is stored of a session.
pub(crate) fn rows(session: &Session) -> Vec<Vec<u8>> {
    let mut rows = vec![session.encode_fixed().to_vec(), session.encode_hot().to_vec(), session.encode_closed()];
    rows.extend(session.skipped_rows().map(|(_, row)| row.to_vec()));
    rows
}

/// The session these rows are of: a snapshot come back to life.
pub(crate) fn restore(rows: &[Vec<u8>]) -> Session {
    let parts = crate::ratchet::Parts { fixed: &rows[0], hot: &rows[1], closed: &rows[2] };
    Session::restore(&parts, rows[3..].iter().map(Vec::as_slice)).expect("restores")
}
