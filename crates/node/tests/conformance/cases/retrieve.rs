//! `retrieve`: order, pages, limits, who may read (service-nodes 3.6).

use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::client::Listed;
use crate::client::hashes;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::Signer;

/// Stores so many messages of a size at one member, in one go where they fit; their hashes in order.
async fn fill(c: &Client, who: &Signer, count: u8, size: usize) -> (Listed, Vec<String>) {
    let member = c.swarm(&who.pubkey).0[0].clone();
    let mut all = Vec::new();
    for n in 0..count {
        let mut data = vec![n; size];
        data[0] = n;
        let store = who.store(0, &data, c.now() - i64::from(n), 86_400_000);
        let body = c.call(&member, "store", store).await.good();
        all.push(body["hash"].as_str().unwrap().to_owned());
    }
    (member, all)
}

async fn page(c: &Client, member: &Listed, who: &Signer, limits: Value) -> (Vec<String>, Value) {
    let mut params = who.retrieve(0, c.now());
    params.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    let body = c.call(member, "retrieve", params).await.good();
    (hashes(&body), body["more"].clone())
}

/// Twelve messages of 1,000 bytes cost 100 + 43 + 1,333 each.
fn limits() -> Vec<Case> {
    let table: [(&str, Value, usize); 14] = [
        ("nothing given", json!({}), 12),
        ("max_count 3", json!({"max_count": 3}), 3),
        ("max_count 0 is none", json!({"max_count": 0}), 12),
        ("max_count above all", json!({"max_count": 100}), 12),
        ("max_size of one message", json!({"max_size": 1_476}), 1),
        ("max_size a byte short of two", json!({"max_size": 2_951}), 1),
        ("max_size of two", json!({"max_size": 2_952}), 2),
        ("max_size 1 still gives one", json!({"max_size": 1}), 1),
        ("max_size 0 is none", json!({"max_size": 0}), 12),
        ("max_size above the limit", json!({"max_size": 99_000_000}), 12),
        ("max_size a fraction", json!({"max_size": -1_000}), 5),
        ("max_size a small fraction", json!({"max_size": -10_000_000}), 1),
        ("both, the size is smaller", json!({"max_count": 3, "max_size": 2_952}), 2),
        ("both, the count is smaller", json!({"max_count": 2, "max_size": 9_000}), 2),
    ];
    let table = table.into_iter().map(|(name, given, expected)| {
        case(format!("retrieve/limits: {name}"), move |c: Client| {
            let given = given.clone();
            async move {
                let who = Signer::session();
                let (member, all) = fill(&c, &who, 12, 1_000).await;
                let (found, more) = page(&c, &member, &who, given).await;
                assert_eq!((found.as_slice(), more), (&all[..expected], json!(expected < all.len())));
            }
        })
    });
    table.collect()
}

fn pages() -> Vec<Case> {
    vec![
        case("retrieve/order of arrival, not of time", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 5, 10).await;
            assert_eq!(c.hashes(&member, &who, 0).await, all);
        }),
        case("retrieve/goes on after last_hash", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 5, 10).await;
            for name in ["last_hash", "lastHash"] {
                let (found, more) = page(&c, &member, &who, json!({ name: all[1] })).await;
                assert_eq!((found.as_slice(), more), (&all[2..], json!(false)));
            }
        }),
        case("retrieve/unknown last_hash starts over", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 3, 10).await;
            assert_eq!(page(&c, &member, &who, json!({"last_hash": "A".repeat(43)})).await.0, all);
        }),
        case("retrieve/empty last_hash is none", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 3, 10).await;
            assert_eq!(page(&c, &member, &who, json!({"last_hash": ""})).await.0, all);
        }),
        case("retrieve/last_hash of another namespace starts over", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 2, 10).await;
            let foreign = c.store(&who, 2, b"x").await;
            assert_eq!(page(&c, &member, &who, json!({"last_hash": foreign})).await.0, all);
        }),
        case("retrieve/pages add up to everything", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 7, 10).await;
            let (mut found, mut last) = (Vec::new(), String::new());
            loop {
                let (some, more) = page(&c, &member, &who, json!({"max_count": 3, "last_hash": last})).await;
                last = some.last().cloned().unwrap_or_default();
                found.extend(some);
                if more == false {
                    break;
                }
            }
            assert_eq!(found, all);
        }),
        case("retrieve/after the last there is nothing", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 2, 10).await;
            assert_eq!(page(&c, &member, &who, json!({"last_hash": all[1]})).await, (Vec::new(), json!(false)));
        }),
        case("retrieve/large messages: the default is a fifth", |c: Client| async move {
            let who = Signer::session();
            let (member, all) = fill(&c, &who, 18, 70_000).await;
            for (given, expected) in [
                (json!({}), 16),
                (json!({"max_size": -27}), 3),
                (json!({"max_size": 500_000}), 5),
                (json!({"max_size": 600_000}), 6),
                (json!({"max_size": -1}), 18),
            ] {
                let (found, more) = page(&c, &member, &who, given).await;
                assert_eq!((found.as_slice(), more), (&all[..expected], json!(expected < 18)));
            }
        }),
    ]
}

