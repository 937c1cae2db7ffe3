//! Primitives: keys, key agreement, sealed box, AEADs, hashes. Knows nothing of wire formats.

pub mod keys;
