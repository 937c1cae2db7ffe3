//! The shared vectors: signatures of clients are accepted, and the node's own confirmations come out byte for byte.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tower::ServiceExt;
use zwiebel_node::http;
use zwiebel_node::node::Node;

use crate::support::lone_node_of;

const STORAGE: &str = include_str!("../../../../vectors/storage.json");
const ONION: &str = include_str!("../../../../vectors/onion.json");
const NOW: i64 = 1_700_000_000_000;

struct Rig {
    node: Arc<Node>,
    storage: Value,
    _folder: TempDir,
}

impl Rig {
    /// The node of the vectors at the time of the vectors.
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let onion: Value = serde_json::from_str(ONION).unwrap();
        let seed = onion["nodes"]["dest"]["ed25519_seed_hex"].as_str().unwrap();
        let node = lone_node_of(folder.path(), zwiebel_node::encoding::array_from_hex(seed).unwrap());
        node.clock.advance(NOW - node.clock.now());
        Self { node, storage: serde_json::from_str(STORAGE).unwrap(), _folder: folder }
    }

    fn hash(&self, index: usize) -> Value {
        self.storage["rpc_signatures"]["hashes"][index].clone()
    }

    /// A call with the signature of this case; its answer for the node itself.
    async fn signed(&self, method: &str, case: &str, mut params: Value) -> Value {
        params["signature"] = self.signature(method, case);
        params["pubkey_ed25519"] = self.storage["rpc_signatures"]["account"]["ed25519_pk_hex"].clone();
        self.call(method, params).await
    }

    /// The same for the group.
    async fn signed_by_group(&self, method: &str, case: &str, mut params: Value) -> Value {
        params["signature"] = self.signature(method, case);
        params["pubkey"] = self.storage["rpc_signatures"]["group"]["id"].clone();
        self.call(method, params).await
    }

    fn signature(&self, method: &str, case: &str) -> Value {
        let cases = self.storage["rpc_signatures"]["cases"].as_array().unwrap();
        let found = cases.iter().find(|one| one["method"] == method && one["case"].as_str().unwrap().starts_with(case));
        found.unwrap()["signature_b64"].clone()
    }

    async fn call(&self, method: &str, mut params: Value) -> Value {
        if params.get("pubkey").is_none() {
            params["pubkey"] = self.storage["rpc_signatures"]["account"]["session_id"].clone();
        }
        let body = json!({"method": method, "params": params}).to_string();
        let request = Request::post("/storage_rpc/v1").body(Body::from(body)).unwrap();
        let answer = http::router(Arc::clone(&self.node)).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert_eq!(status, 200, "{method}: {}", String::from_utf8_lossy(&body));
        let body: Value = serde_json::from_slice(&body).unwrap();
        body.get("swarm").map_or(body.clone(), |swarm| swarm[hex::encode(self.node.ed25519().0)].clone())
    }

    /// The first message of the vectors.
    async fn first(&self) -> Value {
        self.call("store", json!({"data": "YWJjIDEyMw==", "timestamp": NOW, "ttl": 864_000_000})).await
    }

    /// The second one, in namespace 2.
    async fn second(&self) {
        let params = json!({"data": "YWJjIDEyMw==", "timestamp": NOW, "expiry": 1_700_086_400_000_i64, "namespace": 2});
        assert_eq!(self.signed("store", "namespace 2", params).await["hash"], self.hash(1));
    }

    fn confirmed(&self, own: &Value, method: &str, case: &str) {
        let cases = self.storage["node_confirmations"]["cases"].as_array().unwrap();
        let found = cases.iter().find(|one| one["method"] == method && one["case"].as_str().unwrap().starts_with(case));
        assert_eq!(own["signature"], found.unwrap()["signature_b64"], "{method} {case}: {own}");
    }
}

#[tokio::test]
async fn store_and_retrieve_follow_the_vectors() {
    let rig = Rig::new();
    let own = rig.first().await;
    assert_eq!(own["hash"], rig.hash(0));
    rig.confirmed(&own, "store", "hash text");
    rig.second().await;
    let all = rig.signed("retrieve", "namespace 0", json!({"timestamp": NOW})).await;
    assert_eq!(all["messages"][0]["hash"], rig.hash(0));
    let none = rig.signed("retrieve", "namespace 5", json!({"timestamp": NOW, "namespace": 5})).await;
    assert_eq!(none["messages"], json!([]));
    let known = rig.signed("get_expiries", "two", json!({"timestamp": NOW, "messages": [rig.hash(0), rig.hash(1)]}));
    assert_eq!(known.await["expiries"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn deletions_follow_the_vectors() {
    let rig = Rig::new();
    rig.first().await;
    let own = rig.signed("delete", "two hashes", json!({"messages": [rig.hash(0), rig.hash(1)]})).await;
    rig.confirmed(&own, "delete", "requested two");
    rig.first().await;
    rig.second().await;
    let own = rig.signed("delete_all", "namespace \"all\"", json!({"timestamp": NOW, "namespace": "all"})).await;
    rig.confirmed(&own, "delete_all", "both");
    rig.first().await;
    let own = rig.signed("delete_before", "namespace 0", json!({"before": NOW})).await;
    rig.confirmed(&own, "delete_before", "one");
}

#[tokio::test]
async fn expiries_follow_the_vectors() {
    let (day, two_days) = (1_700_086_400_000_i64, 1_700_172_800_000_i64);
    let rig = Rig::new();
    rig.first().await;
    let own = rig.signed("expire_all", "namespace 0", json!({"expiry": day})).await;
    rig.confirmed(&own, "expire_all", "one");
    let both = json!([rig.hash(0), rig.hash(1)]);
    let own = rig.signed("expire", "plain", json!({"expiry": day, "messages": both})).await;
    rig.confirmed(&own, "expire", "two requested, one updated");

    let rig = Rig::new();
    rig.first().await;
    rig.second().await;
    let own = rig.signed("expire", "shorten", json!({"expiry": day, "messages": both, "shorten": true})).await;
    rig.confirmed(&own, "expire", "shorten: one updated");

    // Both of a short life, so that both are raised.
    let rig = Rig::new();
    rig.call("store", json!({"data": "YWJjIDEyMw==", "timestamp": NOW, "ttl": 3_600_000})).await;
    let short = json!({"data": "YWJjIDEyMw==", "timestamp": NOW, "ttl": 3_600_000, "namespace": 2});
    rig.signed("store", "namespace 2", short).await;
    let raised = json!({"expiry": [day, two_days], "messages": both, "extend": true});
    let own = rig.signed("expire", "extend, two", raised).await;
    rig.confirmed(&own, "expire", "two expiries");
}

#[tokio::test]
async fn revocations_follow_the_vectors() {
    let rig = Rig::new();
    let token = rig.storage["rpc_signatures"]["subaccount"]["token_b64"].clone();
    let own = rig.signed_by_group("revoke_subaccount", "one token", json!({"timestamp": NOW, "revoke": [token]})).await;
    rig.confirmed(&own, "revoke_subaccount", "one token");
    let told = rig.signed_by_group("revoked_subaccounts", "", json!({"timestamp": NOW})).await;
    assert_eq!(told["revoked_subaccounts"], json!([token]));
    let own =
        rig.signed_by_group("unrevoke_subaccount", "one token", json!({"timestamp": NOW, "unrevoke": token})).await;
    assert_eq!(own["count"], 1);
}
