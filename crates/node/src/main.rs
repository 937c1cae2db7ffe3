//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    zwiebel_node::cli::run(None)
}
