//! Headers on everything the gateway sends: the strict Content-Security-Policy and its companions, and leave for the pages
//! of the network's other gateways to use this one.

use std::sync::Arc;

use axum::extract::Request;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::HeaderName;
use axum::http::HeaderValue;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;

use super::Gateway;

/// No inline script or style, no third party, Trusted Types for every sink. Where the page may connect to stands between
/// the two halves.
const POLICY_HEAD: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'";
const POLICY_TAIL: &str = "; manifest-src 'self'; worker-src 'self'; font-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types default";

/// The camera for QR codes; nothing else.
const PERMISSIONS_POLICY: &str = "camera=(self), accelerometer=(), autoplay=(), display-capture=(), \
    encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), hid=(), idle-detection=(), magnetometer=(), \
    microphone=(), midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), serial=(), usb=(), \
    xr-spatial-tracking=()";

/// Adds them.
pub(super) async fn secure(State(gateway): State<Arc<Gateway>>, request: Request, next: Next) -> Response {
    let page = request.headers().get(header::ORIGIN).cloned();
    let is_call = request.uri().path().starts_with("/gw/v1/");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy(&gateway)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if let Some(page) = page.filter(|page| is_call && knows(&gateway, page)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, x-gateway-error, x-gateway-length"),
        );
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// A browser asks before a page of another gateway sends a packet.
pub(super) async fn preflight(State(gateway): State<Arc<Gateway>>, headers: HeaderMap) -> Response {
    if !headers.get(header::ORIGIN).is_some_and(|page| knows(&gateway, page)) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

/// Whether this is the origin of another gateway of the network.
fn knows(gateway: &Gateway, page: &HeaderValue) -> bool {
    gateway.gateways.iter().any(|origin| origin.as_bytes() == page.as_bytes())
}

/// The policy, with the gateways and nodes that this gateway offers. Origins have no character that could end a source.
fn policy(gateway: &Gateway) -> String {
    let mut policy = POLICY_HEAD.to_owned();
    let list = gateway.registry.list();
    let nodes = list.iter().filter_map(|node| gateway.direct_origin(node));
    for origin in gateway.gateways.iter().map(String::as_str).chain(nodes) {
        policy.push(' ');
        policy.push_str(origin);
    }
    policy.push_str(POLICY_TAIL);
    policy
}
