//! A small stand-in for a certificate authority: as much of RFC 8555 as it takes to issue certificates to whoever answers on
//! loopback. It looks at us over TLS or HTTP as the real ones do, only not on ports 443 and 80.

use std::collections::HashMap;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;
use axum::routing::post;
use base64ct::Base64UrlUnpadded;
use base64ct::Encoding;
use rcgen::CertificateParams;
use rcgen::CertifiedIssuer;
use rcgen::IsCa;
use rcgen::KeyPair;
use rcgen::PublicKeyData;
use rcgen::SignatureAlgorithm;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use serde_json::Value;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use zwiebel_crypto::hash::sha256;
use zwiebel_node::clock::Clock;

use crate::trusting;

/// The extension of RFC 8737 with its digest, as bytes of a certificate.
const ACME_IDENTIFIER: &[u8] = &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f];

pub(crate) struct Authority {
    pub(crate) url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

struct Shared {
    url: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
    state: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    nonces: HashSet<String>,
    accounts: HashMap<String, String>,
    orders: Vec<Order>,
    targets: Targets,
    /// How old a certificate is when it is issued, of 90 days.
    age_days: u64,
}

/// Where it looks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Targets {
    pub(crate) tls: Option<SocketAddr>,
    pub(crate) http: Option<SocketAddr>,
}

struct Order {
    names: Vec<String>,
    thumbprint: String,
    /// For every name: not looked yet, or what came of it.
    seen: Vec<Option<Result<(), String>>>,
    chain: Option<String>,
}

impl Authority {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let shared = Arc::new(Shared { url: url.clone(), issuer, state: Mutex::default() });
        let app = Router::new()
            .route("/directory", get(directory))
            .route("/nonce", get(nonce).head(nonce))
            .route("/{what}", post(answer))
            .route("/{what}/{order}", post(answer_of))
            .route("/{what}/{order}/{name}", post(answer_name))
            .with_state(Arc::clone(&shared));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: format!("{url}/directory"), shared, _server: server }
    }

    pub(crate) fn look_at(&self, targets: Targets) {
        self.shared.state.lock().unwrap().targets = targets;
    }

    pub(crate) fn issue_of_age(&self, days: u64) {
        self.shared.state.lock().unwrap().age_days = days;
    }

    pub(crate) fn accounts(&self) -> usize {
        self.shared.state.lock().unwrap().accounts.len()
    }

    /// What browsers would have in their list.
    pub(crate) fn root(&self) -> CertificateDer<'static> {
        let certificate: &rcgen::Certificate = self.shared.issuer.as_ref();
        certificate.der().clone()
    }
}

async fn directory(State(shared): State<Arc<Shared>>) -> Response {
    let url = &shared.url;
    let body = json!({"newNonce": format!("{url}/nonce"), "newAccount": format!("{url}/account"),
        "newOrder": format!("{url}/order")});
    Json(body).into_response()
}

async fn nonce(State(shared): State<Arc<Shared>>) -> Response {
    shared.with_nonce(StatusCode::OK.into_response())
}

/// What a signed request says: protected header and payload. The signature itself is the library's affair.
struct Call {
    header: Value,
    payload: Value,
}

impl Shared {
    fn with_nonce(&self, mut response: Response) -> Response {
        let nonce = format!("nonce-{:032x}", rand::random::<u128>());
        response.headers_mut().insert("replay-nonce", nonce.parse().unwrap());
        self.state.lock().unwrap().nonces.insert(nonce);
        response
    }

    /// None if its nonce was used before.
    fn read(&self, path: &str, body: &[u8]) -> Option<Call> {
        let body: Value = serde_json::from_slice(body).unwrap();
        let part = |name: &str| Base64UrlUnpadded::decode_vec(body[name].as_str().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&part("protected")).unwrap();
        assert_eq!(header["url"], format!("{}/{path}", self.url), "signed for another address");
        assert!(!body["signature"].as_str().unwrap().is_empty());
        if !self.state.lock().unwrap().nonces.remove(header["nonce"].as_str().unwrap()) {
            return None;
        }
        Some(Call { header, payload: serde_json::from_slice(&part("payload")).unwrap_or(Value::Null) })
    }

