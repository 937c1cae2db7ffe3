//! Subaccounts and their revocation, and the order of public outboxes, at one node and in a swarm.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use zwiebel_node::encoding::array_from_base64;
use zwiebel_node::encoding::base64;
use zwiebel_node::node::Node;
use zwiebel_node::peer::Outgoing;
use zwiebel_node::peer::Transport;
use zwiebel_node::rpc::Body;
use zwiebel_node::rpc::answer;
use zwiebel_node::store::messages;
use zwiebel_node::store::messages::Message;
use zwiebel_node::store::revoked;
use zwiebel_node::tls;
use zwiebel_proto::storage_rpc as rpc;
use zwiebel_proto::storage_rpc::ExpiryMode;
use zwiebel_proto::storage_rpc::MessageHash;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::Scope;

use crate::support::Net;
use crate::support::account;
use crate::support::lone_node;
use crate::support::owner;

const VECTORS: &str = include_str!("../../../../vectors/storage.json");
const DAY: u64 = 86_400_000;

async fn call(node: &Arc<Node>, method: &str, params: &Value) -> (u16, Value) {
    let request = json!({"method": method, "params": params}).to_string();
    let answer = answer(node, request.as_bytes()).await;
    let status = answer.status;
    (status, if let Body::Json(body) = answer.body { body } else { answer.into_json() })
}

#[tokio::test]
async fn group_member_stores_and_reads_until_it_is_revoked_like_the_vectors() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = &vectors["rpc_signatures"];
    let time = vectors["timestamp_ms"].as_i64().unwrap();
    node.clock.advance(time - node.clock.now());
    let case = |method: &str, start: &str| {
        let cases = vectors["cases"].as_array().unwrap();
        let found = cases.iter().find(|c| c["method"] == method && c["case"].as_str().unwrap().starts_with(start));
        found.unwrap()["signature_b64"].clone()
    };
    let group = &vectors["group"]["id"];
    let store = json!({"pubkey": group, "namespace": 11, "data": "YWJj", "timestamp": time, "ttl": DAY,
        "signature": case("store", "group")});
    assert_eq!(call(&node, "store", &store).await.0, 200);
    let token = &vectors["subaccount"]["token_b64"];
    let retrieve = json!({"pubkey": group, "namespace": 11, "timestamp": time, "signature": case("retrieve", "group"),
        "subaccount": token, "subaccount_sig": vectors["subaccount"]["subaccount_sig_b64"]});
    let (status, body) = call(&node, "retrieve", &retrieve).await;
    assert_eq!((status, &body["messages"][0]["data"]), (200, &json!("YWJj")));

    let bytes = array_from_base64::<36>(token.as_str().unwrap()).unwrap();
    let owner = zwiebel_node::account::Account::parse(group.as_str().unwrap()).unwrap();
    node.store.run(move |db| revoked::add(db, &owner, &[bytes], 5, 50)).await.unwrap();
    assert_eq!(call(&node, "retrieve", &retrieve).await, (401, json!("retrieve signature verification failed")));
}

#[tokio::test]
async fn newest_fifty_revocations_stay_and_keep_their_account() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let alice = owner(&account(1));
    let token = |n: u8| [n; 36];
    let all: Vec<[u8; 36]> = (0..60).map(token).collect();
    for (time, token) in (1_i64..).zip(all.clone()) {
        node.store.run(move |db| revoked::add(db, &alice, &[token], time, 50)).await.unwrap();
    }
    let kept = node.store.run(move |db| revoked::list(db, &alice)).await.unwrap();
    assert_eq!(kept, all[10..]);
    let late = node.store.run(move |db| revoked::remove(db, &alice, &[token(59)], 59)).await.unwrap();
    assert_eq!(late, 0, "a revocation that is newer stays");
    let count = node.store.run(move |db| revoked::remove(db, &alice, &all, i64::MAX)).await.unwrap();
    assert_eq!(count, 50);
    let owners = node.store.run(|db| db.query_row("SELECT count(*) FROM owners", [], |row| row.get::<_, i64>(0)));
    assert_eq!(owners.await.unwrap(), 0);
}

