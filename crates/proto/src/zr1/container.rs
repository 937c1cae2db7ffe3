//! The container: content encrypted once, and a capsule with its key for each device (4.4).
//!
//! ```text
//! n_caps 1 | kind 1 | zero 2 | payload_len 4 | salt 16                          header, 24
//! n_caps * ( hint 4 | type 1 | zero 1 | len 2 | [init 1370] capsule )
//!                                                    len counts both: 1506 with an init block, 136 without (KAT-1)
//! payload_ct = AEAD(CEK, 0^12, content || 80 || 00*, aad = "ZR1/payload" || salt)
//! ```
//! Each capsule is bound to the header and to the encrypted payload, so one device cannot use its key to forge other
//! content for a sibling, and a capsule moved into another container does not open. A dishonest sender can still make
//! one payload open differently under two keys: nothing may rely on "same container, same text".
//!
//! What it does not know: which sessions to use, what the content says.

use std::fmt;

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;
use zwiebel_crypto::aead::{chacha_open, chacha_seal};
use zwiebel_crypto::handshake::{DeviceId, InitBlock};
use zwiebel_crypto::kdf::short_digest;
use zwiebel_crypto::labels;
use zwiebel_crypto::ratchet::{
    Bind, CAPSULE_LEN, CONTAINER_HEADER_LEN, Changes, ContainerId, Position, Proposal, ReceiveError, Received,
    SealError, Session, Trust,
};
use zwiebel_crypto::reader::{Reader, WrongLength};
use zwiebel_crypto::secret::Secret;

use super::envelope::{self, OuterKey};

/// Capsules in one container: 8 devices of an account with room, and a private group of about 20 people; more would
/// leave no room for content in a blob.
pub const MAX_CAPSULES: usize = 64;
/// How many capsules with our hint are tried. The sender chooses the salt and could make any number of hints ours.
pub const MAX_OWN_ENTRIES: usize = 2;

/// Before an entry's capsule: hint, type, zero, length.
const ENTRY_HEADER_LEN: usize = 8;
/// Tag and the smallest padding of the payload.
const PAYLOAD_OVERHEAD: usize = 17;
const TYPE_RATCHET: u8 = 0;
const TYPE_INIT: u8 = 1;
/// CEK is fresh for every container, so the nonce of the payload may be fixed.
const NONCE: [u8; 12] = [0; 12];

/// Which mailbox a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From one account to another.
    Peer,
    /// Between devices of one account.
    Own,
    /// To a private group.
    Group,
}

/// A device a container is for, with the session to use.
pub struct Recipient<'a> {
    /// The device.
    pub device: DeviceId,
    /// Our session with it; it advances.
    pub session: &'a mut Session,
}

/// A container in its envelope, ready to be stored in a swarm.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// By which receivers acknowledge it, and by which a resend is recognised.
    pub id: ContainerId,
    /// The bytes to store.
    pub envelope: Vec<u8>,
}

/// Why a container cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealContainerError {
    /// No recipients, or more than [`MAX_CAPSULES`].
    #[error("a container has 1 to 64 recipients")]
    Recipients,
    /// A session cannot seal any more. Sessions before it in the list have advanced; that does no harm.
    #[error(transparent)]
    Session(SealError),
    /// Content and capsules do not fit a blob: split the recipients, or send the content as an attachment.
    #[error("content and capsules do not fit a blob")]
    TooBig,
    /// The mailbox's key gives no secret.
    #[error("the key of the mailbox is not usable")]
    WeakKey,
}

/// A body that is not a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the body is not a container")]
pub struct MalformedContainer;

impl From<WrongLength> for MalformedContainer {
    fn from(_: WrongLength) -> Self {
        Self
    }
}

/// The payload does not open with the key of its own capsule, or has no padding: only the sender can cause that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the payload does not open")]
pub struct BadPayload;

/// Why a message cannot be read. The session is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The capsule opened, the payload did not: drop and count.
    #[error(transparent)]
    Payload(BadPayload),
    /// The capsule did not open.
    #[error(transparent)]
    Ratchet(ReceiveError),
    /// The session moved on meanwhile: a bug of the caller.
    #[error("the session has changed since the message was opened")]
    Stale,
}

/// A message that has been read; the session has advanced.
pub struct Opened {
    /// The content, see [`super::content`].
    pub content: Zeroizing<Vec<u8>>,
    /// Where it stands in its session.
    pub position: Position,
    /// Which rows of the session have changed, besides the hot one.
    pub changes: Changes,
}

/// Bytes of one entry.
fn entry_len(with_init: bool) -> usize {
    ENTRY_HEADER_LEN + CAPSULE_LEN + if with_init { InitBlock::LEN } else { 0 }
}

/// How many of the given recipients (true: with an init block) fit into one container with this much content; always
/// from the front of the list. The rest goes into further containers with the same message id.
#[must_use]
pub fn fitting(with_init: &[bool], content_len: usize) -> usize {
    let fixed = envelope::OVERHEAD + CONTAINER_HEADER_LEN + PAYLOAD_OVERHEAD;
    let mut size = fixed.saturating_add(content_len);
    let mut count = 0;
    for init in with_init.iter().take(MAX_CAPSULES) {
        size = size.saturating_add(entry_len(*init));
        if envelope::bucket(size).is_none() {
            break;
        }
        count += 1;
    }
    count
}

