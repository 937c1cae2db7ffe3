//! `cargo xtask soak`: long runs that no change waits for: nodes killed under load, nodes that must keep their size, and devices
//! under every kind of fault.

use anyhow::Result;

use crate::app;
use crate::process::example;
use crate::process::show;

/// Rounds of killing without an argument.
const ROUNDS: &str = "1000";
/// Minutes of even load without a second one.
const MINUTES: &str = "60";

/// `args`: how many rounds of killing, how many minutes of even load.
pub(crate) fn soak(args: &[String]) -> Result<bool> {
    let rounds = args.first().map_or(ROUNDS, String::as_str);
    let minutes = args.get(1).map_or(MINUTES, String::as_str);
    app::build_native(false)?;
    println!("\nNodes killed at random moments under load, {rounds} rounds");
    show(example("zwiebel-node", "kill_soak", &["--", rounds]))?;
    let rows = app::target_dir().join("memory_soak.csv");
    let rows = rows.to_string_lossy();
    println!("\nMemory of nodes under an even load, {minutes} minutes; every half minute goes to {rows}");
    show(example("zwiebel-node", "memory_soak", &["--", minutes, &rows]))?;
    println!("\nDevices of forward-secret accounts under loss, crashes, restores and rollbacks");
    show(example("zwiebel-testkit", "zr1_table", &[]))?;
    Ok(true)
}