    fn order_body(&self, number: usize) -> Value {
        let state = self.state.lock().unwrap();
        let order = &state.orders[number];
        let all = |good: fn(&Option<Result<(), String>>) -> bool| order.seen.iter().all(good);
        let status = if order.chain.is_some() {
            "valid"
        } else if order.seen.iter().any(|seen| matches!(seen, Some(Err(_)))) {
            "invalid"
        } else if all(|seen| matches!(seen, Some(Ok(())))) {
            "ready"
        } else {
            "pending"
        };
        let url = &self.url;
        let authorizations: Vec<String> =
            (0..order.names.len()).map(|name| format!("{url}/authorization/{number}/{name}")).collect();
        let mut body =
            json!({"status": status, "authorizations": authorizations, "finalize": format!("{url}/finalize/{number}")});
        if order.chain.is_some() {
            body["certificate"] = format!("{url}/certificate/{number}").into();
        }
        body
    }

    fn authorization_body(&self, number: usize, name: usize) -> Value {
        let state = self.state.lock().unwrap();
        let order = &state.orders[number];
        let (status, error) = match &order.seen[name] {
            None => ("pending", Value::Null),
            Some(Ok(())) => ("valid", Value::Null),
            Some(Err(why)) => ("invalid", json!({"type": "urn:ietf:params:acme:error:connection", "detail": why})),
        };
        let mut kinds = Vec::new();
        kinds.extend(state.targets.tls.map(|_| "tls-alpn-01"));
        kinds.extend(state.targets.http.map(|_| "http-01"));
        let url = &self.url;
        let challenges = kinds.iter().map(|kind| {
            json!({"type": kind, "url": format!("{url}/{kind}/{number}/{name}"), "token": format!("token-{number}-{name}"),
                "status": status, "error": error})
        });
        json!({"status": status, "identifier": {"type": "dns", "value": order.names[name]},
            "challenges": challenges.collect::<Vec<_>>()})
    }

    fn issue(&self, names: &[String], request: &[u8]) -> String {
        let mut params = CertificateParams::new(names.to_vec()).unwrap();
        let age = Duration::from_secs(self.state.lock().unwrap().age_days * 86_400);
        let now = Duration::from_secs(u64::try_from(Clock::system().now() / 1000).unwrap());
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + (now - age);
        params.not_after = params.not_before + Duration::from_secs(90 * 86_400);
        params.signed_by(&RequestedKey::of(request), &*self.issuer).unwrap().pem()
    }
}

fn used_nonce() -> Response {
    let body = json!({"type": "urn:ietf:params:acme:error:badNonce", "detail": "used already"});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// `POST /account`, `POST /order`.
async fn answer(State(shared): State<Arc<Shared>>, Path(what): Path<String>, body: Bytes) -> Response {
    let Some(call) = shared.read(&what, &body) else { return shared.with_nonce(used_nonce()) };
    let (location, body) = if what == "account" {
        assert_eq!(call.payload["termsOfServiceAgreed"], true);
        let key = &call.header["jwk"];
        let part = |name: &str| key[name].as_str().unwrap().to_owned();
        // RFC 7638: the members in this order, and no spaces.
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, part("x"), part("y"));
        let mut state = shared.state.lock().unwrap();
        let location = format!("{}/account/{}", shared.url, state.accounts.len());
        state.accounts.insert(location.clone(), Base64UrlUnpadded::encode_string(&sha256(text.as_bytes())));
        (location, json!({"status": "valid"}))
    } else {
        let thumbprint = shared.state.lock().unwrap().accounts[call.header["kid"].as_str().unwrap()].clone();
        let names = call.payload["identifiers"].as_array().unwrap();
        let names: Vec<String> = names.iter().map(|name| name["value"].as_str().unwrap().to_owned()).collect();
        let number = {
            let mut state = shared.state.lock().unwrap();
            let seen = names.iter().map(|_| None).collect();
            state.orders.push(Order { names, thumbprint, seen, chain: None });
            state.orders.len() - 1
        };
        (format!("{}/order/{number}", shared.url), shared.order_body(number))
    };
    shared.with_nonce((StatusCode::CREATED, [("location", location)], Json(body)).into_response())
}

