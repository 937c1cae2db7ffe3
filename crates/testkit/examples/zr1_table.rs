//! Prints the table of the multi-device simulator:
//! `cargo run --profile native -p zwiebel-testkit --example zr1_table [histories] [messages] [words of a row's name]`.
//! Fails if anything was shown twice, if sessions were still reset or not agreed on in the end, or if a message was lost or is
//! missing on a device in a row other than "none detected". With a row's name, each history that was not peaceful is named with
//! its seed.
#![allow(clippy::print_stdout, reason = "a report")]

use std::process::ExitCode;

use zwiebel_testkit::zr1_sim::{Sim, Tally, histories, rows};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(150);
    let messages = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(60);
    let only = arguments.next();
    let mut failed = false;
    println!(
        "| Fault | Faults | Messages | Lost | Missing on a device | Vanished after delivery | Twice | Resets | Late resets | Pairs agreeing |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (name, faults) in rows() {
        if only.as_ref().is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let mut t = Tally::default();
        match &only {
            None => t = histories(1, count, messages, faults),
            Some(_) => (1..=count).for_each(|seed| {
                let mut sim = Sim::random(seed, faults);
                let one = sim.run(messages);
                if (one.lost, one.missing, one.twice, one.late_resets) != (0, 0, 0, 0) || one.agreeing != one.pairs {
                    println!("seed {seed}: {one:?}");
                    for (at, by, missing_on) in sim.left_out() {
                        println!("  after {} min, by device {by}, missing on device {missing_on}", at / 60_000);
                    }
                }
                t.add(&one);
            }),
        }
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {}/{} |",
            t.faults, t.messages, t.lost, t.missing, t.vanished, t.twice, t.resets, t.late_resets, t.agreeing, t.pairs
        );
        failed |= t.twice + t.late_resets > 0 || t.agreeing != t.pairs || (t.lost + t.missing > 0 && !faults.blind);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
