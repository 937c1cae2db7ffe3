//! What the gateway promises, each with a guard or a client that would notice (docs/gateway.md).

use std::io::Read;
use std::net::IpAddr;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::Request;
use axum::response::IntoResponse;
use axum::response::Response;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt;
use zwiebel_node::gateway;
use zwiebel_node::gateway::Gateway;
use zwiebel_node::keys::Keys;
use zwiebel_node::registry::NodeList;
use zwiebel_node::registry::Registry;
use zwiebel_node::serve;
use zwiebel_node::serve::ClientIp;
use zwiebel_node::tls;
use zwiebel_node::tls::Certificate;
use zwiebel_node::tls::Protocols;
use zwiebel_proto::directory::Network;
use zwiebel_proto::directory::NetworkKind;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::bucket;
use zwiebel_proto::onion::pad_request;
use zwiebel_proto::swarm::SwarmId;

use crate::support::listed;

/// What a guard was sent: path, headers, body.
type Received = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// A gateway, and behind it a guard that writes down what it gets and answers with what it is told to.
struct Site {
    gateway: Router,
    guard: String,
    packet: Vec<u8>,
    received: Received,
    folder: TempDir,
    _servers: JoinSet<()>,
}

impl Site {
    async fn new(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let (folder, received) = (TempDir::new().unwrap(), Received::default());
        let guard = {
            let received = Arc::clone(&received);
            Router::new().fallback(move |request: axum::extract::Request| async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                received.lock().unwrap().push((parts.uri.to_string(), parts.headers, body));
                answer()
            })
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut servers = JoinSet::new();
        servers.spawn(serve::serve(listener, Some(tls::acceptor(folder.path()).unwrap()), guard));

        let keys = Keys::from_seed([7; 32]);
        let registry = Registry::new(NodeList::new([listed(&keys, port, Some(SwarmId(0)))]));
        let network = Network { id: "test".to_owned(), name: "Test".to_owned(), kind: NetworkKind::Local };
        let app = folder.path().join("app");
        std::fs::create_dir(&app).unwrap();
        std::fs::write(app.join("index.html"), "<!doctype html>").unwrap();
        let gateway = Gateway::new(registry, network, app).unwrap().with_private_addresses(true);
        let hop = Hop { ed25519: keys.ed25519_public, x25519: keys.x25519_public };
        let request = pad_request(b"{}".to_vec(), 0, Cipher::XChaCha20);
        let payload = zwiebel_proto::onion::node_payload(&request);
        let (packet, _) =
            zwiebel_proto::onion::build(&[], &Destination::Node(hop), &payload, Cipher::XChaCha20, &mut rand::rng())
                .unwrap();
        Self {
            gateway: gateway::router(Arc::new(gateway)),
            guard: format!("/gw/v1/onion/{}", hex::encode(keys.ed25519_public.0)),
            packet,
            received,
            folder,
            _servers: servers,
        }
    }

    async fn send(&self, request: Request<Body>) -> (u16, HeaderMap, Vec<u8>) {
        let (parts, body) = self.gateway.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, body.to_vec())
    }

    fn packet(&self) -> axum::http::request::Builder {
        Request::post(&self.guard)
    }
}

#[tokio::test]
async fn nothing_of_the_client_reaches_the_guard_but_the_packet() {
    let site = Site::new(|| "answer".into_response()).await;
    let request = site
        .packet()
        .header("cookie", "who=alice")
        .header("authorization", "Bearer alice")
        .header("user-agent", "AliceBrowser/1")
        .header("x-forwarded-for", "203.0.113.7")
        .header("forwarded", "for=203.0.113.7")
        .header("origin", "https://alice.example.org")
        .header("referer", "https://alice.example.org/")
        .header("accept-language", "tlh")
        .header("accept-encoding", "br, gzip")
        .header("x-anything", "alice");
    let (status, ..) = site.send(request.body(Body::from(site.packet.clone())).unwrap()).await;
    assert_eq!(status, 200);
    let received = site.received.lock().unwrap();
    let [(path, headers, body)] = &received[..] else { panic!("one packet") };
    assert_eq!((path.as_str(), body), ("/onion_req/v2", &Bytes::from(site.packet.clone())));
    let mut names: Vec<&str> = headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-length", "content-type", "host"]);
    assert_eq!(headers["accept"], "*/*");
}

