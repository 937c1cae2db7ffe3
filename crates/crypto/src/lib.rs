//! Primitives: keys, key agreement, sealed box, AEADs, hashes. Knows nothing of wire formats.
//!
//! No I/O, no clock; randomness is always passed in. Everything here is byte-compatible with libsodium where a
//! libsodium function of the same purpose exists; the tests prove it.

pub mod aead;
pub mod hash;
pub mod keys;
pub mod seal;
pub mod secret;

#[cfg(test)]
mod testing;
