//! The gateway (service-nodes 9): serves the app and passes sealed packets on to guards of its list, and to nothing else.
//!
//! It keeps nothing, logs no ids and no addresses, and tells a node nothing about the client but the packet.

pub mod files;
mod forward;
mod headers;
pub mod program;

use std::net::IpAddr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::time::Duration;
use std::time::Instant;

use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use tokio::sync::Semaphore;
use zwiebel_crypto::hash::blake2b;
use zwiebel_proto::directory::Directory as Body;
use zwiebel_proto::directory::DirectoryContact;
use zwiebel_proto::directory::DirectoryNode;
use zwiebel_proto::directory::Network;
use zwiebel_proto::directory::NetworkKind;

use crate::directory::Directory;
use crate::rate_limit::Places;
use crate::rate_limit::Rate;
use crate::rate_limit::RateLimit;
use crate::registry::ListedNode;
use crate::registry::Registry;
use crate::relay::is_public;
use crate::serve::ClientIp;
use crate::tls;
use crate::tls::TlsError;

/// Where the network's name comes from.
#[derive(Debug)]
pub enum NetworkSource {
    /// It has this one.
    Named(Network),
    /// The operator's, whose signatures are passed on too.
    Own(Arc<Directory>),
}

impl From<Network> for NetworkSource {
    fn from(network: Network) -> Self {
        Self::Named(network)
    }
}

/// The state that all requests share.
#[derive(Debug)]
pub struct Gateway {
    registry: Registry,
    network: NetworkSource,
    contacts: RwLock<Vec<DirectoryContact>>,
    /// Further gateways of the network: offered to the app, named in the policy, and their pages may use this one.
    gateways: Vec<String>,
    direct_nodes: bool,
    private_addresses: bool,
    own_address: Option<SocketAddr>,
    /// How old the list may be, and when it was last confirmed. None: the list is made here.
    oldest: Option<Duration>,
    fresh: Mutex<Option<Instant>>,
    http: reqwest::Client,
    clients: RateLimit<IpAddr>,
    /// Requests for the app's files.
    readers: RateLimit<IpAddr>,
    /// A slot for every packet on its way, and a place for each of an address, which it has while it is sent too.
    slots: Semaphore,
    places: Arc<Places>,
    app: PathBuf,
}

/// Ports below this belong to other services.
const LOWEST_PORT: u16 = 1024;
/// Packets on their way at a time.
const AT_WORK: usize = 1024;
/// Of one address (IPv6: of a /64), which people may share; a retrieve that waits is one for 20 s.
const PER_ADDRESS: usize = 32;

impl Gateway {
    /// A gateway for this network that serves the app in this directory. It forwards to public addresses only.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(registry: Registry, network: impl Into<NetworkSource>, app: PathBuf) -> Result<Self, TlsError> {
        Ok(Self {
            registry,
            network: network.into(),
            contacts: RwLock::default(),
            gateways: Vec::new(),
            direct_nodes: false,
            private_addresses: false,
            own_address: None,
            oldest: None,
            fresh: Mutex::default(),
            http: tls::client()?,
            clients: RateLimit::per_address(Rate { per_second: 20.0, burst: 100.0 }),
            readers: RateLimit::per_address(Rate { per_second: 20.0, burst: 200.0 }),
            slots: Semaphore::new(AT_WORK),
            places: Places::new(PER_ADDRESS),
            app,
        })
    }

    /// Offers further gateways.
    #[must_use]
    pub fn with_gateways(mut self, gateways: Vec<String>) -> Self {
        self.gateways = gateways;
        self
    }

    /// Offers nodes that take packets from pages.
    #[must_use]
    pub const fn with_direct_nodes(mut self, offered: bool) -> Self {
        self.direct_nodes = offered;
        self
    }

    /// Forwards to private addresses and low ports too.
    #[must_use]
    pub const fn with_private_addresses(mut self, allowed: bool) -> Self {
        self.private_addresses = allowed;
        self
    }

    /// Never forwards to itself.
    #[must_use]
    pub const fn with_own_address(mut self, address: SocketAddr) -> Self {
        self.own_address = Some(address);
        self
    }

    /// Says that it is unwell once the list has not been confirmed for so long.
    #[must_use]
    pub const fn with_oldest(mut self, oldest: Duration) -> Self {
        self.oldest = Some(oldest);
        self
    }

    /// Notes that the list was confirmed just now.
    pub fn confirm_list(&self) {
        *self.fresh.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Names somebody to talk to.
    pub fn add_contact(&self, contact: DirectoryContact) {
        self.contacts.write().unwrap_or_else(PoisonError::into_inner).push(contact);
    }

    /// Whether packets may go to this node.
    fn serves(&self, node: &ListedNode) -> bool {
        let address = SocketAddr::from((node.ip, node.port));
        let fit = self.private_addresses || (is_public(address.ip()) && node.port >= LOWEST_PORT);
        node.has_address() && fit && self.own_address != Some(address)
    }

    /// The origin of a node that the app may use without this gateway.
    fn direct_origin<'a>(&self, node: &'a ListedNode) -> Option<&'a str> {
        node.origin.as_deref().filter(|_| self.direct_nodes && self.serves(node))
    }

    fn directory(&self) -> Body {
        let list = self.registry.list();
        let nodes = list.iter().filter(|node| self.serves(node)).filter_map(|node| {
            Some(DirectoryNode {
                ed25519: hex::encode(node.ed25519.0),
                x25519: hex::encode(node.x25519.0),
                ip: node.ip.to_string(),
                port: node.port,
                swarm: format!("{:x}", node.swarm?.0),
                origin: self.direct_origin(node).map(str::to_owned),
            })
        });
        let (network, signed, operator) = match &self.network {
            NetworkSource::Named(network) => (network.clone(), None, None),
            NetworkSource::Own(directory) => {
                let (id, name) = (directory.network().to_owned(), directory.name());
                (Network { id, name, kind: NetworkKind::Own }, Some(directory.signed()), directory.operator())
            }
        };
        Body {
            network,
            nodes: nodes.collect(),
            contacts: self.contacts.read().unwrap_or_else(PoisonError::into_inner).clone(),
            gateways: self.gateways.clone(),
            signed,
            operator,
        }
    }

    fn is_well(&self) -> bool {
        let fresh = *self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let confirmed = self.oldest.is_none_or(|oldest| fresh.is_some_and(|fresh| fresh.elapsed() <= oldest));
        confirmed && self.registry.list().iter().any(|node| self.serves(node))
    }
}

/// The routes of the gateway.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/gw/v1/nodes", get(nodes))
        .route("/gw/v1/onion/{guard}", post(forward::onion).options(headers::preflight))
        .route("/gw/v1/health", get(health))
        .fallback(files::serve)
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), headers::secure))
        .with_state(gateway)
}

async fn nodes(State(gateway): State<Arc<Gateway>>, ip: Option<Extension<ClientIp>>, headers: HeaderMap) -> Response {
    if ip.is_some_and(|Extension(ClientIp(ip))| !gateway.clients.allows(ip)) {
        return forward::Refusal::RateLimit.into_response();
    }
    match serde_json::to_vec(&gateway.directory()) {
        Ok(body) => {
            let tag = entity_tag(&body);
            with_tag(&headers, &tag, "no-cache", "application/json", body)
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let body = if gateway.is_well() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no fresh list of nodes\n")
    };
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// A tag that changes with the content.
fn entity_tag(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(blake2b::<16>(&[body])))
}

/// The body, or 304 if the browser has it.
fn with_tag(headers: &HeaderMap, tag: &str, cache: &'static str, kind: &'static str, body: Vec<u8>) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], body).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
