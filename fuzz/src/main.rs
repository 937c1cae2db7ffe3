//! `zwiebel-fuzz SECONDS [TARGET]`: replays the committed inputs of every target, then mutates them for some seconds each,
//! on the pinned toolchain. Blind beside libFuzzer, which sees coverage, but it needs nothing and runs with every check.
//! An input that breaks a property is kept in `artifacts/<target>/`, where libFuzzer keeps its own.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use zwiebel_fuzz::{TARGETS, Target};

/// Longest input that mutation makes.
const MAX_LENGTH: usize = 8_192;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(seconds) = args.next().and_then(|text| text.parse().ok()) else {
        eprintln!("zwiebel-fuzz SECONDS [TARGET]");
        return ExitCode::FAILURE;
    };
    let only = args.next();
    let waiting: Vec<_> = TARGETS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)).collect();
    let (total, waiting, failed) = (waiting.len(), Mutex::new(waiting.into_iter()), Mutex::new(0));
    std::panic::set_hook(Box::new(|_| {})); // told below, with the input
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((name, target)) = next(&waiting) {
                    match fuzz(name, *target, Duration::from_secs(seconds)) {
                        Ok(runs) => println!("{name}: {runs} runs"),
                        Err(file) => {
                            println!("{name}: FAILED on {}", file.display());
                            *failed.lock().expect("no panic while counting") += 1;
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic while counting");
    println!("targets that held: {}, that broke: {failed}", total - failed);
    if failed == 0 && total > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn next<T>(waiting: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    waiting.lock().expect("no panic while taking").next()
}

/// How many inputs were run, or the file with the one that broke something.
fn fuzz(name: &str, target: Target, time: Duration) -> Result<u64, PathBuf> {
    let seeds = seeds(name);
    let mut runs = 0;
    for seed in &seeds {
        run(name, target, seed)?;
        runs += 1;
    }
    let mut rng = StdRng::seed_from_u64(rand::random());
    let end = Instant::now() + time;
    while Instant::now() < end {
        run(name, target, &mutate(&seeds, &mut rng))?;
        runs += 1;
    }
    Ok(runs)
}

fn run(name: &str, target: Target, input: &[u8]) -> Result<(), PathBuf> {
    catch_unwind(AssertUnwindSafe(|| target(input))).map_err(|_| {
        let folder = here().join("artifacts").join(name);
        let file = folder.join(format!("mutation-{:016x}", rand::random::<u64>()));
        if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input)) {
            eprintln!("cannot keep the input: {error}");
        }
        file
    })
}

/// The committed inputs, in the order of their names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(here().join("seeds").join(name))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files.iter().filter_map(|file| fs::read(file).ok()).collect()
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A seed (or nothing) with one to eight changes.
fn mutate(seeds: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let pick = |rng: &mut StdRng| seeds.get(rng.random_range(0..=seeds.len())).cloned().unwrap_or_default();
    let mut input = pick(rng);
    for _ in 0..rng.random_range(1..=8) {
        let at = rng.random_range(0..=input.len());
        let end = rng.random_range(at..=input.len().min(at + 64));
        match rng.random_range(0..7) {
            0 => input.insert(at, rng.random()),
            1 => drop(input.drain(at..end)),
            2 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            3 => {
                let other = pick(rng);
                let from = rng.random_range(0..=other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            4 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << rng.random_range(0..8);
                }
            }
            5 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = *[0, 1, 0x7f, 0x80, 0xff, b'0', b'9', b'e', b'-'].get(rng.random_range(0..9)).unwrap_or(&0);
                }
            }
            _ => rng.fill(&mut input[at..end]),
        }
    }
    input.truncate(MAX_LENGTH);
    input
}
