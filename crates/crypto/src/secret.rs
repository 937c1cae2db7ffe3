//! Bytes that must not linger or leak: wiped on drop, never printed, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// `N` secret bytes on the heap, where they stay: whatever list or struct the secret is moved with, only a pointer is
/// copied. There is no `Clone`: a secret has one owner.
pub struct Secret<const N: usize>(Box<Zeroizing<[u8; N]>>);

impl<const N: usize> Secret<N> {
    /// Takes the bytes over. The caller's own copy, if it kept one, is the caller's to wipe.
    #[must_use]
    pub fn new(bytes: [u8; N]) -> Self {
        Self(Box::new(Zeroizing::new(bytes)))
    }

    /// Fresh random bytes.
    pub fn generate(rng: &mut (impl rand_core::CryptoRng + ?Sized)) -> Self {
        let mut secret = Self::new([0; N]);
        rng.fill_bytes(secret.0.as_mut_slice());
        secret
    }

    /// The only reader.
    #[must_use]
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_slice().ct_eq(other.expose().as_slice()).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a list leaves behind when it grows, or when a gap in it is closed, is no copy of a secret.
    #[test]
    fn a_secret_stays_where_it_is_when_what_holds_it_moves() {
        let secret = Secret::new([7; 32]);
        let at = secret.expose().as_ptr();
        let mut list = vec![secret];
        list.reserve_exact(100);
        list.insert(0, Secret::new([8; 32]));
        drop(list.remove(0));
        assert!(list.iter().all(|secret| secret.expose().as_ptr() == at));
    }
}
