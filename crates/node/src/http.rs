//! The HTTP surface of a node (service-nodes 2): thin handlers over [`crate::rpc`], [`crate::onion`] and [`crate::peer`].

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::body::HttpBody;
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
use hyper::body::Frame;
use serde_json::json;
use tokio::time::timeout;

use crate::limits;
use crate::metrics;
use crate::node::Node;
use crate::onion;
use crate::peer;
use crate::peer::PeerAnswer;
use crate::rate_limit::RateLimit;
use crate::registry::NodeList;
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
    let length = announced(headers);
    read_within(length.map_or(limits::BODY_TIMEOUT, patience), length, body, limit).await
}

/// The length of a body that says how long it is.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// How long a body of this length may take to arrive: ten seconds, and one more for each 16 KiB.
fn patience(length: u64) -> Duration {
    Duration::from_secs(10_u64.saturating_add(length / 16_384)).min(limits::BODY_TIMEOUT)
}

async fn read_within(patience: Duration, length: Option<u64>, body: Body, limit: usize) -> Result<Bytes, Answer> {
    if length.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit)) {
        return Err(too_large());
    }
    match timeout(patience, axum::body::to_bytes(body, limit)).await {
        Ok(read) => read.map_err(|_| too_large()),
        Err(_) => Err(too_slow()),
    }
}

/// The body of another node's request. Of one that names no listed node no more is read than shows that.
async fn read_from_node(list: &NodeList, mut body: Body) -> Result<Vec<u8>, Answer> {
    let mut read = Vec::new();
    let mut listed = false;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(Ok(data)) = frame.map(Frame::into_data) else { break };
        if read.len().saturating_add(data.len()) > limits::PEER_BODY {
            return Err(too_large());
        }
        read.extend_from_slice(&data);
        if !listed && let Some(sender) = peer::sender(&read) {
            list.find(&sender).ok_or_else(refused)?;
            listed = true;
        }
    }
    Ok(read)
}

fn too_large() -> Answer {
    Answer::error(413, "Request body too large")
}

fn too_slow() -> Answer {
    Answer::error(408, "Request body too slow")
}

fn refused() -> Answer {
    Answer::error(403, "refused")
}

