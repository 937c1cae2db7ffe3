//! Prints the table of the multi-device simulator: `cargo run --profile native -p zwiebel-testkit --example zr1_table [histories] [messages]`.
//! Fails if a row other than "none detected" lost an unacknowledged message.
#![allow(clippy::print_stdout, reason = "a report")]

use std::process::ExitCode;

use zwiebel_testkit::zr1_sim::{histories, rows};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let count = arguments.next().unwrap_or(150);
    let messages = arguments.next().and_then(|number| u32::try_from(number).ok()).unwrap_or(60);
    let mut failed = false;
    println!(
        "| Fault | Faults | Messages | Lost | Missing on a device | Vanished after delivery | Twice | Resets | Late resets | Pairs agreeing |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (name, faults) in rows() {
        let t = histories(1, count, messages, faults);
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {}/{} |",
            t.faults, t.messages, t.lost, t.missing, t.vanished, t.twice, t.resets, t.late_resets, t.agreeing, t.pairs
        );
        failed |= t.lost > 0 && !faults.blind;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
