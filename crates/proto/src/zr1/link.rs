//! Linking a device: the request of the new one, the emoji comparison, the scanned code (5.4).
//!
//! The new device, which has the words, stores a [`LinkRequest`] for the old ones (namespace 6003). Either the user
//! compares seven emoji on both screens, or the new device had shown a [`LinkCode`] that the old one scanned: then
//! the request carries a token that only the scanner knows.
//!
//! The specification joins `device entry || bundle || platform` and appends the token's hash without saying where one
//! ends and the next begins. Here bundle and platform have a length before them, and all of it is encrypted.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;
use zwiebel_crypto::aead::{xchacha_open, xchacha_seal};
use zwiebel_crypto::kdf::{argon2id, digest, hkdf, short_digest};
use zwiebel_crypto::keys::{Ed25519Secret, SharedSecret, WeakKey, X25519Public, X25519Secret};
use zwiebel_crypto::labels;
use zwiebel_crypto::reader::Reader;
use zwiebel_crypto::secret::Secret;

use super::bundle::Bundle;
use super::manifest::DeviceEntry;
use super::{BlobError, account_key, open_with_nonce, seal_with_nonce};
use crate::account_id::AccountId;

/// How a scanned code begins.
pub const CODE_PREFIX: &str = "zrl1:";
/// Longest name of a platform, in bytes.
pub const MAX_PLATFORM_LEN: usize = 64;
/// Memory of the emoji hash: a thief of the words has ten minutes to find a device entry with the same seven
/// emoji, and each try costs this much.
pub const EMOJI_KIBIBYTES: u32 = 16 * 1_024;
/// Passes of the emoji hash.
pub const EMOJI_PASSES: u32 = 2;

const VERSION: u8 = 1;
const ANSWER_LEN: usize = 32 + 24 + 33 + 16;

/// What a new device asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRequest {
    /// Its entry for the manifest; slot and endorsement are not set yet.
    pub entry: DeviceEntry,
    /// Its first bundle.
    pub bundle: Bundle,
    /// What it runs on, as it says itself.
    pub platform: String,
    /// Hash of the token from a scanned code.
    pub token_hash: Option<[u8; 32]>,
}

/// The token an old device gives to the new one whose code it scanned.
pub struct LinkToken(Secret<16>);

/// What a new device shows for scanning: a throw-away account, and a secret that never leaves the two screens.
pub struct LinkCode {
    /// The throw-away account.
    pub account: AccountId,
    secret: Secret<32>,
}

/// What the old device answers to a scanned code.
pub struct LinkAnswer {
    /// Seed of the account: the words.
    pub seed: Secret<16>,
    /// To be shown in the request.
    pub token: LinkToken,
}

/// Text that is no link code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a link code")]
pub struct NotALinkCode;

impl LinkToken {
    /// A fresh token. Draws 16 bytes.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(Secret::generate(rng))
    }

    /// What the request shows of it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        digest(&[labels::LINK_TOKEN, self.0.expose()])
    }
}

