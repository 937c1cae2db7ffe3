//! Payload version 4, for servers behind the onion (service-nodes 4.5): a bencoded list of JSON and body.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use thiserror::Error;

use crate::bencode::Bencode;

/// Where requests go on a server.
pub const TARGET: &str = "/oxen/v4/lsrpc";

/// A request's first element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestInfo {
    /// Path and query.
    pub endpoint: String,
    pub headers: BTreeMap<String, String>,
    pub method: String,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub code: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// Not an answer of version 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the server's answer is malformed")]
pub struct ResponseError;

#[derive(Deserialize)]
struct ResponseInfo {
    code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// The payload for a server. An empty body is still a second element; no body is none.
#[must_use]
pub fn encode_request(info: &RequestInfo, body: Option<&[u8]>) -> Vec<u8> {
    let json = serde_json::to_vec(info).unwrap_or_default(); // strings always serialise
    let body = body.map(|body| Bencode::Bytes(body.to_vec()));
    Bencode::List(std::iter::once(Bencode::Bytes(json)).chain(body).collect()).encode()
}

/// Reads the opened answer of a server.
///
/// # Errors
/// [`ResponseError`].
pub fn decode_response(bytes: &[u8]) -> Result<Response, ResponseError> {
    let Bencode::List(parts) = Bencode::decode(bytes).map_err(|_| ResponseError)? else {
        return Err(ResponseError);
    };
    let mut parts = parts.into_iter();
    let (Some(Bencode::Bytes(info)), body, None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(ResponseError);
    };
    let body = match body {
        None => Vec::new(),
        Some(Bencode::Bytes(body)) => body,
        Some(_) => return Err(ResponseError),
    };
    let info: ResponseInfo = serde_json::from_slice(&info).map_err(|_| ResponseError)?;
    Ok(Response { code: info.code, headers: info.headers, body })
}
