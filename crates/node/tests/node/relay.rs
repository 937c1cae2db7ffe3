//! The way out to servers: what the exit posts and what comes back.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::post;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use zwiebel_crypto::keys::X25519Secret;
use zwiebel_node::clock::Clock;
use zwiebel_node::keys::Keys;
use zwiebel_node::node::Node;
use zwiebel_node::onion::from_client;
use zwiebel_node::registry::NodeList;
use zwiebel_node::registry::Registry;
use zwiebel_node::relay::Relay;
use zwiebel_node::relay::Servers;
use zwiebel_node::rpc::Answer;
use zwiebel_node::serve;
use zwiebel_node::tls;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::PeelError;
use zwiebel_proto::onion::ReplyKey;
use zwiebel_proto::onion::build;
use zwiebel_proto::onion::outer;
use zwiebel_proto::onion::peel;

use crate::support::listed;

struct Rig {
    node: Arc<Node>,
    server: SocketAddr,
    task: JoinHandle<()>,
    _folder: TempDir,
}

fn secret() -> X25519Secret {
    X25519Secret::from_bytes([5; 32])
}

/// What an onion server does with a posted layer: opens it with its own key and seals the answer.
async fn answer(body: Bytes) -> Vec<u8> {
    let packet = outer(&body).unwrap();
    // The payload for a server is no layer, but the key it opened with comes along.
    let Err(PeelError::Json(key)) = peel(&secret(), &packet.blob, &packet.ephemeral, packet.cipher) else {
        return b"not opened".to_vec();
    };
    key.seal(b"from the server", &mut rand::rng())
}

impl Rig {
    /// A server on loopback, and a node that may post to it and trusts its certificate.
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/oxen/v4/lsrpc", post(answer))
            .route("/oxen/broken/lsrpc", post(async || (StatusCode::IM_A_TEAPOT, vec![0xff_u8, 0xfe]).into_response()))
            .route("/oxen/large/lsrpc", post(async || vec![0_u8; 10 * 1024 * 1024 + 1]))
            .route("/oxen/moved/lsrpc", post(async || (StatusCode::FOUND, [(header::LOCATION, "/oxen/v4/lsrpc")])));
        let task = tokio::spawn(serve::serve(listener, Some(tls::acceptor(folder.path()).unwrap()), app));
        let pem = std::fs::read(folder.path().join("tls-cert.pem")).unwrap();
        // Puts the process's TLS provider in place.
        tls::client().unwrap();
        let http = reqwest::Client::builder()
            .resolve("localhost", server)
            .redirect(reqwest::redirect::Policy::none())
            .tls_certs_only([reqwest::Certificate::from_pem(&pem).unwrap()])
            .build()
            .unwrap();
        let keys = Arc::new(Keys::from_seed([7; 32]));
        let registry = Registry::new(NodeList::new([listed(&keys, 1, None)]));
        let node = Node::new(keys, Clock::system(), registry, &folder.path().join("messages.sqlite")).unwrap();
        let node = node.with_relay(Relay::over(Servers::Listed(vec!["localhost".to_owned()]), http));
        Self { node: Arc::new(node), server, task, _folder: folder }
    }

    async fn post(&self, host: &str, protocol: &str, path: &str) -> (Answer, ReplyKey) {
        let hop = Hop { ed25519: self.node.keys.ed25519_public, x25519: self.node.keys.x25519_public };
        let destination = Destination::Server {
            host: host.to_owned(),
            target: format!("/oxen/{path}/lsrpc"),
            protocol: protocol.to_owned(),
            port: self.server.port(),
            x25519: secret().public(),
        };
        let (packet, key) = build(&[hop], &destination, b"l5:helloe", Cipher::XChaCha20, &mut rand::rng()).unwrap();
        (from_client(&self.node, &packet).await, key)
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn server_gets_the_layer_and_its_answer_comes_back_as_it_is() {
    let rig = Rig::start().await;
    let (answer, key) = rig.post("localhost", "https", "v4").await;
    assert_eq!(answer.status, 200);
    assert_eq!(key.open_raw(&answer.into_bytes().0).as_deref(), Some(b"from the server".as_slice()));
    let (answer, _) = rig.post("localhost", "https", "broken").await;
    assert_eq!((answer.status, answer.into_bytes().0), (418, vec![0xff, 0xfe]));
    let (answer, _) = rig.post("localhost", "https", "moved").await;
    assert_eq!(answer.status, 302, "not followed");
}

#[tokio::test]
async fn failures_are_plain_and_refusals_are_sealed() {
    let rig = Rig::start().await;
    let (answer, _) = rig.post("localhost", "https", "large").await;
    assert_eq!((answer.status, answer.into_bytes().0), (502, b"The server's answer is too large".to_vec()));
    for (host, protocol) in [("other.example", "https"), ("localhost", "http"), ("127.0.0.1", "https")] {
        let (answer, _) = rig.post(host, protocol, "v4").await;
        // Sealed for the client with the key of the exit's layer, which `build` does not give out.
        assert_eq!(answer.status, 200, "{host}");
        assert_ne!(answer.into_bytes().0, b"Invalid url");
    }
    let mut rig = rig;
    // Nobody listens there: the client of the rig connects to the port that is asked for.
    rig.server = SocketAddr::from(([127, 0, 0, 1], 9));
    rig.task.abort();
    let (answer, _) = rig.post("localhost", "https", "v4").await;
    assert_eq!((answer.status, answer.into_bytes().0), (502, b"The server could not be reached".to_vec()));
}
