//! Retrieves that wait (docs/waiting-retrieve.md).

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use zwiebel_node::node::Node;
use zwiebel_node::rpc::Body;
use zwiebel_node::rpc::answer;
use zwiebel_proto::account::Account;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::storage_rpc as rpc;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::MessageHash;
use zwiebel_proto::storage_rpc::Namespace;

use crate::support::Net;
use crate::support::account;
use crate::support::lone_node;
use crate::support::until;

const DAY: u64 = 86_400_000;
const LONG: u32 = 20_000;

fn now(node: &Node) -> u64 {
    u64::try_from(node.clock.now()).unwrap()
}

async fn call(node: &Arc<Node>, request: Value) -> Value {
    let answer = answer(node, request.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let Body::Json(body) = answer.body else { panic!("no JSON") };
    body
}

fn waiting(node: &Node, owner: &Account, namespace: i16, after: Option<&str>, wait_ms: u32) -> Value {
    let after = after.map(|hash| MessageHash::parse(hash).unwrap());
    rpc::waiting(rpc::retrieve(owner, Namespace(namespace), after.as_ref(), MaxSize::Default, now(node)), wait_ms)
}

async fn put(node: &Arc<Node>, owner: &Account, namespace: i16, data: &[u8]) -> String {
    let store = rpc::store_signed(owner, data, DAY, now(node), Namespace(namespace));
    call(node, store).await["hash"].as_str().unwrap().to_owned()
}

/// Starts a request and waits until it waits.
async fn held(node: &Arc<Node>, request: Value) -> tokio::task::JoinHandle<Value> {
    let before = node.waits.len();
    let task = tokio::spawn({
        let node = Arc::clone(node);
        async move { call(&node, request).await }
    });
    until("the request waits", async || node.waits.len() > before).await;
    task
}

#[tokio::test]
async fn retrieve_is_answered_when_a_message_comes() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let alice = account(1);
    let first = put(&node, &alice, 0, b"there already").await;
    let body = call(&node, waiting(&node, &alice, 0, None, LONG)).await;
    assert_eq!(body["messages"][0]["hash"], first, "what is there is not waited for");

    let held = held(&node, waiting(&node, &alice, 0, Some(&first), LONG)).await;
    put(&node, &alice, 2, b"elsewhere").await;
    put(&node, &account(2), 0, b"of somebody else").await;
    call(&node, rpc::store(&alice.id(), b"there already", 2 * DAY, now(&node), Namespace::MESSAGES)).await;
    assert!(!held.is_finished() && node.waits.len() == 1);
    let second = put(&node, &alice, 0, b"new").await;
    assert_eq!(held.await.unwrap()["messages"][0]["hash"], second);
    assert!(node.waits.is_empty());
}

#[tokio::test]
async fn batch_waits_for_any_of_its_places() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let alice = account(1);
    let parts = [0, 2, 3].map(|namespace| waiting(&node, &alice, namespace, None, LONG));
    let batch = rpc::batch(parts.into_iter().chain([rpc::info()]).collect());
    let held = held(&node, batch).await;
    assert_eq!(node.waits.len(), 1, "one wait for one account");
    let hash = put(&node, &alice, 2, b"profile").await;
    let body = held.await.unwrap();
    let results: Vec<_> = body["results"].as_array().unwrap().iter().map(|r| r["body"]["messages"].clone()).collect();
    assert_eq!((&results[0], &results[2], &results[3]), (&json!([]), &json!([]), &Value::Null));
    assert_eq!(results[1][0]["hash"], hash);
}

#[tokio::test]
async fn wait_ends_after_its_time_with_the_time_of_the_answer() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let (start, at) = (Instant::now(), now(&node));
    let body = call(&node, waiting(&node, &account(1), 0, None, 60)).await;
    assert!(start.elapsed() >= Duration::from_millis(60) && start.elapsed() < Duration::from_secs(10));
    assert_eq!((&body["messages"], &body["more"]), (&json!([]), &json!(false)));
    assert!(body["t"].as_u64().unwrap() >= at + 60);
}

