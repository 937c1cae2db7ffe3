//! `batch`, `sequence`, `ifelse` (service-nodes 3.11).

use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::client::hashes;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::Signer;

const DAY: i64 = 86_400_000;

fn part(method: &str, params: impl Into<Value>) -> Value {
    json!({"method": method, "params": params.into()})
}

fn codes(body: &Value) -> Vec<i64> {
    body["results"].as_array().unwrap().iter().map(|result| result["code"].as_i64().unwrap()).collect()
}

/// Good, refused, good; all about one account.
fn mixed(c: &Client, who: &Signer) -> Value {
    let bad = json!({"pubkey": who.pubkey, "namespace": 33, "data": "YWJj", "timestamp": c.now(), "ttl": DAY});
    json!({"requests": [
        part("store", who.store(0, b"abc", c.now(), DAY)), part("store", bad), part("retrieve", who.retrieve(0, c.now())),
    ]})
}

fn rows() -> Vec<Case> {
    vec![
        case("batch/answers in order, all of them", |c: Client| async move {
            let who = Signer::session();
            let body = c.ask("batch", mixed(&c, &who)).await.good();
            assert_eq!(codes(&body), [200, 401, 200]);
            assert_eq!(body["results"][1]["body"], "store: signature required to store to namespace 33");
            assert!(body["results"][0]["body"]["hash"].is_string() && body["results"][0]["body"]["t"].is_i64());
        }),
        case("batch/no time and hard fork outside", |c: Client| async move {
            let body = c.ask("batch", json!({"requests": [part("info", json!({}))]})).await.good();
            assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["results"]);
        }),
        case("batch/twenty entries", |c: Client| async move {
            let body = c.ask("batch", json!({"requests": vec![part("info", json!({})); 20]})).await.good();
            assert_eq!(codes(&body), [200; 20]);
        }),
        case("batch/several namespaces at once", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 3, b"abc").await;
            let parts: Vec<Value> = [0, 2, 3].map(|n| part("retrieve", who.retrieve(n, c.now()))).into();
            let body = c.ask("batch", json!({"requests": parts})).await.good();
            assert_eq!(codes(&body), [200; 3]);
            assert_eq!(hashes(&body["results"][2]["body"]), [hash]);
        }),
        case("batch/wrong swarm inside is told inside", |c: Client| async move {
            let who = Signer::session();
            let (members, others) = c.swarm(&who.pubkey);
            let Some(stranger) = others.first() else { return };
            let requests = json!({"requests": [part("info", json!({})), part("retrieve", who.retrieve(0, c.now()))]});
            let body = c.call(stranger, "batch", requests).await.good();
            assert_eq!(codes(&body), [200, 421]);
            assert_eq!(body["results"][1]["body"]["snodes"].as_array().unwrap().len(), members.len());
        }),
        case("batch/active_nodes_bin inside is base64", |c: Client| async move {
            let body = c.ask("batch", json!({"requests": [part("active_nodes_bin", json!({}))]})).await.good();
            let text = body["results"][0]["body"].as_str().unwrap();
            assert_eq!(text.len(), (c.nodes().len() * 51).div_ceil(3) * 4);
        }),
        case("batch/one request without an array is refused or taken, never half done", |c: Client| async move {
            let reply = c.ask("batch", json!({"requests": part("info", json!({}))})).await;
            assert!(reply.status == 400 || codes(&reply.body) == [200], "{reply:?}");
        }),
        case("sequence/stops after the first failure", |c: Client| async move {
            let who = Signer::session();
            let body = c.ask("sequence", mixed(&c, &who)).await.good();
            assert_eq!(codes(&body), [200, 401]);
        }),
        case("sequence/each sees what those before it did", |c: Client| async move {
            let who = Signer::session();
            let parts = json!({"requests": [
                part("store", who.store(0, b"abc", c.now(), DAY)), part("retrieve", who.retrieve(0, c.now())),
                part("delete_all", who.delete_all(&json!("all"), c.now())), part("retrieve", who.retrieve(0, c.now())),
            ]});
            let body = c.ask("sequence", parts).await.good();
            assert_eq!(codes(&body), [200; 4]);
            assert_eq!(hashes(&body["results"][1]["body"]).len(), 1);
            assert!(hashes(&body["results"][3]["body"]).is_empty());
        }),
        case("sequence/404 of a required delete stops it", |c: Client| async move {
            let who = Signer::session();
            let mut delete = who.delete(&["A".repeat(43)]);
            delete["required"] = true.into();
            let body =
                c.ask("sequence", json!({"requests": [part("delete", delete), part("info", json!({}))]})).await.good();
            assert_eq!(codes(&body), [404]);
        }),
    ]
}

