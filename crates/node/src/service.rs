//! The long-running programs: one node, one seed. From configuration to a stop that loses nothing.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use zwiebel_proto::roster::Signers;

use crate::acme::Acme;
use crate::acme::AcmeError;
use crate::clock::Clock;
use crate::config;
use crate::config::AcmeConfig;
use crate::config::ConfigError;
use crate::config::NodeConfig;
use crate::config::SeedConfig;
use crate::config::TlsFiles;
use crate::directory::Directory;
use crate::directory::DirectoryError;
use crate::directory::follow::Announcement;
use crate::directory::follow::Follower;
use crate::keys::Keys;
use crate::keys::create_private_folder;
use crate::metrics;
use crate::node;
use crate::node::Node;
use crate::node::NodeError;
use crate::registry::Registry;
use crate::relay::Relay;
use crate::relay::Servers;
use crate::seed;
use crate::seed::Seed;
use crate::serve;
use crate::session::SessionError;
use crate::tls;
use crate::tls::Certificate;
use crate::tls::Protocols;
use crate::tls::TlsError;

/// Seconds between looks at the seeds unless told otherwise.
const REFRESH: u64 = 60;

/// Why a program does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServiceError {
    #[error(transparent)]
    Acme(#[from] AcmeError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot listen on {address}: {source}")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("cannot use {}: {source}", path.display())]
    Data { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Runs one node until `stop`. `say` gets the lines that other programs wait for.
///
/// # Errors
/// If it cannot start.
pub async fn run_node(
    config: NodeConfig,
    say: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let operator = config::operator_key(config.operator.as_deref())?;
    let seeds = config::origins("seeds", &config.seeds)?;
    let origin = config.origin.as_deref().map(origin_of_node).transpose()?;
    let data = config.data.as_deref().ok_or(ConfigError::Missing("data"))?;
    let at_data = |source| ServiceError::Data { path: data.to_owned(), source };
    create_private_folder(data).map_err(at_data)?;
    let keys = Arc::new(Keys::load_or_create(&data.join("ed25519.seed")).map_err(at_data)?);
    let (listener, address) = bind(config.listen.ok_or(ConfigError::Missing("listen"))?).await?;
    let (ip, port) = public_address(&config, address)?;

    let registry = Registry::default();
    let directory = Arc::new(Directory::open(data, Signers::one(operator), registry.clone())?);
    let node = Node::new(Arc::clone(&keys), Clock::system(), registry, &data.join("messages.sqlite"))?;
    let relay = Relay::new(servers(&config.servers), vec![ip.into(), address.ip()])?;
    let node = node.for_pages(config.pages.clone()).with_relay(relay);
    let follower = Follower {
        directory,
        seeds,
        http: tls::client()?,
        clock: node.clock.clone(),
        every: Duration::from_secs(config.refresh_seconds.unwrap_or(REFRESH).max(1)),
        announcement: Some(Announcement {
            keys: Arc::clone(&keys),
            ip,
            port,
            origin,
            reports: Arc::clone(&node.reports),
        }),
    };
    let mut tasks = JoinSet::new();
    let protocols = if config.pages.is_empty() { Protocols::Http1 } else { Protocols::Http2AndHttp1 };
    let own = OwnCertificate { files: config.tls.as_ref(), acme: config.acme.as_ref() };
    let tls = acceptor(own, data, protocols, &mut tasks).await?;
    let running = node::start(node, listener, Some(tls));
    if let Some(address) = config.metrics {
        let (listener, address) = bind(address).await?;
        tasks.spawn(serve::serve(listener, None, metrics::router(Arc::clone(&running.node))));
        say(&format!("metrics http://{address}/metrics"));
    }
    tasks.spawn(follower.run());
    say(&format!("node {}", hex::encode(keys.ed25519_public.0)));
    say(&format!("address {ip}:{port}"));
    say("ready");
    stop.await;
    // Before the node, which they hold.
    tasks.shutdown().await;
    running.drain().await;
    Ok(())
}

/// Runs one seed until `stop`.
///
/// # Errors
/// If it cannot start.
pub async fn run_seed(
    config: SeedConfig,
    say: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let operator = config::operator_key(config.operator.as_deref())?;
    let seeds = config::origins("seeds", &config.seeds)?;
    let data = config.data.as_deref().ok_or(ConfigError::Missing("data"))?;
    create_private_folder(data).map_err(|source| ServiceError::Data { path: data.to_owned(), source })?;
    let (listener, address) = bind(config.listen.ok_or(ConfigError::Missing("listen"))?).await?;
    let directory = Arc::new(Directory::open(data, Signers::one(operator), Registry::default())?);
    let clock = Clock::system();
    let mut tasks = JoinSet::new();
    let own = OwnCertificate { files: config.tls.as_ref(), acme: None };
    let tls = match &config.tls {
        Some(_) => Some(acceptor(own, data, Protocols::Http2AndHttp1, &mut tasks).await?),
        None => None,
    };
    if !seeds.is_empty() {
        let (directory, clock) = (Arc::clone(&directory), clock.clone());
        let every = Duration::from_secs(REFRESH);
        let follower = Follower { directory, seeds, http: tls::client()?, clock, every, announcement: None };
        tasks.spawn(follower.run());
    }
    say(&format!("network {}", directory.network()));
    say(&format!("seed {}://{address}", if tls.is_some() { "https" } else { "http" }));
    say("ready");
    serve::serve_until(listener, tls, seed::router(Seed::of_directory(&directory, clock)), stop).await;
    tasks.shutdown().await;
    Ok(())
}

/// What the configuration says of a certificate of one's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnCertificate<'a> {
    pub(crate) files: Option<&'a TlsFiles>,
    pub(crate) acme: Option<&'a AcmeConfig>,
}

/// TLS with the given files or what an authority issues, looked after by a task, or with the self-signed certificate of the
/// data folder.
pub(crate) async fn acceptor(
    own: OwnCertificate<'_>,
    data: &Path,
    protocols: Protocols,
    tasks: &mut JoinSet<()>,
) -> Result<TlsAcceptor, ServiceError> {
    let certificate = match (own.files, own.acme) {
        (None, None) => Certificate::self_signed(data)?,
        (Some(files), None) => {
            let certificate = Certificate::files(files.certificate.clone(), files.key.clone())?;
            tasks.spawn(Arc::clone(&certificate).watch());
            certificate
        }
        (None, Some(config)) => {
            Acme::check(config)?;
            let acme = Acme::open(config, data)?;
            if let Some(address) = config.http {
                let (listener, _) = bind(address).await?;
                tasks.spawn(serve::serve(listener, None, acme.http_router()));
            }
            let certificate = Arc::clone(acme.certificate());
            tasks.spawn(acme.run());
            certificate
        }
        (Some(_), Some(_)) => {
            let reason = "either files or an authority";
            return Err(ConfigError::Bad { name: "tls, acme", reason }.into());
        }
    };
    Ok(certificate.acceptor(protocols)?)
}

/// A listener and where it is.
pub(crate) async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServiceError> {
    let at = |source| ServiceError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(at)?;
    let bound = listener.local_addr().map_err(at)?;
    Ok((listener, bound))
}

fn origin_of_node(text: &str) -> Result<String, ConfigError> {
    let bad = ConfigError::Bad { name: "origin", reason: "expected https://host[:port] without a path" };
    config::origin(text).filter(|origin| origin.starts_with("https://")).ok_or(bad)
}

/// Which servers outside clients may reach through the node.
fn servers(hosts: &[String]) -> Servers {
    if hosts.iter().any(|host| host == "*") {
        return Servers::Any;
    }
    if hosts.is_empty() { Servers::Nobody } else { Servers::Listed(hosts.to_vec()) }
}

/// Where others reach the node: as configured, else where it listens.
fn public_address(config: &NodeConfig, bound: SocketAddr) -> Result<(Ipv4Addr, u16), ConfigError> {
    let listens_at = match bound.ip() {
        IpAddr::V4(ip) if !ip.is_unspecified() => Some(ip),
        _ => None,
    };
    let ip = config.public_ip.or(listens_at).ok_or(ConfigError::Missing("public_ip"))?;
    Ok((ip, config.public_port.unwrap_or_else(|| bound.port())))
}
