//! Shared by the tests of these modules: scripted randomness, the parties of KAT-1, a conversation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zwiebel_crypto::handshake::{
    Certificate, DeviceKeys, Initiator, Origin, PeerDevice, Prekey, Reason, Responder, Statement, initiate,
};
use zwiebel_crypto::keys::Ed25519Secret;
use zwiebel_crypto::ratchet::{Session, Trust};

use super::container::{Container, Kind, Opened, Recipient, Sealed, receive, receive_first, seal};
use super::envelope::{self, OuterKey};
use crate::account_id::AccountId;

mod blobs;
mod vectors;

pub(super) const ADDED_AT: u64 = 1_700_000_000_000;
pub(super) const NOW: u64 = 1_700_000_001_000;

/// Draws exactly what the script says: pieces of one repeated byte.
pub(super) struct Script(std::vec::IntoIter<(u8, usize)>);

impl Script {
    pub(super) fn new(pieces: &[(u8, usize)]) -> Self {
        Self(Vec::from(pieces).into_iter())
    }

    pub(super) fn end(mut self) {
        assert!(self.0.next().is_none(), "the script is used up");
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

/// One side of KAT-1: an account with one device.
pub(super) struct Side {
    pub(super) account: Ed25519Secret,
    pub(super) device: DeviceKeys,
    pub(super) certificate: Certificate,
    pub(super) prekey: Prekey,
}

impl Side {
    /// Keys are one repeated byte each, counting up from `first` (Appendix A).
    pub(super) fn new(first: u8) -> Self {
        let account = Ed25519Secret::from_seed([first; 32]);
        let device = DeviceKeys::from_bytes([first + 1; 32], [first + 2; 32], [first + 0xb; 32]);
        let certificate = Certificate::issue(&account, &device.public(), ADDED_AT);
        let prekey = Prekey::from_bytes([first + 3; 32], [first + 4; 64]);
        Self { account, device, certificate, prekey }
    }

    pub(super) fn a() -> Self {
        Self::new(0x11)
    }

    pub(super) fn b() -> Self {
        Self::new(0x21)
    }

    pub(super) fn id(&self) -> AccountId {
        AccountId::from_key(self.account.public().to_x25519().unwrap())
    }

    pub(super) fn outer(&self) -> OuterKey {
        OuterKey::of_account(&self.id())
    }

    pub(super) fn peer(&self) -> PeerDevice {
        PeerDevice {
            account: self.account.public(),
            device: self.device.public(),
            prekey: self.prekey.public().clone(),
        }
    }

    pub(super) fn initiate(&self, peer: &Self, rng: &mut impl rand_core::CryptoRng) -> Session {
        let us = Initiator { account: self.account.public(), device: &self.device, certificate: &self.certificate };
        let statement = Statement {
            manifest_seq: 1,
            manifest_hash: [0x1b; 32],
            init_ms: NOW,
            replace: false,
            reason: Reason::First,
            caps: 0,
        };
        initiate(&us, &peer.peer(), &statement, NOW, rng).unwrap()
    }

    /// Opens a first message.
    pub(super) fn accept(&self, blob: &[u8], rng: &mut impl rand_core::CryptoRng) -> (Session, Opened) {
        let body = envelope::open(&self.account.to_x25519(), blob).unwrap();
        let container = Container::parse(&body).unwrap();
        let entry = container.entries_for(&self.device.id()).unwrap()[0];
        let us = Responder { account: self.account.public(), device: &self.device };
        let answer = us.answer(&entry.init().unwrap(), &self.prekey, Origin::Public, NOW).unwrap();
        receive_first(answer.proposal, &container, &entry, Trust::Approved, NOW, rng).unwrap()
    }

    /// Opens a message of an existing session.
    pub(super) fn open(&self, session: &mut Session, blob: &[u8]) -> Opened {
        let body = envelope::open(&self.account.to_x25519(), blob).unwrap();
        let container = Container::parse(&body).unwrap();
        let entry = container.entries_for(&self.device.id()).unwrap()[0];
        receive(session, &container, &entry, Trust::Approved, NOW).unwrap()
    }
}

/// A message to the one device of `to`.
pub(super) fn send(to: &Side, session: &mut Session, content: &[u8], rng: &mut impl rand_core::CryptoRng) -> Sealed {
    let mut recipients = [Recipient { device: to.device.id(), session }];
    seal(Kind::Peer, content, &mut recipients, &to.outer(), rng).unwrap()
}
