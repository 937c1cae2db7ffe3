//! Session setup: PQXDH with a transcript hash (forward-secrecy 3.2 to 3.4).
//!
//! [`initiate`] makes a [`Session`] with a device whose prekeys are published; nobody has to be online. The session
//! carries an [`InitBlock`] that goes before each of its capsules until the peer has answered. [`Responder::answer`]
//! turns such a block into a [`Proposal`], which becomes a session when its first message opens.
//!
//! Who speaks is readable only by the owner of the prekeys, classical and post-quantum alike: the [`Introduction`]
//! travels encrypted. The transcript hash binds both accounts, both devices, every public key, the ciphertext, the
//! suite and the flags into every key that follows.
//!
//! What it does not know: which prekeys are still good (the caller finds the pair by its id), whether the peer is
//! approved or its device listed, whether a session id is known already. It checks what bytes and keys alone can
//! show: the certificate, the sender's clock, that an own device speaks through the own mailbox and nobody else does.
//!
//! Invariants: a block is made once and repeated byte for byte, because its identity part is under a key that serves
//! one text; all-zero agreements and keys that are not canonical are refused.

mod device;
mod init;
mod prekey;

use std::fmt;

use rand_core::CryptoRng;
use thiserror::Error;

pub use self::device::{Certificate, DeviceId, DeviceKeys, DevicePublic};
pub use self::init::{InitBlock, Introduction, Reason, SUITE};
use self::init::{InitParts, ONE_TIME_KEY_USED};
pub use self::prekey::{Prekey, PrekeyId, PrekeyPublic};
use crate::kdf::{ZERO_SALT, digest, hkdf};
use crate::keys::{Ed25519Public, SharedSecret, WeakKey, X25519Secret};
use crate::labels;
use crate::ratchet::{Beginning, FixedKeys, Proposal, RootKey, Session, SessionId, part};
use crate::secret::Secret;

/// How far the sender's clock may run ahead of network time.
pub const MAX_AHEAD_MS: u64 = 60 * 60 * 1_000;
/// Lists are numbered from 1 to below this.
pub const SEQ_LIMIT: u64 = 1 << 48;
/// How old an init may be: an own-device mailbox keeps mail for 30 days.
pub const MAX_INIT_AGE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// What stands in PQXDH before the agreements, so that the input cannot begin like an X25519 key.
const F: [u8; 32] = [0xff; 32];

/// A peer's device, as its bundle and its manifest describe it; both have been verified.
#[derive(Clone)]
pub struct PeerDevice {
    /// The peer's account.
    pub account: Ed25519Public,
    /// The device's keys.
    pub device: DevicePublic,
    /// Its current prekeys.
    pub prekey: PrekeyPublic,
}

/// Who initiates.
#[derive(Clone, Copy)]
pub struct Initiator<'a> {
    /// Our account.
    pub account: Ed25519Public,
    /// This device.
    pub device: &'a DeviceKeys,
    /// What the account says of this device.
    pub certificate: &'a Certificate,
}

/// What the initiator says besides who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// Sequence number of the sender's manifest.
    pub manifest_seq: u64,
    /// Its hash.
    pub manifest_hash: [u8; 32],
    /// `max(network time, 1 + the largest ever sent to that device)`.
    pub init_ms: u64,
    /// The sender had, or may have had, sessions with this device before.
    pub replace: bool,
    /// Why.
    pub reason: Reason,
    /// What the sender can do beyond version 1.0; bits as in the bundle.
    pub caps: u16,
}

/// Who answers.
#[derive(Clone, Copy)]
pub struct Responder<'a> {
    /// Our account.
    pub account: Ed25519Public,
    /// This device.
    pub device: &'a DeviceKeys,
}

/// Which mailbox a block came from: says whose devices may speak there (3.4, 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A group's: other accounts, and other devices of ours.
    Group,
    /// The one only we can write: our own other devices.
    Own,
    /// The one anybody can write: other accounts.
    Public,
}

/// Why no session can be made with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InitiateError {
    /// A key of the peer's gives no secret, or is not canonical.
    #[error("a key of the peer's device is not usable")]
    WeakKey,
}

