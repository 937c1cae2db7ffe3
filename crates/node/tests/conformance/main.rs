//! What every node of a network must do (service-nodes 2 to 4), asked from outside: over HTTPS and through three hops.
//!
//! Without more it starts a network on loopback. `ZWIEBEL_CONFORMANCE_SEED=http://host:port` asks another one (its seed's JSON-RPC
//! must answer there), `ZWIEBEL_CONFORMANCE_CASE=text` runs only cases with this text in their name. Every case stands for one
//! rule and is named after it; it makes accounts of its own, so that all may run at once and against a network in use.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

mod cases;
mod client;
mod harness;
mod signer;

use crate::client::Network;
use crate::client::Way;
use crate::harness::run;

#[tokio::test(flavor = "multi_thread")]
async fn over_https() {
    let network = Network::find().await;
    run(&network, Way::Direct, cases::storage()).await;
    run(&network, Way::Direct, cases::surface()).await;
    network.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_three_hops() {
    let network = Network::find().await;
    run(&network, Way::Onion, cases::storage()).await;
    run(&network, Way::Onion, cases::onions()).await;
    network.close().await;
}

#[test]
fn there_are_many_rules_and_each_has_a_name_of_its_own() {
    let cases = [cases::storage(), cases::surface(), cases::onions()].concat();
    let names: std::collections::BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len());
    assert!(cases.len() >= 200, "{} cases", cases.len());
}
