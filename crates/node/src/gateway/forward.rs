//! `POST /gw/v1/onion/{ed25519}`: body in, body out (service-nodes 9.2, 9.3).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::onion::outer;
use zwiebel_proto::onion::parse_unit;

use super::Gateway;
use crate::encoding;
use crate::http::read_body;
use crate::limits;
use crate::peer::PeerError;
use crate::peer::read_limited;
use crate::registry::ListedNode;
use crate::serve::ClientIp;

/// What the gateway itself has to say; never about a node's behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Busy,
    /// The guard does not answer, or cannot be reached at all.
    NodeTimeout,
    NotOnion,
    RateLimit,
    TooLarge,
    UnknownNode,
}

impl Refusal {
    const fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::NodeTimeout => (StatusCode::GATEWAY_TIMEOUT, "node-timeout"),
            Self::NotOnion => (StatusCode::BAD_REQUEST, "not-onion"),
            Self::RateLimit => (StatusCode::TOO_MANY_REQUESTS, "rate-limit"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Self::UnknownNode => (StatusCode::NOT_FOUND, "unknown-node"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, name) = self.parts();
        (status, [("x-gateway-error", name)], format!("{name}\n")).into_response()
    }
}

pub(super) async fn onion(
    State(gateway): State<Arc<Gateway>>,
    Path(guard): Path<String>,
    ip: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let ip = ip.map(|Extension(ClientIp(ip))| ip);
    let mut response = match forward(&gateway, &guard, ip, &headers, body).await {
        Ok((status, body)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, [(header::CONTENT_TYPE, "application/octet-stream")], body).into_response()
        }
        Err(refusal) => refusal.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn forward(
    gateway: &Gateway,
    guard: &str,
    ip: Option<IpAddr>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(u16, Vec<u8>), Refusal> {
    if ip.is_some_and(|ip| !gateway.clients.allows(ip)) {
        return Err(Refusal::RateLimit);
    }
    let list = gateway.registry.list();
    let guard = encoding::array_from_hex(guard).map(Ed25519Public).ok_or(Refusal::UnknownNode)?;
    let guard = list.find(&guard).filter(|node| gateway.serves(node)).ok_or(Refusal::UnknownNode)?;
    let _slot = gateway.slots.try_acquire().map_err(|_| Refusal::Busy)?;
    let body = read_body(headers, body, limits::BODY).await.map_err(|_| Refusal::TooLarge)?;
    if !is_onion(&body) {
        return Err(Refusal::NotOnion);
    }
    #[cfg(feature = "tap")]
    crate::tap::gateway(&guard.ed25519, &body, ip);
    tokio::time::timeout(limits::GATEWAY_TIMEOUT, post(gateway, guard, body)).await.map_err(|_| Refusal::NodeTimeout)?
}

/// Only the body goes to the node: no header of the client.
async fn post(gateway: &Gateway, guard: &ListedNode, body: bytes::Bytes) -> Result<(u16, Vec<u8>), Refusal> {
    let url = format!("https://{}:{}/onion_req/v2", guard.ip, guard.port);
    let request = gateway.http.post(url).header(header::CONTENT_TYPE, "application/octet-stream").body(body);
    let answer = request.send().await.map_err(|_| Refusal::NodeTimeout)?;
    let status = answer.status().as_u16();
    match read_limited(answer, limits::BODY).await {
        Ok(body) => Ok((status, body)),
        Err(PeerError::Malformed) => Err(Refusal::TooLarge),
        Err(_) => Err(Refusal::NodeTimeout),
    }
}

/// A unit whose JSON has exactly the keys of a packet for a guard.
fn is_onion(body: &[u8]) -> bool {
    let Ok((blob, json)) = parse_unit(body) else { return false };
    let Ok(Value::Object(json)) = serde_json::from_slice(json) else { return false };
    let known = json.keys().all(|key| matches!(key.as_str(), "ephemeral_key" | "enc_type" | "hop_no"));
    known && !blob.is_empty() && outer(body).is_ok()
}
