//! `expire`, `expire_all`, `get_expiries` (service-nodes 3.8).

use serde_json::Value;
use serde_json::json;

use super::delete::listed;
use super::store::confirmed;
use crate::client::Client;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::READ;
use crate::signer::Signer;
use crate::signer::WRITE;

const DAY: i64 = 86_400_000;

async fn told(c: &Client, who: &Signer, hash: &str) -> Option<i64> {
    let body = c.ask("get_expiries", who.get_expiries(&[hash.to_owned()], c.now())).await.good();
    body["expiries"][hash].as_i64()
}

/// One message of a day's life; what a change does to it.
fn single() -> Vec<Case> {
    let hours = |n: i64| n * 3_600_000;
    // How, new expiry from now, whether it counts.
    let table = [
        ("plain shortens", "", hours(2), true),
        ("plain extends", "", hours(60), true),
        ("shorten to sooner", "shorten", hours(2), true),
        ("shorten to later is nothing", "shorten", hours(60), false),
        ("extend to later", "extend", hours(60), true),
        ("extend to sooner is nothing", "extend", hours(2), false),
        ("extend by less than a hundredth is nothing", "extend", hours(24) + 120_000, false),
    ];
    let table = table.into_iter().map(|(name, how, from_now, counts)| {
        case(format!("expire/{name}"), move |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"a").await;
            let before = told(&c, &who, &hash).await.unwrap();
            let expiry = c.now() + from_now;
            let body = c.ask("expire", who.expire(std::slice::from_ref(&hash), &[expiry], how)).await.good();
            let text = |_: &Value| {
                let (updated, unchanged) =
                    if counts { (hash.clone(), String::new()) } else { (String::new(), format!("{hash}{before}")) };
                format!("{}{expiry}{hash}{updated}{unchanged}", who.pubkey).into_bytes()
            };
            for answer in confirmed(&c, &who, &body, text) {
                assert_eq!(
                    (&answer["expiry"], listed(&answer["updated"]).len()),
                    (&json!(expiry), usize::from(counts))
                );
                assert_eq!(answer.get("unchanged").is_some(), !how.is_empty(), "{answer}");
            }
            assert_eq!(told(&c, &who, &hash).await, Some(if counts { expiry } else { before }));
        })
    });
    table.collect()
}

fn several() -> Vec<Case> {
    vec![
        case("expire/capped at thirty days", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"a").await;
            c.ask("expire", who.expire(std::slice::from_ref(&hash), &[c.now() + 90 * DAY], "extend")).await.good();
            let expiry = told(&c, &who, &hash).await.unwrap();
            assert!((expiry - (c.now() + 30 * DAY)).abs() < 60_000, "{expiry}");
        }),
        case("expire/one value each", |c: Client| async move {
            let who = Signer::session();
            let hashes = vec![c.store(&who, 0, b"a").await, c.store(&who, 2, b"b").await];
            let times = [c.now() + 2 * DAY, c.now() + 3 * DAY];
            let body = c.ask("expire", who.expire(&hashes, &times, "extend")).await.good();
            let mut both: Vec<_> = hashes.iter().zip(times).collect();
            both.sort_unstable();
            let applied: Vec<i64> = both.iter().map(|(_, time)| *time).collect();
            let text = format!(
                "{}{}{}{}",
                who.pubkey,
                applied.iter().map(i64::to_string).collect::<String>(),
                hashes.concat(),
                both.iter().map(|(hash, _)| hash.as_str()).collect::<String>()
            );
            for answer in confirmed(&c, &who, &body, |_| text.clone().into_bytes()) {
                assert_eq!(answer["expiry"], json!(applied));
            }
            for (hash, time) in hashes.iter().zip(times) {
                assert_eq!(told(&c, &who, hash).await, Some(time));
            }
        }),
        case("expire/unknown hashes are left out", |c: Client| async move {
            let who = Signer::session();
            let hashes = vec![c.store(&who, 0, b"a").await, "A".repeat(43)];
            let body = c.ask("expire", who.expire(&hashes, &[c.now() + 2 * DAY], "")).await.good();
            let answers = body["swarm"].as_object().unwrap();
            assert!(answers.values().all(|answer| answer["updated"] == json!([hashes[0]])), "{body}");
        }),
        case("expire/to now ends a message", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"a").await;
            c.ask("expire", who.expire(&[hash], &[c.now() - 1_000], "")).await.good();
            assert!(c.hashes(&c.swarm(&who.pubkey).0[0], &who, 0).await.is_empty());
        }),
        case("expire/subaccount that may not delete may not shorten", |c: Client| async move {
            let group = Signer::group();
            let hash = c.store(&group, 11, b"a").await;
            let member = group.subaccount(READ | WRITE);
            let reply =
                c.ask("expire", member.expire(std::slice::from_ref(&hash), &[c.now() + 60_000], "shorten")).await;
            assert_eq!(reply.status, 400, "{reply:?}");
            c.ask("expire", member.expire(std::slice::from_ref(&hash), &[c.now() + 60_000], "")).await.good();
            assert!(told(&c, &group, &hash).await.unwrap() > c.now() + DAY / 2, "plain only extends for it");
            let later = c.now() + 3 * DAY;
            c.ask("expire", member.expire(std::slice::from_ref(&hash), &[later], "")).await.good();
            assert_eq!(told(&c, &group, &hash).await, Some(later));
        }),
        case("expire/messages of others stay", |c: Client| async move {
            let (who, other) = (Signer::session(), Signer::session());
            let hash = c.store(&other, 0, b"a").await;
            let body = c.ask("expire", who.expire(std::slice::from_ref(&hash), &[c.now()], "")).await.good();
            assert!(body["swarm"].as_object().unwrap().values().all(|answer| answer["updated"] == json!([])), "{body}");
        }),
    ]
}

