//! How many onion requests a second: building, taking off all layers, one answer. Prints one line of JSON.
//!
//! `cargo run --release -p zwiebel-proto --example onion_bench [-- seconds for each measurement]`

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads the clock and prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;
use zwiebel_crypto::keys::{Ed25519Secret, X25519Secret};
use zwiebel_proto::onion::{Cipher, Destination, Hop, Layer, build, node_payload, outer, peel};

/// A store of an ordinary message is about this long.
const PAYLOAD: usize = 700;
/// An answer to a poll that found nothing.
const ANSWER: &[u8] =
    br#"{"results":[{"code":200,"body":{"messages":[],"more":false,"t":1700000000123,"hf":[19,4]}}]}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds = std::env::args().nth(1).map_or(Ok(1.0), |text| text.parse())?;
    let time = Duration::from_secs_f64(seconds);
    let aes_gcm = measure(Cipher::AesGcm, time)?;
    let xchacha20 = measure(Cipher::XChaCha20, time)?;
    let line = serde_json::json!({ "bench": "onion", "hops": 3, "payload": PAYLOAD, "aes_gcm": aes_gcm, "xchacha20": xchacha20 });
    println!("{line}");
    Ok(())
}

/// Wraps (client), unwraps (all four nodes together) and answers (seal and open) per second.
fn measure(cipher: Cipher, time: Duration) -> Result<serde_json::Value, Box<dyn std::error::Error>> {
    let mut rng = StdRng::seed_from_u64(1);
    let secrets: Vec<_> = (0..4).map(|_| X25519Secret::generate(&mut rng)).collect();
    let hop = |secret: &X25519Secret, rng: &mut StdRng| Hop {
        ed25519: Ed25519Secret::generate(rng).public(),
        x25519: secret.public(),
    };
    let nodes: Vec<_> = secrets.iter().map(|secret| hop(secret, &mut rng)).collect();
    let (last, path) = nodes.split_last().ok_or("four nodes")?;
    let destination = Destination::Node(*last);
    let payload = node_payload(&[b'x'; PAYLOAD]);

    let wraps = per_second(time, || {
        build(path, &destination, black_box(&payload), cipher, &mut rng).map(|packet| drop(black_box(packet)))
    })?;
    let (packet, client_key) = build(path, &destination, &payload, cipher, &mut rng)?;
    let unwraps = per_second(time, || unwrap(black_box(&packet), &secrets).map(|key| drop(black_box(key))))?;
    let node_key = unwrap(&packet, &secrets)?;
    let answers = per_second(time, || {
        let sealed = node_key.seal_node_reply(200, ANSWER, true, false, &mut rng);
        client_key.open(&sealed).map(|reply| drop(black_box(reply)))
    })?;
    Ok(
        serde_json::json!({ "packet_bytes": packet.len(), "wraps_per_s": wraps, "unwraps_per_s": unwraps, "answers_per_s": answers }),
    )
}

/// All four layers, as the four nodes take them off.
fn unwrap(
    packet: &[u8],
    secrets: &[X25519Secret],
) -> Result<zwiebel_proto::onion::ReplyKey, Box<dyn std::error::Error>> {
    let mut packet = outer(packet)?;
    for secret in secrets {
        match peel(secret, &packet.blob, &packet.ephemeral, packet.cipher)? {
            (Layer::Final { .. }, key) => return Ok(key),
            (Layer::Next { blob, ephemeral, cipher, .. }, _) => {
                packet = zwiebel_proto::onion::OuterPacket { blob, ephemeral, cipher, hop_no: packet.hop_no + 1 };
            }
            (Layer::Server(_), _) => return Err("no server here".into()),
        }
    }
    Err("no destination".into())
}

fn per_second<E>(time: Duration, mut run: impl FnMut() -> Result<(), E>) -> Result<u64, E> {
    let start = Instant::now();
    let mut runs = 0_u32;
    while start.elapsed() < time {
        run()?;
        runs += 1;
    }
    let rate = f64::from(runs) / start.elapsed().as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, well below 2^53")]
    let rate = rate as u64;
    Ok(rate)
}