/// Encrypts `content` for the devices behind `recipients` and puts it into an envelope to `to` (4.4). Draws 32 bytes
/// for the content key, 16 for the salt, what each session draws, and 32 for the envelope.
///
/// # Errors
/// [`SealContainerError`]
pub fn seal(
    kind: Kind,
    content: &[u8],
    recipients: &mut [Recipient<'_>],
    to: &OuterKey,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Sealed, SealContainerError> {
    let entries: usize = recipients.iter().map(|recipient| entry_len(recipient.session.opening().is_some())).sum();
    let around = envelope::OVERHEAD + CONTAINER_HEADER_LEN + entries + 16;
    let size = around.checked_add(content.len()).and_then(|size| size.checked_add(1)).and_then(envelope::bucket);
    let padded_len = size.and_then(|size| size.checked_sub(around)).ok_or(SealContainerError::TooBig)?;
    seal_padded(kind, content, padded_len, recipients, to, rng)
}

/// [`seal`] with a given length of the padded content; longer than the content.
fn seal_padded(
    kind: Kind,
    content: &[u8],
    padded_len: usize,
    recipients: &mut [Recipient<'_>],
    to: &OuterKey,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Sealed, SealContainerError> {
    let count = u8::try_from(recipients.len()).map_err(|_| SealContainerError::Recipients)?;
    if count == 0 || recipients.len() > MAX_CAPSULES {
        return Err(SealContainerError::Recipients);
    }
    let content_key = Secret::<32>::generate(rng);
    let mut salt = [0; 16];
    rng.fill_bytes(&mut salt);
    let mut padded = Zeroizing::new(Vec::with_capacity(padded_len));
    padded.extend_from_slice(content);
    padded.push(0x80);
    padded.resize(padded_len, 0);
    let payload = chacha_seal(content_key.expose(), &NONCE, &payload_aad(&salt), &padded);

    let payload_len = u32::try_from(payload.len()).map_err(|_| SealContainerError::TooBig)?;
    let header = header(count, kind, payload_len, &salt);
    let bind = Bind::of(&header, &payload);
    let mut body = header.to_vec();
    for recipient in recipients {
        let opening = recipient.session.opening().cloned();
        let capsule = recipient.session.seal(&content_key, &bind, rng).map_err(SealContainerError::Session)?;
        let init: &[u8] = opening.as_ref().map_or(&[], |block| block.as_bytes());
        let len = u16::try_from(init.len().saturating_add(capsule.len()));
        let len = len.map_err(|_| SealContainerError::TooBig)?;
        body.extend_from_slice(&hint(&salt, &recipient.device));
        body.extend_from_slice(&[if opening.is_some() { TYPE_INIT } else { TYPE_RATCHET }, 0]);
        body.extend_from_slice(&len.to_le_bytes());
        body.extend_from_slice(init);
        body.extend(capsule);
    }
    body.extend(payload);
    let envelope = envelope::seal(to, &body, rng).map_err(|_| SealContainerError::WeakKey)?;
    Ok(Sealed { id: bind.container_id(), envelope })
}

/// A container taken apart, nothing opened yet.
pub struct Container<'a> {
    kind: Kind,
    salt: [u8; 16],
    entries: Vec<Entry<'a>>,
    payload: &'a [u8],
    bind: Bind,
}

/// One capsule, with the init block before it if there is one.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    hint: [u8; 4],
    init: Option<&'a [u8; InitBlock::LEN]>,
    capsule: &'a [u8],
}

impl<'a> Container<'a> {
    /// Takes a body apart.
    ///
    /// # Errors
    /// [`MalformedContainer`]
    pub fn parse(body: &'a [u8]) -> Result<Self, MalformedContainer> {
        let mut reader = Reader::new(body);
        let header = reader.chunk::<CONTAINER_HEADER_LEN>()?;
        let mut fields = Reader::new(header);
        let count = usize::from(fields.u8()?);
        let kind = Kind::from_byte(fields.u8()?).ok_or(MalformedContainer)?;
        let _zero = fields.u16()?;
        let payload_len = usize::try_from(fields.u32()?).map_err(|_| MalformedContainer)?;
        let salt = fields.array()?;
        if count == 0 || count > MAX_CAPSULES {
            return Err(MalformedContainer);
        }
        let entries = (0..count).map(|_| Entry::parse(&mut reader)).collect::<Result<Vec<_>, _>>()?;
        let payload = reader.slice(payload_len)?;
        reader.finish()?;
        Ok(Self { kind, salt, entries, payload, bind: Bind::of(header, payload) })
    }

    /// Which mailbox it must lie in.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> ContainerId {
        self.bind.container_id()
    }

    /// What binds its capsules to it.
    #[must_use]
    pub const fn bind(&self) -> &Bind {
        &self.bind
    }

    /// The capsules that may be this device's: hints are short, so at most two are tried.
    ///
    /// # Errors
    /// [`MalformedContainer`] if there are more: drop it.
    pub fn entries_for(&self, device: &DeviceId) -> Result<Vec<Entry<'a>>, MalformedContainer> {
        let ours = hint(&self.salt, device);
        let found: Vec<_> = self.entries.iter().filter(|entry| entry.hint == ours).copied().collect();
        if found.len() > MAX_OWN_ENTRIES { Err(MalformedContainer) } else { Ok(found) }
    }

    /// Opens the payload and takes its padding off.
    ///
    /// # Errors
    /// [`BadPayload`]
    pub fn open_payload(&self, content_key: &Secret<32>) -> Result<Zeroizing<Vec<u8>>, BadPayload> {
        let opened = chacha_open(content_key.expose(), &NONCE, &payload_aad(&self.salt), self.payload);
        let mut padded = Zeroizing::new(opened.ok_or(BadPayload)?);
        let end = padded.iter().rposition(|byte| *byte != 0).ok_or(BadPayload)?;
        if padded.get(end) != Some(&0x80) {
            return Err(BadPayload);
        }
        padded.truncate(end);
        Ok(padded)
    }
}