#[tokio::test]
async fn outbox_ends_with_the_same_value_in_whatever_order_it_comes() {
    let values = [("a", 1_i64), ("b", 2), ("c", 2), ("a", 3)];
    let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
    for order in orders {
        let folder = TempDir::new().unwrap();
        let node = lone_node(folder.path());
        let alice = owner(&account(1));
        for index in order {
            let (hash, timestamp) = values[index];
            let message = Message {
                hash: hash.repeat(43),
                namespace: -1,
                timestamp,
                expiry: i64::MAX,
                stored: 0,
                data: Vec::new(),
            };
            node.store.run(move |db| messages::replace(db, &alice, &message)).await.unwrap();
        }
        let present = node.store.run(move |db| messages::outbox(db, &alice, -1)).await.unwrap();
        assert_eq!(present, Some((3, "a".repeat(43))), "{order:?}");
        assert_eq!(node.store.run(messages::count).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn later_value_with_an_earlier_clock_still_replaces() {
    let folder = TempDir::new().unwrap();
    let node = lone_node(folder.path());
    let alice = account(1);
    let now = u64::try_from(node.clock.now()).unwrap();
    for (data, at) in [(b"one", now + 8_000), (b"two", now), (b"six", now - 5_000)] {
        let (status, _) =
            call(&node, "store", &rpc::store_signed(&alice, data, DAY, at, Namespace(-1))["params"]).await;
        assert_eq!(status, 200);
        let read = json!({"pubkey": alice.id().to_string(), "namespace": -1});
        let (_, body) = call(&node, "retrieve", &read).await;
        assert_eq!(body["messages"].as_array().unwrap().len(), 1);
        assert_eq!(body["messages"][0]["data"], base64(data));
    }
}

/// A copy of a call from one member to another, as of a client's call of just now or of an earlier time.
async fn copy(net: &Net, from: usize, to: usize, request: &Value, late: Option<u64>) -> u16 {
    let list = net.network.registry.list();
    let to = list.find(&net.network.node(to).unwrap().ed25519()).unwrap();
    let mut header = serde_json::Map::new();
    header.insert("call".to_owned(), request["method"].clone());
    if let Some(made) = late {
        header.insert("made".to_owned(), made.into());
        header.insert("late".to_owned(), true.into());
    }
    let body = request["params"].to_string();
    let outgoing = Outgoing { method: "storage_cc", header, body: body.as_bytes(), timeout: Duration::from_secs(5) };
    let transport = Transport::new(Arc::clone(&net.network.node(from).unwrap().keys), tls::client().unwrap());
    transport.call(&net.network.clock, to, outgoing).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_revocation_does_not_undo_a_newer_unrevocation() {
    let net = Net::start().await;
    let alice = account(9);
    let (members, _) = net.swarm_of(&alice);
    let now = net.now();
    let [given_back, revoked] = [[1; 36], [2; 36]];
    let signed = |method: &str, name: &str, time: u64, tokens: &[[u8; 36]], text: Vec<u8>| {
        let tokens: Vec<String> = tokens.iter().map(|token| base64(token)).collect();
        json!({"method": method, "params": {
            "pubkey": alice.id().to_string(), "pubkey_ed25519": hex::encode(alice.ed25519().public().0),
            "timestamp": time, "signature": base64(&alice.ed25519().sign(&text)), name: tokens,
        }})
    };
    let revoke = |time, tokens: &[[u8; 36]]| {
        let text = rpc::signed_text::revoke_subaccount(time, tokens);
        signed("revoke_subaccount", "revoke", time, tokens, text)
    };
    let text = rpc::signed_text::unrevoke_subaccount(now, &[given_back]);
    let unrevoke = signed("unrevoke_subaccount", "unrevoke", now, &[given_back], text);
    let known = async || {
        let (node, who) = (net.network.node(members[1]).unwrap(), owner(&alice));
        node.store.run(move |db| revoked::list(db, &who)).await.unwrap()
    };
    assert_eq!(copy(&net, members[0], members[1], &unrevoke, None).await, 200);
    let earlier = revoke(now - 5, &[given_back, revoked]);
    assert_eq!(copy(&net, members[0], members[1], &earlier, Some(now - 5)).await, 200);
    assert_eq!(known().await, [revoked]);
    // One that is newer counts, however late it comes.
    assert_eq!(copy(&net, members[0], members[1], &revoke(now + 5, &[given_back]), Some(now + 5)).await, 200);
    assert_eq!(known().await, [revoked, given_back]);
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_calls_undo_no_later_ones_and_mean_nothing_that_came_long_after_them() {
    let net = Net::start().await;
    let alice = account(4);
    let (members, _) = net.swarm_of(&alice);
    let (from, at, now) = (members[0], members[1], net.now());
    let store = rpc::store(&alice.id(), b"kept", DAY, now, Namespace(0));
    assert_eq!(copy(&net, from, at, &store, None).await, 200);
    let hash = net.hashes(at, &alice, 0).await.remove(0);
    let named = [MessageHash::parse(&hash).unwrap()];
    let expire = |expiry, mode| rpc::expire(&alice, &named, expiry, mode);
    let expire_all = |expiry| rpc::expire_all(&alice, Scope::One(Namespace(0)), expiry);
    let expiry = async || {
        let (node, hash) = (net.network.node(at).unwrap(), hash.clone());
        let sql = "SELECT expiry FROM messages WHERE hash = ?1";
        node.store.run(move |db| db.query_row(sql, [hash], |row| row.get::<_, i64>(0))).await.unwrap().cast_unsigned()
    };
    let hour = 3_600_000;
    assert_eq!(copy(&net, from, at, &expire(now + hour, ExpiryMode::Set), None).await, 200);
    assert_eq!(expiry().await, now + hour);
    assert_eq!(copy(&net, from, at, &expire(now + 5 * hour, ExpiryMode::Extend), None).await, 200);
    assert_eq!(expiry().await, now + 5 * hour);
    let late = expire(now + 2 * hour, ExpiryMode::Set);
    assert_eq!(copy(&net, from, at, &late, Some(now - 1_000)).await, 200);
    assert_eq!(expiry().await, now + 5 * hour, "the extension came after it");
    // Whoever says a call of long ago again says in vain that it was made just now.
    let again = expire_all(now - 2 * hour);
    assert_eq!(copy(&net, from, at, &again, Some(now)).await, 200);
    assert_eq!(expiry().await, now + 5 * hour);
    let older = expire_all(now - 31 * DAY);
    assert_eq!(copy(&net, from, at, &older, Some(now)).await, 406);
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_got_outbox_values_in_another_order_agree() {
    let net = Net::start().await;
    let alice = account(7);
    let (members, _) = net.swarm_of(&alice);
    let now = net.now();
    let older = rpc::store_signed(&alice, b"older", DAY, now, Namespace(-1));
    let newer = rpc::store_signed(&alice, b"newer", DAY, now + 1, Namespace(-1));
    for (member, order) in [(members[1], [(&older, 200), (&newer, 200)]), (members[2], [(&newer, 200), (&older, 409)])]
    {
        for (request, status) in order {
            assert_eq!(
                copy(&net, members[0], member, request, None).await,
                status,
                "what is not stored is not confirmed"
            );
        }
    }
    let one = net.hashes(members[1], &alice, -1).await;
    assert_eq!((one.len(), &one), (1, &net.hashes(members[2], &alice, -1).await));
    // The only value is replaced through another member: everywhere.
    let last = rpc::store_signed(&alice, b"last", DAY, now, Namespace(-1));
    let (status, body) = net.direct(members[3], &last).await;
    assert_eq!(status, 200, "{body}");
    let again = rpc::store_signed(&alice, b"the very last", DAY, now, Namespace(-1));
    let (_, body) = net.direct(members[2], &again).await;
    for member in &members {
        assert_eq!(net.hashes(*member, &alice, -1).await, [body["hash"].as_str().unwrap()]);
    }
    net.network.shut_down().await;
}
