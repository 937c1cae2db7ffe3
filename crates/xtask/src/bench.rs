//! `cargo xtask bench`: sizes and speed. The size of the first load is also a gate of `cargo xtask test`.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use anyhow::Result;

use crate::app;
use crate::app::Build;
use crate::e2e;
use crate::process::example;
use crate::process::root;
use crate::process::show;
use crate::report::Counts;
use crate::test;

/// Most that a first visit may load, in bytes after Brotli. The aim is 600,000.
const FIRST_LOAD_BUDGET: u64 = 710_000;
/// Most requests until the welcome screen can be used (manifest, icons and service worker do not count).
const FIRST_LOAD_REQUESTS: usize = 6;

pub(crate) fn bench() -> Result<bool> {
    app::build_app(Build::Release)?;
    println!("\nSize");
    let counts = check_size()?;
    println!("\nOnion requests, native");
    show(example("zwiebel-proto", "onion_bench", &[]))?;
    println!("\nForward secrecy, native, beside vodozemac");
    show(example("zwiebel-crypto", "ratchet_bench", &["--features", "testing"]))?;
    println!("\nA network of nodes on this machine, beside the machine's own speed");
    show(example("zwiebel-node", "node_bench", &[]))?;
    println!("\nMemory of nodes that are processes of their own");
    app::build_native(false)?;
    show(example("zwiebel-node", "memory_soak", &["--", "0.5"]))?;
    println!("\nOnion requests and forward secrecy, in the browser");
    test::browser_bench()?;
    println!("\nThe app in Chromium");
    let mut node = e2e::node()?;
    node.arg("tests/e2e/bench.mjs");
    show(node)?;
    Ok(counts.failed == 0)
}

/// Adds up what index.html loads and compares it with the budget.
pub(crate) fn check_size() -> Result<Counts> {
    let dist = root().join("dist");
    let html = fs::read_to_string(dist.join("index.html")).context("there is no dist/index.html")?;
    let mut files = vec!["index.html".to_owned()];
    for name in ["boot.js", "worker.js"] {
        files.push(name.to_owned());
    }
    for entry in fs::read_dir(&dist)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let loadable = [".js", ".wasm", ".css"].iter().any(|end| name.ends_with(end));
        if loadable && html.contains(&name) && !files.contains(&name) {
            files.push(name);
        }
    }
    let mut sum = 0;
    for name in &files {
        let bytes = compressed(&dist, name)?;
        println!("{bytes:>9}  {name}");
        sum += bytes;
    }
    println!(
        "{sum:>9}  bytes of Brotli in {} requests; allowed are {FIRST_LOAD_BUDGET} in {FIRST_LOAD_REQUESTS}",
        files.len()
    );
    Ok(Counts::one(sum <= FIRST_LOAD_BUDGET && files.len() <= FIRST_LOAD_REQUESTS))
}

/// The size of a file as the gateway sends it: its `.br` sibling, or itself where none was written.
fn compressed(dist: &Path, name: &str) -> Result<u64> {
    let compressed = dist.join(format!("{name}.br"));
    let file = if compressed.is_file() { compressed } else { dist.join(name) };
    Ok(fs::metadata(&file).with_context(|| format!("no {}", file.display()))?.len())
}
