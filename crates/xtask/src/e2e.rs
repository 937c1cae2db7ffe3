//! End-to-end tests: Playwright drives real Chromium against a whole local network, under Node's own test runner.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use anyhow::bail;

use crate::app;
use crate::app::Build;
use crate::process::command;
use crate::process::root;
use crate::process::tee;
use crate::report::Counts;
use crate::system;
use crate::test;
use crate::tools;

/// Spec files that run at the same time; each has its own network and browser.
const AT_ONCE: usize = 2;

pub(crate) fn e2e(filter: Option<&str>) -> Result<bool> {
    app::build_app(Build::Release)?;
    let counts = run(filter)?;
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(counts.failed == 0)
}

/// Runs the specs against the app in `dist/`. With a filter: the spec files whose names contain it, or else the tests
/// whose names do.
pub(crate) fn run(filter: Option<&str>) -> Result<Counts> {
    let mut specs = specs()?;
    let mut node = node()?;
    node.args(["--test", "--test-reporter=spec"]).arg(format!("--test-concurrency={AT_ONCE}"));
    if let Some(filter) = filter {
        if specs.iter().any(|spec| is_named(spec, filter)) {
            specs.retain(|spec| is_named(spec, filter));
        } else {
            node.arg(format!("--test-name-pattern={filter}"));
        }
    }
    node.args(specs);
    let finished = tee(node)?;
    Ok(Counts::of_runner(&finished, test::count_node(&finished.output)?))
}

/// Node with everything in its environment that the specs and the measurements need.
pub(crate) fn node() -> Result<Command> {
    let browser = system::ensure_browser()?;
    let playwright = tools::playwright()?;
    let native = app::build_native(true)?;
    let mut node = command("node");
    node.env("ZWIEBEL_BIN", &native.zwiebel)
        .env("ZWIEBEL_DIST", root().join("dist"))
        .env("PLAYWRIGHT_CORE", playwright)
        .env("CHROMIUM", browser.chromium)
        .env("SCREENSHOTS", app::target_dir().join("screenshots"));
    if let Some(tests) = &native.tests {
        node.env("ZWIEBEL_TAP_BIN", &tests.tap).env("FILL_SWARM_BIN", &tests.fill_swarm);
    }
    Ok(node)
}

fn specs() -> Result<Vec<PathBuf>> {
    let folder = root().join("tests/e2e");
    let mut specs = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(".spec.mjs") {
            specs.push(folder.join(name));
        }
    }
    if specs.is_empty() {
        bail!("there are no specs in {}", folder.display());
    }
    specs.sort();
    Ok(specs)
}

fn is_named(spec: &std::path::Path, filter: &str) -> bool {
    spec.file_name().is_some_and(|name| name.to_string_lossy().contains(filter))
}
