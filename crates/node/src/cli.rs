//! The command line of `zwiebel`: flags, what it prints, what it reads. Stable, because other programs are pointed at it.

use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;
use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use tokio::signal;
use zwiebel_proto::directory::DirectoryContact;

use crate::bot::echo;
use crate::bot::echo::EchoHandle;
use crate::local;
use crate::local::Network;
use crate::local::Options;
use crate::local::commands;
use crate::local::commands::Command;

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
}

#[derive(Debug, clap::Args)]
struct LocalFlags {
    /// Service nodes.
    #[arg(long, default_value_t = 10)]
    nodes: usize,
    /// Address of the app.
    #[arg(long, default_value = "127.0.0.1:8100")]
    listen: SocketAddr,
    /// Address of the seed.
    #[arg(long, default_value = "127.0.0.1:8101")]
    seed_listen: SocketAddr,
    /// Where keys and messages are kept [default: zwiebel/local in the user's data folder].
    #[arg(long)]
    data: Option<PathBuf>,
    /// The built app.
    #[arg(long, default_value = "dist")]
    app: PathBuf,
    /// Put every node on a loopback address of another subnet.
    #[arg(long)]
    distinct_subnets: bool,
    /// Start without the Echo contact.
    #[arg(long)]
    no_echo: bool,
}

/// Runs the program with these arguments, or those of the process.
#[must_use]
pub fn run(arguments: Option<Vec<OsString>>) -> ExitCode {
    let cli = match arguments {
        Some(arguments) => Cli::parse_from(arguments),
        None => Cli::parse(),
    };
    log_to_stderr();
    let Job::Local(flags) = cli.command;
    let done = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string());
    let done = done.and_then(|runtime| {
        let done = runtime.block_on(run_local(flags));
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

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init());
}

/// Whoever reads us may have gone; that is no reason to end.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

async fn run_local(flags: LocalFlags) -> Result<(), String> {
    let options = Options {
        nodes: flags.nodes,
        listen: flags.listen,
        seed_listen: flags.seed_listen,
        data: flags.data.unwrap_or_else(local::default_data),
        app: flags.app,
        distinct_subnets: flags.distinct_subnets,
    };
    let mut network = Network::start(&options).await.map_err(|error| error.to_string())?;
    say(&format!("app http://{}/", network.app_address));
    say(&format!("seed http://{}/json_rpc", network.seed_address));
    let echo = if flags.no_echo { None } else { Some(start_echo(&options, &network).await?) };
    if let Some(echo) = &echo {
        say(&format!("echo {}", echo.account_id));
    }
    say(&format!("nodes {}", network.size()));
    say("ready");
    obey(&mut network).await;
    if let Some(echo) = echo {
        echo.stop().await;
    }
    network.shut_down().await;
    Ok(())
}

/// Starts the Echo contact and names it in the directory.
async fn start_echo(options: &Options, network: &Network) -> Result<EchoHandle, String> {
    let gateway = format!("http://{}", network.app_address);
    let echo = echo::spawn(&gateway, &options.data.join("echo")).await.map_err(|error| error.to_string())?;
    network.add_contact(DirectoryContact { id: echo.account_id.to_string(), name: echo::NAME.to_owned() });
    Ok(echo)
}

/// Reads commands until `quit` or a signal. Without standard input it runs on.
async fn obey(network: &mut Network) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let ended = ended();
    tokio::pin!(ended);
    loop {
        let line = tokio::select! {
            () = &mut ended => return,
            line = lines.next_line() => line,
        };
        let Ok(Some(line)) = line else {
            ended.await;
            return;
        };
        if line.trim().is_empty() {
            continue;
        }
        match commands::parse(&line) {
            Ok(command) => {
                say(&commands::run(network, command).await);
                if command == Command::Quit {
                    return;
                }
            }
            Err(error) => say(&format!("error {error}")),
        }
    }
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
