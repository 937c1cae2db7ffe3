//! The HTTP surface of a node (service-nodes 2): thin handlers over [`crate::rpc`], [`crate::onion`] and [`crate::peer`].

use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Request;
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
use serde_json::json;

use crate::limits;
use crate::metrics;
use crate::node::Node;
use crate::onion;
use crate::peer::PeerAnswer;
use crate::registry::VERSION;
use crate::replication;
use crate::rpc;
use crate::rpc::Answer;
use crate::serve::ClientIp;
use crate::sync;

/// The routes of a node.
pub fn router(node: Arc<Node>) -> Router {
    let onion = if node.pages.is_empty() { post(onion_req) } else { post(onion_req).options(preflight) };
    Router::new()
        .route("/storage_rpc/v1", post(storage_rpc))
        .route("/onion_req/v2", onion)
        .route("/ping_test/v1", post(ping_test))
        .route("/get_stats/v1", get(get_stats))
        .route("/sn/v1", post(from_node))
        .fallback(not_found)
        .method_not_allowed_fallback(not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&node), metrics::counted))
        .with_state(node)
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (body, kind) = self.into_bytes();
        (status, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
    }
}

/// The whole body, or the answer to send if it is too large or too slow.
pub(crate) async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Answer> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let too_large = || Answer::error(413, "Request body too large");
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(too_large());
    }
    match tokio::time::timeout(limits::BODY_TIMEOUT, axum::body::to_bytes(body, limit)).await {
        Ok(read) => read.map_err(|_| too_large()),
        Err(_) => Err(Answer::error(408, "Request body too slow")),
    }
}

async fn storage_rpc(
    State(node): State<Arc<Node>>,
    ip: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    if ip.is_some_and(|Extension(ClientIp(ip))| !node.clients.allows(ip)) {
        return limited(&node);
    }
    if headers.contains_key("x-loki-long-poll") {
        return Answer::error(410, "long polling is no longer supported");
    }
    let body = match read_body(&headers, body, limits::BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    rpc::answer(&node, &body).await
}

fn limited(node: &Node) -> Answer {
    metrics::add(&node.metrics.limited, 1);
    Answer::error(429, "Too Many Requests\n")
}

async fn onion_req(
    State(node): State<Arc<Node>>,
    ip: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = if ip.is_some_and(|Extension(ClientIp(ip))| !node.packets.allows(ip)) {
        limited(&node)
    } else {
        match read_body(&headers, body, limits::BODY).await {
            Ok(body) => onion::from_client(&node, &body).await,
            Err(answer) => answer,
        }
    };
    let mut response = answer.into_response();
    allow_page(&node, &headers, &mut response);
    response
}

/// A browser asks before it sends a packet from a page of another origin.
async fn preflight(State(node): State<Arc<Node>>, headers: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allow_page(&node, &headers, &mut response) {
        let fixed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
            (header::ACCESS_CONTROL_MAX_AGE, "86400"),
        ];
        for (name, value) in fixed {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

/// Names the page's origin in the answer, if it is one of those that may use this node.
fn allow_page(node: &Node, headers: &HeaderMap, response: &mut Response) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let known = node.pages.iter().any(|page| page == "*" || page.as_bytes() == origin.as_bytes());
    if known {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("origin"));
    }
    known
}

async fn ping_test(State(node): State<Arc<Node>>) -> Response {
    let key = crate::encoding::base64(&node.ed25519().0);
    let mut response = StatusCode::OK.into_response();
    if let Ok(key) = HeaderValue::from_str(&key) {
        response.headers_mut().insert("x-oxen-snode-pubkey", key);
    }
    response
}

async fn get_stats() -> Answer {
    let [major, minor, patch] = VERSION;
    Answer::ok(json!({ "version": format!("{major}.{minor}.{patch}") }))
}

/// Requests of other nodes. Whoever is not on the list learns nothing.
async fn from_node(State(node): State<Arc<Node>>, headers: HeaderMap, body: Body) -> Answer {
    let body = match read_body(&headers, body, limits::PEER_BODY).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let list = node.registry.list();
    let Some(request) = node.transport.open(&node.clock, &list, &body) else {
        return Answer::error(403, "refused");
    };
    let answer = match request.method.as_str() {
        "onion_request" if !node.hops.allows_node(request.from) => limited(&node),
        "onion_request" => onion::from_hop(&node, &request.body).await,
        "storage_cc" => replication::from_member(&node, request.from, &request.header, &request.body).await,
        method => sync::answer(&node, request.from, method, &request.body).await,
    };
    let status = answer.status;
    let answer = PeerAnswer { status, body: answer.into_bytes().0 };
    match node.transport.seal_answer(&list, &request, &answer) {
        Some(sealed) => Answer { status: 200, body: rpc::Body::Bytes(sealed) },
        None => Answer::error(500, "request failed"),
    }
}

async fn not_found(request: Request) -> Answer {
    let shown: String = request.uri().path().chars().take(200).collect();
    Answer::error(404, format!("{} {shown} Not Found", request.method()))
}
