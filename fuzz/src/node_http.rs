//! Bodies at the doors of a node, as they are and once more sealed by another member of its swarm. The first byte chooses the
//! door, and what the member asks for.

use std::net::Ipv4Addr;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tower::ServiceExt as _;
use zwiebel_crypto::aead::xchacha_seal;
use zwiebel_crypto::hash::blake2b;
use zwiebel_node::http::router;
use zwiebel_node::keys::Keys;
use zwiebel_node::registry::ListedNode;
use zwiebel_proto::swarm::SwarmId;

use crate::node_support::Rig;

const DOORS: [&str; 5] = ["/storage_rpc/v1", "/onion_req/v2", "/sn/v1", "/ping_test/v1", "/get_stats/v1"];
/// What nodes ask each other.
const METHODS: [&str; 11] = [
    "onion_request",
    "storage_cc",
    "hello",
    "behind",
    "removals",
    "list",
    "digests",
    "range",
    "fetch",
    "sample",
    "nothing",
];

static PEER: LazyLock<Keys> = LazyLock::new(|| Keys::from_seed([8; 32]));
static RIG: LazyLock<Rig> = LazyLock::new(|| {
    // It cannot be reached: what is meant for it waits.
    let (key, swarm) = (PEER.ed25519_public, Some(SwarmId(0)));
    Rig::new(Some(ListedNode::new(key, PEER.x25519_public, Ipv4Addr::LOCALHOST, 1, swarm)))
});

/// One run.
pub fn run(bytes: &[u8]) {
    let Some((choice, body)) = bytes.split_first() else { return };
    let choice = usize::from(*choice);
    let door = DOORS[choice % DOORS.len()];
    let status = post(door, body.to_vec());
    assert!((200..600).contains(&status));
    assert!(door != "/sn/v1" || status == 403, "a door for nodes only");
    // Whatever a member asks, there is an answer sealed for it.
    assert_eq!(post("/sn/v1", sealed(METHODS[choice % METHODS.len()], body)), 200);
}

fn post(door: &str, body: Vec<u8>) -> u16 {
    RIG.run(async |node| {
        let request = Request::post(door).body(Body::from(body)).expect("a request");
        let Ok(answer) = router(Arc::clone(node)).oneshot(request).await;
        answer.status().as_u16()
    })
}

/// The body as the member's request, with the member's key.
fn sealed(method: &str, body: &[u8]) -> Vec<u8> {
    let own = &RIG.node.keys;
    let header = json!({
        "method": method, "at": RIG.node.clock.now(), "to": hex::encode(own.ed25519_public.0), "call": "store",
    });
    let header = header.to_string();
    let length = u32::try_from(header.len()).expect("a short header");
    let inside = [&length.to_le_bytes(), header.as_bytes(), body].concat();
    let shared = PEER.x25519.agree(&own.x25519_public).expect("a usable key");
    let (low, high) = (PEER.x25519_public.min(own.x25519_public), PEER.x25519_public.max(own.x25519_public));
    let key: [u8; 32] = blake2b(&[b"zwiebel node-to-node v1", shared.expose(), &low.0, &high.0]);
    let sealed = xchacha_seal(&key, &[9; 24], b"request", &inside);
    [&[1], PEER.ed25519_public.0.as_slice(), &[9; 24], &sealed].concat()
}
