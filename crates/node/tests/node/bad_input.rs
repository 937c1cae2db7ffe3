//! Garbage on every route: an answer, never a panic.

use std::sync::Arc;
use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use zwiebel_node::http;
use zwiebel_node::seed;

use crate::support::lone_node;

struct Rig {
    runtime: Runtime,
    node: Router,
    seed: Router,
    _folder: TempDir,
}

fn rig() -> &'static Rig {
    static RIG: OnceLock<Rig> = OnceLock::new();
    RIG.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let node = lone_node(folder.path());
        let seed = seed::router(seed::Seed::new(node.registry.clone(), node.clock.clone()));
        Rig { runtime: Runtime::new().unwrap(), node: http::router(Arc::clone(&node)), seed, _folder: folder }
    })
}

fn status(router: &Router, path: &str, body: Vec<u8>) -> u16 {
    let request = Request::post(path).body(Body::from(body)).unwrap();
    rig().runtime.block_on(async { router.clone().oneshot(request).await.unwrap().status().as_u16() })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("05b236f632b932488c399915928a55afa094d813d0df708364562ba588d6098d27")),
        Just(json!("A".repeat(43))),
        Just(json!("A".repeat(86))),
        Just(json!(i64::MAX)),
        Just(json!(1_700_000_000_000_i64)),
        Just(json!("all")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::from))
}

fn call() -> impl Strategy<Value = Value> {
    let methods = vec![
        "store",
        "retrieve",
        "delete",
        "delete_all",
        "delete_before",
        "expire",
        "expire_all",
        "get_expiries",
        "get_swarm",
        "batch",
        "sequence",
        "oxend_request",
    ];
    let names = vec![
        "pubkey",
        "pubKey",
        "data",
        "timestamp",
        "ttl",
        "expiry",
        "namespace",
        "signature",
        "pubkey_ed25519",
        "sig_timestamp",
        "subaccount",
        "subaccount_sig",
        "last_hash",
        "max_size",
        "max_count",
        "messages",
        "required",
        "shorten",
        "extend",
        "before",
        "requests",
        "endpoint",
        "params",
    ];
    let account = json!("05b236f632b932488c399915928a55afa094d813d0df708364562ba588d6098d27");
    let params = prop::collection::hash_map(prop::sample::select(names), value(), 0..10);
    (prop::sample::select(methods), params, any::<bool>()).prop_map(move |(method, params, with_account)| {
        let mut params: serde_json::Map<String, Value> =
            params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if with_account {
            params.insert("pubkey".to_owned(), account.clone());
        }
        json!({"method": method, "params": params})
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn garbage_bytes_get_an_answer(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let rig = rig();
        prop_assert_eq!(status(&rig.node, "/storage_rpc/v1", body.clone()), 400);
        prop_assert_eq!(status(&rig.node, "/onion_req/v2", body.clone()), 400);
        prop_assert_eq!(status(&rig.node, "/sn/v1", body.clone()), 403);
        prop_assert_eq!(status(&rig.seed, "/json_rpc", body), 200);
    }

    #[test]
    fn calls_with_odd_parameters_get_an_answer(call in call()) {
        let status = status(&rig().node, "/storage_rpc/v1", call.to_string().into_bytes());
        prop_assert!([200, 400, 401, 403, 404, 406].contains(&status), "{} for {}", status, call);
    }

    #[test]
    fn seed_answers_odd_parameters(params in value()) {
        let body = json!({"method": "get_service_nodes", "params": params}).to_string().into_bytes();
        prop_assert_eq!(status(&rig().seed, "/json_rpc", body), 200);
    }
}
