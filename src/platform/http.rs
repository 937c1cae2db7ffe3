//! Requests to gateways, by default the one of our own origin, and to nodes that take packets from pages (service-nodes 9.2):
//! the three addresses are built here. The page's policy allows no others.

use std::rc::Rc;

use futures_util::future::Either;
use futures_util::future::select;
use js_sys::Promise;
use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;
use web_sys::Request;
use web_sys::RequestCache;
use web_sys::RequestCredentials;
use web_sys::RequestInit;
use web_sys::RequestRedirect;
use web_sys::Response;
use zwiebel_engine::effect::HttpRequest;
use zwiebel_engine::effect::HttpTarget;
use zwiebel_engine::input::HttpOutcome;

use super::clock;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = fetch)]
    fn fetch(request: &Request) -> Promise;
}

/// Larger answers are not read: no answer of a node comes near it.
const MAX_BODY: usize = 16 << 20;

/// Stops a running request; dropping it does not.
#[derive(Clone)]
pub struct Abort {
    controller: Rc<AbortController>,
}

impl Abort {
    /// Makes a handle for one request. `None`: the browser lacks `AbortController`.
    #[must_use]
    pub fn new() -> Option<Self> {
        Some(Self { controller: Rc::new(AbortController::new().ok()?) })
    }

    /// Stops the request.
    pub fn abort(&self) {
        self.controller.abort();
    }
}

/// Makes the request and tells how it ended. An aborted one counts as unreachable.
pub async fn send(request: HttpRequest, abort: Abort) -> HttpOutcome {
    let answer = std::pin::pin!(exchange(&request, &abort));
    match select(answer, std::pin::pin!(clock::sleep(request.timeout_ms))).await {
        Either::Left((Ok(outcome), _)) => outcome,
        Either::Left((Err(_), _)) => HttpOutcome::Unreachable,
        Either::Right(((), _)) => {
            abort.abort();
            HttpOutcome::TimedOut
        }
    }
}

async fn exchange(request: &HttpRequest, abort: &Abort) -> Result<HttpOutcome, JsValue> {
    let init = RequestInit::new();
    init.set_signal(Some(&abort.controller.signal()));
    init.set_cache(RequestCache::NoStore);
    init.set_credentials(RequestCredentials::Omit);
    init.set_redirect(RequestRedirect::Error);
    let path = match &request.target {
        HttpTarget::Nodes => "/gw/v1/nodes".to_owned(),
        HttpTarget::Onion(guard) => format!("/gw/v1/onion/{}", hex(&guard.0)),
        HttpTarget::Direct(_) => "/onion_req/v2".to_owned(),
    };
    if request.target == HttpTarget::Nodes {
        init.set_method("GET");
    } else {
        init.set_method("POST");
        init.set_body(&Uint8Array::from(request.body.as_slice()));
    }
    let address = format!("{}{path}", request.origin.as_deref().unwrap_or_default());
    let request = Request::new_with_str_and_init(&address, &init)?;
    let response: Response = JsFuture::from(fetch(&request)).await?.dyn_into()?;
    let gateway_error = response.headers().get("X-Gateway-Error")?;
    let unpadded = response.headers().get("X-Gateway-Length")?.and_then(|length| length.parse().ok());
    let body = Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?);
    if usize::try_from(body.length()).unwrap_or(usize::MAX) > MAX_BODY {
        return Ok(HttpOutcome::Unreachable);
    }
    let mut body = body.to_vec();
    body.truncate(unpadded.unwrap_or(usize::MAX));
    Ok(HttpOutcome::Response { status: response.status(), body, gateway_error })
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
