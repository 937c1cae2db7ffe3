//! What must come from the system: the wasm target, Node, Chromium and its driver. Debian's and Ubuntu's package
//! manager is asked only where it may be; elsewhere the person is told exactly what to install.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

use crate::process::ask;
use crate::process::command;
use crate::process::find;
use crate::process::show;

pub(crate) const WASM_TARGET: &str = "wasm32-unknown-unknown";

/// Oldest Node that runs the build hooks and the end-to-end tests.
const NODE_MAJOR: u32 = 20;

/// Adds the wasm target to the toolchain in use, if it is missing.
pub(crate) fn ensure_wasm_target() -> Result<()> {
    let folder = ask("rustc", &["--print", "target-libdir", "--target", WASM_TARGET]);
    if folder.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    println!("adding the target {WASM_TARGET} to the toolchain");
    let mut rustup = command("rustup");
    rustup.args(["target", "add", WASM_TARGET]);
    show(rustup).context("the wasm target is missing and rustup could not add it")
}

/// Adds clippy and rustfmt to the toolchain in use, if they are missing.
pub(crate) fn ensure_components() -> Result<()> {
    for (component, probe) in [("clippy", "clippy"), ("rustfmt", "fmt")] {
        if ask("cargo", &[probe, "--version"]).is_none() {
            let mut rustup = command("rustup");
            rustup.args(["component", "add", component]);
            show(rustup).with_context(|| format!("{component} is missing and rustup could not add it"))?;
        }
    }
    Ok(())
}

/// Makes sure that Node is here and new enough.
pub(crate) fn ensure_node() -> Result<()> {
    if node_major().is_some_and(|major| major >= NODE_MAJOR) {
        return Ok(());
    }
    if node_major().is_none() {
        apt_install(&["nodejs", "npm"])?;
    }
    match node_major() {
        Some(major) if major >= NODE_MAJOR => Ok(()),
        Some(major) => {
            bail!("Node {NODE_MAJOR} or newer is needed, this is {major}: install it from https://nodejs.org")
        }
        None => bail!("Node {NODE_MAJOR} or newer is needed: install it (Debian, Ubuntu: apt-get install nodejs npm)"),
    }
}

fn node_major() -> Option<u32> {
    ask("node", &["--version"])?.trim_start_matches('v').split('.').next()?.parse().ok()
}

/// Chromium and its driver.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Finds Chromium and chromedriver, installing them where that is allowed.
pub(crate) fn ensure_browser() -> Result<Browser> {
    if let Some(browser) = find_browser() {
        return Ok(browser);
    }
    apt_install(&["chromium", "chromium-driver"])?;
    find_browser().context(
        "Chromium and its driver are needed for the tests.\n\
         Debian: apt-get install chromium chromium-driver. Elsewhere: install both in the same version and set CHROMIUM \
         and CHROMEDRIVER to their paths.",
    )
}

fn find_browser() -> Option<Browser> {
    let chromium = std::env::var_os("CHROMIUM").map(PathBuf::from).or_else(|| {
        ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"].iter().find_map(|name| find(name))
    })?;
    let driver = std::env::var_os("CHROMEDRIVER").map(PathBuf::from).or_else(|| find("chromedriver"))?;
    Some(Browser { chromium, driver })
}

/// Installs packages with apt, as root or with a sudo that asks nothing. Where that is not possible, does nothing:
/// the caller says what is missing.
fn apt_install(packages: &[&str]) -> Result<()> {
    if find("apt-get").is_none() {
        return Ok(());
    }
    let root = ask("id", &["-u"]).is_some_and(|id| id == "0");
    if !root && ask("sudo", &["-n", "true"]).is_none() {
        return Ok(());
    }
    println!("installing {} with apt", packages.join(" "));
    let apt = |args: &[&str]| {
        let mut apt = if root { command("apt-get") } else { command("sudo") };
        if !root {
            apt.args(["-n", "apt-get"]);
        }
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(args);
        show(apt)
    };
    apt(&["update", "-q"])?;
    apt(&[["install", "-y", "-q", "--no-install-recommends"].as_slice(), packages].concat())
}
