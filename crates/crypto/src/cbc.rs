//! AES-256-CBC with PKCS#7 padding, as very old clients seal layers for a node (service-nodes 4.2). Not in the browser.
//!
//! # Security
//! Nothing is authenticated: whoever has a ciphertext can change it, and whoever learns which changes still open can read it.
//! Seal with [`crate::aead`]; open this only where the protocol names it, and say nothing of why it did not open.

use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

const BLOCK: usize = 16;

/// Encrypts; the result is a whole number of blocks, at least one.
#[must_use]
pub fn aes256cbc_seal(key: &[u8; 32], iv: &[u8; BLOCK], plaintext: &[u8]) -> Vec<u8> {
    let cipher = Aes256::new(key.into());
    let pad = BLOCK - plaintext.len() % BLOCK;
    let mut bytes = plaintext.to_vec();
    bytes.resize(plaintext.len() + pad, u8::try_from(pad).unwrap_or_default());
    let mut before = *iv;
    let (blocks, _) = bytes.as_chunks_mut::<BLOCK>();
    for block in blocks {
        xor(block, &before);
        cipher.encrypt_block(block.into());
        before = *block;
    }
    bytes
}

/// Decrypts; `None` if it is no whole number of blocks or the padding is wrong.
#[must_use]
pub fn aes256cbc_open(key: &[u8; 32], iv: &[u8; BLOCK], sealed: &[u8]) -> Option<Vec<u8>> {
    let cipher = Aes256::new(key.into());
    let mut bytes = sealed.to_vec();
    let (blocks, rest) = bytes.as_chunks_mut::<BLOCK>();
    if !rest.is_empty() {
        return None;
    }
    let mut before = *iv;
    for block in blocks {
        let this = *block;
        cipher.decrypt_block(block.into());
        xor(block, &before);
        before = this;
    }
    let pad = *bytes.last()?;
    let length = bytes.len().checked_sub(usize::from(pad))?;
    let good = (1..=BLOCK).contains(&usize::from(pad)) && bytes.get(length..)?.iter().all(|byte| *byte == pad);
    bytes.truncate(length);
    good.then_some(bytes)
}

fn xor(block: &mut [u8; BLOCK], with: &[u8; BLOCK]) {
    block.iter_mut().zip(with).for_each(|(byte, other)| *byte ^= other);
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    /// NIST SP 800-38A, F.2.5: the first two blocks; a third one is padding.
    #[test]
    fn agrees_with_nist() {
        let key = hex!("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let iv = hex!("000102030405060708090a0b0c0d0e0f");
        let plaintext = hex!("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let expected = hex!("f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d");
        let sealed = aes256cbc_seal(&key, &iv, &plaintext);
        assert_eq!((sealed.get(..32), sealed.len()), (Some(expected.as_slice()), 48));
        assert_eq!(aes256cbc_open(&key, &iv, &sealed), Some(plaintext.to_vec()));
    }

    #[test]
    fn every_length_comes_back_and_bad_padding_does_not_open() {
        let (key, iv) = ([1; 32], [2; 16]);
        for length in 0..50 {
            let plaintext = vec![7; length];
            let sealed = aes256cbc_seal(&key, &iv, &plaintext);
            assert_eq!(aes256cbc_open(&key, &iv, &sealed), Some(plaintext));
            assert_eq!(sealed.get(1..).and_then(|cut| aes256cbc_open(&key, &iv, cut)), None);
        }
        assert_eq!(aes256cbc_open(&key, &iv, &[]), None);
        // The last byte of the last block but one decides the last byte of the padding.
        let mut sealed = aes256cbc_seal(&key, &iv, &[0; 20]);
        for wrong in [0, 13, 17, 255] {
            let mut changed = sealed.clone();
            changed.get_mut(15).into_iter().for_each(|byte| *byte ^= 12 ^ wrong);
            assert_eq!(aes256cbc_open(&key, &iv, &changed), None, "{wrong}");
        }
        sealed.truncate(16);
        assert_eq!(aes256cbc_open(&key, &iv, &sealed), None);
    }
}
