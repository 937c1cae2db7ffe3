//! `cargo xtask lint`, and the single checks of it that `cargo xtask test` counts one by one.

use anyhow::Result;

use crate::imports;
use crate::process::cargo;
use crate::process::command;
use crate::process::root;
use crate::process::show;
use crate::process::tee;
use crate::report::Counts;
use crate::report::Report;
use crate::system;
use crate::system::WASM_TARGET;
use crate::tools;

/// Arguments that name every crate but the browser app, which exists for wasm32 only.
pub(crate) const NATIVE: [&str; 3] = ["--workspace", "--exclude", "zwiebel"];

pub(crate) fn lint() -> Result<bool> {
    system::ensure_wasm_target()?;
    system::ensure_components()?;
    let mut report = Report::new();
    quick(&mut report);
    Ok(report.finish())
}

/// Everything that is checked without running the product.
pub(crate) fn quick(report: &mut Report) {
    report.step("formatting", || passes(cargo(&["fmt", "--all", "--check"])));
    report.step("import table", imports::check);
    report.step("dependencies", dependencies);
    report.step("clippy, native", || {
        let mut clippy = cargo(&["clippy", "--locked", "--all-targets", "--quiet"]);
        clippy.args(NATIVE).args(["--", "-D", "warnings"]);
        passes(clippy)
    });
    report.step("clippy, browser app", || {
        let mut clippy =
            cargo(&["clippy", "--locked", "--all-targets", "--quiet", "-p", "zwiebel", "--target", WASM_TARGET]);
        clippy.args(["--", "-D", "warnings"]).env_remove("RUSTFLAGS");
        passes(clippy)
    });
}

/// A command that is one check: it passes or fails as a whole.
pub(crate) fn passes(command: std::process::Command) -> Result<Counts> {
    Ok(Counts::one(show(command).inspect_err(|error| println!("{error:#}")).is_ok()))
}

/// Bans, licences and sources of all dependencies. Security notices need a database from the network: not here.
fn dependencies() -> Result<Counts> {
    let mut deny = command(tools::deny()?);
    deny.arg("--manifest-path").arg(root().join("Cargo.toml"));
    deny.args(["--all-features", "--locked", "--log-level", "error", "check", "bans", "licenses", "sources"]);
    Ok(Counts::one(tee(deny)?.success))
}
