//! `cargo xtask test`: every gate, in an order that shows the cheap mistakes first.

use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use anyhow::Result;

use crate::app;
use crate::app::Build;
use crate::bench;
use crate::e2e;
use crate::fuzz;
use crate::lint;
use crate::lint::NATIVE;
use crate::process;
use crate::process::Finished;
use crate::process::cargo;
use crate::process::root;
use crate::process::tee;
use crate::report::Counts;
use crate::report::Report;
use crate::system;
use crate::system::WASM_TARGET;
use crate::tools;

pub(crate) fn test() -> Result<bool> {
    let mut report = Report::new();
    let ready = report.step("tools", || {
        system::ensure_wasm_target()?;
        system::ensure_components()?;
        tools::ensure_app_tools()?;
        tools::nextest()?;
        tools::deny()?;
        tools::playwright()?;
        system::ensure_browser()?;
        Ok(Counts::one(true))
    });
    lint::quick(&mut report);
    report.step("tests, native", native_tests);
    report.step("fuzz targets, a short run", fuzz::short);
    report.step("documentation", documentation);
    if !ready {
        report.skip("tests in the browser", "tools are missing");
        return Ok(report.finish());
    }
    report.step("tests in the browser", browser_tests);
    report.step("tests of the loader", loader_tests);
    let built = report.step("the app, as it is served", || app::build_app(Build::Release).map(|_| Counts::one(true)));
    if built {
        report.step("size of the first load", bench::check_size);
        report.step("end-to-end tests", || e2e::run(None));
    } else {
        report.skip("end-to-end tests", "the app does not build");
    }
    Ok(report.finish())
}

/// `cargo t`: the native tests, as nextest shows them.
pub(crate) fn native(args: &[String]) -> Result<bool> {
    let mut nextest = nextest_run()?;
    nextest.args(args);
    process::show(nextest).map(|()| true)
}

/// `cargo wt`: tests in Chromium, as Cargo shows them.
pub(crate) fn browser(args: &[String]) -> Result<bool> {
    let mut test = wasm_test()?;
    if !args.iter().any(|arg| arg.starts_with("-p") || arg.starts_with("--package")) {
        test.args(["-p", "zwiebel"]);
    }
    test.args(args);
    process::show(test).map(|()| true)
}

/// Every crate but the browser app.
fn nextest_run() -> Result<Command> {
    let mut nextest = tools::nextest()?;
    nextest.args(["run", "--locked"]).args(NATIVE);
    Ok(nextest)
}

fn native_tests() -> Result<Counts> {
    let mut nextest = nextest_run()?;
    nextest.arg("--no-fail-fast");
    if std::env::var_os("CI").is_some() {
        nextest.args(["--profile", "ci"]);
    }
    let finished = tee(nextest)?;
    Ok(Counts::of_runner(&finished, count_nextest(&finished.output)))
}

fn documentation() -> Result<Counts> {
    let mut doc = cargo(&["doc", "--locked", "--no-deps", "--quiet"]);
    doc.args(NATIVE).env("RUSTDOCFLAGS", "-D warnings");
    lint::passes(doc)
}

/// The page's own few lines of JavaScript, under Node.
fn loader_tests() -> Result<Counts> {
    let mut node = process::command("node");
    node.args(["--test", "--test-reporter=spec"]);
    for entry in std::fs::read_dir(root().join("tests/js"))? {
        node.arg(entry?.path());
    }
    let finished = tee(node)?;
    Ok(Counts::of_runner(&finished, count_node(&finished.output)?))
}

/// The core's tests that run in the browser, too: everything with vectors.
const CORE_TESTS: &[&str] = &["-p", "zwiebel-crypto", "-p", "zwiebel-proto", "--lib", "--test", "config_sync"];

/// Tests compiled to wasm and run in headless Chromium: the app's own, and those of the core.
fn browser_tests() -> Result<Counts> {
    let mut sum = Counts::default();
    for packages in [CORE_TESTS, &["-p", "zwiebel", "--lib", "--tests"]] {
        let mut test = wasm_test()?;
        test.arg("--no-fail-fast").args(packages);
        let finished: Finished = tee(test)?;
        let counts = Counts::of_runner(&finished, count_cargo(&finished.output));
        sum.passed += counts.passed;
        sum.failed += counts.failed;
    }
    Ok(sum)
}