fn rest() -> Vec<Case> {
    vec![
        case("retrieve/message has hash, times and data", |c: Client| async move {
            let who = Signer::session();
            let at = c.now();
            c.ask("store", who.store(0, b"abc", at, 86_400_000)).await.good();
            let body = c.ask("retrieve", who.retrieve(0, c.now())).await.good();
            let message = &body["messages"][0];
            assert_eq!((&message["data"], &message["timestamp"]), (&json!("YWJj"), &json!(at)));
            assert_eq!(message["expiration"], at + 86_400_000);
            assert!(body["t"].is_i64() && body["hf"].is_array() && body["more"] == false, "{body}");
        }),
        case("retrieve/unknown account is empty", |c: Client| async move {
            let body = c.ask("retrieve", Signer::session().retrieve(0, c.now())).await.good();
            assert_eq!(body["messages"], json!([]));
        }),
        case("retrieve/inbox needs a signature", |c: Client| async move {
            let unsigned = json!({"pubkey": Signer::session().pubkey});
            c.ask("retrieve", unsigned).await.refused(401, "retrieve: request signature required");
        }),
        case("retrieve/public inbox by number needs a signature", |c: Client| async move {
            let unsigned = json!({"pubkey": Signer::session().pubkey, "namespace": 10});
            c.ask("retrieve", unsigned).await.refused(401, "retrieve: request signature required");
        }),
        case("retrieve/retired groups need none", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, -10, b"abc").await;
            let body = c.ask("retrieve", json!({"pubkey": who.pubkey, "namespace": -10})).await.good();
            assert_eq!(hashes(&body), [hash]);
        }),
        case("retrieve/signature of another namespace", |c: Client| async move {
            let mut params = Signer::session().retrieve(2, c.now());
            params["namespace"] = 3.into();
            c.ask("retrieve", params).await.refused(401, "retrieve signature verification failed");
        }),
        case("retrieve/namespaces are apart", |c: Client| async move {
            let who = Signer::session();
            let (one, two) = (c.store(&who, 2, b"x").await, c.store(&who, 3, b"x").await);
            let (members, _) = c.swarm(&who.pubkey);
            assert_eq!(c.hashes(&members[0], &who, 2).await, [one]);
            assert_eq!(c.hashes(&members[0], &who, 3).await, [two]);
        }),
        case("retrieve/expired messages are gone", |c: Client| async move {
            let who = Signer::session();
            c.ask("store", who.store(0, b"abc", c.now() - 9_000, 10_000)).await.good();
            tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
            let body = c.ask("retrieve", who.retrieve(0, c.now())).await.good();
            assert_eq!(body["messages"], json!([]));
        }),
        case("retrieve/unknown parameters are ignored", |c: Client| async move {
            let mut params = Signer::session().retrieve(0, c.now());
            params["colour"] = json!({"of": "no meaning"});
            c.ask("retrieve", params).await.good();
        }),
        case("retrieve/waiting brings what comes, or ends", |c: Client| async move {
            let who = Signer::session();
            let mut params = who.retrieve(0, c.now());
            params["wait_ms"] = if c.is_ours() { 15_000 } else { 1 }.into();
            let member = c.node_for(&params);
            let (found, hash) = tokio::join!(c.call(&member, "retrieve", params), c.store(&who, 0, b"abc"));
            let found = hashes(&found.good());
            assert!(found == [hash] || (!c.is_ours() && found.is_empty()), "{found:?}");
        }),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    [limits(), pages(), rest()].concat()
}
