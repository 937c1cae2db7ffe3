//! The way to the authority: our HTTP client, with the system's authorities for its own certificate.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::Response;
use bytes::Bytes;
use instant_acme::BodyWrapper;
use instant_acme::BytesResponse;
use instant_acme::Error;
use instant_acme::HttpClient;

use crate::peer::read_limited;
use crate::tls::TlsError;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Largest request, and largest answer: a chain of certificates.
const LARGEST: usize = 1024 * 1024;

pub(super) struct Client(reqwest::Client);

impl Client {
    pub(super) fn new() -> Result<Self, TlsError> {
        // Fails only if a provider is installed already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let redirect = reqwest::redirect::Policy::none();
        Ok(Self(reqwest::Client::builder().no_proxy().redirect(redirect).timeout(TIMEOUT).build()?))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let http = self.0.clone();
        Box::pin(async move { exchange(http, request).await.map_err(Error::Other) })
    }
}

async fn exchange(
    http: reqwest::Client,
    request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Box<dyn std::error::Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(Body::new(body), LARGEST).await?;
    let request = reqwest::Request::try_from(Request::from_parts(parts, body))?;
    let answer = http.execute(request).await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.extend(answer.headers().clone());
    }
    let body = read_limited(answer, LARGEST).await?;
    Ok(BytesResponse::from(response.body(Body::from(body))?))
}
