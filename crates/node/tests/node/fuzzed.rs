//! The node's fuzz targets (`fuzz/src/node_*.rs`): their committed inputs, and ten seconds of changes of them. The long runs are
//! `cargo xtask fuzz`.

use std::fs;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::node_bencode;
use crate::node_http;
use crate::node_json;
use crate::node_onion;

/// As long as the other targets have.
const TIME: Duration = Duration::from_secs(10);

fn replay(name: &str, target: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| target(seed));
    let number = rand::random();
    println!("{name}: random changes from {number}");
    let mut rng = StdRng::seed_from_u64(number);
    let (end, mut runs) = (Instant::now() + TIME, 0_u64);
    while Instant::now() < end {
        target(&changed(&seeds, &mut rng));
        runs += 1;
    }
    println!("{name}: {runs} runs");
}

/// A seed with one to four bytes changed, or the beginning of one and the end of another.
fn changed(seeds: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let mut input = seeds[rng.random_range(0..seeds.len())].clone();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..input.len());
        input[at] = rng.random();
    }
    if rng.random_range(0..4) == 0 {
        let other = &seeds[rng.random_range(0..seeds.len())];
        input.truncate(rng.random_range(0..input.len()));
        input.extend_from_slice(&other[rng.random_range(0..other.len())..]);
    }
    input
}

#[test]
fn storage_requests_in_json() {
    replay("node_json", node_json::run);
}

#[test]
fn storage_requests_in_bencode() {
    replay("node_bencode", node_bencode::run);
}

#[test]
fn bodies_at_the_doors_and_from_other_nodes() {
    replay("node_http", node_http::run);
}

#[test]
fn bodies_of_onion_requests() {
    replay("node_onion", node_onion::run);
}
