//! `cargo xtask run`: from a fresh clone to one address.

use std::io::BufRead as _;
use std::io::BufReader;
use std::process::Stdio;
use std::time::Instant;

use anyhow::Context as _;
use anyhow::Result;
use anyhow::bail;

use crate::app;
use crate::app::Build;
use crate::process::command;
use crate::report::seconds;
use crate::tools;

pub(crate) fn run(args: &[String]) -> Result<bool> {
    let started = Instant::now();
    let mut build = Build::Release;
    let mut own = args;
    let mut node_args: &[String] = &[];
    if let Some(at) = args.iter().position(|arg| arg == "--") {
        let (before, after) = args.split_at(at);
        own = before;
        node_args = after.get(1..).unwrap_or_default();
    }
    for arg in own {
        match arg.as_str() {
            "--release" => build = Build::Release,
            "--dev" => build = Build::Dev,
            other => bail!("`cargo xtask run` does not know `{other}`; what is for `zwiebel local` goes after `--`"),
        }
    }

    println!("[1/4] tools");
    tools::ensure_app_tools()?;
    println!("[2/4] the app");
    let dist = app::build_app(build)?;
    println!("[3/4] the network");
    let native = app::build_native(false)?;
    println!("[4/4] starting (everything so far took {})", seconds(started.elapsed()));

    let mut local = command(&native.zwiebel);
    local.arg("local").arg("--app").arg(dist).args(node_args).stdout(Stdio::piped());
    let mut child = local.spawn().context("cannot start the network")?;
    let lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let mut address = None;
    let mut ready = false;
    for line in lines {
        let line = line?;
        match line.split_once(' ') {
            // Until all is ready only the last line matters; afterwards the answers to commands are shown.
            Some(("app", url)) if !ready => address = Some(url.to_owned()),
            None if line == "ready" => {
                ready = true;
                println!("\n  Zwiebel is open at {}\n", address.as_deref().unwrap_or("?"));
                println!("  Type `status`, `stop 3`, `start 3`, `clock +25h` or `quit`; Ctrl-C ends it too.");
            }
            _ if ready => println!("{line}"),
            _ => {}
        }
    }
    Ok(child.wait()?.success())
}