fn all() -> Vec<Case> {
    vec![
        case("expire_all/only shortens", |c: Client| async move {
            let who = Signer::session();
            let long = c.store(&who, 0, b"long").await;
            let short = c.ask("store", who.store(0, b"short", c.now(), 600_000)).await.good()["hash"].clone();
            let expiry = c.now() + DAY / 2;
            let body = c.ask("expire_all", who.expire_all(&json!(0), expiry)).await.good();
            let text = format!("{}{expiry}{long}", who.pubkey).into_bytes();
            for answer in confirmed(&c, &who, &body, |_| text.clone()) {
                assert_eq!(answer["updated"], json!([long]));
            }
            assert_eq!(told(&c, &who, &long).await, Some(expiry));
            assert!(told(&c, &who, short.as_str().unwrap()).await.unwrap() < expiry);
        }),
        case("expire_all/all namespaces, told by namespace", |c: Client| async move {
            let who = Signer::session();
            let (one, two) = (c.store(&who, 0, b"a").await, c.store(&who, -42, b"b").await);
            let body = c.ask("expire_all", who.expire_all(&json!("all"), c.now() + 60_000)).await.good();
            let answer = body["swarm"].as_object().unwrap().values().next().unwrap();
            assert_eq!(answer["updated"], json!({"0": [one], "-42": [two]}));
        }),
        case("expire_all/other namespaces stay", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 2, b"a").await;
            c.ask("expire_all", who.expire_all(&json!(0), c.now() + 60_000)).await.good();
            assert!(told(&c, &who, &hash).await.unwrap() > c.now() + DAY / 2);
        }),
        case("get_expiries/only what is known, and neither time nor hard fork", |c: Client| async move {
            let who = Signer::session();
            let hash = c.store(&who, 0, b"a").await;
            let body = c.ask("get_expiries", who.get_expiries(&[hash.clone(), "A".repeat(43)], c.now())).await.good();
            assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
            assert_eq!(body["expiries"].as_object().unwrap().keys().collect::<Vec<_>>(), [&hash]);
        }),
        case("get_expiries/nothing known is empty", |c: Client| async move {
            let body = c.ask("get_expiries", Signer::session().get_expiries(&["A".repeat(43)], c.now())).await.good();
            assert_eq!(body, json!({"expiries": {}}));
        }),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    [single(), several(), all()].concat()
}