#[tokio::test]
async fn third_wait_of_an_account_ends_the_oldest() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let alice = account(1);
    let first = held(&node, waiting(&node, &alice, 0, None, LONG)).await;
    let second = held(&node, waiting(&node, &alice, 0, None, LONG)).await;
    let other = held(&node, waiting(&node, &account(2), 0, None, LONG)).await;
    let third = tokio::spawn({
        let (node, request) = (Arc::clone(&node), waiting(&node, &alice, 0, None, LONG));
        async move { call(&node, request).await }
    });
    assert_eq!(first.await.unwrap()["messages"], json!([]));
    assert_eq!(node.waits.len(), 3);
    let hash = put(&node, &alice, 0, b"for both").await;
    for held in [second, third] {
        assert_eq!(held.await.unwrap()["messages"][0]["hash"], hash);
    }
    assert!(!other.is_finished());
    other.abort();
    until("the aborted wait is gone", async || node.waits.is_empty()).await;
}

#[tokio::test]
async fn strangers_failures_and_other_calls_do_not_wait() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let alice = account(1);
    let unsigned = json!({"method": "retrieve", "params": {
        "pubkey": alice.id().to_string(), "namespace": -1, "wait_ms": LONG}});
    assert_eq!(call(&node, unsigned).await["messages"], json!([]));
    let mut forged = waiting(&node, &account(2), 0, None, LONG);
    forged["params"]["pubkey"] = alice.id().to_string().into();
    assert_eq!(answer(&node, forged.to_string().as_bytes()).await.status, 401);
    let good = waiting(&node, &alice, 0, None, LONG);
    let body = call(&node, rpc::batch(vec![good.clone(), forged])).await;
    assert_eq!((&body["results"][0]["code"], &body["results"][1]["code"]), (&json!(200), &json!(401)));
    let body = call(&node, rpc::sequence(vec![good.clone(), rpc::info()])).await;
    assert_eq!(body["results"][1]["code"], 200);
    let mut wrong = good;
    wrong["params"]["wait_ms"] = json!(-1);
    let refused = answer(&node, wrong.to_string().as_bytes()).await;
    assert_eq!(refused.body, Body::Text("invalid request: Invalid value given for 'wait_ms'".to_owned()));
}

#[tokio::test]
async fn waits_do_not_keep_others_from_work() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let mut all = Vec::new();
    for n in 0..=zwiebel_node::limits::AT_WORK {
        all.push(held(&node, waiting(&node, &account(u8::try_from(n % 256).unwrap()), 0, None, LONG)).await);
    }
    call(&node, rpc::info()).await;
    all.into_iter().for_each(|task| task.abort());
}

#[tokio::test(flavor = "multi_thread")]
async fn message_reaches_who_waits_at_another_member_behind_three_hops() {
    let net = Net::start().await;
    let alice = account(3);
    let (members, others) = net.swarm_of(&alice);
    let node = Arc::clone(net.network.node(members[1]).unwrap());
    let path = [others[0], others[1], others[2]];
    let request = waiting(&node, &alice, 0, None, LONG);
    let store = async {
        until("the request waits", async || node.waits.len() == 1).await;
        let at = Instant::now();
        let store = rpc::store(&alice.id(), b"now", DAY, net.now(), Namespace::MESSAGES);
        assert_eq!(net.direct(members[0], &store).await.0, 200);
        at
    };
    let (reply, at) = tokio::join!(net.by_onion(path, members[1], &request, Cipher::XChaCha20), store);
    assert!(at.elapsed() < Duration::from_secs(2), "{:?}", at.elapsed());
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["messages"][0]["data"], "bm93");
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_is_gone_when_the_client_at_the_far_end_goes_away() {
    let net = Net::start().await;
    let alice = account(3);
    let (members, others) = net.swarm_of(&alice);
    let node = Arc::clone(net.network.node(members[1]).unwrap());
    let request = waiting(&node, &alice, 0, None, LONG);
    let path = [others[0], others[1], others[2]];
    tokio::select! {
        _ = net.by_onion(path, members[1], &request, Cipher::XChaCha20) => panic!("nothing came"),
        () = until("the request waits", async || node.waits.len() == 1) => {}
    }
    until("the wait is gone", async || node.waits.is_empty()).await;
    net.network.shut_down().await;
}

#[tokio::test]
async fn request_that_waits_is_not_kept_as_it_came() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let bytes: Arc<[u8]> = waiting(&node, &account(1), 0, None, LONG).to_string().into_bytes().into();
    let kept = Arc::downgrade(&bytes);
    let task = tokio::spawn({
        let node = Arc::clone(&node);
        async move { answer(&node, bytes).await }
    });
    until("the request waits", async || !node.waits.is_empty()).await;
    assert_eq!(kept.strong_count(), 0);
    put(&node, &account(1), 0, b"there").await;
    assert_eq!(task.await.unwrap().status, 200);
}
