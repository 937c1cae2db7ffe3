//! ML-KEM-768 against another implementation behind the same trait, and keys that are none.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use ml_kem::kem::Decapsulate;
use ml_kem::kem::KeyExport;
use ml_kem::ml_kem_768::{DecapsulationKey, EncapsulationKey};
use proptest::prelude::*;

use super::*;

/// `ml-kem`: another author, another code base, the same standard. Also the spare if `libcrux-ml-kem` had to go.
struct Oracle;

impl Kem for Oracle {
    type Expanded = DecapsulationKey;

    fn expand(seed: &Secret<SEED_LEN>) -> Self::Expanded {
        DecapsulationKey::from_seed((*seed.expose()).into())
    }

    fn public(secret: &Self::Expanded) -> [u8; PUBLIC_LEN] {
        secret.encapsulation_key().to_bytes().into()
    }

    fn is_valid(public: &[u8; PUBLIC_LEN]) -> bool {
        EncapsulationKey::new(public.into()).is_ok()
    }

    fn encapsulate(public: &[u8; PUBLIC_LEN], randomness: &Secret<32>) -> ([u8; CIPHERTEXT_LEN], Secret<32>) {
        let key = EncapsulationKey::new(public.into()).unwrap();
        let (ciphertext, shared) = key.encapsulate_deterministic(&(*randomness.expose()).into());
        (ciphertext.into(), Secret::new(shared.into()))
    }

    fn decapsulate(secret: &Self::Expanded, ciphertext: &[u8; CIPHERTEXT_LEN]) -> Secret<32> {
        Secret::new(secret.decapsulate(ciphertext.into()).into())
    }
}

fn seed64(first: [u8; 32], second: [u8; 32]) -> Secret<64> {
    let mut seed = [0; 64];
    seed[..32].copy_from_slice(&first);
    seed[32..].copy_from_slice(&second);
    Secret::new(seed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn libcrux_equals_the_oracle(d: [u8; 32], z: [u8; 32], randomness: [u8; 32], flipped in 0..CIPHERTEXT_LEN) {
        let (seed, randomness) = (seed64(d, z), Secret::new(randomness));
        let (ours, theirs) = (Libcrux::expand(&seed), Oracle::expand(&seed));
        let public = Libcrux::public(&ours);
        prop_assert_eq!(public, Oracle::public(&theirs));
        let (ciphertext, shared) = Libcrux::encapsulate(&public, &randomness);
        let (other_ciphertext, other_shared) = Oracle::encapsulate(&public, &randomness);
        prop_assert_eq!(ciphertext, other_ciphertext);
        prop_assert_eq!(&shared, &other_shared);
        prop_assert_eq!(&Libcrux::decapsulate(&ours, &ciphertext), &shared);
        prop_assert_eq!(&Oracle::decapsulate(&theirs, &ciphertext), &shared);

        let mut bad = ciphertext;
        bad[flipped] ^= 1;
        let rejected = Libcrux::decapsulate(&ours, &bad);
        prop_assert_eq!(&rejected, &Oracle::decapsulate(&theirs, &bad));
        prop_assert_ne!(&rejected, &shared);
    }

    #[test]
    fn both_judge_public_keys_alike(d: [u8; 32], at in 0..384_usize, low: u8, high: u8) {
        let mut public = Libcrux::public(&Libcrux::expand(&seed64(d, d)));
        public[3 * at] = low;
        public[3 * at + 1] = high;
        prop_assert_eq!(Libcrux::is_valid(&public), Oracle::is_valid(&public));
    }
}

#[test]
fn a_coefficient_of_q_or_more_is_refused() {
    let mut public = Libcrux::public(&Libcrux::expand(&seed64([1; 32], [2; 32])));
    assert!(KemPublic::from_bytes(&public).is_ok());
    public[0] = 0x01; // 3329 = 0xd01: the first coefficient becomes q itself
    public[1] = (public[1] & 0xf0) | 0x0d;
    assert_eq!(KemPublic::from_bytes(&public), Err(InvalidKemKey));
}

#[test]
fn debug_shows_nothing() {
    let secret = KemSecret::from_seed([0x5a; 64]);
    assert_eq!(format!("{secret:?} {:?}", secret.public()), "KemSecret(..) KemPublic(..)");
}
