//! `zwiebel gateway`: from configuration to a running gateway that follows its network.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use zwiebel_proto::roster::Signers;

use super::Gateway;
use super::NetworkSource;
use crate::clock::Clock;
use crate::config;
use crate::config::ConfigError;
use crate::config::GatewayConfig;
use crate::config::SessionNetwork;
use crate::directory::Directory;
use crate::directory::follow::Follower;
use crate::keys::create_private_folder;
use crate::registry::Registry;
use crate::serve;
use crate::service::OwnCertificate;
use crate::service::ServiceError;
use crate::service::acceptor;
use crate::service::bind;
use crate::session::Session;
use crate::tls;
use crate::tls::Protocols;

/// Seconds between looks at the seeds: of one's own network, and of the public one.
const REFRESH_OWN: u64 = 60;
const REFRESH_SESSION: u64 = 15 * 60;
/// The list counts as fresh for so many looks.
const MISSED: u32 = 4;

/// Runs a gateway until `stop`.
///
/// # Errors
/// If it cannot start.
pub async fn run(
    config: GatewayConfig,
    say: impl Fn(&str),
    stop: impl Future<Output = ()>,
) -> Result<(), ServiceError> {
    let data = config.data.as_deref().ok_or(ConfigError::Missing("data"))?;
    create_private_folder(data).map_err(|source| ServiceError::Data { path: data.to_owned(), source })?;
    let app = config.app.clone().ok_or(ConfigError::Missing("app"))?;
    let gateways = config::origins("gateways", &config.gateways)?;
    let (listener, address) = bind(config.listen.ok_or(ConfigError::Missing("listen"))?).await?;
    let registry = Registry::default();
    let clock = Clock::system();
    let (source, follow) = follow(&config, data, &registry, &clock)?;
    let gateway = Gateway::new(registry, source, app)?
        .with_gateways(gateways)
        .with_direct_nodes(config.direct)
        .with_private_addresses(config.allow_private)
        .with_own_address(address)
        .with_oldest(follow.every * MISSED);
    let gateway = Arc::new(gateway);
    let mut tasks = JoinSet::new();
    let own = OwnCertificate { files: config.tls.as_ref(), acme: config.acme.as_ref() };
    let tls = if config.tls.is_some() || config.acme.is_some() {
        Some(acceptor(own, data, Protocols::Http2AndHttp1, &mut tasks).await?)
    } else {
        None
    };
    tasks.spawn(follow.run(Arc::clone(&gateway)));
    say(&format!("app {}://{address}/", if tls.is_some() { "https" } else { "http" }));
    say("ready");
    serve::serve_until(listener, tls, super::router(gateway), stop).await;
    tasks.shutdown().await;
    Ok(())
}

/// Asks the public network's seeds once and writes a list to ship, for gateways that reach no seed (docs/gateway.md).
///
/// # Errors
/// If the configuration names no public network, the seeds do not agree, or a file cannot be used.
pub async fn write_fallback(config: GatewayConfig, file: &Path, say: impl Fn(&str)) -> Result<(), ServiceError> {
    let wanted = config.session.ok_or(ConfigError::Missing("session"))?;
    let data = config.data.as_deref().ok_or(ConfigError::Missing("data"))?;
    let wanted = SessionNetwork { fallback: None, ..wanted };
    let session = Session::open(&wanted, data, Registry::default(), &Clock::system())?;
    let nodes = session.write_fallback(file).await?;
    say(&format!("wrote {nodes} nodes to {}", file.display()));
    Ok(())
}

/// Looks at the seeds for ever.
struct Follow {
    from: From,
    every: Duration,
}

enum From {
    Own(Follower),
    Session(Session),
}

impl Follow {
    async fn run(self, gateway: Arc<Gateway>) {
        let mut every = tokio::time::interval(self.every);
        loop {
            every.tick().await;
            let fresh = match &self.from {
                From::Own(follower) => follower.round().await > 0,
                From::Session(session) => session.round().await,
            };
            if fresh {
                gateway.confirm_list();
            }
        }
    }
}

fn follow(
    config: &GatewayConfig,
    data: &Path,
    registry: &Registry,
    clock: &Clock,
) -> Result<(NetworkSource, Follow), ServiceError> {
    let every = |default| Duration::from_secs(config.refresh_seconds.unwrap_or(default).max(1));
    match (&config.own, &config.session) {
        (Some(own), None) => {
            let operator = config::operator_key(Some(&own.operator))?;
            let seeds = config::origins("own.seeds", &own.seeds)?;
            let directory = Arc::new(Directory::open(data, Signers::one(operator), registry.clone())?);
            let every = every(REFRESH_OWN);
            let follower = Follower {
                directory: Arc::clone(&directory),
                seeds,
                http: tls::client()?,
                clock: clock.clone(),
                every,
                announcement: None,
            };
            Ok((NetworkSource::Own(directory), Follow { from: From::Own(follower), every }))
        }
        (None, Some(wanted)) => {
            let session = Session::open(wanted, data, registry.clone(), clock)?;
            let name = NetworkSource::Named(session.network().clone());
            Ok((name, Follow { from: From::Session(session), every: every(REFRESH_SESSION) }))
        }
        _ => Err(ConfigError::Bad { name: "own, session", reason: "exactly one of them says which network" }.into()),
    }
}
