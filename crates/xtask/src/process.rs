//! Starting programs: shown, captured, or both.

use std::ffi::OsString;
use std::io::Read as _;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

/// The repository's root: two folders above this crate.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A command that runs in the repository's root.
pub(crate) fn command(program: impl Into<OsString>) -> Command {
    let mut command = Command::new(program.into());
    command.current_dir(root());
    command
}

/// Cargo, in the repository's root. What xtask's own Cargo put into the environment about this package is taken out,
/// so that nothing is compiled twice because of it.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") || name_text == "OUT_DIR" {
            cargo.env_remove(&name);
        }
    }
    cargo.args(args);
    cargo
}

/// An example of a crate, built for speed; `args` go to Cargo.
pub(crate) fn example(package: &str, name: &str, args: &[&str]) -> Command {
    let mut run = cargo(&["run", "--locked", "--quiet", "--profile", "native", "-p", package, "--example", name]);
    run.args(args);
    run
}

/// What a finished program left behind.
pub(crate) struct Finished {
    pub(crate) success: bool,
    /// Standard output and standard error, as they came.
    pub(crate) output: String,
}

/// Runs a program on the screen and fails if it fails.
pub(crate) fn show(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", name_of(&command)))?;
    if !status.success() {
        bail!("{} failed", name_of(&command));
    }
    Ok(())
}

/// Runs a program, shows what it says and keeps it too.
pub(crate) fn tee(mut command: Command) -> Result<Finished> {
    let name = name_of(&command);
    let (mut reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    drop(command); // it holds the writing ends; the reader would never see the end
    let mut output = Vec::new();
    let mut buffer = [0_u8; 8192];
    let mut screen = std::io::stdout();
    loop {
        let count = reader.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        output.extend_from_slice(piece);
        screen.write_all(piece)?;
        screen.flush()?;
    }
    let success = child.wait()?.success();
    Ok(Finished { success, output: String::from_utf8_lossy(&output).into_owned() })
}

/// What a program prints, without showing it; `None` if it cannot be started or fails.
pub(crate) fn ask(program: &str, args: &[&str]) -> Option<String> {
    let output = command(program).args(args).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Looks a program up in `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// `PATH` with folders in front of it.
pub(crate) fn path_with(folders: &[PathBuf]) -> Result<OsString> {
    let old = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(folders.iter().cloned().chain(std::env::split_paths(&old)))?)
}

fn name_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut name = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    for arg in command.get_args().take(4) {
        name.push(' ');
        name.push_str(&arg.to_string_lossy());
    }
    name
}
