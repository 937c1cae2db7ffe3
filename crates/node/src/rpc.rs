//! The storage RPC of a node (service-nodes 2 and 3): parse everything first, then run it.
//!
//! [`parse`] knows formats and their exact error texts; [`run`] knows the order of checks; `wait` holds retrieves back until
//! there is something to retrieve. Transport is elsewhere.

pub mod auth;
pub mod bencoded;
pub mod call;
pub mod ifelse;
pub mod params;
pub mod parse;
pub mod read;
pub mod revoke;
pub mod run;
mod wait;
pub mod write;

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::SemaphorePermit;

use self::call::Format;
use self::call::Request;
use crate::node::Node;

/// Answers a client's request in the format it came in, or says that there is too much to do.
pub async fn answer(node: &Arc<Node>, body: impl AsRef<[u8]> + Send) -> Answer {
    let Ok(slot) = node.slots.try_acquire() else { return Answer::error(503, "Server busy, try again later") };
    let (format, read) = (parse::format_of(body.as_ref()), parse::body(body.as_ref()));
    // A retrieve may wait: its bytes are not kept meanwhile.
    drop(body);
    let answer = match read {
        Ok(request) => at_work(node, request, slot).await,
        Err(answer) => answer,
    };
    match (format, answer) {
        (Format::Bencode, Answer { status, body: Body::Json(body) }) => {
            Answer { status, body: Body::Bytes(bencoded::answer(body)) }
        }
        (_, answer) => answer,
    }
}

async fn at_work(node: &Arc<Node>, request: Request, slot: SemaphorePermit<'_>) -> Answer {
    if wait::may_wait(&request) {
        wait::answer(node, request, slot).await
    } else {
        run::run(node, request, run::Origin::Client).await
    }
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Json(Value),
    Text(String),
    Bytes(Vec<u8>),
}

/// Status and body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Body,
}

impl Answer {
    /// 200 with JSON.
    #[must_use]
    pub const fn ok(body: Value) -> Self {
        Self { status: 200, body: Body::Json(body) }
    }

    /// An error with its plain text.
    #[must_use]
    pub fn error(status: u16, text: impl Into<String>) -> Self {
        Self { status, body: Body::Text(text.into()) }
    }

    /// Whether the status is in 200..=299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// The body as JSON: texts become strings, bytes base64.
    #[must_use]
    pub fn into_json(self) -> Value {
        match self.body {
            Body::Json(value) => value,
            Body::Text(text) => Value::String(text),
            Body::Bytes(bytes) => Value::String(crate::encoding::base64(&bytes)),
        }
    }

    /// The body as bytes for HTTP and its content type.
    #[must_use]
    pub fn into_bytes(self) -> (Vec<u8>, &'static str) {
        match self.body {
            Body::Json(value) => (value.to_string().into_bytes(), "application/json"),
            Body::Text(text) => (text.into_bytes(), "text/plain; charset=utf-8"),
            Body::Bytes(bytes) => (bytes, "application/octet-stream"),
        }
    }
}
