//! How fast onion requests and the ratchet are in the browser; run by `cargo xtask bench`, ignored otherwise.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, reason = "tests")]

use getrandom::SysRng;
use rand_core::UnwrapErr;
use wasm_bindgen_test::console_log;
use wasm_bindgen_test::wasm_bindgen_test;
use wasm_bindgen_test::wasm_bindgen_test_configure;
use zwiebel_crypto::keys::Ed25519Secret;
use zwiebel_crypto::keys::X25519Secret;
use zwiebel_crypto::zr1_testing::bench::figures;
use zwiebel_proto::onion;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;

wasm_bindgen_test_configure!(run_in_browser);

const ROUNDS: u32 = 200;

#[wasm_bindgen_test]
#[ignore = "a measurement"]
fn onion_requests_per_second() {
    let rng = &mut UnwrapErr(SysRng);
    let secrets: Vec<X25519Secret> = (0..4).map(|_| X25519Secret::generate(rng)).collect();
    let hops: Vec<Hop> = secrets
        .iter()
        .map(|secret| Hop { ed25519: Ed25519Secret::generate(rng).public(), x25519: secret.public() })
        .collect();
    let (destination, path) = hops.split_last().unwrap();
    let payload = onion::node_payload(&[b'x'; 1_000]);
    for cipher in [Cipher::AesGcm, Cipher::XChaCha20] {
        let started = js_sys::Date::now();
        let built: Vec<_> = (0..ROUNDS)
            .map(|_| onion::build(path, &Destination::Node(*destination), &payload, cipher, rng).unwrap())
            .collect();
        let building = js_sys::Date::now() - started;
        let replies: Vec<_> =
            built.iter().map(|(_, key)| (key, key.seal_node_reply(200, &[b'y'; 2_000], false, false, rng))).collect();
        let started = js_sys::Date::now();
        for (key, reply) in &replies {
            key.open(reply).unwrap();
        }
        let opening = js_sys::Date::now() - started;
        let per_second = |time: f64| f64::from(ROUNDS) * 1000.0 / time;
        console_log!(
            "{}: {:.0} requests built and {:.0} answers opened per second (three hops and a node; 1 kB, 2 kB)",
            cipher.name(),
            per_second(building),
            per_second(opening)
        );
    }
}

#[wasm_bindgen_test]
#[ignore = "a measurement"]
fn microseconds_of_the_ratchet() {
    let performance = web_sys::window().unwrap().performance().unwrap();
    for figure in figures(&|| performance.now() * 1_000.0, &mut UnwrapErr(SysRng)) {
        console_log!("{}: {:.1} microseconds", figure.name, figure.micros);
    }
}
