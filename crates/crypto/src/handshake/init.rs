//! The init block on the wire, and the identity inside it (3.2).

use std::fmt;

use super::device::{Certificate, DevicePublic};
use super::prekey::PrekeyId;
use super::{Initiator, Statement};
use crate::aead::{chacha_open, chacha_seal};
use crate::kem::{CIPHERTEXT_LEN, KemCiphertext};
use crate::keys::{Ed25519Public, X25519Public};
use crate::ratchet::part;
use crate::secret::Secret;

/// X25519, ML-KEM-768, SHA-256, ChaCha20-Poly1305.
pub const SUITE: u8 = 1;
/// Flag of the block: a one-time key was used. Version 1 has none.
pub(super) const ONE_TIME_KEY_USED: u8 = 1;

/// Flag of the introduction.
const REPLACE: u8 = 1;
/// The key of the identity serves one text only, so its nonce may be fixed.
const NONCE: [u8; 12] = [0; 12];

/// `suite 1 | flags 1 | pkid 4 | otk_id 4 | EK 32 | CT 1088 | encrypted identity 240`. Made once, repeated byte for
/// byte.
#[derive(Clone, PartialEq, Eq)]
pub struct InitBlock(Box<[u8; Self::LEN]>);

/// What a block says in the clear.
pub(super) struct InitParts {
    pub(super) prekey: PrekeyId,
    pub(super) ephemeral: X25519Public,
    pub(super) ciphertext: KemCiphertext,
}

/// Who initiates and why: what the encrypted identity contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// The sender's account.
    pub account: Ed25519Public,
    /// The sender's device.
    pub device: DevicePublic,
    /// What the account says of the device.
    pub certificate: Certificate,
    /// What the sender says besides.
    pub statement: Statement,
}

/// Why a session is made. Only a hint: nothing is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The first one with this device.
    First,
    /// The sender has lost its state.
    LostState,
    /// The peer asked for it.
    PeerAsked,
    /// Messages stayed unacknowledged.
    Unacknowledged,
    /// Time or count was reached (4.7).
    Refresh,
    /// The sender's device has new keys.
    DeviceRenewed,
    /// A later version's reason.
    Other(u8),
}

impl InitBlock {
    /// Length of a block.
    pub const LEN: usize = Self::HEAD_LEN + Self::SEALED_IDENTITY_LEN;
    /// Length of the part in the clear.
    pub const HEAD_LEN: usize = 42 + CIPHERTEXT_LEN;
    /// Length of the encrypted identity.
    pub const SEALED_IDENTITY_LEN: usize = Introduction::LEN + 16;

    /// Any bytes of the length are a block; what they say is checked when it is answered.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; Self::LEN]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Names the prekey pair the block was made for, so that it can be looked up.
    #[must_use]
    pub fn prekey_id(&self) -> PrekeyId {
        PrekeyId(part(self.0.as_slice(), 2))
    }

    pub(super) fn join(head: &[u8; Self::HEAD_LEN], sealed_identity: &[u8; Self::SEALED_IDENTITY_LEN]) -> Self {
        let mut block = Box::new([0; Self::LEN]);
        block.iter_mut().zip(head.iter().chain(sealed_identity)).for_each(|(to, from)| *to = *from);
        Self(block)
    }

    pub(super) const fn suite(&self) -> u8 {
        let [suite, ..] = *self.0;
        suite
    }

    pub(super) const fn flags(&self) -> u8 {
        let [_, flags, ..] = *self.0;
        flags
    }

    pub(super) fn head(&self) -> &[u8; Self::HEAD_LEN] {
        const EMPTY: [u8; InitBlock::HEAD_LEN] = [0; InitBlock::HEAD_LEN];
        self.0.first_chunk().unwrap_or(&EMPTY) // the length is right by type
    }

    pub(super) fn sealed_identity(&self) -> &[u8; Self::SEALED_IDENTITY_LEN] {
        const EMPTY: [u8; InitBlock::SEALED_IDENTITY_LEN] = [0; InitBlock::SEALED_IDENTITY_LEN];
        self.0.last_chunk().unwrap_or(&EMPTY) // the length is right by type
    }

