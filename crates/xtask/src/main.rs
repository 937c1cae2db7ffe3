//! The one tool for everything: run, test, e2e, bench, fuzz, soak, lint.
//!
//! It uses nothing but the standard library, `anyhow` and `serde_json`, because it is compiled before anything else can
//! happen. It does not know what the programs it starts do; it knows which ones are needed and how they are called.

mod app;
mod bench;
mod e2e;
mod fuzz;
mod imports;
mod lint;
mod process;
mod report;
mod run;
mod soak;
mod system;
mod test;
mod tools;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  run [--dev] [-- ARGS]   build the app, start a whole network on this machine, print one address
                          (ARGS go to `zwiebel local`; --dev builds the app quickly and large)
  test                    everything that must be green, from formatting to end-to-end tests in Chromium
  t [ARGS]                the native tests only (`cargo t`); ARGS go to nextest
  wt [ARGS]               the tests in Chromium only (`cargo wt`), of the browser app unless ARGS name packages (-p);
                          ARGS go to `cargo test`
  lint                    the quick part of it: formatting, clippy, import table, dependencies
  e2e [FILTER]            end-to-end tests only: spec files or test names that contain FILTER
  bench                   sizes and speed
  fuzz [TARGET [RUNS]]    long runs under libFuzzer, 10 million of each target; needs a nightly toolchain
  soak [ROUNDS [MINUTES]] long runs: nodes killed under load (1,000 rounds), nodes under an even load (60 minutes),
                          devices under faults
  imports                 the import table only
  tools                   install the tools and nothing else
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let result = match command.as_str() {
        "run" => run::run(&rest),
        "test" => test::test(),
        "t" => test::native(&rest),
        "wt" => test::browser(&rest),
        "lint" => lint::lint(),
        "e2e" => e2e::e2e(rest.first().map(String::as_str)),
        "bench" => bench::bench(),
        "fuzz" => fuzz::fuzz(&rest),
        "soak" => soak::soak(&rest),
        "imports" => imports::check().map(|counts| counts.failed == 0),
        "tools" => tools::install_all(),
        "" | "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(true)
        }
        other => {
            eprint!("There is no `{other}`.\n\n{HELP}");
            Ok(false)
        }
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
