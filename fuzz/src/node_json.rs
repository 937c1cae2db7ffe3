//! Storage requests in JSON: an answer whatever comes, and the same request bencoded is read the same way.

use serde_json::Value;
use zwiebel_node::rpc::call::Format;
use zwiebel_node::rpc::{Body, answer, bencoded, parse};

use crate::node_support::ask;

/// One run.
pub fn run(bytes: &[u8]) {
    if parse::format_of(bytes) == Format::Bencode {
        return;
    }
    let said = ask(async |node| answer(node, bytes).await);
    match parse::body(bytes) {
        Ok(request) => assert!(!request.method.is_empty()),
        Err(refused) => assert_eq!((refused.status, &refused.body), (400, &said.body)),
    }
    if let Body::Json(body) = said.body {
        let coded = bencoded::answer(body);
        assert!(bencoded::request(&coded).is_some_and(|read| matches!(read, Value::Object(_))));
    }
}
