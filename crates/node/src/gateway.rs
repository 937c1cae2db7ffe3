//! The gateway (service-nodes 9): serves the app and passes sealed packets on to guards of its list, and to nothing else.
//!
//! It keeps nothing, logs no ids and no addresses, and tells a node nothing about the client but the packet.

pub mod files;
mod forward;
mod headers;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

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
use zwiebel_crypto::hash::blake2b;
use zwiebel_proto::directory::Directory;
use zwiebel_proto::directory::DirectoryContact;
use zwiebel_proto::directory::DirectoryNode;
use zwiebel_proto::directory::Network;

use crate::rate_limit::Rate;
use crate::rate_limit::RateLimit;
use crate::registry::Registry;
use crate::tls;
use crate::tls::TlsError;

/// The state that all requests share.
#[derive(Debug)]
pub struct Gateway {
    registry: Registry,
    network: Network,
    contacts: RwLock<Vec<DirectoryContact>>,
    http: reqwest::Client,
    clients: RateLimit,
    app: PathBuf,
}

impl Gateway {
    /// A gateway for this network that serves the app in this directory.
    ///
    /// # Errors
    /// If the HTTP client cannot be made.
    pub fn new(registry: Registry, network: Network, app: PathBuf) -> Result<Self, TlsError> {
        Ok(Self {
            registry,
            network,
            contacts: RwLock::default(),
            http: tls::client()?,
            clients: RateLimit::new(
                Rate { per_second: 20.0, burst: 100.0 },
                Rate { per_second: 2_000.0, burst: 10_000.0 },
            ),
            app,
        })
    }

    /// Names somebody to talk to.
    pub fn add_contact(&self, contact: DirectoryContact) {
        self.contacts.write().unwrap_or_else(PoisonError::into_inner).push(contact);
    }

    fn directory(&self) -> Directory {
        let list = self.registry.list();
        let nodes = list.iter().filter_map(|node| {
            Some(DirectoryNode {
                ed25519: hex::encode(node.ed25519.0),
                x25519: hex::encode(node.x25519.0),
                ip: node.ip.to_string(),
                port: node.port,
                swarm: format!("{:x}", node.swarm?.0),
            })
        });
        Directory {
            network: self.network.clone(),
            nodes: nodes.collect(),
            contacts: self.contacts.read().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// The routes of the gateway.
pub fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/gw/v1/nodes", get(nodes))
        .route("/gw/v1/onion/{guard}", post(forward::onion))
        .route("/gw/v1/health", get(health))
        .fallback(files::serve)
        .layer(middleware::map_response(headers::secure))
        .with_state(gateway)
}

async fn nodes(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    match serde_json::to_vec(&gateway.directory()) {
        Ok(body) => {
            let tag = entity_tag(&body);
            with_tag(&headers, &tag, "no-cache", "application/json", body)
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let body = if gateway.registry.list().is_empty() {
        (StatusCode::SERVICE_UNAVAILABLE, "no nodes\n")
    } else {
        (StatusCode::OK, "ok\n")
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