/// The body of a client's request, unless its address asks too often.
async fn admit(
    node: &Node,
    buckets: &RateLimit<IpAddr>,
    ip: Option<Extension<ClientIp>>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Answer> {
    if ip.is_some_and(|Extension(ClientIp(ip))| !buckets.allows(ip)) {
        return Err(limited(node));
    }
    read_body(headers, body, limits::BODY).await
}

async fn storage_rpc(
    State(node): State<Arc<Node>>,
    ip: Option<Extension<ClientIp>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Answer> {
    if headers.contains_key("x-loki-long-poll") {
        return Err(Answer::error(410, "long polling is no longer supported"));
    }
    let body = admit(&node, &node.clients, ip, &headers, body).await?;
    Ok(rpc::answer(&node, body).await)
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
    let answer = match admit(&node, &node.packets, ip, &headers, body).await {
        Ok(body) => onion::from_client(&node, body).await,
        Err(answer) => answer,
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

/// Requests of other nodes. Whoever is not on the list learns nothing, and is not read to the end.
async fn from_node(
    State(node): State<Arc<Node>>,
    ip: Option<Extension<ClientIp>>,
    body: Body,
) -> Result<Answer, Answer> {
    let list = node.registry.list();
    if ip.is_some_and(|Extension(ClientIp(ip))| list.iter().all(|node| ip != node.ip) && !node.packets.allows(ip)) {
        return Err(limited(&node));
    }
    let read = timeout(limits::BODY_TIMEOUT, read_from_node(&list, body)).await;
    let packet = read.map_err(|_| too_slow())??;
    let opened = node.transport.open(&node.clock, &list, &packet);
    drop(packet);
    let mut request = opened.ok_or_else(refused)?;
    let body = std::mem::take(&mut request.body);
    let answer = match request.method.as_str() {
        "onion_request" if !node.hops.allows_node(request.from) => limited(&node),
        "onion_request" => onion::from_hop(&node, body).await,
        "storage_cc" => replication::from_member(&node, request.from, &request.header, &body).await,
        method => sync::answer(&node, request.from, method, &body).await,
    };
    let status = answer.status;
    let answer = PeerAnswer { status, body: answer.into_bytes().0 };
    let sealed = node.transport.seal_answer(&list, &request, &answer);
    let sealed = sealed.ok_or_else(|| Answer::error(500, "request failed"))?;
    Ok(Answer { status: 200, body: rpc::Body::Bytes(sealed) })
}

async fn not_found(request: Request) -> Answer {
    let shown: String = request.uri().path().chars().take(200).collect();
    Answer::error(404, format!("{} {shown} Not Found", request.method()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::convert::Infallible;
    use std::task::Context;
    use std::task::Poll;

    use serde_json::Map;
    use tokio::net::TcpListener;

    use super::*;
    use crate::clock::Clock;
    use crate::keys::Keys;
    use crate::node::start;
    use crate::peer::Outgoing;
    use crate::peer::Transport;
    use crate::rate_limit::Rate;
    use crate::registry::ListedNode;
    use crate::registry::Registry;
    use crate::tls;

    /// A body that begins, and never goes on.
    struct Begun(Option<Bytes>);

    impl HttpBody for Begun {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            self.0.take().map_or(Poll::Pending, |begin| Poll::Ready(Some(Ok(Frame::data(begin)))))
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up_and_one_that_is_too_large_is_not_read() {
        let slow = read_within(Duration::from_millis(20), None, Body::new(Begun(None)), 9).await;
        assert_eq!(slow.unwrap_err().status, 408);
        let headers = HeaderMap::new();
        let (fits, not) = (Body::from("nine long"), Body::from("ten longer"));
        assert!(read_body(&headers, fits, 9).await.is_ok());
        assert_eq!(read_body(&headers, not, 9).await.unwrap_err().status, 413);
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from(10))]);
        assert_eq!(read_body(&headers, Body::new(Begun(None)), 9).await.unwrap_err().status, 413);
        let seconds = [2_048, 65_536, 10 << 20].map(|length| patience(length).as_secs());
        assert_eq!(seconds, [10, 14, 60], "small ones have less time");
    }

    #[tokio::test]
    async fn who_is_not_listed_is_not_read_to_the_end() {
        let (known, stranger) = (Keys::from_seed([1; 32]), Keys::from_seed([2; 32]));
        let listed = ListedNode::new(known.ed25519_public, known.x25519_public, [127, 0, 0, 1].into(), 1, None);
        let list = NodeList::new([listed]);
        let begin = |keys: &Keys| Some(Bytes::from([&[1], keys.ed25519_public.0.as_slice()].concat()));
        let refused = read_from_node(&list, Body::new(Begun(begin(&stranger)))).await;
        assert_eq!(refused.unwrap_err().status, 403);
        let patience = Duration::from_millis(20);
        let goes_on = timeout(patience, read_from_node(&list, Body::new(Begun(begin(&known))))).await;
        assert!(goes_on.is_err(), "there is more to come of a listed one");
        let long = Body::from([begin(&known).unwrap().to_vec(), vec![0; limits::PEER_BODY]].concat());
        assert_eq!(read_from_node(&list, long).await.unwrap_err().status, 413);
    }

    #[tokio::test]
    async fn each_node_that_passes_packets_on_has_its_own_bucket() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let keys: Vec<Arc<Keys>> = (1..=3).map(|n| Arc::new(Keys::from_seed([n; 32]))).collect();
        let listed = keys
            .iter()
            .map(|keys| ListedNode::new(keys.ed25519_public, keys.x25519_public, [127, 0, 0, 1].into(), port, None));
        let registry = Registry::new(NodeList::new(listed));
        let [own, busy, quiet] = keys.as_slice() else { return };
        let clock = Clock::system();
        let mut node =
            Node::new(Arc::clone(own), clock.clone(), registry.clone(), &folder.path().join("messages.sqlite"))
                .unwrap();
        node.hops = RateLimit::new(Rate { per_second: 0.001, burst: 3.0 });
        let running = start(node, listener, Some(tls::acceptor(folder.path()).unwrap()));
        let list = registry.list();
        let ask = async |from: &Arc<Keys>| {
            let transport = Transport::new(Arc::clone(from), tls::client().unwrap());
            let timeout = Duration::from_secs(20);
            let outgoing = Outgoing { method: "onion_request", header: Map::new(), body: b"no packet", timeout };
            transport.call(&clock, list.find(&own.ed25519_public).unwrap(), outgoing).await.unwrap().status
        };
        let mut statuses = Vec::new();
        for _ in 0..5 {
            statuses.push(ask(busy).await);
        }
        assert_eq!(statuses, [400, 400, 400, 429, 429]);
        assert_eq!(ask(quiet).await, 400);
        running.stop().await;
    }
}