/// Why an init block is not answered. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The account's signature over the device does not hold.
    #[error("the device has no valid certificate")]
    Certificate,
    /// It names a list that cannot be (2.1): whether the device is in it could never be said.
    #[error("the init names a list that cannot be")]
    List,
    /// Too old or too far ahead. Our own clock may be the wrong one: keep the bytes and try again later.
    #[error("the time of the init is out of range")]
    Clock,
    /// The identity does not open: not for this prekey, or damaged.
    #[error("the identity in the init block does not open")]
    Identity,
    /// An own device through the public mailbox, a stranger's through the own one, or this very device.
    #[error("this sender does not belong into this mailbox")]
    Mailbox,
    /// Another prekey than the block names.
    #[error("the init block is for another prekey")]
    OtherPrekey,
    /// A suite or an option that this version does not have.
    #[error("the suite or an option of the init block is not supported")]
    Unsupported,
    /// A key gives no secret, or is not canonical.
    #[error("a key in the init block is not usable")]
    WeakKey,
}

/// Makes a session with a peer's device (3.2, 3.3). Draws 32 bytes for the ephemeral key, 32 for the encapsulation
/// and 32 for the first ratchet key.
///
/// # Errors
/// [`InitiateError`]
pub fn initiate(
    us: &Initiator<'_>,
    peer: &PeerDevice,
    statement: &Statement,
    now_ms: u64,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Session, InitiateError> {
    let prekey = &peer.prekey;
    if !prekey.spk.is_canonical() || !peer.device.dik.is_canonical() {
        return Err(InitiateError::WeakKey);
    }
    let weak = |WeakKey| InitiateError::WeakKey;
    let ephemeral = X25519Secret::generate(rng);
    let (ciphertext, kem) = prekey.kpk.encapsulate(rng);
    let parts = InitParts { prekey: prekey.id(), ephemeral: ephemeral.public(), ciphertext };
    let head = parts.head();
    let th0 = opening_hash(&head, &peer.account, &peer.device, prekey);

    let dh3 = ephemeral.agree(&prekey.spk).map_err(weak)?;
    let introduction = Introduction::new(us, statement).to_bytes();
    let sealed = init::seal_identity(&identity_key(&dh3, &kem, &th0), &introduction, &th0);
    let dh1 = us.device.dik().agree(&prekey.spk).map_err(weak)?;
    let dh2 = ephemeral.agree(&peer.device.dik).map_err(weak)?;
    let transcript = transcript_hash(&th0, &sealed, &introduction, &peer.device);
    let keys = Keys::derive([&dh1, &dh2, &dh3], &kem, &transcript);

    let opening = InitBlock::join(&head, &sealed);
    let fixed = FixedKeys {
        id: keys.id,
        transcript,
        header_out: keys.initiator_header,
        header_in: keys.responder_header,
        exporter: keys.exporter,
        created_ms: now_ms,
        opening: Some(opening),
    };
    Session::initiating(fixed, &keys.root, prekey.spk, rng).map_err(weak)
}

/// An answer to an init block, as far as it alone allows: who speaks, and the session they propose.
#[derive(Debug)]
pub struct Answer {
    /// Who speaks and what they say; the certificate has been checked.
    pub introduction: Introduction,
    /// The session, if its first message opens.
    pub proposal: Proposal,
}

impl Responder<'_> {
    /// Opens an init block with the prekey pair it names (3.4).
    ///
    /// # Errors
    /// [`AnswerError`]
    pub fn answer(
        &self,
        block: &InitBlock,
        prekey: &Prekey,
        origin: Origin,
        now_ms: u64,
    ) -> Result<Answer, AnswerError> {
        let parts = self.parse(block, prekey)?;
        let weak = |WeakKey| AnswerError::WeakKey;
        let device = self.device.public();
        let th0 = opening_hash(block.head(), &self.account, &device, prekey.public());
        let kem = prekey.kem().decapsulate(&parts.ciphertext);
        let dh3 = prekey.spk().agree(&parts.ephemeral).map_err(weak)?;
        let opened = init::open_identity(&identity_key(&dh3, &kem, &th0), block.sealed_identity(), &th0);
        let opened = opened.ok_or(AnswerError::Identity)?;
        let introduction = Introduction::parse(&opened);
        self.check(&introduction, origin, now_ms)?;

        let dh1 = prekey.spk().agree(&introduction.device.dik).map_err(weak)?;
        let dh2 = self.device.dik().agree(&parts.ephemeral).map_err(weak)?;
        let transcript = transcript_hash(&th0, block.sealed_identity(), &opened, &device);
        let keys = Keys::derive([&dh1, &dh2, &dh3], &kem, &transcript);
        let beginning = Beginning { root: keys.root, prekey: prekey.spk().duplicate() };
        let fixed = FixedKeys {
            id: keys.id,
            transcript,
            header_out: keys.responder_header,
            header_in: keys.initiator_header,
            exporter: keys.exporter,
            created_ms: now_ms,
            opening: None,
        };
        Ok(Answer { introduction, proposal: Proposal::new(fixed, beginning) })
    }

    fn parse(&self, block: &InitBlock, prekey: &Prekey) -> Result<InitParts, AnswerError> {
        if block.suite() != SUITE || block.flags() & ONE_TIME_KEY_USED != 0 {
            return Err(AnswerError::Unsupported);
        }
        let parts = block.parts();
        if parts.prekey != prekey.id() {
            return Err(AnswerError::OtherPrekey);
        }
        if parts.ephemeral.is_canonical() { Ok(parts) } else { Err(AnswerError::WeakKey) }
    }

    fn check(&self, introduction: &Introduction, origin: Origin, now_ms: u64) -> Result<(), AnswerError> {
        if !introduction.device.dik.is_canonical() {
            return Err(AnswerError::WeakKey);
        }
        if !introduction.certificate.verify(&introduction.account, &introduction.device) {
            return Err(AnswerError::Certificate);
        }
        let ours = introduction.account == self.account;
        let allowed = match origin {
            Origin::Group => true,
            Origin::Own => ours,
            Origin::Public => !ours,
        };
        if !allowed || (ours && introduction.device.id() == self.device.id()) {
            return Err(AnswerError::Mailbox);
        }
        let said = &introduction.statement;
        if !(1..SEQ_LIMIT).contains(&said.manifest_seq) {
            return Err(AnswerError::List);
        }
        let latest = said.init_ms.max(introduction.certificate.added_at_ms);
        let in_range =
            latest <= now_ms.saturating_add(MAX_AHEAD_MS) && said.init_ms >= now_ms.saturating_sub(MAX_INIT_AGE_MS);
        if in_range { Ok(()) } else { Err(AnswerError::Clock) }
    }
}

