//! Sealing of rows at rest. Pure: no browser in here.
//!
//! A row is stored under a keyed BLAKE2b MAC of its table and key, so that the database shows no names, and as
//! `nonce ‖ XChaCha20-Poly1305(key length ‖ key ‖ value)` with the table and the stored key as associated data, so that
//! rows cannot be swapped or moved. The sizes of values and the number of rows stay visible.

use rand_core::CryptoRng;
use zeroize::Zeroizing;
use zwiebel_crypto::aead::xchacha_open;
use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::blake2b_keyed;
use zwiebel_crypto::secret::Secret;
use zwiebel_engine::batch::Table;

/// Length of the key a row is stored under.
pub const STORED_KEY_LEN: usize = 24;
const NONCE_LEN: usize = 24;
const LENGTH_LEN: usize = 4;

const NAMES_LABEL: &[u8] = b"zwiebel store names v1";
const VALUES_LABEL: &[u8] = b"zwiebel store values v1";

/// Seals and opens rows under one storage key.
pub struct Sealer {
    names: Secret<32>,
    values: Secret<32>,
}

impl Sealer {
    /// Derives the two working keys from the storage key.
    #[must_use]
    pub fn new(storage_key: &Secret<32>) -> Self {
        let derive = |label: &[u8]| Secret::new(blake2b_keyed::<32>(storage_key.expose(), &[label]));
        Self { names: derive(NAMES_LABEL), values: derive(VALUES_LABEL) }
    }

    /// The key a row is stored under.
    #[must_use]
    pub fn stored_key(&self, table: Table, key: &[u8]) -> [u8; STORED_KEY_LEN] {
        // Table names hold no zero byte, so table and key cannot run into each other.
        blake2b_keyed(self.names.expose(), &[table.name().as_bytes(), &[0], key])
    }

    /// Seals a row.
    pub fn seal(
        &self,
        table: Table,
        key: &[u8],
        value: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> ([u8; STORED_KEY_LEN], Vec<u8>) {
        let stored_key = self.stored_key(table, key);
        let mut plain = Zeroizing::new(Vec::with_capacity(LENGTH_LEN + key.len() + value.len()));
        // Keys are a few dozen bytes; a length beyond 32 bits would fail to open, not open wrongly.
        plain.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
        plain.extend_from_slice(key);
        plain.extend_from_slice(value);
        // Random 24-byte nonces do not repeat in any number of rows a device can write.
        let mut nonce = [0; NONCE_LEN];
        rng.fill_bytes(&mut nonce);
        let mut sealed = nonce.to_vec();
        sealed.extend_from_slice(&xchacha_seal(self.values.expose(), &nonce, &associated(table, &stored_key), &plain));
        (stored_key, sealed)
    }

    /// Opens a row: key and value. `None`: it is not what was written there.
    #[must_use]
    pub fn open(&self, table: Table, stored_key: &[u8], sealed: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (nonce, cipher) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let plain = Zeroizing::new(xchacha_open(self.values.expose(), nonce, &associated(table, stored_key), cipher)?);
        let (length, rest) = plain.split_first_chunk::<LENGTH_LEN>()?;
        let (key, value) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        (self.stored_key(table, key) == stored_key).then(|| (key.to_vec(), value.to_vec()))
    }
}

fn associated(table: Table, stored_key: &[u8]) -> Vec<u8> {
    [table.name().as_bytes(), &[0], stored_key].concat()
}
