//! Building the app (Trunk, into `dist/`) and the native programs (profile `native`).

use std::path::PathBuf;

use anyhow::Context as _;
use anyhow::Result;

use crate::process::cargo;
use crate::process::command;
use crate::process::root;
use crate::process::show;
use crate::tools;

/// How the app is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Small and fast, as it is served.
    Release,
    /// Quick to build, large.
    Dev,
}

/// Builds the app; gives the folder to serve.
pub(crate) fn build_app(build: Build) -> Result<PathBuf> {
    let tools = tools::ensure_app_tools()?;
    // Trunk works offline from here on, so that it never fetches a tool by itself.
    show(cargo(&["fetch", "--locked", "--quiet", "--target", crate::system::WASM_TARGET]))?;
    let mut trunk = command(&tools.trunk);
    trunk.args(["build", "--offline", "--locked"]).env("PATH", &tools.path);
    // Trunk takes the common NO_COLOR=1 for a mistake; RUSTFLAGS would replace the flags in .cargo/config.toml.
    trunk
        .env_remove("NO_COLOR")
        .env_remove("RUSTFLAGS")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", remapped()?);
    if build == Build::Release {
        trunk.arg("--release");
    }
    show(trunk).context("the app does not build")?;
    Ok(root().join("dist"))
}

/// What panics call the source files of libraries (ours are relative anyway). Otherwise the download would name the folders of
/// whoever built it, and two builds of the same sources would differ. Cargo adds this to the flags in `.cargo/config.toml`.
fn remapped() -> Result<String> {
    let cargo = match std::env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(std::env::var_os("HOME").context("neither CARGO_HOME nor HOME is set")?).join(".cargo"),
    };
    Ok(format!("--remap-path-prefix={}=crates", cargo.join("registry/src").display()))
}

/// The native programs as built for use.
pub(crate) struct Native {
    pub(crate) zwiebel: PathBuf,
    /// For tests only.
    pub(crate) tests: Option<TestPrograms>,
}

/// What the end-to-end tests and the measurements need besides the network.
pub(crate) struct TestPrograms {
    /// The same network that writes down every packet.
    pub(crate) tap: PathBuf,
    /// Fills the swarm of a new account.
    pub(crate) fill_swarm: PathBuf,
}

/// Builds `zwiebel` and, for tests, `zwiebel-tap` and `fill_swarm`.
pub(crate) fn build_native(for_tests: bool) -> Result<Native> {
    let build = |args: &[&str]| {
        let mut build = cargo(&["build", "--locked", "--profile", "native", "-p", "zwiebel-node"]);
        build.args(args);
        show(build)
    };
    build(&["--bin", "zwiebel"])?;
    if for_tests {
        build(&["--example", "fill_swarm"])?;
        build(&["--bin", "zwiebel-tap", "--features", "tap"])?;
    }
    let folder = target_dir().join("native");
    let tests = for_tests
        .then(|| TestPrograms { tap: folder.join("zwiebel-tap"), fill_swarm: folder.join("examples/fill_swarm") });
    Ok(Native { zwiebel: folder.join("zwiebel"), tests })
}

/// Where Cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}
