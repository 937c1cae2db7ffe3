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
    let _place = match ip.map(|ip| gateway.places.enter(ip)) {
        Some(None) => return Err(Refusal::RateLimit),
        place => place,
    };
    let list = gateway.registry.list();
    let guard = encoding::array_from_hex(guard).map(Ed25519Public).ok_or(Refusal::UnknownNode)?;
    let guard = list.find(&guard).filter(|node| gateway.serves(node)).ok_or(Refusal::UnknownNode)?;
    let body = read_body(headers, body, limits::BODY).await.map_err(|_| Refusal::TooLarge)?;
    // Not before it is all here: who sends slowly would keep others out.
    let _slot = gateway.slots.try_acquire().map_err(|_| Refusal::Busy)?;
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::Context;
    use std::task::Poll;

    use axum::body::HttpBody;
    use bytes::Bytes;
    use hyper::body::Frame;
    use tokio::task::JoinSet;
    use zwiebel_proto::directory::Network;
    use zwiebel_proto::directory::NetworkKind;
    use zwiebel_proto::onion::Cipher;
    use zwiebel_proto::onion::Destination;
    use zwiebel_proto::onion::Hop;
    use zwiebel_proto::onion::build;

    use super::super::AT_WORK;
    use super::super::PER_ADDRESS;
    use super::*;
    use crate::keys::Keys;
    use crate::registry::NodeList;
    use crate::registry::Registry;

    /// A body that does not come.
    struct Silent;

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    struct Site {
        gateway: Arc<Gateway>,
        guard: String,
        packet: Vec<u8>,
    }

    /// A gateway whose guard cannot be reached.
    fn site() -> Site {
        let keys = Keys::from_seed([7; 32]);
        let node = ListedNode::new(keys.ed25519_public, keys.x25519_public, [127, 0, 0, 1].into(), 9, None);
        let network = Network { id: "test".to_owned(), name: "Test".to_owned(), kind: NetworkKind::Local };
        let gateway = Gateway::new(Registry::new(NodeList::new([node])), network, "app".into()).unwrap();
        let hop = Hop { ed25519: keys.ed25519_public, x25519: keys.x25519_public };
        let payload = zwiebel_proto::onion::node_payload(b"{}");
        let (packet, _) = build(&[], &Destination::Node(hop), &payload, Cipher::XChaCha20, &mut rand::rng()).unwrap();
        let guard = hex::encode(keys.ed25519_public.0);
        Site { gateway: Arc::new(gateway.with_private_addresses(true)), guard, packet }
    }

    impl Site {
        async fn send(&self, ip: IpAddr, body: Body) -> Refusal {
            forward(&self.gateway, &self.guard, Some(ip), &HeaderMap::new(), body).await.unwrap_err()
        }
    }

    #[tokio::test]
    async fn those_that_send_slowly_keep_only_themselves_out() {
        let site = Arc::new(site());
        let address = |n: usize| IpAddr::from([198, 51, 100, u8::try_from(n).unwrap()]);
        let mut slow = JoinSet::new();
        let addresses = AT_WORK / PER_ADDRESS + 1;
        for n in (0..addresses).flat_map(|n| [n; PER_ADDRESS]) {
            let site = Arc::clone(&site);
            slow.spawn(async move { site.send(address(n), Body::new(Silent)).await });
        }
        // All of them have begun before what is spawned after them.
        tokio::task::yield_now().await;
        let packet = || Body::from(site.packet.clone());
        assert_eq!(site.send(address(0), packet()).await, Refusal::RateLimit);
        assert_eq!(site.send(address(addresses), packet()).await, Refusal::NodeTimeout, "it was passed on");
        slow.shutdown().await;
        assert_eq!(site.send(address(0), packet()).await, Refusal::NodeTimeout, "it has its places back");
    }

    #[tokio::test]
    async fn with_enough_packets_on_their_way_it_is_busy_and_says_so() {
        let site = site();
        let all = site.gateway.slots.try_acquire_many(u32::try_from(AT_WORK).unwrap()).unwrap();
        let refused = site.send([198, 51, 100, 1].into(), Body::from(site.packet.clone())).await;
        assert_eq!(refused, Refusal::Busy);
        let response = refused.into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["x-gateway-error"]),
            (503, &"busy".parse().unwrap())
        );
        drop(all);
        assert_eq!(site.send([198, 51, 100, 1].into(), Body::from(site.packet.clone())).await, Refusal::NodeTimeout);
    }
}
