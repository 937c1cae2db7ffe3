//! The tools of the build, in exact versions, kept per user so that a second clone finds them again:
//! `${XDG_CACHE_HOME:-~/.cache}/zwiebel/tools/<name>-<version>/`. An installation happens in a folder of its own and
//! is moved into place when it is complete, so an interrupted one leaves nothing that looks installed.

use std::ffi::OsString;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

use crate::process;
use crate::process::ask;
use crate::process::cargo;
use crate::process::command;
use crate::process::find;
use crate::process::root;
use crate::process::show;
use crate::system;

const TRUNK: &str = "0.21.14";
const NEXTEST: &str = "0.9.151";
/// An installed nextest is used from this version on.
const NEXTEST_OLDEST: (u32, u32, u32) = (0, 9, 100);
const DENY: &str = "0.20.2";
const FUZZ: &str = "0.13.2";
const BINARYEN: &str = "132";
const PLAYWRIGHT: &str = "1.65.0";

/// What building the app needs in `PATH`.
pub(crate) struct AppTools {
    pub(crate) trunk: PathBuf,
    pub(crate) path: OsString,
}

/// Trunk, wasm-bindgen and wasm-opt.
pub(crate) fn ensure_app_tools() -> Result<AppTools> {
    system::ensure_wasm_target()?;
    system::ensure_node()?;
    let trunk = cargo_tool("trunk", TRUNK, Lock::Theirs)?;
    let folders = [trunk.clone(), wasm_bindgen()?, wasm_opt()?];
    Ok(AppTools { trunk: trunk.join("trunk"), path: process::path_with(&folders)? })
}

/// The folder with `wasm-bindgen` and its test runner, in exactly the version of the lock file.
pub(crate) fn wasm_bindgen() -> Result<PathBuf> {
    // Its own lock file names a release that the registry no longer offers.
    cargo_tool("wasm-bindgen-cli", &locked_version("wasm-bindgen")?, Lock::Fresh)
}

/// A command `nextest`, the installed one if it is new enough.
pub(crate) fn nextest() -> Result<Command> {
    let installed = ask("cargo-nextest", &["nextest", "--version"]).and_then(|text| version_in(&text));
    if installed.is_some_and(|version| version >= NEXTEST_OLDEST) {
        return Ok(cargo(&["nextest"]));
    }
    let folder = cargo_tool("cargo-nextest", NEXTEST, Lock::Theirs)?;
    let mut nextest = command(folder.join("cargo-nextest"));
    nextest.arg("nextest");
    Ok(nextest)
}

/// The program `cargo-deny`.
pub(crate) fn deny() -> Result<PathBuf> {
    Ok(cargo_tool("cargo-deny", DENY, Lock::Theirs)?.join("cargo-deny"))
}

/// The program `cargo-fuzz`.
pub(crate) fn fuzz() -> Result<PathBuf> {
    Ok(cargo_tool("cargo-fuzz", FUZZ, Lock::Theirs)?.join("cargo-fuzz"))
}

/// The folder of the package playwright-core. It brings no browser.
pub(crate) fn playwright() -> Result<PathBuf> {
    system::ensure_node()?;
    let modules = npm_tool("playwright-core", PLAYWRIGHT)?
        .context("npm is needed to install playwright-core (Debian, Ubuntu: apt-get install npm)")?;
    Ok(modules.join("playwright-core"))
}

/// `cargo xtask tools`: everything at once, for a machine that shall be ready before it is needed.
pub(crate) fn install_all() -> Result<bool> {
    let app = ensure_app_tools()?;
    system::ensure_components()?;
    nextest()?;
    let deny = deny()?;
    let playwright = playwright()?;
    let browser = system::ensure_browser()?;
    for tool in [&app.trunk, &deny, &playwright, &browser.chromium, &browser.driver] {
        println!("{}", tool.display());
    }
    Ok(true)
}

/// Whether a Cargo tool is built with the lock file that its authors published.
#[derive(Clone, Copy)]
enum Lock {
    Theirs,
    Fresh,
}

