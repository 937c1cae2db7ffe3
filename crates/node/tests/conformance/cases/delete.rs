//! `delete`, `delete_all`, `delete_before` (service-nodes 3.7).

use serde_json::Value;
use serde_json::json;

use super::store::confirmed;
use crate::client::Client;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::Signer;

const DAY: i64 = 86_400_000;

fn sorted(mut hashes: Vec<String>) -> Vec<String> {
    hashes.sort_unstable();
    hashes
}

/// Hashes of an answer, whether by namespace or not, sorted.
pub(super) fn listed(value: &Value) -> Vec<String> {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().to_owned()).collect()
    };
    match value {
        Value::Object(by_namespace) => sorted(by_namespace.values().flat_map(texts).collect()),
        list => texts(list),
    }
}

fn single() -> Vec<Case> {
    vec![
        case("delete/everywhere, with signatures", |c: Client| async move {
            let who = Signer::session();
            let all = vec![c.store(&who, 0, b"a").await, c.store(&who, 5, b"b").await, c.store(&who, -42, b"c").await];
            let body = c.ask("delete", who.delete(&all)).await.good();
            let text = |answer: &Value| {
                [who.pubkey.clone(), all.concat(), listed(&answer["deleted"]).concat()].concat().into_bytes()
            };
            for answer in confirmed(&c, &who, &body, text) {
                assert_eq!(listed(&answer["deleted"]), sorted(all.clone()));
            }
            for member in c.swarm(&who.pubkey).0 {
                for namespace in [0, 5, -42] {
                    assert!(c.hashes(&member, &who, namespace).await.is_empty());
                }
            }
        }),
        case("delete/requested order is signed, deleted ones are sorted", |c: Client| async move {
            let who = Signer::session();
            let mut all = Vec::new();
            for n in 0..4_u8 {
                all.push(c.store(&who, 0, &[n]).await);
            }
            all.reverse();
            let body = c.ask("delete", who.delete(&all)).await.good();
            let deleted = sorted(all.clone()).concat();
            confirmed(&c, &who, &body, |_| [who.pubkey.clone(), all.concat(), deleted.clone()].concat().into_bytes());
        }),
        case("delete/of nothing is fine", |c: Client| async move {
            let who = Signer::session();
            let none = vec!["A".repeat(43)];
            let body = c.ask("delete", who.delete(&none)).await.good();
            let text = [who.pubkey.clone(), none.concat()].concat().into_bytes();
            for answer in confirmed(&c, &who, &body, |_| text.clone()) {
                assert_eq!(answer["deleted"], json!([]));
            }
        }),
        case("delete/required and nothing there is 404 with the body", |c: Client| async move {
            let mut params = Signer::session().delete(&["A".repeat(43)]);
            params["required"] = true.into();
            let reply = c.ask("delete", params).await;
            assert!(reply.status == 404 && reply.body["swarm"].is_object(), "{reply:?}");
        }),
        case("delete/required and something there is 200", |c: Client| async move {
            let who = Signer::session();
            let mut params = who.delete(&[c.store(&who, 0, b"a").await]);
            params["required"] = true.into();
            c.ask("delete", params).await.good();
        }),
        case("delete/one hash without an array", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"a").await;
            let mut params = who.delete(std::slice::from_ref(&hash));
            params["messages"] = hash.into();
            c.ask("delete", params).await.good();
            assert!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await.is_empty());
        }),
        case("delete/messages of others stay", |c: Client| async move {
            let (who, other) = (Signer::session(), Signer::session());
            let hash = c.store(&other, 0, b"a").await;
            c.ask("delete", who.delete(std::slice::from_ref(&hash))).await;
            assert_eq!(c.hashes(&c.swarm(&other.pubkey).0[0], &other, 0).await, [hash]);
        }),
        case("delete/a deleted message can be stored again", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"a").await;
            c.ask("delete", who.delete(std::slice::from_ref(&hash))).await.good();
            assert_eq!(c.store(&who, 0, b"a").await, hash);
            assert_eq!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await, [hash]);
        }),
    ]
}