#[tokio::test]
async fn answers_are_padded_kept_by_nobody_and_never_compressed() {
    let text = "an answer that would compress very well ".repeat(100);
    let sent = text.clone();
    let site = Site::new(move || {
        ([("set-cookie", "guard=1"), ("cache-control", "max-age=99"), ("x-node", "1")], sent.clone()).into_response()
    })
    .await;
    let request = site.packet().header("accept-encoding", "gzip, deflate, br, zstd");
    let (status, headers, body) = site.send(request.body(Body::from(site.packet.clone())).unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(body.len(), bucket(text.len()));
    let length: usize = headers["x-gateway-length"].to_str().unwrap().parse().unwrap();
    assert_eq!((&body[..length], headers["x-gateway-length"].len()), (text.as_bytes(), 8));
    assert_eq!(
        (&headers["cache-control"], &headers["content-type"]),
        (&"no-store".parse().unwrap(), &"application/octet-stream".parse().unwrap())
    );
    for gone in ["set-cookie", "content-encoding", "x-node", "etag"] {
        assert!(headers.get(gone).is_none(), "{gone}");
    }
    assert_eq!(site.packet.len(), bucket(site.packet.len()), "what clients send is padded by themselves");
}

#[tokio::test]
async fn redirects_of_a_guard_are_not_followed() {
    let site = Site::new(|| (axum::http::StatusCode::TEMPORARY_REDIRECT, [("location", "/elsewhere")]).into_response());
    let site = site.await;
    let (status, headers, _) = site.send(site.packet().body(Body::from(site.packet.clone())).unwrap()).await;
    assert_eq!((status, headers.get("location")), (307, None));
    assert_eq!(site.received.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn there_are_three_routes_and_the_app() {
    let site = Site::new(|| "answer".into_response()).await;
    let status = async |method: Method, path: &str| {
        let body = Body::from(site.packet.clone());
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        site.send(request).await.0
    };
    for (path, expected) in [("/gw/v1/nodes", 200), ("/gw/v1/health", 200), ("/", 200)] {
        assert_eq!(status(Method::GET, path).await, expected, "{path}");
    }
    assert_eq!(status(Method::POST, &site.guard).await, 200);
    let received = site.received.lock().unwrap().len();
    let elsewhere = [
        "/storage_rpc/v1",
        "/onion_req/v2",
        "/json_rpc",
        "/sn/v1",
        "/zw/v1/directory",
        "/gw/v1",
        "/gw/v1/",
        "/gw/v2/nodes",
        "/gw/v1/onion",
        "/gw/v1/onion/",
        "/gw/v1/onion/127.0.0.1:22021",
        "/gw/v1/onion/https://example.org",
        "/gw/v1/metrics",
        "/metrics",
    ];
    for path in elsewhere {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            let got = status(method.clone(), path).await;
            assert!(matches!(got, 404 | 405), "{method} {path}: {got}");
        }
    }
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        assert!(matches!(status(method.clone(), &site.guard).await, 404 | 405), "{method}");
    }
    let longer = format!("{}/../../storage_rpc/v1", site.guard);
    assert_eq!(status(Method::POST, &longer).await, 404);
    assert_eq!(site.received.lock().unwrap().len(), received, "none of it went anywhere");
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_so_by_the_gateway() {
    let site = Site::new(|| "answer".into_response()).await;
    let ask = async |method: Method, path: &str, last: u8| {
        let mut request = Request::builder().method(method).uri(path).body(Body::from("no packet")).unwrap();
        request.extensions_mut().insert(ClientIp([198, 51, 100, last].into()));
        let (status, headers, _) = site.send(request).await;
        (status, headers.get("x-gateway-error").map(|error| error.to_str().unwrap().to_owned()))
    };
    for (path, method, usual) in [
        (site.guard.as_str(), Method::POST, (400, Some("not-onion".to_owned()))),
        ("/gw/v1/nodes", Method::GET, (200, None)),
        ("/index.html", Method::GET, (200, None)),
    ] {
        let last = u8::try_from(path.len()).unwrap();
        let mut answers = Vec::new();
        while answers.last().is_none_or(|(status, _)| *status != 429) {
            answers.push(ask(method.clone(), path, last).await);
            assert!(answers.len() < 1_000, "{path} has no limit");
        }
        assert_eq!(answers.pop(), Some((429, Some("rate-limit".to_owned()))), "{path}");
        assert!(answers.len() >= 100 && answers.iter().all(|answer| *answer == usual), "{path}");
        assert_eq!(ask(method, path, 1).await, usual, "others are not meant");
    }
    assert!(site.received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_list_that_was_confirmed_lately_it_is_unwell() {
    let keys = Keys::from_seed([7; 32]);
    let registry = Registry::new(NodeList::new([listed(&keys, 9, None)]));
    let network = Network { id: "test".to_owned(), name: "Test".to_owned(), kind: NetworkKind::Local };
    let gateway = Gateway::new(registry, network, "app".into()).unwrap().with_private_addresses(true);
    let gateway = Arc::new(gateway.with_oldest(Duration::from_secs(3_600)));
    let health = async || {
        let request = Request::get("/gw/v1/health").body(Body::empty()).unwrap();
        gateway::router(Arc::clone(&gateway)).oneshot(request).await.unwrap().status().as_u16()
    };
    assert_eq!(health().await, 503);
    gateway.confirm_list();
    assert_eq!(health().await, 200);
}

#[tokio::test]
async fn over_tls_browsers_get_http_2() {
    let site = Site::new(|| "answer".into_response()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = Certificate::self_signed(site.folder.path()).unwrap().acceptor(Protocols::Http2AndHttp1).unwrap();
    let mut servers = JoinSet::new();
    servers.spawn(serve::serve(listener, Some(tls), site.gateway.clone()));
    let http = reqwest::Client::builder().danger_accept_invalid_certs(true).no_proxy().build().unwrap();
    let answer = http.get(format!("https://{address}/gw/v1/health")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, axum::http::Version::HTTP_2));
    let packet = http.post(format!("https://{address}{}", site.guard)).body(site.packet.clone()).send().await.unwrap();
    assert_eq!((packet.status().as_u16(), packet.version()), (200, axum::http::Version::HTTP_2));
}

/// With all logs on, and a client whose address is easy to find in them.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_in_the_logs_even_with_all_of_them_on() {
    let folder = TempDir::new().unwrap();
    let (net, client) = ("127.0.0.1", "127.0.0.88");
    let mut child = Command::new(env!("CARGO_BIN_EXE_zwiebel"))
        .args([
            "local",
            "--listen",
            "127.0.0.1:0",
            "--seed-listen",
            "127.0.0.1:0",
            "--nodes",
            "5",
            "--no-echo",
            "--data",
        ])
        .arg(folder.path())
        .env("RUST_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    let mut app = String::new();
    while line.trim() != "ready" {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
        if let Some(at) = line.strip_prefix("app ") {
            app = at.trim().to_owned();
        }
    }
    drop(tls::client().unwrap()); // makes our TLS the process's
    let local: IpAddr = client.parse().unwrap();
    let http = reqwest::Client::builder().local_address(local).no_proxy().build().unwrap();
    let list: zwiebel_proto::directory::Directory =
        serde_json::from_slice(&http.get(format!("{app}gw/v1/nodes")).send().await.unwrap().bytes().await.unwrap())
            .unwrap();
    let node = &list.nodes[0];
    let key = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
    let hop = Hop {
        ed25519: zwiebel_crypto::keys::Ed25519Public(key(&node.ed25519)),
        x25519: zwiebel_crypto::keys::X25519Public(key(&node.x25519)),
    };
    let payload = zwiebel_proto::onion::node_payload(br#"{"method":"info","params":{}}"#);
    let (packet, reply) =
        zwiebel_proto::onion::build(&[], &Destination::Node(hop), &payload, Cipher::XChaCha20, &mut rand::rng())
            .unwrap();
    let answer = http.post(format!("{app}gw/v1/onion/{}", node.ed25519)).body(packet).send().await.unwrap();
    let length: usize = answer.headers()["x-gateway-length"].to_str().unwrap().parse().unwrap();
    let body = answer.bytes().await.unwrap();
    assert_eq!(reply.open(&body[..length]).unwrap().status, 200);
    drop(child.stdin.take());
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(child.wait().unwrap().success());
    for secret in [client, &format!("{net}:"), &node.ed25519, &node.x25519, "gw/v1", "onion_req"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
