//! Shared by the tests of these modules: what the parties of KAT-1 do with mail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "tests"
)]

use rand_core::CryptoRng;
use zwiebel_crypto::handshake::Origin;
use zwiebel_crypto::ratchet::{Session, Trust};
pub(super) use zwiebel_crypto::zr1_testing::{ADDED_AT, INIT_TS as NOW, Script, Side};

use super::container::{Container, Kind, Opened, Recipient, Sealed, receive, receive_first, seal};
use super::envelope::{self, OuterKey};
use crate::account_id::AccountId;

mod blobs;
mod vectors;

/// What a side does with mail.
pub(super) trait Mail {
    fn id(&self) -> AccountId;
    fn outer(&self) -> OuterKey;
    /// Opens a first message.
    fn accept(&self, blob: &[u8], rng: &mut impl CryptoRng) -> (Session, Opened);
    /// Opens a message of an existing session.
    fn open(&self, session: &mut Session, blob: &[u8]) -> Opened;
}

impl Mail for Side {
    fn id(&self) -> AccountId {
        AccountId::from_key(self.account.public().to_x25519().unwrap())
    }

    fn outer(&self) -> OuterKey {
        OuterKey::of_account(&self.id())
    }

    fn accept(&self, blob: &[u8], rng: &mut impl CryptoRng) -> (Session, Opened) {
        let body = envelope::open(&self.account.to_x25519(), blob).unwrap();
        let container = Container::parse(&body).unwrap();
        let entry = container.entries_for(&self.device.id()).unwrap()[0];
        let answer = self.responder().answer(&entry.init().unwrap(), &self.prekey, Origin::Public, NOW).unwrap();
        receive_first(answer.proposal, &container, &entry, Trust::Approved, NOW, rng).unwrap()
    }

    fn open(&self, session: &mut Session, blob: &[u8]) -> Opened {
        let body = envelope::open(&self.account.to_x25519(), blob).unwrap();
        let container = Container::parse(&body).unwrap();
        let entry = container.entries_for(&self.device.id()).unwrap()[0];
        receive(session, &container, &entry, Trust::Approved, NOW).unwrap()
    }
}

/// A message to the one device of `to`.
pub(super) fn send(to: &Side, session: &mut Session, content: &[u8], rng: &mut impl CryptoRng) -> Sealed {
    let mut recipients = [Recipient { device: to.device.id(), session }];
    seal(Kind::Peer, content, &mut recipients, &to.outer(), rng).unwrap()
}