/// Makes sure a Cargo tool is installed; gives the folder of its programs.
fn cargo_tool(name: &str, version: &str, lock: Lock) -> Result<PathBuf> {
    let place = cache()?.join(format!("{name}-{version}"));
    install(&place, || {
        println!("installing {name} {version} into {} (once; some minutes)", place.display());
        let unfinished = unfinished(&place);
        let mut install = cargo(&["install", name, "--version", version, "--root"]);
        install.arg(&unfinished).arg("--target-dir").arg(unfinished.join("target"));
        if matches!(lock, Lock::Theirs) {
            install.arg("--locked");
        }
        // What they make is the same; half the time to build them.
        for (key, value) in [("LTO", "off"), ("CODEGEN_UNITS", "16"), ("OPT_LEVEL", "1")] {
            install.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
        }
        // Not in the repository's root: its toolchain and configuration are none of the tool's business.
        install.current_dir(std::env::temp_dir()).env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
        show(install)?;
        fs::remove_dir_all(unfinished.join("target")).ok();
        Ok(())
    })?;
    Ok(place.join("bin"))
}

/// Makes sure an npm package is installed; gives the folder `node_modules`, or nothing where npm is missing.
fn npm_tool(name: &str, version: &str) -> Result<Option<PathBuf>> {
    let place = cache()?.join(format!("{name}-{version}"));
    if !place.exists() && find("npm").is_none() {
        return Ok(None);
    }
    install(&place, || {
        println!("installing {name} {version} into {}", place.display());
        let mut npm = command("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        npm.arg(unfinished(&place)).arg(format!("{name}@{version}")).current_dir(std::env::temp_dir());
        show(npm)
    })?;
    Ok(Some(place.join("node_modules")))
}

/// The folder with `wasm-opt`. Without npm: one that copies its input, so that Trunk does not fetch its own.
fn wasm_opt() -> Result<PathBuf> {
    if let Some(modules) = npm_tool("binaryen", BINARYEN)? {
        return Ok(modules.join(".bin"));
    }
    println!("npm is missing, so the app is not made smaller with wasm-opt (Debian, Ubuntu: apt-get install npm)");
    let place = cache()?.join("wasm-opt-none");
    install(&place, || write_copying_wasm_opt(&unfinished(&place)))?;
    Ok(place)
}

fn write_copying_wasm_opt(folder: &Path) -> Result<()> {
    let script = "#!/bin/sh\n\
        # Stands in for wasm-opt: copies the input to the file named by --output.\n\
        for arg in \"$@\"; do case \"$arg\" in --version) echo 'wasm-opt version 0'; exit 0;; --output=*) out=${arg#--output=};; -*) ;; *) in=$arg;; esac; done\n\
        cp \"$in\" \"$out\"\n";
    let file = folder.join("wasm-opt");
    fs::write(&file, script)?;
    #[cfg(unix)]
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    Ok(())
}

/// Runs an installation that fills `unfinished(place)`, and moves the result into place. One at a time per user.
fn install(place: &Path, fill: impl FnOnce() -> Result<()>) -> Result<()> {
    if place.exists() {
        return Ok(());
    }
    let cache = cache()?;
    fs::create_dir_all(&cache)?;
    let lock = File::create(cache.join("lock"))?;
    lock.lock().context("cannot lock the folder of the tools")?;
    if place.exists() {
        return Ok(()); // another run was quicker
    }
    let unfinished = unfinished(place);
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir_all(&unfinished)?;
    fill()?;
    fs::rename(&unfinished, place)?;
    Ok(())
}

fn unfinished(place: &Path) -> PathBuf {
    place.with_added_extension("unfinished")
}

fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) if Path::new(&folder).is_absolute() => PathBuf::from(folder),
        _ => PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache"),
    };
    Ok(base.join("zwiebel").join("tools"))
}

/// The version of a package in Cargo.lock.
fn locked_version(package: &str) -> Result<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    let Some(version) = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"')) else {
        bail!("{package} is not in Cargo.lock");
    };
    Ok(version.to_owned())
}

/// The first `1.2.3` in a text.
fn version_in(text: &str) -> Option<(u32, u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.split('.').map(|number| number.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next()??, numbers.next()??))
    })
}