/// `POST /order/N`, `POST /finalize/N`, `POST /certificate/N`.
async fn answer_of(
    State(shared): State<Arc<Shared>>,
    Path((what, number)): Path<(String, usize)>,
    body: Bytes,
) -> Response {
    let Some(call) = shared.read(&format!("{what}/{number}"), &body) else {
        return shared.with_nonce(used_nonce());
    };
    let response = match what.as_str() {
        "finalize" => {
            let request = Base64UrlUnpadded::decode_vec(call.payload["csr"].as_str().unwrap()).unwrap();
            let names = shared.state.lock().unwrap().orders[number].names.clone();
            let chain = shared.issue(&names, &request);
            shared.state.lock().unwrap().orders[number].chain = Some(chain);
            Json(shared.order_body(number)).into_response()
        }
        "certificate" => shared.state.lock().unwrap().orders[number].chain.clone().unwrap().into_response(),
        _ => Json(shared.order_body(number)).into_response(),
    };
    shared.with_nonce(response)
}

/// `POST /authorization/N/M`, `POST /tls-alpn-01/N/M`, `POST /http-01/N/M`.
async fn answer_name(
    State(shared): State<Arc<Shared>>,
    Path((what, number, name)): Path<(String, usize, usize)>,
    body: Bytes,
) -> Response {
    if shared.read(&format!("{what}/{number}/{name}"), &body).is_none() {
        return shared.with_nonce(used_nonce());
    }
    if what == "authorization" {
        return shared.with_nonce(Json(shared.authorization_body(number, name)).into_response());
    }
    let token = format!("token-{number}-{name}");
    let (host, proof, targets) = {
        let state = shared.state.lock().unwrap();
        let order = &state.orders[number];
        (order.names[name].clone(), format!("{token}.{}", order.thumbprint), state.targets)
    };
    let seen = if what == "http-01" {
        look_over_http(targets.http.unwrap(), &token, &proof).await
    } else {
        look_over_tls(targets.tls.unwrap(), &host, &proof).await
    };
    shared.state.lock().unwrap().orders[number].seen[name] = Some(seen);
    let body = json!({"type": what, "url": format!("{}/{what}/{number}/{name}", shared.url), "token": token,
        "status": "processing"});
    shared.with_nonce(Json(body).into_response())
}

async fn look_over_http(target: SocketAddr, token: &str, proof: &str) -> Result<(), String> {
    let url = format!("http://{target}/.well-known/acme-challenge/{token}");
    let answer = reqwest::Client::new().get(url).send().await.map_err(|_| "connection refused".to_owned())?;
    let text = answer.text().await.unwrap();
    if text == proof { Ok(()) } else { Err(format!("expected the proof, got {text:?}")) }
}

async fn look_over_tls(target: SocketAddr, host: &str, proof: &str) -> Result<(), String> {
    let mut config = trusting::anybody();
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let tcp = TcpStream::connect(target).await.map_err(|_| "connection refused".to_owned())?;
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connected = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    let stream = connected.map_err(|error| format!("TLS: {error}"))?;
    let connection = stream.get_ref().1;
    let certificate = connection.peer_certificates().unwrap()[0].to_vec();
    let digest = [&[0x04, 0x20][..], &sha256(proof.as_bytes())].concat();
    let holds = |needle: &[u8]| certificate.windows(needle.len()).any(|window| window == needle);
    let good = connection.alpn_protocol() == Some(b"acme-tls/1") && holds(ACME_IDENTIFIER) && holds(&digest);
    if good { Ok(()) } else { Err("the certificate shown holds no proof".to_owned()) }
}

/// The public key in a certificate request, P-256 as rcgen makes them.
struct RequestedKey(Vec<u8>);

impl RequestedKey {
    /// A P-256 key is 65 bytes in a bit string without unused bits.
    fn of(request: &[u8]) -> Self {
        let start = [0x03, 0x42, 0x00, 0x04];
        let at = request.windows(start.len()).position(|window| window == start).unwrap() + 3;
        Self(request[at..at + 65].to_vec())
    }
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}
