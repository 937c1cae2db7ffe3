//! `zwiebel` for tests: with `--tap FILE`, gateway and nodes write every packet they see into the file.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--tap") {
        let file = arguments.get(at + 1).cloned();
        arguments.drain(at..(at + 2).min(arguments.len()));
        let started = file.map(|file| zwiebel_node::tap::start(file.as_ref()));
        if !matches!(started, Some(Ok(()))) {
            eprintln!("--tap needs a file that can be written");
            return ExitCode::FAILURE;
        }
    }
    zwiebel_node::cli::run(Some(arguments))
}
