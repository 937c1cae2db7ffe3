//! The capsule on the wire: an encrypted header and an encrypted content key, tied to one container (4.3).
//!
//! ```text
//! nonce 24 | XAEAD(HK, nonce, header 48 || ext, aad = TH || bind) | AEAD(k, n, CEK 32, aad = ad)      136 + ext bytes
//! ```
//! What it does not know: which keys to use; the state of a session.

use crate::aead::{chacha_open, chacha_seal, xchacha_open, xchacha_seal};
use crate::kdf::{digest, short_digest};
use crate::keys::X25519Public;
use crate::labels;
use crate::reader::{Reader, WrongLength};
use crate::secret::Secret;

/// Length of a capsule without header extensions.
pub const CAPSULE_LEN: usize = 136;
/// Length of a container's header, the beginning of what `bind` covers.
pub const CONTAINER_HEADER_LEN: usize = 24;

/// Length of the fixed part of the header.
pub(crate) const HEADER_LEN: usize = 48;
/// Bytes before the encrypted content key, extensions aside: nonce, header, tag.
const KEY_OFFSET: usize = 88;
/// Extension types below this one change how the message must be read; the others may be skipped (4.6).
const FIRST_OPTIONAL: u8 = 0x80;

/// What ties a capsule to its container: a hash over the container's header and the encrypted payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Bind([u8; 32]);

/// Names a container for acknowledgements and for telling a duplicate from a clone: the beginning of [`Bind`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(pub [u8; 16]);

/// What the header says.
pub(crate) struct Header {
    pub(crate) ratchet_key: X25519Public,
    /// PN: how many messages the sender's previous chain had.
    pub(crate) previous: u32,
    /// N: the number of this message in its chain.
    pub(crate) number: u32,
    pub(crate) pq_epoch: u32,
}

/// A header that opened but says something this version cannot follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MalformedHeader;

impl Bind {
    /// Of a container with this header and this encrypted payload.
    #[must_use]
    pub fn of(container_header: &[u8; CONTAINER_HEADER_LEN], encrypted_payload: &[u8]) -> Self {
        Self(digest(&[labels::CONTAINER, container_header, &digest(&[encrypted_payload])]))
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name of the container.
    #[must_use]
    pub const fn container_id(&self) -> ContainerId {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = self.0;
        ContainerId([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

impl Header {
    /// The 48 bytes; version 1.0 sends no extensions.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN);
        out.extend_from_slice(&self.ratchet_key.0);
        out.extend_from_slice(&self.previous.to_le_bytes());
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&[0; 4]); // flags, zero, no extensions
        out.extend_from_slice(&self.pq_epoch.to_le_bytes());
        out
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, MalformedHeader> {
        let mut reader = Reader::new(bytes);
        let header = Self::parse_fixed(&mut reader).map_err(|WrongLength| MalformedHeader)?;
        let (header, ext_len) = header;
        if reader.left() != usize::from(ext_len) || !header.ratchet_key.is_canonical() {
            return Err(MalformedHeader);
        }
        check_extensions(reader).map(|()| header)
    }

    fn parse_fixed(reader: &mut Reader<'_>) -> Result<(Self, u16), WrongLength> {
        let ratchet_key = X25519Public(reader.array()?);
        let previous = reader.u32()?;
        let number = reader.u32()?;
        let _flags_and_zero = reader.array::<2>()?;
        let ext_len = reader.u16()?;
        let pq_epoch = reader.u32()?;
        Ok((Self { ratchet_key, previous, number, pq_epoch }, ext_len))
    }
}

/// Walks the extensions `type 1 | zero 1 | len 2 | value`: they fill the space exactly, each type comes at most once,
/// and none is critical, because version 1.0 knows none.
fn check_extensions(mut reader: Reader<'_>) -> Result<(), MalformedHeader> {
    let mut seen = [false; 256];
    while reader.left() > 0 {
        let kind = reader.u8().map_err(|WrongLength| MalformedHeader)?;
        let _zero = reader.u8().map_err(|WrongLength| MalformedHeader)?;
        let length = reader.u16().map_err(|WrongLength| MalformedHeader)?;
        let _value = reader.slice(usize::from(length)).map_err(|WrongLength| MalformedHeader)?;
        let before = seen.get_mut(usize::from(kind)).is_none_or(|slot| std::mem::replace(slot, true));
        if before || kind < FIRST_OPTIONAL {
            return Err(MalformedHeader);
        }
    }
    Ok(())
}

/// The keys a header is under, with what its associated data binds it to.
pub(crate) struct HeaderSeal<'a> {
    pub(crate) key: &'a Secret<32>,
    pub(crate) transcript: &'a [u8; 32],
    pub(crate) bind: &'a Bind,
}

impl HeaderSeal<'_> {
    /// `nonce || encrypted header`. The nonce is 24 random bytes: unique under the key without any state.
    pub(crate) fn seal(&self, nonce: &[u8; 24], header: &Header) -> Vec<u8> {
        let sealed = xchacha_seal(self.key.expose(), nonce, &self.aad(), &header.to_bytes());
        [nonce.as_slice(), &sealed].concat()
    }

    /// `None` if the capsule is not under this key; `Some(Err)` if it is, but cannot be followed.
    pub(crate) fn open(&self, capsule: &Capsule<'_>) -> Option<Result<Header, MalformedHeader>> {
        let opened = xchacha_open(self.key.expose(), capsule.nonce, &self.aad(), capsule.header)?;
        Some(Header::parse(&opened))
    }

    /// `ad` of the content key, over all that comes before it.
    pub(crate) fn key_aad(&self, before: &[u8]) -> [u8; 32] {
        digest(&[labels::CAPSULE, self.transcript, before, &self.bind.0])
    }

    fn aad(&self) -> [u8; 64] {
        let mut aad = [0; 64];
        aad.iter_mut().zip(self.transcript.iter().chain(&self.bind.0)).for_each(|(to, from)| *to = *from);
        aad
    }
}

/// A capsule taken apart, nothing opened yet.
pub(crate) struct Capsule<'a> {
    pub(crate) nonce: &'a [u8; 24],
    pub(crate) header: &'a [u8],
    /// All before the encrypted content key.
    pub(crate) before: &'a [u8],
    pub(crate) content_key: &'a [u8; 48],
}

impl<'a> Capsule<'a> {
    /// `None` if it is too short to be one.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (before, content_key) = bytes.split_last_chunk::<48>()?;
        let (nonce, header) = before.split_first_chunk::<24>()?;
        (before.len() >= KEY_OFFSET).then_some(Self { nonce, header, before, content_key })
    }
}

/// The encrypted content key. (k, n) is unique because the message key is, and because the nonce went into it.
pub(crate) fn seal_content_key(
    (key, nonce): &(Secret<32>, [u8; 12]),
    aad: &[u8; 32],
    content_key: &Secret<32>,
) -> Vec<u8> {
    chacha_seal(key.expose(), nonce, aad, content_key.expose())
}

/// The content key, if these are the right key and bytes.
pub(crate) fn open_content_key(
    (key, nonce): &(Secret<32>, [u8; 12]),
    aad: &[u8; 32],
    sealed: &[u8; 48],
) -> Option<Secret<32>> {
    let opened = zeroize::Zeroizing::new(chacha_open(key.expose(), nonce, aad, sealed)?);
    opened.first_chunk::<32>().map(|bytes| Secret::new(*bytes))
}

/// Short name of a peer's ratchet key.
pub(crate) fn chain_tag(ratchet_key: &X25519Public) -> [u8; 8] {
    short_digest(&[&ratchet_key.0])
}
