//! `store`: hash, life, size, confirmations, namespaces (service-nodes 3.3 to 3.5).

use base64ct::Base64;
use base64ct::Encoding;
use serde_json::Value;
use serde_json::json;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::message_hash;

use crate::client::Client;
use crate::client::Listed;
use crate::client::Reply;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::Signer;

const DAY: i64 = 86_400_000;

/// Every member's answer, after its signature over this text was checked.
pub(crate) fn confirmed(c: &Client, who: &Signer, body: &Value, text: impl Fn(&Value) -> Vec<u8>) -> Vec<Value> {
    let members = c.swarm(&who.pubkey).0;
    let swarm = body["swarm"].as_object().expect("answers by member");
    let mut names: Vec<String> = members.iter().map(Listed::name).collect();
    names.sort_unstable();
    assert_eq!(swarm.keys().cloned().collect::<Vec<_>>(), names, "one answer of every member");
    let answers = members.iter().map(|member| {
        let answer = swarm[&member.name()].clone();
        let signature: [u8; 64] =
            Base64::decode_vec(answer["signature"].as_str().expect("a signature")).unwrap().try_into().unwrap();
        assert!(member.hop.ed25519.verify(&text(&answer), &signature), "{answer}");
        answer
    });
    answers.collect()
}

async fn unsigned(c: &Client, who: &Signer, namespace: i16, ttl: i64, timestamp: i64) -> Reply {
    let params =
        json!({"pubkey": who.pubkey, "namespace": namespace, "data": "YWJj", "timestamp": timestamp, "ttl": ttl});
    c.ask("store", params).await
}

/// Namespaces in which anybody may store.
const PUBLIC: [i16; 7] = [0, 10, 20, 32_760, -10, -20, -32_760];
/// Namespaces in which only the owner may.
const OWN: [i16; 12] = [1, 2, 3, 5, 11, 14, 33, -1, -21, -42, -11, -111];

fn by_namespace() -> Vec<Case> {
    let public = PUBLIC.into_iter().map(|namespace| {
        case(format!("store/anybody may in {namespace}"), move |c: Client| async move {
            let who = Signer::session();
            let hash = unsigned(&c, &who, namespace, DAY, c.now()).await.good()["hash"].clone();
            let (member, _) = c.swarm(&who.pubkey);
            assert_eq!(json!(c.hashes(&member[0], &who, namespace).await), json!([hash]));
        })
    });
    let own = OWN.into_iter().map(|namespace| {
        case(format!("store/only the owner may in {namespace}"), move |c: Client| async move {
            let who = Signer::session();
            let text = format!("store: signature required to store to namespace {namespace}");
            unsigned(&c, &who, namespace, DAY, c.now()).await.refused(401, &text);
            let hash = c.store(&who, namespace, b"abc").await;
            let (member, _) = c.swarm(&who.pubkey);
            assert_eq!(c.hashes(&member[0], &who, namespace).await, [hash]);
        })
    });
    let lives = [(0, 14), (10, 14), (-20, 14), (-10, 14), (2, 30), (33, 30), (-1, 30), (-42, 30)];
    let lives = lives.into_iter().map(|(namespace, days)| {
        case(format!("store/longest life in {namespace} is {days} days"), move |c: Client| async move {
            let who = Signer::session();
            c.ask("store", who.store(namespace, b"a", c.now(), days * DAY)).await.good();
            let reply = c.ask("store", who.store(namespace, b"b", c.now(), days * DAY + 1)).await;
            reply.refused(403, "Provided expiry/TTL is not valid.");
        })
    });
    public.chain(own).chain(lives).collect()
}