/// Encrypts a request for the other devices of the account. `bundle` are the bytes of the device's first bundle.
/// Draws 24 bytes. A new device of ours lists itself instead; this is for tests and vectors, and for who reads them.
///
/// # Errors
/// [`BlobError::Length`] if bundle or platform are too long.
pub fn seal_request(
    account: &Ed25519Secret,
    entry: &DeviceEntry,
    bundle: &[u8],
    platform: &str,
    token: Option<&LinkToken>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, BlobError> {
    let platform_len = u8::try_from(platform.len()).map_err(|_| BlobError::Length)?;
    if platform.len() > MAX_PLATFORM_LEN {
        return Err(BlobError::Length);
    }
    let mut plaintext = entry.to_bytes().to_vec();
    plaintext.extend_from_slice(&u16::try_from(bundle.len()).map_err(|_| BlobError::Length)?.to_le_bytes());
    plaintext.extend_from_slice(bundle);
    plaintext.push(platform_len);
    plaintext.extend_from_slice(platform.as_bytes());
    if let Some(token) = token {
        plaintext.extend_from_slice(&token.hash());
    }
    Ok(seal_with_nonce(&account_key(account, labels::LINK), &[], &plaintext, rng))
}

impl LinkRequest {
    /// Opens a request and checks the bundle in it against the device entry.
    ///
    /// # Errors
    /// [`BlobError`]
    pub fn open(account: &Ed25519Secret, blob: &[u8], now_ms: u64) -> Result<Self, BlobError> {
        let plaintext = open_with_nonce(&account_key(account, labels::LINK), &[], blob).ok_or(BlobError::Signature)?;
        let mut reader = Reader::new(&plaintext);
        let entry = DeviceEntry::parse(&mut reader)?;
        let bundle_len = usize::from(reader.u16()?);
        let bundle = Bundle::verify(reader.slice(bundle_len)?, &account.public(), &entry.public, now_ms)?;
        let platform_len = usize::from(reader.u8()?);
        if platform_len > MAX_PLATFORM_LEN {
            return Err(BlobError::Length);
        }
        let platform = String::from_utf8(reader.slice(platform_len)?.to_vec()).map_err(|_| BlobError::Invalid)?;
        let token_hash = if reader.left() == 0 { None } else { Some(reader.array()?) };
        reader.finish()?;
        Ok(Self { entry, bundle, platform, token_hash })
    }

    /// Whether the request comes from the device whose code was scanned.
    #[must_use]
    pub fn shows(&self, token: &LinkToken) -> bool {
        self.token_hash.map(Secret::new) == Some(Secret::new(token.hash()))
    }
}

/// The seven emoji both screens show, as numbers from 0 to 63: the first 42 bits of a memory-hard hash of the entry.
/// `None` if there is not enough memory.
#[must_use]
pub fn emoji_code(entry: &DeviceEntry) -> Option<[u8; 7]> {
    let bytes = entry.to_bytes();
    let salt = short_digest(&[labels::LINK_SAS, &bytes]);
    let hash = argon2id(&bytes, &salt, EMOJI_KIBIBYTES, EMOJI_PASSES)?;
    let bits = hash.expose().iter().take(6).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let mut code = [0; 7];
    for (number, shift) in code.iter_mut().zip((0..7_u32).map(|at| 42 - 6 * at)) {
        // 48 bits are in hand; the first number is the top six, the last six bits of them are not used.
        *number = u8::try_from(bits >> shift & 0x3f).unwrap_or_default();
    }
    Some(code)
}

impl LinkCode {
    /// A code for this throw-away account. Draws 32 bytes.
    pub fn generate(account: AccountId, rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self { account, secret: Secret::generate(rng) }
    }

    /// The text of the QR code.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.account.to_bytes().as_slice(), self.secret.expose()].concat());
        let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&bytes));
        Zeroizing::new([CODE_PREFIX, encoded.as_str()].concat())
    }

    /// Reads the text of a QR code.
    ///
    /// # Errors
    /// [`NotALinkCode`]
    pub fn parse(text: &str) -> Result<Self, NotALinkCode> {
        let encoded = text.strip_prefix(CODE_PREFIX).ok_or(NotALinkCode)?;
        let bytes = Zeroizing::new(Base64UrlUnpadded::decode_vec(encoded).map_err(|_| NotALinkCode)?);
        let mut reader = Reader::new(&bytes);
        let prefix = reader.u8().map_err(|_| NotALinkCode)?;
        let key = X25519Public(reader.array().map_err(|_| NotALinkCode)?);
        let secret = Secret::new(reader.array().map_err(|_| NotALinkCode)?);
        reader.finish().map_err(|_| NotALinkCode)?;
        if prefix != AccountId::PREFIX || !key.is_canonical() {
            return Err(NotALinkCode);
        }
        Ok(Self { account: AccountId::from_key(key), secret })
    }

    /// The scanner's answer, to be stored for the throw-away account. Draws 32 and 24 bytes.
    ///
    /// # Errors
    /// [`WeakKey`] if the key in the code gives no secret.
    pub fn answer(
        &self,
        seed: &Secret<16>,
        token: &LinkToken,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, WeakKey> {
        let ephemeral = X25519Secret::generate(rng);
        let public = ephemeral.public();
        let key = self.key(&ephemeral.agree(&self.account.key())?, &public);
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let plaintext = Zeroizing::new([&[VERSION], seed.expose().as_slice(), token.0.expose()].concat());
        let sealed = xchacha_seal(key.expose(), &nonce, &[], &plaintext);
        Ok([public.0.as_slice(), &nonce, &sealed].concat())
    }

    /// Opens the answer with the key of the throw-away account; `None` if it is not one to this code.
    #[must_use]
    pub fn open_answer(&self, account: &X25519Secret, blob: &[u8]) -> Option<LinkAnswer> {
        if blob.len() != ANSWER_LEN {
            return None;
        }
        let (public, rest) = blob.split_first_chunk::<32>()?;
        let (nonce, sealed) = rest.split_first_chunk::<24>()?;
        let public = X25519Public(*public);
        if !public.is_canonical() {
            return None;
        }
        let key = self.key(&account.agree(&public).ok()?, &public);
        let plaintext = Zeroizing::new(xchacha_open(key.expose(), nonce, &[], sealed)?);
        let mut reader = Reader::new(&plaintext);
        if reader.u8().ok()? != VERSION {
            return None;
        }
        let (seed, token) = (Secret::new(reader.array().ok()?), Secret::new(reader.array().ok()?));
        reader.finish().ok()?;
        Some(LinkAnswer { seed, token: LinkToken(token) })
    }

    fn key(&self, shared: &SharedSecret, ephemeral: &X25519Public) -> Secret<32> {
        let info: [&[u8]; 3] = [labels::LINK_QR, &ephemeral.0, &self.account.key().0];
        hkdf(&[0; 32], &[self.secret.expose(), shared.expose()], &info)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(..)")
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(..)")
    }
}

impl fmt::Debug for LinkAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkAnswer(..)")
    }
}
