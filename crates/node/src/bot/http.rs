//! The bot's way to its gateway: the few requests a client makes, nothing else.

use std::time::Duration;

use zwiebel_engine::effect::{HttpRequest, HttpTarget};
use zwiebel_engine::input::HttpOutcome;

/// The longest answer that is read, in bytes (the limit of service-nodes 2).
const MAX_ANSWER: usize = 10 * 1024 * 1024;
/// The header in which a gateway marks its own errors (service-nodes 9.3).
const GATEWAY_ERROR: &str = "x-gateway-error";
/// The header in which a gateway says how long an answer is without its padding (docs/gateway.md).
const GATEWAY_LENGTH: &str = "x-gateway-length";

/// A client of one gateway. Cheap to clone.
#[derive(Clone)]
pub(super) struct Gateway {
    client: reqwest::Client,
    /// `http://host:port`, without a slash at the end.
    base: String,
}

impl Gateway {
    pub(super) fn new(base: &str) -> Result<Self, reqwest::Error> {
        // Fails only if a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned() })
    }

    /// Makes the request; every failure is an outcome.
    pub(super) async fn send(self, request: HttpRequest) -> HttpOutcome {
        let limit = Duration::from_millis(u64::from(request.timeout_ms));
        tokio::time::timeout(limit, self.exchange(request)).await.unwrap_or(HttpOutcome::TimedOut)
    }

    async fn exchange(self, request: HttpRequest) -> HttpOutcome {
        let base = request.origin.as_ref().unwrap_or(&self.base);
        let builder = match request.target {
            HttpTarget::Nodes => self.client.get(format!("{base}/gw/v1/nodes")),
            HttpTarget::Onion(guard) => {
                self.client.post(format!("{base}/gw/v1/onion/{}", hex::encode(guard.0))).body(request.body)
            }
            HttpTarget::Direct(_) => self.client.post(format!("{base}/onion_req/v2")).body(request.body),
        };
        let Ok(mut response) = builder.send().await else { return HttpOutcome::Unreachable };
        let status = response.status().as_u16();
        let gateway_error =
            response.headers().get(GATEWAY_ERROR).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let length = response.headers().get(GATEWAY_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER => body.extend_from_slice(&chunk),
                Ok(None) => {
                    body.truncate(length.unwrap_or(usize::MAX));
                    return HttpOutcome::Response { status, body, gateway_error };
                }
                Ok(Some(_)) | Err(_) => return HttpOutcome::Unreachable,
            }
        }
    }
}
