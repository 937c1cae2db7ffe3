//! `cargo xtask fuzz`: long runs under libFuzzer, and the short ones on the pinned toolchain that `cargo xtask test` counts.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

use crate::app;
use crate::process::ask;
use crate::process::cargo;
use crate::process::find;
use crate::process::root;
use crate::process::show;
use crate::process::tee;
use crate::report::Counts;
use crate::tools;

/// Runs of each target in a long run.
const RUNS: u64 = 10_000_000;
/// Seconds of mutations for each target in a short one.
const SHORT_S: &str = "10";

/// Long runs: every target, or one of them.
pub(crate) fn fuzz(args: &[String]) -> Result<bool> {
    if ask("rustup", &["run", "nightly", "rustc", "--version"]).is_none() {
        bail!("libFuzzer needs a nightly toolchain: rustup toolchain install nightly");
    }
    let runs = match args.get(1) {
        Some(text) => text.parse().context("the second word is the number of runs")?,
        None => RUNS,
    };
    let targets: Vec<String> = match args.first() {
        Some(target) => vec![target.clone()],
        None => targets()?,
    };
    // The service node's targets bring half a server along.
    let features =
        if targets.iter().any(|target| target.starts_with("node_")) { "libfuzzer,node" } else { "libfuzzer" };
    match targets.as_slice() {
        [one] => libfuzzer("build", features, &[one])?,
        _ => libfuzzer("build", features, &[])?,
    }
    let mut broken = Vec::new();
    for target in &targets {
        println!("\n{target}: {runs} runs");
        let seeds = format!("seeds/{target}");
        let corpus = format!("corpus/{target}");
        fs::create_dir_all(root().join("fuzz").join(&corpus))?;
        let run = [target, corpus.as_str(), &seeds, "--", &format!("-runs={runs}"), "-print_final_stats=1"];
        if libfuzzer("run", features, &run).is_err() {
            broken.push(target.as_str());
        }
    }
    println!("\n{} targets without a finding, with one: {broken:?}", targets.len() - broken.len());
    Ok(broken.is_empty())
}

/// Replays the seeds of every target and mutates them for a while.
pub(crate) fn short() -> Result<Counts> {
    let mut replay = cargo(&["run", "--quiet", "--locked", "--release", "--features", "mutate", "--manifest-path"]);
    replay.arg(manifest()).arg("--target-dir").arg(app::target_dir().join("fuzz")).args(["--", SHORT_S]);
    let finished = tee(replay)?;
    Ok(Counts::of_runner(&finished, count(&finished.output)))
}

/// `targets that held: 16, that broke: 0`
fn count(output: &str) -> Counts {
    let last = output.lines().next_back().unwrap_or_default();
    let mut numbers = last.split([' ', ',']).filter_map(|word| word.parse().ok());
    Counts { passed: numbers.next().unwrap_or(0), failed: numbers.next().unwrap_or(0) }
}

/// cargo-fuzz. Without address sanitizer: the code has no `unsafe`, and runs several times as fast.
fn libfuzzer(what: &str, features: &str, args: &[&str]) -> Result<()> {
    let rustup = find("rustup").context("rustup is needed to choose the nightly toolchain")?;
    let mut fuzz = Command::new(rustup);
    fuzz.args(["run", "nightly"]).arg(tools::fuzz()?).args([
        "fuzz",
        what,
        "--sanitizer",
        "none",
        "--features",
        features,
    ]);
    fuzz.args(args).current_dir(root().join("fuzz"));
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "CARGO_TARGET_DIR"] {
        fuzz.env_remove(name);
    }
    show(fuzz)
}

fn manifest() -> PathBuf {
    root().join("fuzz/Cargo.toml")
}

/// The names of the targets: the files in `fuzz_targets/`.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
