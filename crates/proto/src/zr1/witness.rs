//! The rollback witness: a counter outside the device that shows when local state has gone back in time (6.4).
//!
//! `"ZRW1" | version 1 | zero 3 | device_id 16 | XAEAD(k_wit, nonce 24, incarnation 8 | inc_nonce 16 | zero 16)`, 104
//! bytes, `k_wit` from DSEC: neither nodes nor siblings nor a thief of the words can make one. What it does not know:
//! the log of witnesses published before, against which the engine compares.

use std::fmt;

use rand_core::CryptoRng;
use zwiebel_crypto::handshake::{DeviceId, DeviceKeys};
use zwiebel_crypto::kdf::{ZERO_SALT, hkdf};
use zwiebel_crypto::labels;
use zwiebel_crypto::reader::{Reader, WrongLength};
use zwiebel_crypto::secret::Secret;

use super::{open_with_nonce, seal_with_nonce};

/// Length of a witness.
pub const WITNESS_LEN: usize = 104;
/// Witnesses in the local log: a start every ten minutes for almost two days, and months of ordinary use.
pub const MAX_LOG: usize = 256;

const MAGIC: &[u8; 4] = b"ZRW1";
const VERSION: u8 = 1;

/// One start of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Witness {
    /// Rises with every cold start.
    pub incarnation: u64,
    /// Random: two twins that count alike still differ.
    pub nonce: [u8; 16],
}

/// Encrypts a witness for namespace 6004. Draws 24 bytes.
pub fn seal(device: &DeviceKeys, witness: &Witness, rng: &mut (impl CryptoRng + ?Sized)) -> Vec<u8> {
    let id = device.id();
    let plaintext = [witness.incarnation.to_le_bytes().as_slice(), &witness.nonce, &[0; 16]].concat();
    let sealed = seal_with_nonce(&key(device), &aad(&id), &plaintext, rng);
    [MAGIC.as_slice(), &[VERSION, 0, 0, 0], &id.0, &sealed].concat()
}

/// Opens a witness of this device; `None` for anybody else's, another version's, or a forged one.
#[must_use]
pub fn open(device: &DeviceKeys, blob: &[u8]) -> Option<Witness> {
    let (head, sealed) = blob.split_first_chunk::<24>()?;
    let id = device.id();
    let expected: [&[u8]; 2] = [MAGIC, &[VERSION]];
    let ours = head.starts_with(&expected.concat()) && head.ends_with(&id.0);
    if !ours || blob.len() != WITNESS_LEN {
        return None;
    }
    parse(&open_with_nonce(&key(device), &aad(&id), sealed)?).ok()
}

fn parse(plaintext: &[u8]) -> Result<Witness, WrongLength> {
    let mut reader = Reader::new(plaintext);
    let witness = Witness { incarnation: reader.u64()?, nonce: reader.array()? };
    let _zero = reader.chunk::<16>()?;
    reader.finish().map(|()| witness)
}

/// k_wit.
fn key(device: &DeviceKeys) -> Secret<32> {
    hkdf(&ZERO_SALT, &[device.dsec().expose()], &[labels::WITNESS])
}

fn aad(id: &DeviceId) -> Vec<u8> {
    [labels::WITNESS, &id.0].concat()
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness(..)")
    }
}
