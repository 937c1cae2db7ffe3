//! Revocation of subaccounts (service-nodes 3.9).

use base64ct::Base64;
use base64ct::Encoding;
use serde_json::Value;
use serde_json::json;

use super::store::confirmed;
use crate::client::Client;
use crate::client::random;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::READ;
use crate::signer::Signer;
use crate::signer::WRITE;

const REFUSED: &str = "retrieve signature verification failed";

async fn revoked(c: &Client, who: &Signer) -> Vec<String> {
    let body = c.ask("revoked_subaccounts", who.revoked(c.now())).await.good();
    body["revoked_subaccounts"].as_array().unwrap().iter().map(|token| token.as_str().unwrap().to_owned()).collect()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("revoke/every member confirms with its signature", |c: Client| async move {
            let group = Signer::group();
            let tokens = [group.subaccount(READ).token(), group.subaccount(WRITE).token()];
            for verb in ["revoke", "unrevoke"] {
                let now = c.now();
                let method = format!("{verb}_subaccount");
                let body = c.ask(&method, group.revocation(verb, &tokens, now)).await.good();
                let text = [format!("{}{now}", group.pubkey).as_bytes(), tokens.as_flattened()].concat();
                for answer in confirmed(&c, &group, &body, |_| text.clone()) {
                    assert_eq!(answer.get("count"), (verb == "unrevoke").then_some(&json!(2)));
                }
            }
        }),
        case("revoke/holds at every member, with no message there", |c: Client| async move {
            let group = Signer::group();
            let member = group.subaccount(READ);
            c.ask("revoke_subaccount", group.revocation("revoke", &[member.token()], c.now())).await.good();
            for node in c.swarm(&group.pubkey).0 {
                c.call(&node, "retrieve", member.retrieve(11, c.now())).await.refused(401, REFUSED);
            }
        }),
        case("revoke/the account itself and others go on", |c: Client| async move {
            let group = Signer::group();
            let (gone, stays) = (group.subaccount(READ), group.subaccount(READ));
            c.ask("revoke_subaccount", group.revocation("revoke", &[gone.token()], c.now())).await.good();
            c.ask("retrieve", stays.retrieve(11, c.now())).await.good();
            c.ask("retrieve", group.retrieve(11, c.now())).await.good();
        }),
        case("revoke/unrevocable namespaces can still be read", |c: Client| async move {
            let group = Signer::group();
            let member = group.subaccount(READ | WRITE);
            c.ask("revoke_subaccount", group.revocation("revoke", &[member.token()], c.now())).await.good();
            for namespace in [-11, -111] {
                c.ask("retrieve", member.retrieve(namespace, c.now())).await.good();
            }
            let store = member.store(-11, b"x", c.now(), 86_400_000);
            c.ask("store", store).await.refused(401, "store signature verification failed");
        }),
        case("revoke/taken back it may again", |c: Client| async move {
            let group = Signer::group();
            let member = group.subaccount(READ);
            for verb in ["revoke", "unrevoke"] {
                c.ask(&format!("{verb}_subaccount"), group.revocation(verb, &[member.token()], c.now())).await.good();
            }
            c.ask("retrieve", member.retrieve(11, c.now())).await.good();
        }),
        case("revoke/taking back what was not revoked counts nothing", |c: Client| async move {
            let group = Signer::group();
            let body = c.ask("unrevoke_subaccount", group.revocation("unrevoke", &[random()], c.now())).await.good();
            assert!(body["swarm"].as_object().unwrap().values().all(|answer| answer["count"] == 0), "{body}");
        }),
        case("revoke/one token without an array", |c: Client| async move {
            let group = Signer::group();
            let member = group.subaccount(READ);
            let mut params = group.revocation("revoke", &[member.token()], c.now());
            params["revoke"] = Base64::encode_string(&member.token()).into();
            c.ask("revoke_subaccount", params).await.good();
            c.ask("retrieve", member.retrieve(11, c.now())).await.refused(401, REFUSED);
        }),
        case("revoke/tokens as hex", |c: Client| async move {
            let group = Signer::group();
            let member = group.subaccount(READ);
            let mut params = group.revocation("revoke", &[member.token()], c.now());
            params["revoke"] = json!([hex::encode(member.token())]);
            c.ask("revoke_subaccount", params).await.good();
            c.ask("retrieve", member.retrieve(11, c.now())).await.refused(401, REFUSED);
        }),
        case("revoke/fifty at once", |c: Client| async move {
            let group = Signer::group();
            let tokens: Vec<[u8; 36]> = (0..50).map(|_| random()).collect();
            c.ask("revoke_subaccount", group.revocation("revoke", &tokens, c.now())).await.good();
            assert_eq!(revoked(&c, &group).await.len(), 50);
        }),
        case("revoke/more than fifty at once", |c: Client| async move {
            let group = Signer::group();
            let tokens: Vec<[u8; 36]> = (0..51).map(|_| random()).collect();
            let reply = c.ask("revoke_subaccount", group.revocation("revoke", &tokens, c.now())).await;
            reply.refused(400, "invalid request: invalid revoke: cannot revoke more than 50 subaccounts at once");
        }),
        case("revoke/the newest fifty are kept", |c: Client| async move {
            let group = Signer::group();
            let first = group.subaccount(READ);
            let now = c.now();
            c.ask("revoke_subaccount", group.revocation("revoke", &[first.token()], now - 10)).await.good();
            let tokens: Vec<[u8; 36]> = (0..50).map(|_| random()).collect();
            c.ask("revoke_subaccount", group.revocation("revoke", &tokens, now)).await.good();
            assert_eq!(revoked(&c, &group).await.len(), 50);
            c.ask("retrieve", first.retrieve(11, c.now())).await.good();
        }),
        case("revoke/list tells the tokens", |c: Client| async move {
            let group = Signer::group();
            let mut tokens: Vec<[u8; 36]> = (0..3).map(|_| random()).collect();
            c.ask("revoke_subaccount", group.revocation("revoke", &tokens, c.now())).await.good();
            tokens.sort_unstable();
            let mut told: Vec<Vec<u8>> =
                revoked(&c, &group).await.iter().map(|t| Base64::decode_vec(t).unwrap()).collect();
            told.sort_unstable();
            assert_eq!(told, tokens);
        }),
        case("revoke/empty list of a new account", |c: Client| async move {
            let body: Value = c.ask("revoked_subaccounts", Signer::session().revoked(c.now())).await.good();
            assert!(body["revoked_subaccounts"] == json!([]) && body["t"].is_i64() && body["hf"].is_array(), "{body}");
        }),
    ]
}
