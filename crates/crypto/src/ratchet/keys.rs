//! The keys of the ratchet, one type for each place in it: root, chain, message (4.2, 4.3).
//!
//! Notation of the specification: RK, CK, mk, and (k, n), the cipher key and nonce of one capsule. A chain key is
//! used up by a step: the old one is gone, so nothing that came before can be computed again.

use zeroize::Zeroizing;

use crate::kdf::{hkdf, mac};
use crate::keys::SharedSecret;
use crate::labels;
use crate::secret::Secret;

/// RK: the key every DH step goes through.
pub(crate) struct RootKey(Secret<32>);

/// CK: the key of one chain at its next message.
pub(crate) struct ChainKey(Secret<32>);

/// mk: the key of one message. Skipped ones are kept for a while.
pub(crate) struct MessageKey(Secret<32>);

impl RootKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(Secret::new(key))
    }

    /// `KDF_RK(rk, dh)`, or `KDF_RK(rk, dh, ss)` when a KEM secret is mixed in (protocol 1.1).
    pub(crate) fn step(&self, agreed: &SharedSecret, kem: Option<&Secret<32>>) -> (Self, ChainKey) {
        match kem {
            Some(shared) => self.step_under(labels::ROOT_KEM, agreed, shared.expose()),
            None => self.step_under(labels::ROOT, agreed, &[]),
        }
    }

    /// The step under a given label: the tests compare it with another implementation, which has its own.
    pub(super) fn step_under(&self, label: &[u8], agreed: &SharedSecret, mixed: &[u8]) -> (Self, ChainKey) {
        let out = hkdf::<64, 32>(self.0.expose(), &[agreed.expose(), mixed], &[label]);
        let (root, chain) = halves(&out);
        (Self(root), ChainKey(chain))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// A second copy: a received message is worked out beside the state it may replace.
    pub(crate) fn duplicate(&self) -> Self {
        Self(Secret::new(*self.0.expose()))
    }
}

impl ChainKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(Secret::new(key))
    }

    /// `KDF_CK(ck)`: the key of this message, and the chain key of the next.
    pub(crate) fn step(&self) -> (MessageKey, Self) {
        let message = Secret::new(mac(self.0.expose(), &[&[1]]));
        let next = Secret::new(mac(self.0.expose(), &[&[2]]));
        (MessageKey(message), Self(next))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// See [`RootKey::duplicate`].
    pub(crate) fn duplicate(&self) -> Self {
        Self(Secret::new(*self.0.expose()))
    }
}

impl MessageKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(Secret::new(key))
    }

    /// (k, n) of a capsule with this nonce. The nonce is random and goes into the key: should a message key ever be
    /// used twice, after a rollback of the state, the cipher key still differs.
    pub(crate) fn cipher(&self, nonce: &[u8; 24]) -> (Secret<32>, [u8; 12]) {
        let out = hkdf::<44, 24>(nonce, &[self.0.expose()], &[labels::MESSAGE_KEY]);
        (Secret::new(part(out.expose(), 0)), part(out.expose(), 32))
    }

    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// For opening a message with a skipped key, which leaves the store only when the message has opened.
    pub(crate) fn duplicate(&self) -> Self {
        Self(Secret::new(*self.0.expose()))
    }
}

/// Splits 64 derived bytes into two keys.
fn halves(out: &Secret<64>) -> (Secret<32>, Secret<32>) {
    (Secret::new(part(out.expose(), 0)), Secret::new(part(out.expose(), 32)))
}

/// `N` bytes from `at` on; the caller stays inside.
pub(crate) fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = Zeroizing::new([0; N]);
    out.iter_mut().zip(bytes.iter().skip(at)).for_each(|(to, from)| *to = *from);
    *out
}