fn life_and_clock() -> Vec<Case> {
    vec![
        case("store/ten seconds are the shortest life", |c: Client| async move {
            let who = Signer::session();
            unsigned(&c, &who, 0, 10_000, c.now()).await.good();
            unsigned(&c, &who, 0, 9_999, c.now()).await.refused(403, "Provided expiry/TTL is not valid.");
            unsigned(&c, &who, 0, -5, c.now()).await.refused(403, "Provided expiry/TTL is not valid.");
        }),
        case("store/life counts from the sender's time", |c: Client| async move {
            let who = Signer::session();
            let params = json!({"pubkey": who.pubkey, "data": "YWJj", "timestamp": c.now() - DAY, "expiry": c.now() + 13 * DAY + 60_000});
            c.ask("store", params).await.refused(403, "Provided expiry/TTL is not valid.");
        }),
        case("store/time in the future", |c: Client| async move {
            unsigned(&c, &Signer::session(), 0, DAY, c.now() + 15_000)
                .await
                .refused(406, "Timestamp error: check your clock");
        }),
        case("store/time a little in the future", |c: Client| async move {
            unsigned(&c, &Signer::session(), 0, DAY, c.now() + 5_000).await.good();
        }),
        case("store/expired already", |c: Client| async move {
            unsigned(&c, &Signer::session(), 0, DAY, c.now() - DAY - 15_000)
                .await
                .refused(406, "Timestamp error: check your clock");
        }),
        case("store/old but alive", |c: Client| async move {
            unsigned(&c, &Signer::session(), 0, 2 * DAY, c.now() - DAY).await.good();
        }),
        case("store/life is looked at before the clock", |c: Client| async move {
            unsigned(&c, &Signer::session(), 0, 5, c.now() + DAY)
                .await
                .refused(403, "Provided expiry/TTL is not valid.");
        }),
        case("store/clock is looked at before the signature", |c: Client| async move {
            unsigned(&c, &Signer::session(), 33, DAY, c.now() + DAY)
                .await
                .refused(406, "Timestamp error: check your clock");
        }),
        case("store/decimal text for time and life", |c: Client| async move {
            let who = Signer::session();
            let params =
                json!({"pubkey": who.pubkey, "data": "YWJj", "timestamp": c.now().to_string(), "ttl": DAY.to_string()});
            c.ask("store", params).await.good();
        }),
        case("store/old spelling of the account", |c: Client| async move {
            let who = Signer::session();
            let params = json!({"pubKey": who.pubkey, "data": "YWJj", "timestamp": c.now(), "ttl": DAY});
            c.ask("store", params).await.good();
        }),
        case("store/expiry instead of life", |c: Client| async move {
            let who = Signer::session();
            let expiry = c.now() + DAY;
            let params = json!({"pubkey": who.pubkey, "data": "YWJj", "timestamp": c.now(), "expiry": expiry});
            let body = c.ask("store", params).await.good();
            assert!(body["swarm"].as_object().unwrap().values().all(|member| member["expiry"] == expiry), "{body}");
        }),
        case("store/sig_timestamp is what is signed", |c: Client| async move {
            let who = Signer::session();
            let signed = c.now();
            let params = json!({"data": "YWJj", "namespace": 33, "timestamp": signed - DAY, "ttl": 2 * DAY, "sig_timestamp": signed});
            c.ask("store", who.signed(params, format!("store33{signed}"))).await.good();
        }),
        case("store/sig_timestamp too far off", |c: Client| async move {
            let who = Signer::session();
            let signed = c.now() - 70_000;
            let params =
                json!({"data": "YWJj", "namespace": 33, "timestamp": c.now(), "ttl": DAY, "sig_timestamp": signed});
            let reply = c.ask("store", who.signed(params, format!("store33{signed}"))).await;
            reply.refused(406, "store signature timestamp too far from current time");
        }),
        case("store/signature in a public inbox is ignored", |c: Client| async move {
            c.ask("store", Signer::session().forged().store(0, b"abc", c.now(), DAY)).await.good();
        }),
    ]
}

