//! The gateway's surface: files, headers, and what it refuses to pass on.

use std::fs;
use std::sync::Arc;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::Request;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use zwiebel_node::gateway;
use zwiebel_node::gateway::Gateway;
use zwiebel_node::keys::Keys;
use zwiebel_node::registry::NodeList;
use zwiebel_node::registry::Registry;
use zwiebel_proto::directory::Directory;
use zwiebel_proto::directory::DirectoryContact;
use zwiebel_proto::directory::Network;
use zwiebel_proto::directory::NetworkKind;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::swarm::SwarmId;

use crate::support::listed;

struct Site {
    gateway: Arc<Gateway>,
    keys: Keys,
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let keys = Keys::from_seed([7; 32]);
        let registry = Registry::new(NodeList::new([listed(&keys, 9, Some(SwarmId(u64::MAX - 1)))]));
        let network = Network { id: "test".to_owned(), name: "Test".to_owned(), kind: NetworkKind::Local };
        let gateway = Gateway::new(registry, network, folder.path().to_owned()).unwrap().with_private_addresses(true);
        let gateway = Arc::new(gateway);
        Self { gateway, keys, folder }
    }

    async fn send(&self, request: Request<Body>) -> (u16, HeaderMap, Vec<u8>) {
        let answer = gateway::router(Arc::clone(&self.gateway)).oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        (parts.status.as_u16(), parts.headers, body.to_vec())
    }

    async fn get(&self, path: &str, encoding: &str) -> (u16, HeaderMap, Vec<u8>) {
        let request = Request::get(path).header("accept-encoding", encoding).body(Body::empty()).unwrap();
        self.send(request).await
    }

    async fn refused(&self, guard: &str, body: Vec<u8>) -> (u16, String) {
        let request = Request::post(format!("/gw/v1/onion/{guard}")).body(Body::from(body)).unwrap();
        let (status, headers, _) = self.send(request).await;
        assert_eq!(headers["cache-control"], "no-store");
        (status, headers["x-gateway-error"].to_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn app_files_have_type_cache_and_policy() {
    let site = Site::new();
    let write = |name: &str, text: &str| fs::write(site.folder.path().join(name), text).unwrap();
    for name in ["index.html", "boot.js", "sw.js", "manifest.webmanifest"] {
        write(name, "plain");
    }
    write("app-0123456789abcdef_bg.wasm", "wasm");
    write("app-0123456789abcdef_bg.wasm.br", "brotli");
    write("app-0123456789abcdef_bg.wasm.gz", "gzip");

    let (status, headers, body) = site.get("/", "br").await;
    assert_eq!((status, body.as_slice()), (200, b"plain".as_slice()));
    assert_eq!(
        (&headers["content-type"], &headers["cache-control"]),
        (&"text/html; charset=utf-8".parse().unwrap(), &"no-cache".parse().unwrap())
    );
    let policy = headers["content-security-policy"].to_str().unwrap();
    for part in ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "require-trusted-types-for 'script'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
    assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=(self)"));
    assert!(headers.get("set-cookie").is_none());

    let (_, headers, body) = site.get("/app-0123456789abcdef_bg.wasm", "gzip, deflate, br").await;
    assert_eq!((body.as_slice(), &headers["content-encoding"]), (b"brotli".as_slice(), &"br".parse().unwrap()));
    assert_eq!(headers["content-type"], "application/wasm");
    assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
    let (_, headers, body) = site.get("/app-0123456789abcdef_bg.wasm", "gzip").await;
    assert_eq!((body.as_slice(), &headers["content-encoding"]), (b"gzip".as_slice(), &"gzip".parse().unwrap()));
    let (_, headers, body) = site.get("/app-0123456789abcdef_bg.wasm", "identity").await;
    assert_eq!((body.as_slice(), headers.get("content-encoding")), (b"wasm".as_slice(), None));
    let (_, headers, _) = site.get("/manifest.webmanifest", "br").await;
    assert_eq!(headers["content-type"], "application/manifest+json");
    assert_eq!(headers["cache-control"], "no-cache");

    assert_eq!(site.get("/nothing.js", "br").await.0, 404);
    assert_eq!(site.get("/../index.html", "br").await.0, 404);
    assert_eq!(site.send(Request::post("/index.html").body(Body::empty()).unwrap()).await.0, 404);
}

#[tokio::test]
async fn missing_app_is_explained() {
    let (status, _, body) = Site::new().get("/", "br").await;
    assert_eq!(status, 404);
    assert!(String::from_utf8(body).unwrap().contains("not built"));
}

#[tokio::test]
async fn directory_is_told_with_contacts_and_revalidated() {
    let site = Site::new();
    site.gateway.add_contact(DirectoryContact { id: "05".to_owned(), name: "Echo".to_owned() });
    let (status, headers, body) = site.get("/gw/v1/nodes", "br").await;
    let directory: Directory = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, directory.nodes.len(), directory.contacts.len()), (200, 1, 1));
    assert_eq!(directory.nodes[0].swarm, "fffffffffffffffe");
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["network"]["kind"], "local");
    let again = Request::get("/gw/v1/nodes").header("if-none-match", &headers["etag"]).body(Body::empty()).unwrap();
    assert_eq!(site.send(again).await.0, 304);
    assert_eq!(site.get("/gw/v1/health", "br").await.0, 200);
}

