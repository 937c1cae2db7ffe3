//! `cargo xtask soak`: long runs that no change waits for: nodes killed under load, and devices under every kind of fault.

use anyhow::Result;

use crate::app;
use crate::process::example;
use crate::process::show;

/// Rounds of killing without an argument.
const ROUNDS: &str = "1000";

/// `args`: how many rounds of killing.
pub(crate) fn soak(args: &[String]) -> Result<bool> {
    let rounds = args.first().map_or(ROUNDS, String::as_str);
    app::build_native(false)?;
    println!("\nNodes killed at random moments under load, {rounds} rounds");
    show(example("zwiebel-node", "kill_soak", &["--", rounds]))?;
    println!("\nDevices of forward-secret accounts under loss, crashes, restores and rollbacks");
    show(example("zwiebel-testkit", "zr1_table", &[]))?;
    Ok(true)
}
