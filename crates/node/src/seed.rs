//! The seed: where real clients learn the first list of nodes (service-nodes 1.4), plain HTTP `POST /json_rpc`.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;

use crate::clock::Clock;
use crate::registry::Registry;

/// The routes of the seed.
pub fn router(registry: Registry, clock: Clock) -> Router {
    Router::new().route("/json_rpc", post(json_rpc)).with_state((registry, clock))
}

async fn json_rpc(State((registry, clock)): State<(Registry, Clock)>, body: axum::body::Bytes) -> Json<Value> {
    let error = |id: &Value, code: i32, text: &str| {
        Json(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": text } }))
    };
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return error(&Value::Null, -32700, "Parse error");
    };
    let id = request.get("id").cloned().unwrap_or(json!("0"));
    match request.get("method").and_then(Value::as_str) {
        Some("get_n_service_nodes" | "get_service_nodes" | "get_all_service_nodes") => {
            let params = request.get("params").unwrap_or(&Value::Null);
            let result = registry.list().service_nodes(params, clock.now());
            Json(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
        }
        _ => error(&id, -32601, "Method not found"),
    }
}