fn content() -> Vec<Case> {
    vec![
        case("store/hash is of account, namespace and data alone", |c: Client| async move {
            let who = Signer::session();
            for namespace in [0, 2, -42] {
                let hash = message_hash(&who.account_bytes(), Namespace(namespace), b"abc");
                assert_eq!(c.store(&who, namespace, b"abc").await, hash.as_str());
            }
        }),
        case("store/largest message", |c: Client| async move {
            let who = Signer::session();
            c.ask("store", who.store(0, &[7; 76_800], c.now(), DAY)).await.good();
        }),
        case("store/too large a message", |c: Client| async move {
            let reply = c.ask("store", Signer::session().store(0, &[7; 76_801], c.now(), DAY)).await;
            reply.refused(400, "invalid request: Message body exceeds maximum allowed length of 76800 bytes");
        }),
        case("store/empty message", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"").await;
            assert_eq!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await, [hash]);
        }),
        case("store/every member confirms with its signature", |c: Client| async move {
            let who = Signer::session();
            let body = c.ask("store", who.store(0, b"abc", c.now(), DAY)).await.good();
            let hash = body["hash"].as_str().unwrap().as_bytes().to_vec();
            for answer in confirmed(&c, &who, &body, |_| hash.clone()) {
                assert_eq!((&answer["hash"], answer.get("already")), (&body["hash"], None));
            }
        }),
        case("store/answer has time and hard fork", |c: Client| async move {
            let who = Signer::session();
            let body = c.ask("store", who.store(0, b"abc", c.now(), DAY)).await.good();
            assert!(
                body["t"].as_i64().unwrap().abs_diff(c.now()) < 30_000 && body["hf"][0].as_i64() >= Some(19),
                "{body}"
            );
        }),
        case("store/every member has it at once", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"abc").await;
            for member in c.swarm(&who.pubkey).0 {
                assert_eq!(c.hashes(&member, &who, 0).await, [hash.as_str()]);
            }
        }),
        case("store/same data again is the same message", |c: Client| async move {
            let who = Signer::session();
            let first = c.store(&who, 0, b"abc").await;
            let body = c.ask("store", who.store(0, b"abc", c.now(), 2 * DAY)).await.good();
            let hash = first.clone().into_bytes();
            for answer in confirmed(&c, &who, &body, |_| hash.clone()) {
                assert!(answer["already"] == true && answer["expiry"].as_i64().unwrap() > c.now() + DAY, "{answer}");
            }
            assert_eq!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await, [first]);
        }),
        case("store/shorter life again changes nothing", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"abc").await;
            c.ask("store", who.store(0, b"abc", c.now(), DAY / 2)).await.good();
            let body = c.ask("get_expiries", who.get_expiries(std::slice::from_ref(&hash), c.now())).await.good();
            assert!(body["expiries"][&hash].as_i64().unwrap() > c.now() + DAY / 2 + 60_000, "{body}");
        }),
        case("store/time of the first store stays", |c: Client| async move {
            let who = Signer::session();
            let at = c.now() - 5_000;
            c.ask("store", who.store(0, b"abc", at, DAY)).await.good();
            c.ask("store", who.store(0, b"abc", c.now(), DAY)).await.good();
            let body = c.ask("retrieve", who.retrieve(0, c.now())).await.good();
            assert_eq!(body["messages"][0]["timestamp"], at);
        }),
        case("store/same data in two namespaces is two messages", |c: Client| async move {
            let who = Signer::session();
            assert_ne!(c.store(&who, 2, b"abc").await, c.store(&who, 3, b"abc").await);
        }),
        case("store/data without padding", |c: Client| async move {
            let who = Signer::session();
            let params = json!({"pubkey": who.pubkey, "data": "YWI", "timestamp": c.now(), "ttl": DAY});
            c.ask("store", params).await.good();
            let body = c.ask("retrieve", who.retrieve(0, c.now())).await.good();
            assert_eq!(body["messages"][0]["data"], "YWI=");
        }),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    [by_namespace(), life_and_clock(), content()].concat()
}
