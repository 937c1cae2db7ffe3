//! `zwiebel node`, `zwiebel seed`, `zwiebel gateway`: a configuration file, and flags that win over it.

use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::ended;
use super::say;
use crate::config;
use crate::config::GatewayConfig;
use crate::config::NodeConfig;
use crate::config::OwnNetwork;
use crate::config::SeedConfig;
use crate::config::SessionNetwork;
use crate::gateway::program;
use crate::service;
use crate::service::ServiceError;

#[derive(Debug, clap::Args)]
pub(super) struct NodeFlags {
    /// TOML file; every flag below wins over it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Public key of the network's operator.
    #[arg(long)]
    operator: Option<String>,
    /// A seed of the network, http(s)://host:port; may be repeated.
    #[arg(long = "seed")]
    seeds: Vec<String>,
    /// Where keys and messages are kept.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// How others reach the node, if not where it listens.
    #[arg(long)]
    public_ip: Option<Ipv4Addr>,
    #[arg(long)]
    public_port: Option<u16>,
    /// Address of the metrics.
    #[arg(long)]
    metrics: Option<SocketAddr>,
    /// Seconds between looks at the seeds.
    #[arg(long)]
    refresh_seconds: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(super) struct SeedFlags {
    /// TOML file; every flag below wins over it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Public key of the network's operator.
    #[arg(long)]
    operator: Option<String>,
    /// Where the list is kept.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address to listen on.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

#[derive(Debug, clap::Args)]
pub(super) struct GatewayFlags {
    /// TOML file; every flag below wins over it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Address of the app.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Where the last good list of nodes is kept.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The built app.
    #[arg(long)]
    app: Option<PathBuf>,
    /// A network of one's own: public key of its operator.
    #[arg(long, requires = "seeds")]
    operator: Option<String>,
    /// A network of one's own: a seed; may be repeated.
    #[arg(long = "seed", requires = "operator")]
    seeds: Vec<String>,
    /// The public Session network: `main` or `test`.
    #[arg(long, conflicts_with = "operator")]
    session: Option<String>,
    /// Forward to private addresses and low ports too.
    #[arg(long)]
    allow_private: bool,
    /// Write the public network's nodes, as far as its seeds agree, to this file, and end.
    #[arg(long, value_name = "FILE")]
    write_fallback: Option<PathBuf>,
    /// Seconds between looks at the seeds.
    #[arg(long)]
    refresh_seconds: Option<u64>,
}

/// Puts a flag over what the file says.
fn over<T>(file: &mut Option<T>, flag: Option<T>) {
    if flag.is_some() {
        *file = flag;
    }
}

pub(super) async fn node(flags: NodeFlags) -> Result<(), ServiceError> {
    let mut config: NodeConfig = config::read(flags.config.as_deref())?;
    over(&mut config.operator, flags.operator);
    over(&mut config.data, flags.data);
    over(&mut config.listen, flags.listen);
    over(&mut config.public_ip, flags.public_ip);
    over(&mut config.public_port, flags.public_port);
    over(&mut config.metrics, flags.metrics);
    over(&mut config.refresh_seconds, flags.refresh_seconds);
    if !flags.seeds.is_empty() {
        config.seeds = flags.seeds;
    }
    service::run_node(config, say, ended()).await
}

pub(super) async fn seed(flags: SeedFlags) -> Result<(), ServiceError> {
    let mut config: SeedConfig = config::read(flags.config.as_deref())?;
    over(&mut config.operator, flags.operator);
    over(&mut config.data, flags.data);
    over(&mut config.listen, flags.listen);
    service::run_seed(config, say, ended()).await
}

pub(super) async fn gateway(flags: GatewayFlags) -> Result<(), ServiceError> {
    let mut config: GatewayConfig = config::read(flags.config.as_deref())?;
    over(&mut config.listen, flags.listen);
    over(&mut config.data, flags.data);
    over(&mut config.app, flags.app);
    over(&mut config.refresh_seconds, flags.refresh_seconds);
    config.allow_private |= flags.allow_private;
    if let Some(operator) = flags.operator {
        (config.own, config.session) = (Some(OwnNetwork { operator, seeds: flags.seeds }), None);
    }
    if let Some(network) = flags.session {
        let session = SessionNetwork { network, seeds: Vec::new(), fallback: None };
        (config.own, config.session) = (None, Some(session));
    }
    match flags.write_fallback {
        Some(file) => program::write_fallback(config, &file, say).await,
        None => program::run(config, say, ended()).await,
    }
}
