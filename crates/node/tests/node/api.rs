//! One node's routes without a socket: exact texts and the order of checks.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tower::ServiceExt;
use zwiebel_node::http;
use zwiebel_node::node::Node;
use zwiebel_proto::account::Account;
use zwiebel_proto::storage_rpc as rpc;
use zwiebel_proto::storage_rpc::ExpiryMode;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::MessageHash;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::Scope;

use crate::support::account;
use crate::support::lone_node;

const DAY: u64 = 86_400_000;

struct Api {
    node: Arc<Node>,
    _folder: TempDir,
}

impl Api {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        Self { node: lone_node(folder.path()), _folder: folder }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.node.clock.now()).unwrap()
    }

    async fn send(&self, request: Request<Body>) -> (u16, Value) {
        let answer = http::router(Arc::clone(&self.node)).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn raw(&self, body: impl Into<Body>) -> (u16, Value) {
        self.send(Request::post("/storage_rpc/v1").body(body.into()).unwrap()).await
    }

    async fn call(&self, request: &Value) -> (u16, Value) {
        self.raw(request.to_string()).await
    }

    async fn put(&self, to: &Account, data: &[u8]) -> MessageHash {
        let request = rpc::store(&to.id(), data, DAY, self.now(), Namespace::MESSAGES);
        let (status, body) = self.call(&request).await;
        assert_eq!(status, 200, "{body}");
        MessageHash::parse(body["hash"].as_str().unwrap()).unwrap()
    }
}

fn own<'a>(body: &'a Value, api: &Api) -> &'a Value {
    &body["swarm"][hex::encode(api.node.ed25519().0)]
}

#[tokio::test]
async fn other_paths_and_methods_are_not_found() {
    let api = Api::new();
    for (method, path) in [("GET", "/"), ("GET", "/storage_rpc/v1"), ("OPTIONS", "/onion_req/v2"), ("POST", "/x")] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        assert_eq!(api.send(request).await, (404, json!(format!("{method} {path} Not Found"))));
    }
}

#[tokio::test]
async fn bodies_that_are_no_call_are_refused_with_the_known_texts() {
    let api = Api::new();
    let key = account(1).id().to_string();
    let bare = hex::encode(account(1).id().key().0);
    let cases = [
        ("{".to_owned(), "invalid json"),
        ("{}".to_owned(), "invalid json: no `method` field"),
        (json!({"method": "info"}).to_string(), "invalid json: no `params` field"),
        (json!({"method": "dance", "params": {}}).to_string(), "no method dance"),
        (
            json!({"method": "get_swarm", "params": {"pubkey": "05"}}).to_string(),
            "invalid request: Pubkey must be 66 hex digits (33 bytes) long",
        ),
        (
            json!({"method": "store", "params": {"pubkey": key, "timestamp": 1, "ttl": 1, "data": ""}}).to_string(),
            "invalid request: Invalid timestamp for 'timestamp': timestamp must be in milliseconds",
        ),
        (
            json!({"method": "retrieve", "params": {"pubkey": key, "namespace": 40_000}}).to_string(),
            "invalid request: Invalid value given for 'namespace': value out of range",
        ),
        (
            json!({"method": "retrieve", "params": {"pubkey": key, "timestamp": 1_700_000_000_000_u64}}).to_string(),
            "invalid request: Required field 'signature' missing",
        ),
        (
            json!({"method": "delete_all", "params": {"pubkey": format!("04{}", bare),
                "timestamp": 1_700_000_000_000_u64, "signature": "A".repeat(86), "pubkey_ed25519": bare}})
            .to_string(),
            "invalid request: pubkey_ed25519 is only permitted for 05[...] pubkeys",
        ),
        (
            json!({"method": "oxend_request", "params": {"endpoint": "stop"}}).to_string(),
            "invalid request: Invalid oxend endpoint 'stop'",
        ),
    ];
    for (body, text) in cases {
        assert_eq!(api.raw(body).await, (400, json!(text)));
    }
}

