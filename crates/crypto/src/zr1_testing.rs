//! For tests and benches, behind the feature `testing`: scripted randomness, the parties of KAT-1 (forward-secrecy,
//! Appendix A), and a live session between them. What cannot be is a panic.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    reason = "tests"
)]

pub mod bench;

use std::convert::Infallible;

use rand_core::{CryptoRng, TryCryptoRng, TryRng};

use crate::handshake::{
    Certificate, DeviceKeys, Initiator, Origin, PeerDevice, Prekey, Reason, Responder, Statement, initiate,
};
use crate::keys::Ed25519Secret;
use crate::ratchet::{Bind, Received, Session, Trust};
use crate::secret::Secret;

/// Draws exactly what the script says: pieces of one repeated byte.
pub struct Script(std::vec::IntoIter<(u8, usize)>);

impl Script {
    pub fn new(pieces: &[(u8, usize)]) -> Self {
        Self(Vec::from(pieces).into_iter())
    }

    /// Nothing of the script is left.
    pub fn is_used_up(&mut self) -> bool {
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

pub const ADDED_AT: u64 = 1_700_000_000_000;
pub const INIT_TS: u64 = 1_700_000_001_000;

/// An account with one device and one prekey pair.
pub struct Side {
    /// The account's key.
    pub account: Ed25519Secret,
    /// The device's keys.
    pub device: DeviceKeys,
    /// The account's word for the device, given at [`ADDED_AT`].
    pub certificate: Certificate,
    /// The device's prekeys.
    pub prekey: Prekey,
}

impl Side {
    /// Keys are one repeated byte each, counting up from `first` (Appendix A).
    pub fn new(first: u8) -> Self {
        let account = Ed25519Secret::from_seed([first; 32]);
        let device = DeviceKeys::from_bytes([first + 1; 32], [first + 2; 32], [first + 0xb; 32]);
        let certificate = Certificate::issue(&account, &device.public(), ADDED_AT);
        Self { account, device, certificate, prekey: Prekey::from_bytes([first + 3; 32], [first + 4; 64]) }
    }

    /// A of KAT-1.
    pub fn a() -> Self {
        Self::new(0x11)
    }

    /// B of KAT-1.
    pub fn b() -> Self {
        Self::new(0x21)
    }

    /// This side as the one that writes first.
    pub fn initiator(&self) -> Initiator<'_> {
        Initiator { account: self.account.public(), device: &self.device, certificate: &self.certificate }
    }

    /// This side as the one that is written to.
    pub fn responder(&self) -> Responder<'_> {
        Responder { account: self.account.public(), device: &self.device }
    }

    /// What others see of this side.
    pub fn peer(&self) -> PeerDevice {
        PeerDevice {
            account: self.account.public(),
            device: self.device.public(),
            prekey: self.prekey.public().clone(),
        }
    }

    /// Starts a session with `peer`.
    pub fn initiate(&self, peer: &Self, rng: &mut impl CryptoRng) -> Session {
        initiate(&self.initiator(), &peer.peer(), &statement(), INIT_TS, rng).expect("initiates")
    }
}

/// What A states in KAT-1.
pub fn statement() -> Statement {
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
pub fn live_pair(rng: &mut impl CryptoRng) -> (Session, Session) {
    let (side_a, side_b) = (Side::a(), Side::b());
    let mut a = side_a.initiate(&side_b, rng);
    let block = a.opening().expect("opening");
    let answer = side_b.responder().answer(block, &side_b.prekey, Origin::Public, INIT_TS).expect("answers");
    let (capsule, bind) = seal(&mut a, 0, rng);
    let received = answer.proposal.receive(&capsule, &bind).expect("opens");
    let (b, _) = answer.proposal.accept(received, Trust::Approved, INIT_TS, rng).expect("accepts");
    (a, b)
}

/// The content key of message `number`: distinct for each.
pub fn content_key(number: u64) -> Secret<32> {
    let mut key = [0x18; 32];
    key[..8].copy_from_slice(&number.to_le_bytes());
    Secret::new(key)
}

/// The container of message `number`.
pub fn bind(number: u64) -> Bind {
    Bind::of(&[0x19; 24], &number.to_le_bytes())
}

pub fn seal(from: &mut Session, number: u64, rng: &mut impl CryptoRng) -> (Vec<u8>, Bind) {
    let bind = bind(number);
    (from.seal(&content_key(number), &bind, rng).expect("seals"), bind)
}

/// Receives and applies, and checks the content key.
pub fn deliver(to: &mut Session, number: u64, capsule: &[u8], now_ms: u64) {
    let received: Received = to.receive(capsule, &bind(number)).expect("opens");
    assert_eq!(received.content_key(), &content_key(number));
    to.apply(received, Trust::Approved, now_ms).expect("applies");
}

/// Whether bytes are the plain text of a capsule's header.
pub fn is_header(bytes: &[u8]) -> bool {
    crate::ratchet::is_header(bytes)
}

/// Everything that is stored of a session.
pub fn rows(session: &Session) -> Vec<Vec<u8>> {
    let mut rows = vec![session.encode_fixed().to_vec(), session.encode_hot().to_vec(), session.encode_closed()];
    rows.extend(session.skipped_rows().map(|(_, row)| row.to_vec()));
    rows
}

/// The session these rows are of: a snapshot come back to life.
pub fn restore(rows: &[Vec<u8>]) -> Session {
    let parts = crate::ratchet::Parts { fixed: &rows[0], hot: &rows[1], closed: &rows[2] };
    Session::restore(&parts, rows[3..].iter().map(Vec::as_slice)).expect("restores")
}
