//! The one tool for everything: run, test, e2e, bench, lint.
fn main() {}
