//! `POST /gw/v1/onion/{ed25519}`: body in, body out (service-nodes 9.2, 9.3).

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::Path;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::response::Response;
use serde_json::Value;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::onion::bucket;
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

/// How long an answer is without its padding.
pub(super) const LENGTH: &str = "x-gateway-length";

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
        Ok((status, body)) => padded(status, body),
        Err(refusal) => refusal.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A node's answer in one of few sizes, so that its length tells those on the way to the client little. Our nodes pad inside
/// the seal already; for others this is all there is. The true length stands in a header of a fixed length.
fn padded(status: u16, mut body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let length = format!("{:08}", body.len());
    body.resize(bucket(body.len()), 0);
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream"), (HeaderName::from_static(LENGTH), length.as_str())];
    (status, headers, body).into_response()
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
    // What is too long is no packet, and is not made into values either.
    if blob.is_empty() || outer(body).is_err() {
        return false;
    }
    let Ok(Value::Object(json)) = serde_json::from_slice(json) else { return false };
    json.keys().all(|key| matches!(key.as_str(), "ephemeral_key" | "enc_type" | "hop_no"))
}