fn scopes() -> Vec<Case> {
    let all = |name: &str, scope: Value, left: [usize; 2]| {
        case(name.to_owned(), move |c: Client| {
            let scope = scope.clone();
            async move {
                let who = Signer::session();
                let mut hashes = vec![c.store(&who, 0, b"a").await, c.store(&who, 0, b"b").await];
                hashes.push(c.store(&who, -42, b"c").await);
                let now = c.now();
                let body = c.ask("delete_all", who.delete_all(&scope, now)).await.good();
                let text =
                    |answer: &Value| format!("{}{now}{}", who.pubkey, listed(&answer["deleted"]).concat()).into_bytes();
                for answer in confirmed(&c, &who, &body, text) {
                    let deleted = listed(&answer["deleted"]);
                    assert_eq!(deleted.len(), 3 - left.iter().sum::<usize>());
                    assert_eq!(answer["deleted"].is_object(), scope == "all", "{answer}");
                }
                let member = &c.swarm(&who.pubkey).0[0];
                for (namespace, left) in [0, -42].into_iter().zip(left) {
                    assert_eq!(c.hashes(member, &who, namespace).await.len(), left);
                }
            }
        })
    };
    vec![
        all("delete_all/one namespace", json!(0), [0, 1]),
        all("delete_all/another namespace", json!(-42), [2, 0]),
        all("delete_all/all of them, told by namespace", json!("all"), [0, 0]),
        case("delete_all/without namespace is namespace 0", |c: Client| async move {
            let who = Signer::session();
            c.store(&who, 0, b"a").await;
            let kept = c.store(&who, 2, b"b").await;
            let now = c.now();
            c.ask("delete_all", who.signed(json!({"timestamp": now}), format!("delete_all{now}"))).await.good();
            let member = &c.swarm(&who.pubkey).0[0];
            assert!(c.hashes(member, &who, 0).await.is_empty());
            assert_eq!(c.hashes(member, &who, 2).await, [kept]);
        }),
        case("delete_before/by stored time", |c: Client| async move {
            let who = Signer::session();
            let now = c.now();
            let mut hashes = Vec::new();
            for (n, at) in [now - 3_000, now - 2_000, now - 1_000].into_iter().enumerate() {
                let data = [u8::try_from(n).unwrap()];
                let body = c.ask("store", who.store(0, &data, at, DAY)).await.good();
                hashes.push(body["hash"].as_str().unwrap().to_owned());
            }
            let before = now - 2_000;
            let body = c.ask("delete_before", who.delete_before(&json!(0), before)).await.good();
            let deleted = sorted(hashes[..2].to_vec());
            let text = format!("{}{before}{}", who.pubkey, deleted.concat()).into_bytes();
            for answer in confirmed(&c, &who, &body, |_| text.clone()) {
                assert_eq!(listed(&answer["deleted"]), deleted);
            }
            assert_eq!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await, hashes[2..]);
        }),
        case("delete_before/all namespaces", |c: Client| async move {
            let who = Signer::session();
            let (one, two) = (c.store(&who, 0, b"a").await, c.store(&who, 3, b"b").await);
            let body = c.ask("delete_before", who.delete_before(&json!("all"), c.now())).await.good();
            let answer = body["swarm"].as_object().unwrap().values().next().unwrap();
            assert_eq!(answer["deleted"], json!({"0": [one], "3": [two]}));
        }),
        case("delete_before/nothing that old", |c: Client| async move {
            let who = Signer::session();
            let kept = c.store(&who, 0, b"a").await;
            c.ask("delete_before", who.delete_before(&json!(0), c.now() - 60_000)).await.good();
            assert_eq!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await, [kept]);
        }),
        case("delete_before/old times are fine", |c: Client| async move {
            let who = Signer::session();
            c.ask("delete_before", who.delete_before(&json!(0), 1_600_000_000_000)).await.good();
        }),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    [single(), scopes()].concat()
}