impl<'a> Entry<'a> {
    /// The init block before the capsule, if the sender had not been answered yet.
    #[must_use]
    pub fn init(&self) -> Option<InitBlock> {
        self.init.map(InitBlock::from_bytes)
    }

    /// The capsule.
    #[must_use]
    pub const fn capsule(&self) -> &'a [u8] {
        self.capsule
    }

    fn parse(reader: &mut Reader<'a>) -> Result<Self, MalformedContainer> {
        let hint = reader.array()?;
        let kind = reader.u8()?;
        let _zero = reader.u8()?;
        let len = usize::from(reader.u16()?);
        let bytes = reader.slice(len)?;
        let (init, capsule) = match kind {
            TYPE_RATCHET => (None, bytes),
            TYPE_INIT => {
                let (init, capsule) = bytes.split_first_chunk().ok_or(MalformedContainer)?;
                (Some(init), capsule)
            }
            _ => return Err(MalformedContainer),
        };
        if capsule.len() < CAPSULE_LEN {
            return Err(MalformedContainer);
        }
        Ok(Self { hint, init, capsule })
    }
}

/// Reads a message in a session that exists. The session advances only if capsule and payload both open.
///
/// # Errors
/// [`OpenError`]
pub fn receive(
    session: &mut Session,
    container: &Container<'_>,
    entry: &Entry<'_>,
    trust: Trust,
    now_ms: u64,
) -> Result<Opened, OpenError> {
    let received = session.receive(entry.capsule, &container.bind).map_err(OpenError::Ratchet)?;
    let (content, position) = payload_of(container, &received)?;
    let changes = session.apply(received, trust, now_ms).map_err(|_| OpenError::Stale)?;
    Ok(Opened { content, position, changes })
}

/// Reads the first message of a proposed session, which becomes a session if capsule and payload both open. Draws 32
/// bytes.
///
/// # Errors
/// [`OpenError`]
pub fn receive_first(
    proposal: Proposal,
    container: &Container<'_>,
    entry: &Entry<'_>,
    trust: Trust,
    now_ms: u64,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<(Session, Opened), OpenError> {
    let received = proposal.receive(entry.capsule, &container.bind).map_err(OpenError::Ratchet)?;
    let (content, position) = payload_of(container, &received)?;
    let (session, changes) = proposal.accept(received, trust, now_ms, rng).map_err(|_| OpenError::Stale)?;
    Ok((session, Opened { content, position, changes }))
}

fn payload_of(container: &Container<'_>, received: &Received) -> Result<(Zeroizing<Vec<u8>>, Position), OpenError> {
    let content = container.open_payload(received.content_key()).map_err(OpenError::Payload)?;
    Ok((content, received.position()))
}

impl Kind {
    const fn to_byte(self) -> u8 {
        match self {
            Self::Peer => 0,
            Self::Own => 1,
            Self::Group => 2,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Peer),
            1 => Some(Self::Own),
            2 => Some(Self::Group),
            _ => None,
        }
    }
}

fn header(count: u8, kind: Kind, payload_len: u32, salt: &[u8; 16]) -> [u8; CONTAINER_HEADER_LEN] {
    let mut header = [0; CONTAINER_HEADER_LEN];
    let fields = [count, kind.to_byte(), 0, 0].into_iter().chain(payload_len.to_le_bytes()).chain(*salt);
    header.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
    header
}

fn hint(salt: &[u8; 16], device: &DeviceId) -> [u8; 4] {
    short_digest(&[labels::HINT, salt, &device.0])
}

fn payload_aad(salt: &[u8; 16]) -> Vec<u8> {
    [labels::PAYLOAD, salt].concat()
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

impl fmt::Debug for Container<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Container(..)")
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened(..)")
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