/// th0: the block's head and everything of the responder it is meant for.
fn opening_hash(
    head: &[u8; InitBlock::HEAD_LEN],
    account: &Ed25519Public,
    device: &DevicePublic,
    prekey: &PrekeyPublic,
) -> [u8; 32] {
    digest(&[labels::INIT, head, &account.0, &device.id().0, &prekey.spk.0, prekey.kpk.as_bytes()])
}

/// k_id: only the owner of both prekeys can compute it. It serves one text: the nonce is zero.
fn identity_key(dh3: &SharedSecret, kem: &Secret<32>, th0: &[u8; 32]) -> Secret<32> {
    hkdf(&ZERO_SALT, &[dh3.expose(), kem.expose()], &[labels::INIT_ID, th0])
}

/// TH: all that both ends know.
fn transcript_hash(
    th0: &[u8; 32],
    sealed_identity: &[u8; InitBlock::SEALED_IDENTITY_LEN],
    introduction: &[u8; Introduction::LEN],
    responder: &DevicePublic,
) -> [u8; 32] {
    digest(&[labels::TRANSCRIPT, th0, sealed_identity, introduction, &responder.dsk.0, &responder.dik.0])
}

/// OKM, split.
struct Keys {
    root: RootKey,
    initiator_header: Secret<32>,
    responder_header: Secret<32>,
    id: SessionId,
    exporter: Secret<32>,
}

impl Keys {
    /// From DH1, DH2, DH3 and SS, in PQXDH's order.
    fn derive([dh1, dh2, dh3]: [&SharedSecret; 3], kem: &Secret<32>, transcript: &[u8; 32]) -> Self {
        let ikm: [&[u8]; 5] = [&F, dh1.expose(), dh2.expose(), dh3.expose(), kem.expose()];
        let okm = hkdf::<144, 32>(&ZERO_SALT, &ikm, &[labels::PQXDH, transcript]);
        let bytes = okm.expose();
        Self {
            root: RootKey::new(part(bytes, 0)),
            initiator_header: Secret::new(part(bytes, 32)),
            responder_header: Secret::new(part(bytes, 64)),
            id: SessionId(part(bytes, 96)),
            exporter: Secret::new(part(bytes, 112)),
        }
    }
}

impl fmt::Debug for PeerDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerDevice(..)")
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
