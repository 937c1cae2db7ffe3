//! Helpers of the tests. All vector tests run natively and in the browser.

#![allow(clippy::unwrap_used, reason = "tests")]

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use zwiebel_crypto::keys::{Ed25519Public, X25519Public, X25519Secret};

use crate::account::Account;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Always the same numbers.
pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(0x5a77_6965_6265_6c21)
}

pub(crate) fn messages() -> Value {
    serde_json::from_str(include_str!("../../../vectors/messages.json")).unwrap()
}

pub(crate) fn onion() -> Value {
    serde_json::from_str(include_str!("../../../vectors/onion.json")).unwrap()
}

pub(crate) fn storage() -> Value {
    serde_json::from_str(include_str!("../../../vectors/storage.json")).unwrap()
}

pub(crate) fn swarm() -> Value {
    serde_json::from_str(include_str!("../../../vectors/swarm.json")).unwrap()
}

pub(crate) fn alice() -> Account {
    Account::from_seed16(hex_literal::hex!("0123456789abcdef0123456789abcdef"))
}

pub(crate) fn bob() -> Account {
    Account::from_seed16(hex_literal::hex!("00112233445566778899aabbccddeeff"))
}

/// Reading of vectors; a wrong vector stops the test.
pub(crate) trait Vector {
    fn text(&self) -> &str;
    fn list(&self) -> &[Value];
    fn bytes(&self) -> Vec<u8>;

    fn array<const N: usize>(&self) -> [u8; N] {
        self.bytes().try_into().unwrap()
    }

    fn x25519(&self) -> X25519Public {
        X25519Public(self.array())
    }

    fn ed25519(&self) -> Ed25519Public {
        Ed25519Public(self.array())
    }

    fn x25519_secret(&self) -> X25519Secret {
        X25519Secret::from_bytes(self.array())
    }

    fn number(&self) -> u64 {
        self.text().parse().unwrap()
    }
}

impl Vector for Value {
    fn text(&self) -> &str {
        self.as_str().unwrap()
    }

    fn list(&self) -> &[Value] {
        self.as_array().unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        hex::decode(self.text()).unwrap()
    }
}