#[tokio::test]
async fn too_large_bodies_are_refused_before_they_are_read() {
    let api = Api::new();
    let request = Request::post("/onion_req/v2").header("content-length", "10485761").body(Body::empty()).unwrap();
    assert_eq!(api.send(request).await, (413, json!("Request body too large")));
    let (status, _) = api.raw(vec![b' '; 10 * 1024 * 1024 + 1]).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn store_checks_life_then_clock_then_signature() {
    let api = Api::new();
    let (alice, now) = (account(1), api.now());
    let store = |ttl: u64, at: u64| rpc::store(&alice.id(), b"x", ttl, at, Namespace::MESSAGES);
    let life = (403, json!("Provided expiry/TTL is not valid."));
    assert_eq!(api.call(&store(9_999, now)).await, life);
    assert_eq!(api.call(&store(15 * DAY, now + DAY)).await, life);
    let clock = (406, json!("Timestamp error: check your clock"));
    assert_eq!(api.call(&store(DAY, now + 60_000)).await, clock);
    assert_eq!(api.call(&store(DAY, now - 2 * DAY)).await, clock);

    let private = rpc::store(&alice.id(), b"x", DAY, now, Namespace(33));
    assert_eq!(api.call(&private).await, (401, json!("store: signature required to store to namespace 33")));
    let stale = rpc::store_signed(&alice, b"x", DAY, now - 70_000, Namespace(33));
    assert_eq!(api.call(&stale).await, (406, json!("store signature timestamp too far from current time")));
    let mut forged = rpc::store_signed(&account(2), b"x", DAY, now, Namespace(33));
    forged["params"]["pubkey"] = alice.id().to_string().into();
    assert_eq!(api.call(&forged).await, (401, json!("store signature verification failed")));
    assert_eq!(api.call(&rpc::store_signed(&alice, b"x", 30 * DAY, now, Namespace(33))).await.0, 200);

    let mut long = store(DAY, now);
    long["params"]["data"] = zwiebel_node::encoding::base64(&vec![1; 76_801]).into();
    let text = "invalid request: Message body exceeds maximum allowed length of 76800 bytes";
    assert_eq!(api.call(&long).await, (400, json!(text)));
    long["params"]["data"] = zwiebel_node::encoding::base64(&vec![1; 76_800]).into();
    assert_eq!(api.call(&long).await.0, 200);
}

#[tokio::test]
async fn store_answers_hash_and_signature_and_knows_what_it_has() {
    let api = Api::new();
    let alice = account(1);
    let mut request = rpc::store(&alice.id(), b"abc", DAY, api.now(), Namespace::MESSAGES);
    let (_, first) = api.call(&request).await;
    let hash = rpc::message_hash(&alice.id().to_bytes(), Namespace::MESSAGES, b"abc");
    assert_eq!(first["hash"], hash.as_str());
    let signature: [u8; 64] =
        zwiebel_node::encoding::array_from_base64(own(&first, &api)["signature"].as_str().unwrap()).unwrap();
    assert!(api.node.ed25519().verify(hash.as_str().as_bytes(), &signature));
    assert_eq!(first["hf"], json!([21, 0]));
    assert!(own(&first, &api).get("already").is_none());

    let later = api.now() + 2 * DAY;
    request["params"]["ttl"] = Value::Null;
    request["params"]["expiry"] = later.into();
    let (_, again) = api.call(&request).await;
    assert_eq!((&own(&again, &api)["already"], &own(&again, &api)["expiry"]), (&json!(true), &json!(later)));
}

#[tokio::test]
async fn old_spellings_and_decimal_text_are_understood() {
    let api = Api::new();
    let (alice, now) = (account(1), api.now());
    let store = json!({"method": "store", "jsonrpc": "2.0", "params": {
        "pubKey": alice.id().to_string(), "data": "YWJj", "timestamp": now.to_string(), "ttl": DAY.to_string(), "namespace": null}});
    assert_eq!(api.call(&store).await.0, 200);
    let swarm = json!({"method": "get_snodes_for_pubkey", "params": {"pubKey": alice.id().to_string()}});
    let (status, body) = api.call(&swarm).await;
    assert_eq!(status, 200);
    assert_eq!((&body["swarm"], &body["snodes"][0]["port"]), (&json!("0"), &json!("1")));
    assert_eq!(body["snodes"][0]["port_https"], 1);
    let mut retrieve = rpc::retrieve(&alice, Namespace::MESSAGES, None, MaxSize::Default, now);
    retrieve["params"]["lastHash"] = "A".repeat(43).into();
    retrieve["params"]["last_hash"] = Value::Null;
    let (_, body) = api.call(&retrieve).await;
    assert_eq!(body["messages"][0]["data"], "YWJj");
}

#[tokio::test]
async fn retrieve_needs_the_owner() {
    let api = Api::new();
    let (alice, now) = (account(1), api.now());
    let bare = |namespace: Option<i16>| json!({"method": "retrieve", "params": {"pubkey": alice.id().to_string(), "namespace": namespace}});
    assert_eq!(api.call(&bare(None)).await, (401, json!("retrieve: request signature required")));
    let missing = (400, json!("invalid request: Required field 'signature' missing"));
    assert_eq!(api.call(&bare(Some(2))).await, missing);
    assert_eq!(api.call(&bare(Some(-1))).await.0, 200);
    let stale = rpc::retrieve(&alice, Namespace::MESSAGES, None, MaxSize::Default, now - 61_000);
    assert_eq!(api.call(&stale).await, (406, json!("retrieve timestamp too far from current time")));
    let mut forged = rpc::retrieve(&account(2), Namespace::MESSAGES, None, MaxSize::Default, now);
    forged["params"]["pubkey"] = alice.id().to_string().into();
    assert_eq!(api.call(&forged).await, (401, json!("retrieve signature verification failed")));
    let nobody = rpc::retrieve(&alice, Namespace::MESSAGES, None, MaxSize::Default, now);
    let (status, body) = api.call(&nobody).await;
    assert_eq!((status, &body["messages"], &body["more"]), (200, &json!([]), &json!(false)));
}

#[tokio::test]
async fn raw_ed25519_accounts_sign_for_themselves() {
    let api = Api::new();
    let (key, now) = (account(3), api.now());
    let id = format!("03{}", hex::encode(key.ed25519().public().0));
    let signature = zwiebel_node::encoding::base64(&key.ed25519().sign(format!("store11{now}").as_bytes()));
    let store = json!({"method": "store", "params": {"pubkey": id, "data": "YWJj", "timestamp": now, "ttl": DAY,
        "namespace": 11, "signature": signature}});
    assert_eq!(api.call(&store).await.0, 200);
}

#[tokio::test]
async fn pages_follow_the_order_of_arrival() {
    let api = Api::new();
    let alice = account(1);
    let mut hashes = Vec::new();
    for n in 0..30_u8 {
        hashes.push(api.put(&alice, &vec![n; 70_000]).await);
    }
    let size = async |max_size: Value, max_count: Value| {
        let mut request = rpc::retrieve(&alice, Namespace::MESSAGES, None, MaxSize::Default, api.now());
        request["params"]["max_size"] = max_size;
        request["params"]["max_count"] = max_count;
        let (_, body) = api.call(&request).await;
        (body["messages"].as_array().unwrap().len(), body["more"].as_bool().unwrap())
    };
    assert_eq!(size(Value::Null, Value::Null).await, (16, true));
    assert_eq!(size((-3).into(), Value::Null).await, (27, true));
    assert_eq!(size(500_000.into(), Value::Null).await, (5, true));
    assert_eq!(size(600_000.into(), Value::Null).await, (6, true));
    assert_eq!(size(1.into(), Value::Null).await, (1, true));
    assert_eq!(size(Value::Null, 30.into()).await, (30, false));
    assert_eq!(size(Value::Null, 7.into()).await, (7, true));
    let request = rpc::retrieve(&alice, Namespace::MESSAGES, Some(&hashes[27]), MaxSize::Default, api.now());
    let (_, body) = api.call(&request).await;
    let rest: Vec<&str> = body["messages"].as_array().unwrap().iter().map(|m| m["hash"].as_str().unwrap()).collect();
    assert_eq!(rest, [hashes[28].as_str(), hashes[29].as_str()]);
}

#[tokio::test]
async fn delete_works_across_namespaces_and_signs_what_it_did() {
    let api = Api::new();
    let (alice, now) = (account(1), api.now());
    let first = api.put(&alice, b"one").await;
    let (_, stored) = api.call(&rpc::store_signed(&alice, b"two", DAY, now, Namespace(5))).await;
    let second = MessageHash::parse(stored["hash"].as_str().unwrap()).unwrap();
    let unknown = MessageHash::parse(&"A".repeat(43)).unwrap();
    let request = rpc::delete(&alice, &[second, unknown, first]);
    let (status, body) = api.call(&request).await;
    let mut deleted = [first, second];
    deleted.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    assert_eq!(own(&body, &api)["deleted"], json!([deleted[0].as_str(), deleted[1].as_str()]));
    assert_eq!(status, 200);
    let signed = rpc::confirmation::delete(&alice.id().to_bytes(), &[second, unknown, first], &deleted);
    let signature: [u8; 64] =
        zwiebel_node::encoding::array_from_base64(own(&body, &api)["signature"].as_str().unwrap()).unwrap();
    assert!(api.node.ed25519().verify(&signed, &signature));

    let mut required = request;
    required["params"]["required"] = true.into();
    assert_eq!(api.call(&required).await.0, 404);
    let mut forged = rpc::delete(&account(2), &[first]);
    forged["params"]["pubkey"] = alice.id().to_string().into();
    assert_eq!(api.call(&forged).await, (401, json!("delete_msgs signature verification failed")));
}

#[tokio::test]
async fn delete_all_and_delete_before_respect_scope_and_time() {
    let api = Api::new();
    let (alice, now) = (account(1), api.now());
    let first = api.put(&alice, b"one").await;
    let (_, stored) = api.call(&rpc::store_signed(&alice, b"two", DAY, now, Namespace(-42))).await;
    let stale = rpc::delete_all(&alice, Scope::All, now - 61_000);
    assert_eq!(api.call(&stale).await, (406, json!("delete_all timestamp too far from current time")));
    let future = rpc::delete_before(&alice, Scope::All, now + 120_000);
    assert_eq!(api.call(&future).await, (401, json!("delete_before timestamp too far in the future")));
    let (_, none) = api.call(&rpc::delete_before(&alice, Scope::All, now - 60_000)).await;
    assert_eq!(own(&none, &api)["deleted"], json!({}));
    let (_, all) = api.call(&rpc::delete_all(&alice, Scope::All, api.now())).await;
    assert_eq!(own(&all, &api)["deleted"], json!({"0": [first.as_str()], "-42": [stored["hash"]]}));
}

#[tokio::test]
async fn expiries_are_set_shortened_extended_and_told() {
    let api = Api::new();
    let (alice, now) = (account(1), api.now());
    let hash = api.put(&alice, b"one").await;
    let sooner = now + DAY / 2;
    let (_, body) = api.call(&rpc::expire(&alice, &[hash], sooner, ExpiryMode::Shorten)).await;
    assert_eq!(own(&body, &api)["updated"], json!([hash.as_str()]));
    assert_eq!(own(&body, &api)["expiry"], sooner);
    let (_, body) = api.call(&rpc::expire(&alice, &[hash], now + DAY, ExpiryMode::Shorten)).await;
    assert_eq!(own(&body, &api)["unchanged"], json!({hash.as_str(): sooner}));
    let (_, body) = api.call(&rpc::expire(&alice, &[hash], sooner + 1000, ExpiryMode::Extend)).await;
    assert_eq!(own(&body, &api)["unchanged"], json!({hash.as_str(): sooner}));
    let (_, body) = api.call(&rpc::expire(&alice, &[hash], now + 90 * DAY, ExpiryMode::Extend)).await;
    let capped = own(&body, &api)["expiry"].as_u64().unwrap();
    assert!((now + 30 * DAY..now + 30 * DAY + 60_000).contains(&capped));
    let (_, body) = api.call(&rpc::get_expiries(&alice, &[hash], api.now())).await;
    assert_eq!(body, json!({"expiries": {hash.as_str(): capped}}));
    let past = rpc::expire(&alice, &[hash], now - DAY, ExpiryMode::Set);
    assert_eq!(api.call(&past).await, (401, json!("expire: timestamp should be >= current time")));
    let past = rpc::expire_all(&alice, Scope::All, now - DAY);
    assert_eq!(api.call(&past).await, (406, json!("expire_all timestamp should be >= current time")));
    let (_, body) = api.call(&rpc::expire_all(&alice, Scope::One(Namespace::MESSAGES), now + DAY)).await;
    assert_eq!(own(&body, &api)["updated"], json!([hash.as_str()]));
}

#[tokio::test]
async fn batch_goes_on_and_sequence_stops() {
    let api = Api::new();
    let alice = account(1);
    let bad = rpc::store(&alice.id(), b"x", DAY, api.now(), Namespace(33));
    let entries = vec![rpc::info(), bad, rpc::get_swarm(&alice.id())];
    let (status, body) = api.call(&rpc::batch(entries.clone())).await;
    let codes =
        |body: &Value| body["results"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect::<Vec<_>>();
    assert_eq!((status, codes(&body)), (200, vec![json!(200), json!(401), json!(200)]));
    assert_eq!(body["results"][1]["body"], "store: signature required to store to namespace 33");
    assert!(body.get("t").is_none());
    let (status, body) = api.call(&rpc::sequence(entries)).await;
    assert_eq!((status, codes(&body)), (200, vec![json!(200), json!(401)]));
    let nested = rpc::batch(vec![rpc::batch(vec![rpc::info()])]);
    assert_eq!(api.call(&nested).await.0, 400);
    assert_eq!(api.call(&rpc::batch(vec![rpc::info(); 21])).await.0, 400);
    assert_eq!(api.call(&rpc::batch(vec![])).await.0, 400);
}

#[tokio::test]
async fn node_list_is_told_with_the_fields_asked_for() {
    let api = Api::new();
    let request = json!({"method": "oxend_request", "params": {"endpoint": "get_service_nodes",
        "params": {"fields": {"public_ip": true, "storage_port": true, "swarm": true, "height": false}}}});
    let (_, body) = api.call(&request).await;
    let expected = json!([{"public_ip": "127.0.0.1", "storage_port": 1, "swarm": "0"}]);
    assert_eq!(body["result"]["service_node_states"], expected);
    assert_eq!(body["result"]["status"], "OK");
    let (status, body) = api.call(&json!({"method": "active_nodes_bin", "params": {}})).await;
    assert_eq!((status, body.as_str().is_some()), (200, true));
}
