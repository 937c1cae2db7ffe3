//! Storage requests in bencode: an answer whatever comes, itself bencoded if it is no plain text.

use zwiebel_node::rpc::{Body, answer, bencoded};

use crate::node_support::ask;

/// One run.
pub fn run(bytes: &[u8]) {
    // What does not begin so is JSON.
    let whole = [b"d", bytes].concat();
    let said = ask(async |node| answer(node, &whole).await);
    match said.body {
        Body::Json(_) => panic!("JSON for bencode"),
        Body::Text(_) => assert!(said.status >= 400),
        Body::Bytes(body) => assert!(said.status == 200 && body.len() % 51 == 0 || bencoded::request(&body).is_some()),
    }
}
