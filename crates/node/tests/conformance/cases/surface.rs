//! The HTTP surface (service-nodes 2).

use base64ct::Base64;
use base64ct::Encoding;
use serde_json::json;

use crate::client::Client;
use crate::harness::Case;
use crate::harness::case;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("http/ping names the node", |c: Client| async move {
            let node = c.any_node();
            let answer = c.http().post(node.url("/ping_test/v1")).body("anything").send().await.unwrap();
            assert_eq!(answer.status(), 200);
            let key = answer.headers()["x-oxen-snode-pubkey"].to_str().unwrap().to_owned();
            assert_eq!(Base64::decode_vec(&key).unwrap().len(), 32);
            assert!(answer.bytes().await.unwrap().is_empty());
        }),
        case("http/statistics are the version alone", |c: Client| async move {
            let answer = c.http().get(c.any_node().url("/get_stats/v1")).send().await.unwrap();
            let body: serde_json::Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["version"]);
        }),
        case("http/other paths are not found", |c: Client| async move {
            for path in ["/", "/storage_rpc", "/storage_rpc/v2", "/onion_req/v1", "/x"] {
                let reply = c.post(&c.any_node().url(path), Vec::new()).await;
                reply.refused(404, &format!("POST {path} Not Found"));
            }
        }),
        case("http/other methods are not found", |c: Client| async move {
            let answer = c.http().get(c.any_node().url("/storage_rpc/v1")).send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), answer.text().await.unwrap()),
                (404, "GET /storage_rpc/v1 Not Found".to_owned())
            );
        }),
        case("http/no CORS for strangers", |c: Client| async move {
            let url = c.any_node().url("/storage_rpc/v1");
            let answer = c.http().post(url).header("origin", "https://evil.example").body("{}").send().await.unwrap();
            assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
        }),
        case("http/old long polling is gone", |c: Client| async move {
            let url = c.any_node().url("/storage_rpc/v1");
            let answer = c.http().post(url).header("x-loki-long-poll", "1").body("{}").send().await.unwrap();
            assert_eq!(answer.status(), 410);
        }),
        case("http/too large a body", |c: Client| async move {
            for path in ["/storage_rpc/v1", "/onion_req/v2"] {
                let answer = c.http().post(c.any_node().url(path)).body(vec![b' '; 10 * 1024 * 1024 + 1]).send().await;
                // The node may close before it was sent whole.
                assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 413), "{path}");
            }
        }),
        case("http/answers say what they are", |c: Client| async move {
            let url = c.any_node().url("/storage_rpc/v1");
            for (body, kind) in [
                (json!({"method": "info", "params": {}}), "application/json"),
                (json!({"method": "dance", "params": {}}), "text/plain"),
                (json!({"method": "active_nodes_bin", "params": {}}), "application/octet-stream"),
            ] {
                let answer = c.http().post(&url).body(body.to_string()).send().await.unwrap();
                assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind), "{body}");
            }
        }),
    ]
}