#[tokio::test]
async fn only_onion_packets_to_listed_guards_are_passed_on() {
    let site = Site::new();
    let hop = Hop { ed25519: site.keys.ed25519_public, x25519: site.keys.x25519_public };
    let (packet, _) =
        zwiebel_proto::onion::build(&[], &Destination::Node(hop), b"x", Cipher::AesGcm, &mut rand::rng()).unwrap();
    let guard = hex::encode(site.keys.ed25519_public.0);
    let unknown = (404, "unknown-node".to_owned());
    assert_eq!(site.refused(&"ab".repeat(32), packet.clone()).await, unknown);
    assert_eq!(site.refused("127.0.0.1:9", packet.clone()).await, unknown);
    assert_eq!(site.refused(&guard, vec![0; 10 * 1024 * 1024 + 1]).await, (413, "too-large".to_owned()));
    let not_onion = (400, "not-onion".to_owned());
    for body in [&b""[..], b"hello", b"\x04\0\0\0abcd{}", b"\xff\xff\xff\xff{}", br#"{"method":"info","params":{}}"#] {
        assert_eq!(site.refused(&guard, body.to_vec()).await, not_onion);
    }
    let with_more = [&packet[..packet.len() - 1], br#","host":"example.org"}"#].concat();
    assert_eq!(site.refused(&guard, with_more).await, not_onion);
    // Port 9 of this machine answers nobody: a packet that is right gets as far as that.
    assert_eq!(site.refused(&guard, packet).await, (504, "node-timeout".to_owned()));
}

#[tokio::test]
async fn other_gateways_are_offered_named_in_the_policy_and_let_in() {
    let (second, stranger) = ("https://second.example.org", "https://evil.example.org");
    let folder = TempDir::new().unwrap();
    let keys = Keys::from_seed([7; 32]);
    let mut direct = listed(&keys, 22021, Some(SwarmId(0)));
    direct.origin = Some("https://node.example.org:22021".to_owned());
    let network = Network { id: "test".to_owned(), name: "Test".to_owned(), kind: NetworkKind::Own };
    let gateway = Gateway::new(Registry::new(NodeList::new([direct])), network, folder.path().to_owned()).unwrap();
    let gateway = gateway.with_private_addresses(true).with_gateways(vec![second.to_owned()]).with_direct_nodes(true);
    let router = gateway::router(Arc::new(gateway));
    let send = async |method: &str, path: &str, origin: &str| {
        let request = Request::builder().method(method).uri(path).header("origin", origin).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap()
    };
    let allowed = |answer: &axum::response::Response| answer.headers().get("access-control-allow-origin").cloned();

    let answer = send("GET", "/gw/v1/nodes", second).await;
    assert_eq!(allowed(&answer).unwrap(), second);
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains(&format!("connect-src 'self' {second} https://node.example.org:22021; manifest-src")));
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let directory: Directory = serde_json::from_slice(&body).unwrap();
    assert_eq!(directory.gateways, [second]);
    assert_eq!(directory.nodes[0].origin.as_deref(), Some("https://node.example.org:22021"));

    let guard = format!("/gw/v1/onion/{}", hex::encode(keys.ed25519_public.0));
    let asked = send("OPTIONS", &guard, second).await;
    assert_eq!((asked.status().as_u16(), allowed(&asked).unwrap().to_str().unwrap()), (204, second));
    let refused = send("OPTIONS", &guard, stranger).await;
    assert_eq!((refused.status().as_u16(), allowed(&refused)), (404, None));
    assert_eq!(allowed(&send("GET", "/gw/v1/nodes", stranger).await), None);
    assert_eq!(allowed(&send("GET", "/", second).await), None, "the app itself is for its own origin");
}

#[tokio::test]
async fn private_addresses_low_ports_and_the_gateway_itself_are_no_targets() {
    let folder = TempDir::new().unwrap();
    let node = |n: u8, ip: [u8; 4], port| {
        let keys = Keys::from_seed([n; 32]);
        let listed = listed(&keys, port, Some(SwarmId(0)));
        zwiebel_node::registry::ListedNode { ip: ip.into(), ..listed }
    };
    let nodes = [
        node(1, [8, 8, 4, 4], 22021),
        node(2, [127, 0, 0, 1], 22021),
        node(3, [10, 0, 0, 1], 22021),
        node(4, [169, 254, 169, 254], 22021),
        node(5, [8, 8, 4, 4], 25),
        node(6, [8, 8, 8, 8], 22021),
        node(7, [0, 0, 0, 0], 0),
    ];
    let network = Network { id: "test".to_owned(), name: "Test".to_owned(), kind: NetworkKind::Session };
    let gateway = Gateway::new(Registry::new(NodeList::new(nodes)), network, folder.path().to_owned()).unwrap();
    let router = gateway::router(Arc::new(gateway.with_own_address(([8, 8, 8, 8], 22021).into())));
    let request = Request::get("/gw/v1/nodes").body(Body::empty()).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let directory: Directory = serde_json::from_slice(&body).unwrap();
    assert_eq!(directory.nodes.iter().map(|node| node.ip.as_str()).collect::<Vec<_>>(), ["8.8.4.4"]);
    for n in 2..=7 {
        let path = format!("/gw/v1/onion/{}", hex::encode(Keys::from_seed([n; 32]).ed25519_public.0));
        let answer = router.clone().oneshot(Request::post(path).body(Body::from("x")).unwrap()).await.unwrap();
        assert_eq!(answer.headers()["x-gateway-error"], "unknown-node", "{n}");
    }
}