/// Measurements compiled to wasm, built as the app is served.
pub(crate) fn browser_bench() -> Result<()> {
    let mut bench = wasm_test()?;
    bench.args(["--release", "-p", "zwiebel", "--test", "web_bench", "--", "--include-ignored", "--nocapture"]);
    process::show(bench)
}

/// `cargo test` for wasm32 in headless Chromium.
fn wasm_test() -> Result<Command> {
    system::ensure_wasm_target()?;
    let browser = system::ensure_browser()?;
    let folder = app::target_dir().join("webdriver");
    write_webdriver_settings(&folder, &browser)?;
    let mut test = cargo(&["test", "--locked", "--target", WASM_TARGET]);
    test.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", write_runner(&folder)?);
    test.env("PATH", process::path_with(&[tools::wasm_bindgen()?])?);
    test.env("CHROMEDRIVER", &browser.driver).env_remove("RUSTFLAGS").env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    Ok(test)
}

/// The runner reads its settings from the folder it runs in, so a script goes there first. Cargo splits the words at white
/// space: the path to the repository must have none.
fn write_runner(folder: &Path) -> Result<String> {
    let script = folder.join("run.sh");
    std::fs::write(&script, "cd \"$(dirname \"$0\")\" && exec wasm-bindgen-test-runner \"$@\"\n")?;
    Ok(format!("sh {}", script.display()))
}

/// What chromedriver is told.
fn write_webdriver_settings(folder: &Path, browser: &system::Browser) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let settings = serde_json::json!({ "goog:chromeOptions": {
        "binary": browser.chromium,
        "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    }});
    std::fs::write(folder.join("webdriver.json"), settings.to_string())?;
    Ok(())
}

/// `Summary [ 1.2s] 12 tests run: 11 passed (1 slow), 1 failed, 0 skipped`
fn count_nextest(output: &str) -> Counts {
    let summary = output.lines().rev().find(|line| line.contains("tests run:") || line.contains("test run:"));
    let mut counts = Counts::default();
    let summary = without_colours(summary.unwrap_or_default());
    for part in summary.rsplit("run:").next().unwrap_or_default().split(',') {
        let mut words = part.split_whitespace();
        let number = words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
        match words.next() {
            Some("passed") => counts.passed += number,
            Some("failed" | "exec" | "timed") => counts.failed += number,
            _ => {}
        }
    }
    counts
}

/// `test result: ok. 12 passed; 0 failed; 0 ignored; …`, once per test program
fn count_cargo(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter(|line| line.contains("test result:")) {
        for part in without_colours(line).split(['.', ';']) {
            let mut words = part.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
            match words.next() {
                Some("passed") => counts.passed += number,
                Some("failed") => counts.failed += number,
                _ => {}
            }
        }
    }
    counts
}

/// Takes terminal colours out: `ESC [ … m`.
fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut in_code = false;
    for letter in line.chars() {
        match letter {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if in_code => {}
            _ => plain.push(letter),
        }
    }
    plain
}

/// The end-to-end tests' program for Node's runner prints `ℹ pass 12` and `ℹ fail 0`.
pub(crate) fn count_node(output: &str) -> Result<Counts> {
    let number = |name: &str| {
        output.lines().rev().map(without_colours).find_map(|line| {
            let mut words = line.trim_start_matches(['ℹ', '#', ' ']).split_whitespace();
            (words.next() == Some(name)).then(|| words.next()?.parse::<u64>().ok()).flatten()
        })
    };
    let passed = number("pass").context("the end-to-end tests did not come to an end")?;
    Ok(Counts { passed, failed: number("fail").unwrap_or(0) + number("cancelled").unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_the_three_runners_are_understood() {
        let nextest = count_nextest(
            "x\n     Summary [   1.2s] 12 tests run: 10 passed (1 slow), 1 failed, 1 timed out, 3 skipped\n",
        );
        assert_eq!((nextest.passed, nextest.failed), (10, 2));
        let cargo = count_cargo(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 filtered out\ntest result: FAILED. 1 passed; 2 failed;",
        );
        assert_eq!((cargo.passed, cargo.failed), (4, 2));
        let node =
            count_node("\u{1b}[34mℹ tests 3\u{1b}[39m\n\u{1b}[34mℹ pass 2\u{1b}[39m\nℹ fail 1\nℹ cancelled 0\n").ok();
        assert_eq!(node.map(|counts| (counts.passed, counts.failed)), Some((2, 1)));
    }
}
