//! What one client, one node or one account can take of a node.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use tempfile::TempDir;
use tower::ServiceExt;
use zwiebel_node::http;
use zwiebel_node::limits;
use zwiebel_node::serve::ClientIp;
use zwiebel_node::store::messages;
use zwiebel_node::store::messages::Message;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::retrieve;
use zwiebel_proto::storage_rpc::store;

use crate::support::account;
use crate::support::lone_node;
use crate::support::owner;

#[tokio::test]
async fn an_account_keeps_so_much_and_no_more() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let now = u64::try_from(node.clock.now()).unwrap();
    let put = async |text: &[u8]| {
        let body = store(&account(1).id(), text, 86_400_000, now, Namespace::MESSAGES).to_string();
        let request = Request::post("/storage_rpc/v1").body(Body::from(body)).unwrap();
        let answer = http::router(node.clone()).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let kept = async || {
        let who = owner(&account(1));
        let sum = "SELECT bytes FROM owners WHERE pubkey = ?1";
        node.store.run(move |db| db.query_row(sum, [who.key], |row| row.get::<_, i64>(0))).await.unwrap_or(0)
    };
    assert_eq!(put(b"first").await.0, 200);
    assert_eq!(kept().await, 5 + limits::MESSAGE_OVERHEAD);
    let nearly = limits::ACCOUNT - limits::MESSAGE_OVERHEAD;
    node.store.run(move |db| db.execute("UPDATE owners SET bytes = ?1", [nearly])).await.unwrap();
    let full = (400, "invalid request: the account keeps as much as it may".to_owned());
    assert_eq!(put(b"second").await, full);
    assert_eq!(put(b"first").await.0, 200, "what is here takes no room");
    // Deleting makes room, and an account without messages is forgotten.
    let who = owner(&account(1));
    let until = messages::Scope::All;
    node.store.run(move |db| messages::delete_until(db, &who, until, i64::MAX)).await.unwrap();
    assert_eq!(kept().await, 0);
    assert_eq!(put(b"second").await.0, 200);
}

#[tokio::test]
async fn a_batch_of_retrieves_gives_no_more_than_one() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let (who, now) = (account(1), node.clock.now());
    let owner = owner(&who);
    node.store
        .run(move |db| {
            (0..110_u8).try_for_each(|n| {
                let (hash, expiry, data) = (format!("{n:043}"), now + 86_400_000, vec![n; 70_000]);
                let message = Message { hash, namespace: 0, timestamp: now, expiry, stored: now, data };
                messages::insert(db, &owner, &message).map(drop)
            })
        })
        .await
        .unwrap();
    let whole = MaxSize::Share(1);
    let one = retrieve(&who, Namespace::MESSAGES, None, whole, u64::try_from(now).unwrap());
    let body = json!({"method": "batch", "params": {"requests": vec![one; 20]}}).to_string();
    let answer = zwiebel_node::rpc::answer(&node, body.as_bytes()).await.into_json();
    assert!(answer.to_string().len() < 8_000_000);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 20);
    for result in results {
        let messages = result["body"]["messages"].as_array().unwrap().len();
        assert_eq!((&result["code"], messages, &result["body"]["more"]), (&json!(200), 4, &json!(true)));
    }
}

#[tokio::test]
async fn each_address_has_its_own_bucket_for_calls_and_for_packets() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let send = async |path: &str, last: u8| {
        let mut request = Request::post(path).body(Body::from("{}")).unwrap();
        request.extensions_mut().insert(ClientIp([198, 51, 100, last].into()));
        http::router(node.clone()).oneshot(request).await.unwrap().status().as_u16()
    };
    let until_refused = async |path: &str| {
        for count in 0..4_000 {
            if send(path, 1).await == 429 {
                return count;
            }
        }
        panic!("{path} has no limit");
    };
    let (calls, packets) = (until_refused("/storage_rpc/v1").await, until_refused("/onion_req/v2").await);
    assert!(calls >= 600 && packets >= 2_000, "{calls} {packets}");
    assert_eq!((send("/storage_rpc/v1", 2).await, send("/onion_req/v2", 2).await), (400, 400));
}

#[tokio::test]
async fn pages_may_use_a_node_only_if_it_lets_them() {
    let ask = async |pages: &[&str], method: &str, origin: &str| {
        let folder = TempDir::new().unwrap();
        let node = lone_node(folder.path());
        let node = std::sync::Arc::into_inner(node).unwrap().for_pages(pages.iter().map(ToString::to_string).collect());
        let request = Request::builder().method(method).uri("/onion_req/v2").header("origin", origin);
        let answer = http::router(node.into()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let allowed =
            answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), allowed)
    };
    let (ours, theirs) = ("https://app.example.org", "https://evil.example.org");
    assert_eq!(ask(&[], "OPTIONS", ours).await, (404, None), "as a node of the public network");
    assert_eq!(ask(&[ours], "OPTIONS", ours).await, (204, Some(ours.to_owned())));
    assert_eq!(ask(&[ours], "POST", ours).await, (400, Some(ours.to_owned())));
    assert_eq!(ask(&[ours], "POST", theirs).await, (400, None));
    assert_eq!(ask(&["*"], "POST", theirs).await, (400, Some(theirs.to_owned())));
}

#[tokio::test]
async fn metrics_count_and_name_nobody() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let body = json!({"method": "info", "params": {}}).to_string();
    let request = Request::post("/storage_rpc/v1").body(Body::from(body)).unwrap();
    http::router(node.clone()).oneshot(request).await.unwrap();
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let answer = zwiebel_node::metrics::router(node.clone()).oneshot(request).await.unwrap();
    let page = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    assert!(page.contains("zwiebel_requests_total{door=\"storage_rpc\",answer=\"2xx\"} 1\n"), "{page}");
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok() && name.starts_with(['z', 'p']), "{line}");
    }
    assert!(!page.contains(&hex::encode(node.ed25519().0)));
}
