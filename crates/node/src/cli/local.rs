//! `zwiebel local`: what it prints, and the commands it reads from standard input.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::io::AsyncBufReadExt;
use tokio::io::BufReader;
use zwiebel_proto::directory::DirectoryContact;

use super::ended;
use super::say;
use crate::bot::echo;
use crate::bot::echo::EchoHandle;
use crate::local;
use crate::local::Network;
use crate::local::Options;
use crate::local::commands;
use crate::local::commands::Command;

#[derive(Debug, clap::Args)]
pub(super) struct LocalFlags {
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

/// Runs a whole network until told to stop.
pub(super) async fn run(flags: LocalFlags) -> Result<(), String> {
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
