//! Primitives: keys, key agreement, sealed box, AEADs, hashes; and over them the handshake and the ratchet of ZR1.
//! Knows nothing of messages, accounts' lists or storage.
//!
//! No I/O, no clock; randomness is always passed in. Everything here is byte-compatible with libsodium where a
//! libsodium function of the same purpose exists; the tests prove it.

pub mod aead;
#[cfg(not(target_arch = "wasm32"))]
pub mod cbc;
pub mod handshake;
pub mod hash;
pub mod kdf;
pub mod kem;
pub mod keys;
pub mod labels;
pub mod ratchet;
pub mod reader;
pub mod seal;
pub mod secret;

#[cfg(test)]
mod testing;
#[cfg(any(test, feature = "testing"))]
pub mod zr1_testing;
