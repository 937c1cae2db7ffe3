//! Safety number and verification code (8.1).
//!
//! The Account ID is the account's key, so comparing ids authenticates the account. The safety number adds the
//! devices; the scanned code adds this very session.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::hash::sha512;
use zwiebel_crypto::kdf::{digest, short_digest};
use zwiebel_crypto::labels;
use zwiebel_crypto::reader::{Reader, WrongLength};
use zwiebel_crypto::secret::Secret;

use crate::account_id::AccountId;
use crate::sorted::sort_by_key;

/// How a scanned code begins.
pub const CODE_PREFIX: &str = "zr1:";
/// How often the fingerprint is hashed: it makes looking for a similar one expensive.
pub const ITERATIONS: u32 = 5_200;

const VERSION: u8 = 1;

/// The 60 digits both sides see, in groups of five.
#[must_use]
pub fn safety_number(ours: (&AccountId, &[DeviceId]), theirs: (&AccountId, &[DeviceId])) -> String {
    let (ours, theirs) = (thirty_digits(ours.0, ours.1), thirty_digits(theirs.0, theirs.1));
    let halves = if ours <= theirs { [ours, theirs] } else { [theirs, ours] };
    halves.concat().join(" ")
}

/// One side: six groups of five digits.
fn thirty_digits(account: &AccountId, devices: &[DeviceId]) -> Vec<String> {
    let mut ids: Vec<_> = devices.iter().map(|device| device.0).collect();
    sort_by_key(&mut ids, |id| *id);
    let start = [labels::FINGERPRINT, &account.to_bytes(), &digest(&[&ids.concat()])].concat();
    let hash = (1..ITERATIONS).fold(sha512(&start), |hash, _| sha512(&hash));
    let group = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % 100_000;
    hash.chunks_exact(5).take(6).map(|bytes| format!("{:05}", group(bytes))).collect()
}

/// What the verification code says: everything a contact's screen can vouch for.
#[derive(Clone, PartialEq, Eq)]
pub struct SafetyCode {
    /// The account.
    pub account: AccountId,
    /// Its manifest's sequence number.
    pub manifest_seq: u64,
    /// And hash.
    pub manifest_hash: [u8; 32],
    /// The device that shows the code.
    pub device: DeviceId,
    /// A hash of the secret both ends of the session have.
    pub session: [u8; 16],
}

impl SafetyCode {
    /// What proves the session: the beginning of `H(EXP)`.
    #[must_use]
    pub fn session_proof(exporter: &Secret<32>) -> [u8; 16] {
        short_digest(&[exporter.expose()])
    }

    /// The text of the QR code.
    #[must_use]
    pub fn to_text(&self) -> String {
        let bytes = [
            [VERSION].as_slice(),
            &self.account.to_bytes(),
            &self.manifest_seq.to_le_bytes(),
            &self.manifest_hash,
            &self.device.0,
            &self.session,
        ]
        .concat();
        [CODE_PREFIX, &Base64UrlUnpadded::encode_string(&bytes)].concat()
    }

    /// Reads the text of a QR code; `None` if it is no verification code of this version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Base64UrlUnpadded::decode_vec(text.strip_prefix(CODE_PREFIX)?).ok()?;
        Self::from_bytes(&bytes).ok().flatten()
    }

    fn from_bytes(bytes: &[u8]) -> Result<Option<Self>, WrongLength> {
        let mut reader = Reader::new(bytes);
        let (version, prefix) = (reader.u8()?, reader.u8()?);
        let code = Self {
            account: AccountId::from_key(zwiebel_crypto::keys::X25519Public(reader.array()?)),
            manifest_seq: reader.u64()?,
            manifest_hash: reader.array()?,
            device: DeviceId(reader.array()?),
            session: reader.array()?,
        };
        reader.finish()?;
        Ok((version == VERSION && prefix == AccountId::PREFIX).then_some(code))
    }
}

impl fmt::Debug for SafetyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyCode(..)")
    }
}
