//! The seed: where clients and nodes learn who is there.
//!
//! `POST /json_rpc` answers as the public network's seeds do (service-nodes 1.4, 1.5). With a [`Directory`] it also takes and
//! hands out what is signed: `GET /zw/v1/directory`, `POST /zw/v1/proof` (nodes), `GET /zw/v1/waiting` and
//! `POST /zw/v1/roster` (the operator).
//! It decides nothing: whoever controls it can withhold, but not invent.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use serde_json::Value;
use serde_json::json;
use zwiebel_proto::roster::RosterError;
use zwiebel_proto::roster::SignedDirectory;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::http::read_body;
use crate::rate_limit::Rate;
use crate::rate_limit::RateLimit;
use crate::registry::Registry;
use crate::rpc::Answer;
use crate::rpc::parse;
use crate::serve::ClientIp;

/// Largest request of the JSON-RPC.
const REQUEST: usize = 1024 * 1024;
/// Largest uptime proof with its reports.
const PROOF: usize = 256 * 1024;
/// Largest roster.
const ROSTER: usize = 8 * 1024 * 1024;

/// The state that all requests share.
#[derive(Debug)]
pub struct Seed {
    registry: Registry,
    clock: Clock,
    directory: Option<Arc<Directory>>,
    clients: RateLimit<IpAddr>,
}

impl Seed {
    /// A seed that only lists.
    #[must_use]
    pub fn new(registry: Registry, clock: Clock) -> Self {
        let clients = RateLimit::per_address(Rate { per_second: 5.0, burst: 50.0 });
        Self { registry, clock, directory: None, clients }
    }

    /// A seed of a network with an operator.
    #[must_use]
    pub fn of_directory(directory: &Arc<Directory>, clock: Clock) -> Self {
        Self { directory: Some(Arc::clone(directory)), ..Self::new(directory.registry().clone(), clock) }
    }
}

/// The routes of the seed.
pub fn router(seed: Seed) -> Router {
    let mut router = Router::new().route("/json_rpc", post(json_rpc));
    if seed.directory.is_some() {
        router = router
            .route("/zw/v1/directory", get(directory))
            .route("/zw/v1/waiting", get(waiting))
            .route("/zw/v1/proof", post(proof))
            .route("/zw/v1/roster", post(roster));
    }
    router.with_state(Arc::new(seed))
}

type Caller = Option<Extension<ClientIp>>;

impl Seed {
    /// The body of a request, unless the caller asks too often or says too much.
    async fn read(&self, caller: Caller, headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Answer> {
        self.admit(caller)?;
        read_body(headers, body, limit).await
    }

    fn admit(&self, caller: Caller) -> Result<(), Answer> {
        if caller.is_some_and(|Extension(ClientIp(ip))| !self.clients.allows(ip)) {
            return Err(Answer::error(429, "Too Many Requests\n"));
        }
        Ok(())
    }
}

async fn json_rpc(State(seed): State<Arc<Seed>>, caller: Caller, headers: HeaderMap, body: Body) -> Response {
    let body = match seed.read(caller, &headers, body, REQUEST).await {
        Ok(body) => body,
        Err(refused) => return refused.into_response(),
    };
    let error = |id: &Value, code: i32, text: &str| {
        Json(json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": text } })).into_response()
    };
    let Some(request) = parse::json(&body) else {
        return error(&Value::Null, -32700, "Parse error");
    };
    let id = request.get("id").cloned().unwrap_or(json!("0"));
    match request.get("method").and_then(Value::as_str) {
        Some("get_n_service_nodes" | "get_service_nodes" | "get_all_service_nodes") => {
            let params = request.get("params").unwrap_or(&Value::Null);
            let result = seed.registry.list().service_nodes(params, seed.clock.now());
            Json(json!({ "jsonrpc": "2.0", "id": id, "result": result })).into_response()
        }
        _ => error(&id, -32601, "Method not found"),
    }
}

async fn directory(State(seed): State<Arc<Seed>>, caller: Caller) -> Response {
    handed_out(&seed, caller, Directory::signed)
}

async fn waiting(State(seed): State<Arc<Seed>>, caller: Caller) -> Response {
    handed_out(&seed, caller, Directory::waiting)
}

fn handed_out(seed: &Seed, caller: Caller, what: impl FnOnce(&Directory) -> SignedDirectory) -> Response {
    match (seed.admit(caller), &seed.directory) {
        (Err(refused), _) => refused.into_response(),
        (Ok(()), None) => StatusCode::NOT_FOUND.into_response(),
        (Ok(()), Some(directory)) => Json(what(directory)).into_response(),
    }
}

async fn proof(State(seed): State<Arc<Seed>>, caller: Caller, headers: HeaderMap, body: Body) -> Response {
    taken(
        seed.read(caller, &headers, body, PROOF).await,
        |directory, bytes| {
            let proof = serde_json::from_slice(bytes).map_err(|_| RosterError::Format)?;
            directory.take_proof(proof, seed.clock.now())
        },
        &seed,
    )
}

async fn roster(State(seed): State<Arc<Seed>>, caller: Caller, headers: HeaderMap, body: Body) -> Response {
    taken(
        seed.read(caller, &headers, body, ROSTER).await,
        |directory, bytes| {
            let roster = serde_json::from_slice(bytes).map_err(|_| RosterError::Format)?;
            directory.take_roster(roster, seed.clock.now())
        },
        &seed,
    )
}

/// 200 if it is good, whether or not it is news; 403 with the reason if not.
fn taken(
    body: Result<Bytes, Answer>,
    take: impl FnOnce(&Directory, &[u8]) -> Result<bool, RosterError>,
    seed: &Seed,
) -> Response {
    let (body, directory) = match (body, &seed.directory) {
        (Ok(body), Some(directory)) => (body, directory),
        (Err(refused), _) => return refused.into_response(),
        (_, None) => return StatusCode::NOT_FOUND.into_response(),
    };
    match take(directory, &body) {
        Ok(news) => Json(json!({ "news": news })).into_response(),
        Err(error) => (StatusCode::FORBIDDEN, format!("{error}\n")).into_response(),
    }
}
