//! Encryption of one layer (service-nodes 4.2): key derivation and the ciphers.

use rand_core::CryptoRng;
use zwiebel_crypto::aead;
#[cfg(not(target_arch = "wasm32"))]
use zwiebel_crypto::cbc;
use zwiebel_crypto::hash::{blake2b, hmac_sha256};
use zwiebel_crypto::keys::{SharedSecret, WeakKey, X25519Public, X25519Secret};
use zwiebel_crypto::secret::Secret;

use super::reply::ReplyKey;

/// How a layer is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-256-CBC, not authenticated: nodes take it from very old clients, we never send it.
    #[cfg(not(target_arch = "wasm32"))]
    AesCbc,
    /// AES-256-GCM; what a missing `enc_type` means.
    AesGcm,
    /// XChaCha20-Poly1305.
    XChaCha20,
}

impl Cipher {
    /// The value of `enc_type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(not(target_arch = "wasm32"))]
            Self::AesCbc => "aes-cbc",
            Self::AesGcm => "aes-gcm",
            Self::XChaCha20 => "xchacha20",
        }
    }

    /// The cipher of this `enc_type`, aliases included.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            #[cfg(not(target_arch = "wasm32"))]
            "aes-cbc" | "cbc" => Some(Self::AesCbc),
            "aes-gcm" | "gcm" => Some(Self::AesGcm),
            "xchacha20" | "xchacha20-poly1305" => Some(Self::XChaCha20),
            _ => None,
        }
    }

    /// The layer's key. `client` and `server` go by role, not by direction: the client made the ephemeral key.
    fn derive(self, shared: &SharedSecret, client: &X25519Public, server: &X25519Public) -> Secret<32> {
        Secret::new(match self {
            #[cfg(not(target_arch = "wasm32"))]
            Self::AesCbc => *shared.expose(),
            Self::AesGcm => hmac_sha256(b"LOKI", shared.expose()),
            Self::XChaCha20 => blake2b(&[shared.expose(), &client.0, &server.0]),
        })
    }
}

/// What the client keeps of one layer: the public half of its ephemeral key, and the key derived with it.
pub(super) struct Sealing {
    pub(super) ephemeral: X25519Public,
    pub(super) key: ReplyKey,
}

impl Sealing {
    /// Agrees on a key with the receiver; the ephemeral secret ends here.
    #[expect(clippy::needless_pass_by_value, reason = "an ephemeral key is used once: taking it over says so")]
    pub(super) fn start(secret: X25519Secret, to: &X25519Public, cipher: Cipher) -> Result<Self, WeakKey> {
        let ephemeral = secret.public();
        let key = ReplyKey { key: cipher.derive(&secret.agree(to)?, &ephemeral, to), cipher };
        Ok(Self { ephemeral, key })
    }
}

impl ReplyKey {
    /// The receiver's view of a layer's key.
    pub(super) fn of_receiver(
        secret: &X25519Secret,
        ephemeral: &X25519Public,
        cipher: Cipher,
    ) -> Result<Self, WeakKey> {
        Ok(Self { key: cipher.derive(&secret.agree(ephemeral)?, ephemeral, &secret.public()), cipher })
    }

    /// `nonce || ciphertext || tag`. The nonce is random; one key seals one request and one answer.
    #[must_use]
    pub fn seal(&self, plaintext: &[u8], rng: &mut (impl CryptoRng + ?Sized)) -> Vec<u8> {
        let mut nonce = [0_u8; 24];
        rng.fill_bytes(&mut nonce);
        self.seal_with_nonce(plaintext, &nonce)
    }

    /// AES-GCM takes the first 12 bytes of the nonce, AES-CBC the first 16.
    pub(super) fn seal_with_nonce(&self, plaintext: &[u8], nonce: &[u8; 24]) -> Vec<u8> {
        match self.cipher {
            #[cfg(not(target_arch = "wasm32"))]
            Cipher::AesCbc => {
                let [iv @ .., _, _, _, _, _, _, _, _] = nonce;
                [iv.as_slice(), &cbc::aes256cbc_seal(self.key.expose(), iv, plaintext)].concat()
            }
            Cipher::AesGcm => {
                let [nonce @ .., _, _, _, _, _, _, _, _, _, _, _, _] = nonce;
                [nonce.as_slice(), &aead::aes256gcm_seal(self.key.expose(), nonce, plaintext)].concat()
            }
            Cipher::XChaCha20 => {
                [nonce.as_slice(), &aead::xchacha_seal(self.key.expose(), nonce, &[], plaintext)].concat()
            }
        }
    }

    /// Opens what [`ReplyKey::seal`] made.
    #[must_use]
    pub fn open_raw(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            #[cfg(not(target_arch = "wasm32"))]
            Cipher::AesCbc => {
                let (iv, body) = sealed.split_first_chunk()?;
                cbc::aes256cbc_open(self.key.expose(), iv, body)
            }
            Cipher::AesGcm => {
                let (nonce, body) = sealed.split_first_chunk()?;
                aead::aes256gcm_open(self.key.expose(), nonce, body)
            }
            Cipher::XChaCha20 => {
                let (nonce, body) = sealed.split_first_chunk()?;
                aead::xchacha_open(self.key.expose(), nonce, &[], body)
            }
        }
    }
}
