//! The AEADs: AES-256-GCM and XChaCha20-Poly1305 of the Session network, ChaCha20-Poly1305 of ZR1; tag appended.
//!
//! # Security
//! The caller owns the uniqueness of nonces. In this repository every nonce is random (24 bytes) or belongs to a
//! key of its own for each message (12 bytes).

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};

/// Encrypts with AES-256-GCM, no associated data: ciphertext and 16-byte tag.
#[must_use]
pub fn aes256gcm_seal(key: &[u8; 32], nonce: &[u8; 12], plaintext: &[u8]) -> Vec<u8> {
    // The only failure is a plaintext of 2^36 bytes. An empty result then never opens: fail closed.
    Aes256Gcm::new(key.into()).encrypt(nonce.into(), plaintext).unwrap_or_default()
}

/// Opens what [`aes256gcm_seal`] made; `None` if key, nonce or bytes are not what was sealed.
#[must_use]
pub fn aes256gcm_open(key: &[u8; 32], nonce: &[u8; 12], sealed: &[u8]) -> Option<Vec<u8>> {
    Aes256Gcm::new(key.into()).decrypt(nonce.into(), sealed).ok()
}

/// Encrypts with XChaCha20-Poly1305 (IETF): ciphertext and 16-byte tag.
#[must_use]
pub fn xchacha_seal(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: plaintext, aad };
    // The only failure is a plaintext of 2^38 bytes. An empty result then never opens: fail closed.
    XChaCha20Poly1305::new(key.into()).encrypt(nonce.into(), payload).unwrap_or_default()
}

/// Opens what [`xchacha_seal`] made; `None` if key, nonce, associated data or bytes are not what was sealed.
#[must_use]
pub fn xchacha_open(key: &[u8; 32], nonce: &[u8; 24], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    XChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), Payload { msg: sealed, aad }).ok()
}

/// Encrypts with ChaCha20-Poly1305 (RFC 8439): ciphertext and 16-byte tag.
#[must_use]
pub fn chacha_seal(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let payload = Payload { msg: plaintext, aad };
    // The only failure is a plaintext of 2^38 bytes. An empty result then never opens: fail closed.
    ChaCha20Poly1305::new(key.into()).encrypt(nonce.into(), payload).unwrap_or_default()
}

/// Opens what [`chacha_seal`] made; `None` if key, nonce, associated data or bytes are not what was sealed.
#[must_use]
pub fn chacha_open(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    ChaCha20Poly1305::new(key.into()).decrypt(nonce.into(), Payload { msg: sealed, aad }).ok()
}

#[cfg(test)]
mod tests;
