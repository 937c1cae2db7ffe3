//! Public outboxes: one value, which the owner replaces and anybody reads (service-nodes 3.3).

use serde_json::json;

use crate::client::Client;
use crate::client::hashes;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::DELETE;
use crate::signer::Signer;
use crate::signer::WRITE;

const DAY: i64 = 86_400_000;
const REFUSED: &str = "store signature verification failed";

fn of(namespace: i16) -> Vec<Case> {
    vec![
        case(format!("outbox/anybody reads {namespace}"), move |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, namespace, b"value").await;
            let body = c.ask("retrieve", json!({"pubkey": who.pubkey, "namespace": namespace})).await.good();
            assert_eq!(hashes(&body), [hash]);
        }),
        case(format!("outbox/only value of {namespace} is replaced everywhere"), move |c: Client| async move {
            let who = Signer::session();
            let (members, _) = c.swarm(&who.pubkey);
            let now = c.now();
            for (round, member) in members.iter().enumerate() {
                let store = who.store(namespace, format!("value {round}").as_bytes(), now, DAY);
                let hash = c.call(member, "store", store).await.good()["hash"].clone();
                for member in &members {
                    assert_eq!(json!(c.hashes(member, &who, namespace).await), json!([hash]), "round {round}");
                }
            }
        }),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = [-1, -21, -32_741].into_iter().flat_map(of).collect();
    cases.extend([
        case("outbox/same value again only lives longer", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, -1, b"value").await;
            let body = c.ask("store", who.store(-1, b"value", c.now(), 2 * DAY)).await.good();
            assert_eq!(body["hash"], hash);
            assert!(body["swarm"].as_object().unwrap().values().all(|member| member["already"] == true), "{body}");
        }),
        case("outbox/an earlier value may come back", |c: Client| async move {
            let who = Signer::session();
            let first = c.store(&who, -1, b"one").await;
            c.store(&who, -1, b"two").await;
            assert_eq!(c.store(&who, -1, b"one").await, first);
            for member in c.swarm(&who.pubkey).0 {
                assert_eq!(c.hashes(&member, &who, -1).await, [first.as_str()]);
            }
        }),
        case("outbox/other namespaces keep theirs", |c: Client| async move {
            let who = Signer::session();
            let other = c.store(&who, -21, b"other").await;
            let message = c.store(&who, 0, b"message").await;
            c.store(&who, -1, b"one").await;
            c.store(&who, -1, b"two").await;
            let (members, _) = c.swarm(&who.pubkey);
            assert_eq!(c.hashes(&members[0], &who, -21).await, [other]);
            assert_eq!(c.hashes(&members[0], &who, 0).await, [message]);
        }),
        case("outbox/subaccount needs writing and deleting", |c: Client| async move {
            let group = Signer::group();
            for flags in [WRITE, DELETE] {
                let store = group.subaccount(flags).store(-1, b"x", c.now(), DAY);
                c.ask("store", store).await.refused(401, REFUSED);
            }
            c.ask("store", group.subaccount(WRITE | DELETE).store(-1, b"x", c.now(), DAY)).await.good();
        }),
        case("outbox/-11 is none", |c: Client| async move {
            let who = Signer::session();
            let (one, two) = (c.store(&who, -11, b"one").await, c.store(&who, -11, b"two").await);
            assert_eq!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, -11).await, [one, two]);
            let unsigned = json!({"pubkey": who.pubkey, "namespace": -11});
            c.ask("retrieve", unsigned).await.refused(400, "invalid request: Required field 'signature' missing");
        }),
        case("outbox/reading with a wrong signature is refused", |c: Client| async move {
            let reply = c.ask("retrieve", Signer::session().forged().retrieve(-1, c.now())).await;
            reply.refused(401, "retrieve signature verification failed");
        }),
    ]);
    cases
}