    pub(super) fn parts(&self) -> InitParts {
        let bytes = self.0.as_slice();
        InitParts {
            prekey: self.prekey_id(),
            ephemeral: X25519Public(part(bytes, 10)),
            ciphertext: KemCiphertext::from_bytes(&part(bytes, 42)),
        }
    }
}

impl InitParts {
    /// The part in the clear; no one-time key.
    pub(super) fn head(&self) -> [u8; InitBlock::HEAD_LEN] {
        let fields: [&[u8]; 6] =
            [&[SUITE], &[0], &self.prekey.0, &[0; 4], &self.ephemeral.0, self.ciphertext.as_bytes()];
        collect(&fields)
    }
}

impl Introduction {
    /// Length of the encoded introduction.
    pub const LEN: usize = 224;

    pub(super) fn new(us: &Initiator<'_>, statement: &Statement) -> Self {
        Self { account: us.account, device: us.device.public(), certificate: *us.certificate, statement: *statement }
    }

    pub(super) fn to_bytes(&self) -> [u8; Self::LEN] {
        let said = &self.statement;
        let fields: [&[u8]; 11] = [
            &self.account.0,
            &self.device.dsk.0,
            &self.device.dik.0,
            &self.certificate.added_at_ms.to_le_bytes(),
            &self.certificate.signature,
            &said.manifest_seq.to_le_bytes(),
            &said.manifest_hash,
            &said.init_ms.to_le_bytes(),
            &[if said.replace { REPLACE } else { 0 }, said.reason.to_byte()],
            &said.caps.to_le_bytes(),
            &[0; 4],
        ];
        collect(&fields)
    }

    pub(super) fn parse(bytes: &[u8; Self::LEN]) -> Self {
        let [flags, reason] = part(bytes, 216);
        Self {
            account: Ed25519Public(part(bytes, 0)),
            device: DevicePublic { dsk: Ed25519Public(part(bytes, 32)), dik: X25519Public(part(bytes, 64)) },
            certificate: Certificate { added_at_ms: u64::from_le_bytes(part(bytes, 96)), signature: part(bytes, 104) },
            statement: Statement {
                manifest_seq: u64::from_le_bytes(part(bytes, 168)),
                manifest_hash: part(bytes, 176),
                init_ms: u64::from_le_bytes(part(bytes, 208)),
                replace: flags & REPLACE != 0,
                reason: Reason::from_byte(reason),
                caps: u16::from_le_bytes(part(bytes, 218)),
            },
        }
    }
}

impl Reason {
    const fn to_byte(self) -> u8 {
        match self {
            Self::First => 0,
            Self::LostState => 1,
            Self::PeerAsked => 2,
            Self::Unacknowledged => 3,
            Self::Refresh => 4,
            Self::DeviceRenewed => 5,
            Self::Other(byte) => byte,
        }
    }

    const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::First,
            1 => Self::LostState,
            2 => Self::PeerAsked,
            3 => Self::Unacknowledged,
            4 => Self::Refresh,
            5 => Self::DeviceRenewed,
            other => Self::Other(other),
        }
    }
}

/// Encrypts the identity. The key serves this text only: see the nonce.
pub(super) fn seal_identity(
    key: &Secret<32>,
    introduction: &[u8; Introduction::LEN],
    th0: &[u8; 32],
) -> [u8; InitBlock::SEALED_IDENTITY_LEN] {
    part(&chacha_seal(key.expose(), &NONCE, th0, introduction), 0)
}

/// The identity, if key and transcript are right.
pub(super) fn open_identity(
    key: &Secret<32>,
    sealed: &[u8; InitBlock::SEALED_IDENTITY_LEN],
    th0: &[u8; 32],
) -> Option<[u8; Introduction::LEN]> {
    chacha_open(key.expose(), &NONCE, th0, sealed)?.first_chunk().copied()
}

/// Joins fields into a layout whose length they add up to.
fn collect<const N: usize>(fields: &[&[u8]]) -> [u8; N] {
    debug_assert_eq!(fields.iter().map(|field| field.len()).sum::<usize>(), N, "the fields fill the layout");
    let mut out = [0; N];
    out.iter_mut().zip(fields.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
    out
}

impl fmt::Debug for InitBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InitBlock(..)")
    }
}
