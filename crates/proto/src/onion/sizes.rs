//! Sizes of packets and answers: few, so that they tell little (service-nodes 4.8). Whoever sees a packet learns only which of
//! these it fits into: 2, 4, 8, 16, 32 or 64 KiB, then multiples of 64 KiB.
//!
//! What is padded is JSON, and the padding is white space after it, which no reader minds: a node that knows nothing of this
//! takes our packets, and a client that knows nothing of it our answers.

use serde_json::Map;
use zwiebel_crypto::keys::X25519Public;

use super::layer::Cipher;
use super::{CONTROL, routing};

const SMALLEST: usize = 2 * 1024;
const STEP: usize = 64 * 1024;
/// The length in front of the first part of a unit.
const LENGTH: usize = 4;

/// The size that something of so many bytes is padded to.
#[must_use]
pub const fn bucket(len: usize) -> usize {
    if len <= SMALLEST {
        SMALLEST
    } else if len <= STEP {
        len.next_power_of_two()
    } else {
        len.next_multiple_of(STEP)
    }
}

impl Cipher {
    /// How much longer a sealed text is: nonce and tag, or the least that CBC adds where lengths are multiples of 16.
    const fn overhead(self) -> usize {
        match self {
            #[cfg(not(target_arch = "wasm32"))]
            Self::AesCbc => 17,
            Self::AesGcm => 28,
            Self::XChaCha20 => 40,
        }
    }
}

/// How much longer a packet over so many hops to a node is than the request in it.
fn packet_overhead(hops: usize, cipher: Cipher) -> usize {
    let route = |named: bool| {
        let mut route = Map::new();
        if named {
            route.insert("destination".to_owned(), hex::encode([0; 32]).into());
        }
        LENGTH + routing(route, X25519Public([0; 32]), Some(cipher)).len()
    };
    let payload = LENGTH + CONTROL.len() + cipher.overhead();
    payload + hops * (route(true) + cipher.overhead()) + route(false)
}

/// Pads a JSON request so that the packet which carries it over so many hops to a node has one of the few sizes.
#[must_use]
pub fn pad_request(mut json: Vec<u8>, hops: usize, cipher: Cipher) -> Vec<u8> {
    let overhead = packet_overhead(hops, cipher);
    json.resize(bucket(json.len() + overhead) - overhead, b' ');
    json
}

/// Pads the JSON of an answer so that it has one of the few sizes as it travels, sealed and perhaps as base64.
pub(super) fn pad_reply(mut json: Vec<u8>, base64: bool, cipher: Cipher) -> Vec<u8> {
    let sealed = json.len() + cipher.overhead();
    // Sizes are multiples of four, and three bytes are four characters.
    let wanted = if base64 { bucket(sealed.div_ceil(3) * 4) / 4 * 3 } else { bucket(sealed) };
    json.resize(wanted - cipher.overhead(), b' ');
    json
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use zwiebel_crypto::keys::{Ed25519Secret, X25519Secret};

    use super::*;
    use crate::onion::{Destination, Hop, build, node_payload};

    fn hops(count: u8) -> Vec<Hop> {
        let secret = |n| Ed25519Secret::from_seed([n; 32]);
        (1..=count).map(|n| Hop { ed25519: secret(n).public(), x25519: secret(n).to_x25519().public() }).collect()
    }

    #[test]
    fn there_are_few_sizes() {
        assert_eq!([0, 1, 2048, 2049, 5000, 65_536].map(bucket), [2048, 2048, 2048, 4096, 8192, 65_536]);
        assert_eq!([65_537, 131_073].map(bucket), [131_072, 196_608]);
    }

    #[test]
    fn packets_have_one_of_the_sizes_whatever_they_carry_and_however_far() {
        for path in 0..=4 {
            for len in [0, 1, 29, 900, 1_500, 3_000, 40_000, 70_000] {
                for cipher in [Cipher::XChaCha20, Cipher::AesGcm] {
                    let [end, path @ ..] = &hops(path + 1)[..] else { unreachable!() };
                    let request = pad_request(vec![b'x'; len], path.len(), cipher);
                    let end = Destination::Node(*end);
                    let (packet, _) = build(path, &end, &node_payload(&request), cipher, &mut rand::rng()).unwrap();
                    assert_eq!(packet.len(), bucket(packet.len()), "{} hops, {len} bytes", path.len());
                }
            }
        }
    }

    #[test]
    fn answers_have_one_of_the_sizes_in_every_form() {
        let (client, node) = (X25519Secret::generate(&mut rand::rng()), X25519Secret::generate(&mut rand::rng()));
        let ciphers = [
            Cipher::XChaCha20,
            Cipher::AesGcm,
            #[cfg(not(target_arch = "wasm32"))]
            Cipher::AesCbc,
        ];
        for cipher in ciphers {
            let key = super::super::ReplyKey::of_receiver(&node, &client.public(), cipher).unwrap();
            for len in [0, 1, 500, 1_900, 2_100, 50_000, 100_000] {
                let body = "x".repeat(len);
                for base64 in [false, true] {
                    let sealed = key.seal_node_reply(200, body.as_bytes(), false, base64, &mut rand::rng());
                    assert_eq!(sealed.len(), bucket(sealed.len()), "{cipher:?} {len} {base64}");
                    assert_eq!(key.open(&sealed).unwrap().body, body.as_bytes());
                }
            }
        }
    }
}
