//! What a node signs to confirm a call (service-nodes 3.5, 3.7 to 3.9). Used by both sides.
//!
//! Lists marked "sorted" are sorted here, whatever order they come in.

use super::MessageHash;
use crate::sorted::sort;

/// A store: the hash alone.
#[must_use]
pub fn store(hash: &MessageHash) -> Vec<u8> {
    hash.as_str().into()
}

/// A delete: requested hashes in request order, deleted ones sorted.
#[must_use]
pub fn delete(pubkey: &[u8; 33], requested: &[MessageHash], deleted: &[MessageHash]) -> Vec<u8> {
    Text::of(pubkey).hashes(requested).sorted(deleted).0
}

/// A `delete_all` (with its timestamp), `delete_before` (with `before`) or `expire_all` (with the expiry): affected hashes
/// sorted, across namespaces.
#[must_use]
pub fn all(pubkey: &[u8; 33], time: u64, affected: &[MessageHash]) -> Vec<u8> {
    Text::of(pubkey).number(time).sorted(affected).0
}

/// An expire: applied expiries as returned, requested hashes in request order, updated ones sorted, and with
/// shorten or extend the unchanged ones sorted, each with its expiry.
#[must_use]
pub fn expire(
    pubkey: &[u8; 33],
    expiries: &[u64],
    requested: &[MessageHash],
    updated: &[MessageHash],
    unchanged: &[(MessageHash, u64)],
) -> Vec<u8> {
    let text = expiries.iter().fold(Text::of(pubkey), |text, expiry| text.number(*expiry));
    let mut unchanged = unchanged.to_vec();
    sort(&mut unchanged);
    let text = text.hashes(requested).sorted(updated);
    unchanged.iter().fold(text, |text, (hash, expiry)| text.hashes(&[*hash]).number(*expiry)).0
}

/// A revocation or its reversal.
#[must_use]
pub fn subaccounts(pubkey: &[u8; 33], timestamp: u64, tokens: &[[u8; 36]]) -> Vec<u8> {
    let Text(mut text) = Text::of(pubkey).number(timestamp);
    text.extend_from_slice(tokens.as_flattened());
    text
}

/// Text in the making.
struct Text(Vec<u8>);

impl Text {
    fn of(pubkey: &[u8; 33]) -> Self {
        Self(hex::encode(pubkey).into_bytes())
    }

    fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(number.to_string().as_bytes());
        self
    }

    fn hashes(mut self, hashes: &[MessageHash]) -> Self {
        hashes.iter().for_each(|hash| self.0.extend_from_slice(hash.as_str().as_bytes()));
        self
    }

    fn sorted(self, hashes: &[MessageHash]) -> Self {
        let mut hashes = hashes.to_vec();
        sort(&mut hashes);
        self.hashes(&hashes)
    }
}
