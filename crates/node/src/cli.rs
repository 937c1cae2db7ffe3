//! The command line of `zwiebel`: flags, what it prints, what it reads. Stable, because other programs are pointed at it.

mod local;
mod operator;
mod programs;

use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;
use tokio::signal;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use self::local::LocalFlags;
use self::operator::OperatorJob;
use self::programs::GatewayFlags;
use self::programs::NodeFlags;
use self::programs::SeedFlags;

#[derive(Debug, Parser)]
#[command(name = "zwiebel", version, about = "A private messenger network: service nodes and gateway.")]
struct Cli {
    #[command(subcommand)]
    command: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// A whole network on this machine, with a gateway that serves the app.
    Local(LocalFlags),
    /// One service node of a network of one's own.
    Node(NodeFlags),
    /// A seed of a network of one's own: tells who is there.
    Seed(SeedFlags),
    /// Serves the app and passes its packets on.
    Gateway(GatewayFlags),
    /// The operator's key and the list of approved nodes.
    #[command(subcommand)]
    Operator(OperatorJob),
}

/// Runs the program with these arguments, or those of the process.
#[must_use]
pub fn run(arguments: Option<Vec<OsString>>) -> ExitCode {
    let cli = match arguments {
        Some(arguments) => Cli::parse_from(arguments),
        None => Cli::parse(),
    };
    log_to_stderr();
    let done = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string());
    let done = done.and_then(|runtime| {
        let done = runtime.block_on(run_job(cli.command));
        // Somebody may wait for a line of standard input that never comes.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "zwiebel: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run_job(job: Job) -> Result<(), String> {
    match job {
        Job::Local(flags) => local::run(flags).await,
        Job::Node(flags) => programs::node(flags).await.map_err(|error| error.to_string()),
        Job::Seed(flags) => programs::seed(flags).await.map_err(|error| error.to_string()),
        Job::Gateway(flags) => programs::gateway(flags).await.map_err(|error| error.to_string()),
        Job::Operator(job) => operator::run(job).await,
    }
}

/// What is worth an operator's time; never ids, addresses of people, keys or texts. Libraries log all of these when they are
/// let, so only our own code has a say, whatever `RUST_LOG` asks for.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let own = filter_fn(|event| event.target().starts_with("zwiebel"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).finish().with(own);
    drop(log.try_init());
}

/// Whoever reads us may have gone; that is no reason to end.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// Ctrl-C or, on Unix, a polite kill.
async fn ended() {
    #[cfg(unix)]
    {
        let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) else {
            drop(signal::ctrl_c().await);
            return;
        };
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    drop(signal::ctrl_c().await);
}