/// Conditions that hold, or do not, on every network that is in service.
fn conditions() -> Vec<Case> {
    let table = [
        (json!({"hf_at_least": [19, 0]}), true),
        (json!({"hf_at_least": [19]}), true),
        (json!({"hf_at_least": [999, 0]}), false),
        (json!({"hf_before": [999, 0]}), true),
        (json!({"hf_before": [19, 0]}), false),
        (json!({"v_at_least": [2, 2]}), true),
        (json!({"v_at_least": [2, 8, 0]}), true),
        (json!({"v_at_least": [99, 0, 0]}), false),
        (json!({"v_before": [99]}), true),
        (json!({"v_before": [2, 2, 0]}), false),
        (json!({"height_at_least": 1_234}), true),
        (json!({"height_at_least": 123_456_789}), false),
        (json!({"height_before": 123_456_789}), true),
        (json!({"height_before": 1_234}), false),
        (json!({"hf_at_least": [19, 0], "v_at_least": [2, 2], "height_before": 123_456_789}), true),
        (json!({"hf_at_least": [19, 0], "v_at_least": [99]}), false),
    ];
    let table = table.into_iter().map(|(condition, holds)| {
        case(format!("ifelse/{condition} is {holds}"), move |c: Client| {
            let condition = condition.clone();
            async move {
                let who = Signer::session();
                let other = part("get_swarm", json!({"pubkey": who.pubkey}));
                let body = c
                    .ask("ifelse", json!({"if": condition, "then": part("info", json!({})), "else": other}))
                    .await
                    .good();
                assert_eq!((&body["condition"], &body["result"]["code"]), (&json!(holds), &json!(200)));
                assert_eq!(body["result"]["body"].get("snodes").is_none(), holds, "{body}");
            }
        })
    });
    table.collect()
}

fn branches() -> Vec<Case> {
    let yes = || json!({"height_at_least": 1});
    let no = || json!({"height_before": 1});
    vec![
        case("ifelse/tells what it compared", move |c: Client| async move {
            let body = c.ask("ifelse", json!({"if": yes(), "then": part("info", json!({}))})).await.good();
            assert!(body["hf"].is_array() && body["v"].is_array() && body["height"].is_u64(), "{body}");
        }),
        case("ifelse/no result without its branch", move |c: Client| async move {
            let body = c.ask("ifelse", json!({"if": no(), "then": part("info", json!({}))})).await.good();
            assert_eq!((&body["condition"], body.get("result")), (&json!(false), None));
            let body = c.ask("ifelse", json!({"if": yes(), "else": part("info", json!({}))})).await.good();
            assert_eq!((&body["condition"], body.get("result")), (&json!(true), None));
        }),
        case("ifelse/may be nested", move |c: Client| async move {
            let inner =
                part("ifelse", json!({"if": no(), "then": part("info", json!({})), "else": part("info", json!({}))}));
            let body = c.ask("ifelse", json!({"if": yes(), "then": inner})).await.good();
            let result = &body["result"]["body"];
            assert_eq!((&result["condition"], &result["result"]["code"]), (&json!(false), &json!(200)));
        }),
        case("ifelse/failure of its call is told inside", move |c: Client| async move {
            let who = Signer::session().forged();
            let body =
                c.ask("ifelse", json!({"if": yes(), "then": part("retrieve", who.retrieve(0, c.now()))})).await.good();
            assert_eq!(body["result"], json!({"code": 401, "body": "retrieve signature verification failed"}));
        }),
        case("ifelse/only the branch that is taken runs", move |c: Client| async move {
            let who = Signer::session();
            let store = part("store", who.store(0, b"abc", c.now(), DAY));
            c.ask("ifelse", json!({"if": no(), "then": store, "else": part("info", json!({}))})).await.good();
            assert!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await.is_empty());
        }),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    [rows(), conditions(), branches()].concat()
}
