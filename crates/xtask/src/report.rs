//! Steps, their outcome and time, and the one line at the end.

use std::time::Duration;
use std::time::Instant;

use anyhow::Result;

use crate::process::Finished;

/// What a step says about itself.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// A step without tests of its own: it counts as one.
    pub(crate) const fn one(ok: bool) -> Self {
        Self { passed: ok as u64, failed: !ok as u64 }
    }

    /// The tests that a runner counted; at least one failure if the runner itself failed, or ran nothing.
    pub(crate) fn of_runner(finished: &Finished, counted: Self) -> Self {
        let nothing = counted.passed + counted.failed == 0;
        if (nothing || !finished.success) && counted.failed == 0 {
            return Self { passed: counted.passed, failed: 1 };
        }
        counted
    }
}

/// All steps of one run.
pub(crate) struct Report {
    started: Instant,
    steps: Vec<Step>,
}

struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

enum Outcome {
    Ran(Counts),
    Skipped(&'static str),
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), steps: Vec::new() }
    }

    /// Runs a step and says whether it passed. An error counts as one failure; later steps go on.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<Counts>) -> bool {
        println!("\n== {name}");
        let started = Instant::now();
        let counts = work().unwrap_or_else(|error| {
            println!("{error:#}");
            Counts::one(false)
        });
        let took = started.elapsed();
        let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
        println!("== {name}: {verdict} in {}", seconds(took));
        self.steps.push(Step { name, outcome: Outcome::Ran(counts), took });
        counts.failed == 0
    }

    /// A step that cannot run because another failed. It counts as failed: nothing that was not checked passes.
    pub(crate) fn skip(&mut self, name: &'static str, because: &'static str) {
        println!("\n== {name}: not run, {because}");
        self.steps.push(Step { name, outcome: Outcome::Skipped(because), took: Duration::ZERO });
    }

    /// Prints the table, the total time and, as the very last line, the sum. True if nothing failed.
    pub(crate) fn finish(self) -> bool {
        let mut sum = Counts::default();
        println!("\n{:<34} {:>7} {:>7} {:>8}", "step", "passed", "failed", "time");
        for step in &self.steps {
            match step.outcome {
                Outcome::Ran(counts) => {
                    sum.passed += counts.passed;
                    sum.failed += counts.failed;
                    println!("{:<34} {:>7} {:>7} {:>8}", step.name, counts.passed, counts.failed, seconds(step.took));
                }
                Outcome::Skipped(because) => {
                    sum.failed += 1;
                    println!("{:<34} {:>7} {:>7}   not run, {because}", step.name, 0, 1);
                }
            }
        }
        println!("total time {}", seconds(self.started.elapsed()));
        println!("{} passed, {} failed", sum.passed, sum.failed);
        sum.failed == 0
    }
}

/// `4 min 07 s`, or `7.1 s`.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 { format!("{:.1} s", time.as_secs_f64()) } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}
