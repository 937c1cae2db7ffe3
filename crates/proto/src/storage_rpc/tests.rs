//! Storage calls: hashes, signed texts and requests against vectors, and answers that lie.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};
use zwiebel_crypto::keys::{Ed25519Public, Ed25519Secret};

use super::*;
use crate::swarm::SwarmId;
use crate::testing::{Vector, alice, onion, storage};

const TIME: u64 = 1_700_000_000_000;
const EXPIRIES: [u64; 2] = [1_700_086_400_000, 1_700_172_800_000];

fn hashes() -> [MessageHash; 2] {
    let vectors = storage();
    let hashes = vectors["rpc_signatures"]["hashes"].list();
    [0, 1].map(|i: usize| hashes[i].text().parse().unwrap())
}

fn token() -> [u8; 36] {
    storage()["rpc_signatures"]["subaccount"]["token_hex"].array()
}

/// The account of the vectors, as 33 bytes.
fn pubkey() -> [u8; 33] {
    storage()["rpc_signatures"]["account"]["session_id"].array()
}

/// What a case signs, computed by us.
fn signed_text_of(method: &str, case: &str) -> Vec<u8> {
    let [first, second] = [TIME, EXPIRIES[0]];
    let messages = Scope::One(Namespace::MESSAGES);
    match (method, case) {
        ("store", "namespace 2, timestamp only") => signed_text::store(Namespace(2), first),
        ("store", "namespace 0 (optional there)") => signed_text::store(Namespace(0), first),
        ("store", "namespace -42") => signed_text::store(Namespace(-42), first),
        ("store", "group namespace 11, signed by the group key") => signed_text::store(Namespace(11), first),
        ("retrieve", "namespace 0") => signed_text::retrieve(Namespace(0), first),
        ("retrieve", "namespace 5") => signed_text::retrieve(Namespace(5), first),
        ("retrieve", _) => signed_text::retrieve(Namespace(11), first),
        ("delete", _) => signed_text::delete(&hashes()),
        ("delete_all", "namespace 0") => signed_text::delete_all(messages, first),
        ("delete_all", _) => signed_text::delete_all(Scope::All, first),
        ("delete_before", "namespace 0") => signed_text::delete_before(messages, first),
        ("delete_before", _) => signed_text::delete_before(Namespace(3).into(), first),
        ("expire", "shorten") => signed_text::expire(ExpiryMode::Shorten, &[second], &hashes()),
        ("expire", "extend, two expiries") => signed_text::expire(ExpiryMode::Extend, &EXPIRIES, &hashes()),
        ("expire", _) => signed_text::expire(ExpiryMode::Set, &[second], &hashes()),
        ("expire_all", "namespace 0") => signed_text::expire_all(messages, second),
        ("expire_all", _) => signed_text::expire_all(Scope::All, second),
        ("get_expiries", _) => signed_text::get_expiries(first, &hashes()),
        ("revoke_subaccount", _) => signed_text::revoke_subaccount(first, &[token()]),
        ("unrevoke_subaccount", _) => signed_text::unrevoke_subaccount(first, &[token()]),
        ("revoked_subaccounts", _) => signed_text::revoked_subaccounts(first),
        ("monitor", _) => signed_text::monitor(&pubkey(), first / 1000, true, &[0, 2, 3, 4, 5].map(Namespace)),
        other => panic!("an unknown case {other:?}"),
    }
}

fn expected_text(case: &Value) -> Vec<u8> {
    match case.get("signed_utf8") {
        Some(text) => text.text().into(),
        None => case["signed_hex"].bytes(),
    }
}

#[test]
fn message_hashes_agree() {
    for vector in storage()["message_hash"].list() {
        let namespace = Namespace(i16::try_from(vector["namespace"].as_i64().unwrap()).unwrap());
        let data = Base64::decode_vec(vector["data_b64"].text()).unwrap();
        let hash = message_hash(&vector["pubkey"].array(), namespace, &data);
        assert_eq!(hash.as_str(), vector["hash"].text());
        assert_eq!(MessageHash::parse(vector["hash"].text()), Ok(hash));
    }
    for bad in ["", "4sMyAuaZlMwww3oFvfhazfw7ASx/7TDtO+TVc8aAjH", "4sMyAuaZlMwww3oFvfhazfw7ASx/7TDtO+TVc8aAjH=", "ä"] {
        assert_eq!(MessageHash::parse(bad), Err(HashError));
    }
}

#[test]
fn signed_texts_and_signatures_agree() {
    let vectors = storage();
    let vectors = &vectors["rpc_signatures"];
    let secret = |signer: &str| Ed25519Secret::from_seed(vectors[signer]["ed25519_seed_hex"].array());
    for case in vectors["cases"].list() {
        let text = signed_text_of(case["method"].text(), case["case"].text());
        assert_eq!(text, expected_text(case), "{case}");
        let signer = secret(match case["signer"].text() {
            "group (03)" => "group",
            "subaccount key" => "subaccount",
            _ => "account",
        });
        assert_eq!(Base64::encode_string(&signer.sign(&text)), case["signature_b64"].text(), "{case}");
    }
    let account = secret("account").public();
    assert_eq!(account, vectors["account"]["ed25519_pk_hex"].ed25519());
    assert_eq!(account.to_x25519().unwrap().0.as_slice(), &pubkey()[1..]);
}

#[test]
fn confirmations_agree() {
    let vectors = storage();
    let vectors = &vectors["node_confirmations"];
    let node = vectors["node_ed25519_pk_hex"].ed25519();
    let group: [u8; 33] = storage()["rpc_signatures"]["group"]["id"].array();
    let [h0, h1] = hashes();
    let both = [h0, h1];
    for case in vectors["cases"].list() {
        let text = match (case["method"].text(), case["case"].text()) {
            ("store", _) => confirmation::store(&h0),
            ("delete", _) => confirmation::delete(&pubkey(), &both, &[h0]),
            ("delete_all", _) => confirmation::all(&pubkey(), TIME, &[h1, h0]),
            ("delete_before", _) => confirmation::all(&pubkey(), TIME, &[h0]),
            ("expire_all", _) => confirmation::all(&pubkey(), EXPIRIES[0], &[h0]),
            ("expire", "two requested, one updated, plain") => {
                confirmation::expire(&pubkey(), &EXPIRIES[..1], &both, &[h0], &[])
            }
            ("expire", case) if case.starts_with("shorten") => {
                confirmation::expire(&pubkey(), &EXPIRIES[..1], &both, &[h0], &[(h1, EXPIRIES[0])])
            }
            ("expire", _) => confirmation::expire(&pubkey(), &EXPIRIES, &both, &[h1, h0], &[]),
            ("revoke_subaccount", _) => confirmation::subaccounts(&group, TIME, &[token()]),
            other => panic!("an unknown case {other:?}"),
        };
        assert_eq!(text, expected_text(case), "{case}");
        let signature = Base64::decode_vec(case["signature_b64"].text()).unwrap().try_into().unwrap();
        assert!(node.verify(&text, &signature), "{case}");
    }
}

#[test]
fn namespaces_have_their_rules() {
    use NamespaceClass::{LegacyGroup, Private, PublicInbox, PublicOutbox, TestStub, Unrevocable};

    for (class, members) in [
        (LegacyGroup, [-10].as_slice()),
        (PublicInbox, &[0, 10, 20, -20, -30, 32_760]),
        (PublicOutbox, &[-1, -21, -41, -3721]),
        (Unrevocable, &[-11, -111, -211]),
        (TestStub, &[-3741]),
        (Private, &[1, 2, 3, 4, 5, 11, 12, 13, 14, 15, -2, -22, 21, i16::MAX, i16::MIN]),
    ] {
        for number in members {
            assert_eq!(Namespace(*number).class(), class, "{number}");
        }
    }
    assert!(!Namespace(0).store_needs_auth() && Namespace(0).retrieve_needs_auth());
    assert!(Namespace(-1).store_needs_auth() && !Namespace(-1).retrieve_needs_auth());
    assert!(!Namespace(-10).store_needs_auth() && !Namespace(-10).retrieve_needs_auth());
    assert!(Namespace(2).store_needs_auth() && Namespace(2).retrieve_needs_auth());
    assert_eq!(Namespace(0).max_ttl_ms(), 14 * 86_400_000);
    assert_eq!(Namespace(3).max_ttl_ms(), 30 * 86_400_000);
}

#[test]
fn requests_are_signed_by_the_account() {
    let account = alice();
    let requests = [
        (store_signed(&account, b"x", 1, TIME, Namespace(2)), signed_text::store(Namespace(2), TIME)),
        (retrieve(&account, Namespace(0), None, MaxSize::Default, TIME), signed_text::retrieve(Namespace(0), TIME)),
        (delete(&account, &hashes()), signed_text::delete(&hashes())),
        (delete_all(&account, Scope::All, TIME), signed_text::delete_all(Scope::All, TIME)),
        (delete_before(&account, Scope::All, TIME), signed_text::delete_before(Scope::All, TIME)),
        (
            expire(&account, &hashes(), TIME, ExpiryMode::Extend),
            signed_text::expire(ExpiryMode::Extend, &[TIME], &hashes()),
        ),
        (expire_all(&account, Scope::All, TIME), signed_text::expire_all(Scope::All, TIME)),
        (get_expiries(&account, &hashes(), TIME), signed_text::get_expiries(TIME, &hashes())),
    ];
    for (request, text) in requests {
        let params = &request["params"];
        assert_eq!(params["pubkey"].text(), account.id().to_string());
        let key = params["pubkey_ed25519"].ed25519();
        assert_eq!(key, account.ed25519().public());
        let signature = Base64::decode_vec(params["signature"].text()).unwrap().try_into().unwrap();
        assert!(key.verify(&text, &signature), "{}", request["method"]);
    }
}

#[test]
fn requests_have_the_right_shape() {
    let account = alice();
    let id = account.id();
    assert_eq!(
        store(&id, b"abc 123", 86_400_000, TIME, Namespace::MESSAGES),
        json!({"method": "store", "params": {
            "pubkey": id.to_string(), "namespace": 0, "data": "YWJjIDEyMw==", "timestamp": TIME, "ttl": 86_400_000
        }})
    );
    assert_eq!(get_swarm(&id), json!({"method": "get_swarm", "params": {"pubkey": id.to_string()}}));
    assert_eq!(info(), json!({"method": "info", "params": {}}));
    let requests = || vec![info(), get_swarm(&id)];
    assert_eq!(batch(requests()), json!({"method": "batch", "params": {"requests": [info(), get_swarm(&id)]}}));
    assert_eq!(sequence(requests())["method"], "sequence");

    let [hash, _] = hashes();
    let request = retrieve(&account, Namespace(2), Some(&hash), MaxSize::Share(8), TIME);
    assert_eq!(request["params"]["last_hash"], hash.as_str());
    assert_eq!(request["params"]["max_size"], -8);
    assert_eq!(request["params"]["namespace"], 2);
    let request = retrieve(&account, Namespace(0), None, MaxSize::Bytes(500_000), TIME);
    assert_eq!((&request["params"]["last_hash"], &request["params"]["max_size"]), (&json!(""), &json!(500_000)));
    let request = expire(&account, &[hash], TIME, ExpiryMode::Shorten);
    assert_eq!((&request["params"]["shorten"], request["params"].get("extend")), (&json!(true), None));
    assert_eq!(delete(&account, &hashes())["params"]["messages"], json!(hashes()));
    assert_eq!(delete_all(&account, Scope::All, TIME)["params"]["namespace"], "all");
}

/// Three nodes, the first two honest.
fn members(text: &[u8], entry: &Value) -> (Value, Vec<Ed25519Public>) {
    let secrets = [1, 2, 3].map(|byte| Ed25519Secret::from_seed([byte; 32]));
    let mut swarm = serde_json::Map::new();
    for (secret, text) in secrets.iter().zip([text, text, b"something else"]) {
        let mut entry = entry.clone();
        entry["signature"] = Base64::encode_string(&secret.sign(text)).into();
        swarm.insert(hex::encode(secret.public().0), entry);
    }
    swarm.insert(hex::encode([9; 32]), json!({"failed": true, "timeout": true}));
    swarm.insert("nonsense".to_owned(), json!(5));
    let mut honest = vec![secrets[0].public(), secrets[1].public()];
    honest.sort();
    (swarm.into(), honest)
}

#[test]
fn stores_count_with_signatures_only() {
    let [hash, _] = hashes();
    let (swarm, honest) = members(hash.as_str().as_bytes(), &json!({"hash": hash, "expiry": 1}));
    let answer = json!({"swarm": swarm, "hash": hash, "t": TIME, "hf": [19, 4]});
    let parsed = StoreResponse::parse(answer.to_string().as_bytes()).unwrap();
    assert_eq!(parsed, StoreResponse { hash, confirmed: honest, failed: 3, t: Some(TIME) });
    assert_eq!(StoreResponse::from_value(&answer), Ok(parsed));
    assert_eq!(StoreResponse::parse(b"{}"), Err(ResponseError::Malformed));
    assert_eq!(StoreResponse::parse(br#"{"swarm":{}}"#), Err(ResponseError::Malformed));
}

#[test]
fn deletes_count_with_signatures_only() {
    let account = alice().id();
    let [h0, h1] = hashes();
    let requested = [h1, h0];
    let text = confirmation::delete(&account.to_bytes(), &requested, &[h0]);
    let (swarm, honest) = members(&text, &json!({"deleted": [h0]}));
    let answer = json!({"swarm": swarm, "t": TIME});
    let parsed = DeleteResponse::from_value(&answer, &account, &requested).unwrap();
    assert_eq!(parsed, DeleteResponse { confirmed: honest, failed: 3, t: Some(TIME) });
    let other = DeleteResponse::from_value(&answer, &account, &[h0]).unwrap();
    assert_eq!((other.confirmed.len(), other.failed), (0, 5));
}

#[test]
fn expiries_count_with_signatures_only() {
    let account = alice().id();
    let [h0, h1] = hashes();
    let text = confirmation::expire(&account.to_bytes(), &[TIME], &[h1, h0], &[h0], &[(h1, 7)]);
    let unchanged = json!({ h1.as_str(): 7 });
    let (swarm, honest) = members(&text, &json!({"expiry": TIME, "updated": [h0], "unchanged": unchanged}));
    let parsed = ExpireResponse::from_value(&json!({"swarm": swarm, "t": TIME}), &account, &[h1, h0]).unwrap();
    assert_eq!(parsed.confirmed, honest.into_iter().map(|node| (node, vec![h0, h1])).collect::<Vec<_>>());
    let answer = json!({"expiries": { h0.as_str(): 5 }});
    assert_eq!(ExpiriesResponse::from_value(&answer), Ok(ExpiriesResponse(vec![(h0, 5)])));
}

#[test]
fn one_bad_message_does_not_spoil_the_others() {
    let [h0, h1] = hashes();
    let good = json!({"hash": h0, "timestamp": 1, "expiration": 2, "data": "YWJjIDEyMw=="});
    let bad_data = json!({"hash": h1, "timestamp": 1, "expiration": 2, "data": "*"});
    let answer = json!({"messages": [good, bad_data, 5, {"hash": "short"}, null], "more": true, "t": TIME});
    let parsed = RetrieveResponse::parse(answer.to_string().as_bytes()).unwrap();
    assert_eq!((parsed.messages.len(), parsed.more, parsed.t), (2, true, Some(TIME)));
    assert_eq!(parsed.messages[0].data, b"abc 123");
    assert_eq!((parsed.messages[1].hash, parsed.messages[1].data.len()), (h1, 0));
    assert_eq!(RetrieveResponse::from_value(&answer), Ok(parsed));
    assert_eq!(RetrieveResponse::parse(b"[]"), Err(ResponseError::Malformed));
}

#[test]
fn swarms_are_read_from_both_kinds_of_ports() {
    let node = &onion()["nodes"]["dest"];
    let member = |ip: &str, extra: Value| {
        let mut member =
            json!({"pubkey_ed25519": node["ed25519_pk_hex"], "pubkey_x25519": node["x25519_pk_hex"], "ip": ip});
        member.as_object_mut().unwrap().append(&mut extra.as_object().unwrap().clone());
        member
    };
    let answer = json!({"snodes": [
        member("203.0.113.7", json!({"port": "22021", "port_https": 22022})),
        member("203.0.113.8", json!({"port": "22021"})),
        member("0.0.0.0", json!({"port": "22021"})),
        member("203.0.113.9", json!({"port": "0"})),
        member("203.0.113.9", json!({"port": 65536})),
        5,
    ], "swarm": "4d4f", "t": TIME, "hf": [19, 4]});
    let parsed = SwarmResponse::parse(answer.to_string().as_bytes()).unwrap();
    assert_eq!(parsed.swarm_id, SwarmId(0x4d4f));
    let seen: Vec<_> = parsed.nodes.iter().map(|node| (node.ip.octets()[3], node.port)).collect();
    assert_eq!(seen, [(7, 22022), (8, 22021)]);
    assert_eq!(parsed.nodes[0].ed25519, node["ed25519_pk_hex"].ed25519());
    assert_eq!(parsed.nodes[0].x25519, node["x25519_pk_hex"].x25519());
    assert_eq!(SwarmResponse::from_value(&answer), Ok(parsed));
}

#[test]
fn information_and_batches_are_read() {
    let info = json!({"version": [2, 8, 0], "timestamp": TIME, "t": TIME, "hf": [19, 4]});
    let expected = InfoResponse { t: TIME, version: [2, 8, 0], hf: [19, 4] };
    assert_eq!(InfoResponse::from_value(&info), Ok(expected.clone()));
    let answer = json!({"results": [{"code": 200, "body": info}, {"code": 401, "body": "text"}]});
    let BatchResponse(results) = BatchResponse::parse(answer.to_string().as_bytes()).unwrap();
    assert_eq!(InfoResponse::from_value(&results[0].1), Ok(expected));
    assert_eq!(results[1], (401, json!("text")));
    let many = json!({"results": vec![json!({"code": 200}); MAX_BATCH + 1]});
    assert_eq!(BatchResponse::parse(many.to_string().as_bytes()), Err(ResponseError::TooLarge));
}

#[test]
fn compact_node_lists_agree() {
    let vector = &storage()["active_nodes_bin"];
    let record = vector["record_hex"].bytes();
    let nodes = active_nodes::decode(&record).unwrap();
    let fields = &vector["fields"];
    assert_eq!(nodes[0].ed25519, fields["ed25519_pk_hex"].ed25519());
    assert_eq!(nodes[0].swarm.to_string(), fields["swarm_id_hex"].text());
    assert_eq!(nodes[0].ip.to_string(), fields["ipv4"].text());
    assert_eq!(u64::from(nodes[0].https_port), fields["https_port"]);
    assert_eq!(u64::from(nodes[0].omq_port), fields["omq_quic_port"]);
    assert_eq!(json!(nodes[0].version), fields["storage_version"]);
    assert_eq!(active_nodes::encode(&nodes), record);
    assert_eq!(active_nodes::decode(&record[1..]), Err(active_nodes::RecordsError));
    assert_eq!(active_nodes::decode(&[]), Ok(Vec::new()));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_answers_are_refused_quietly(bytes: Vec<u8>, json in "[\\[\\]{}\",:a-z0-9]{0,64}") {
            for body in [bytes.as_slice(), json.as_bytes()] {
                let _ = StoreResponse::parse(body);
                let _ = RetrieveResponse::parse(body);
                let _ = SwarmResponse::parse(body);
                let _ = InfoResponse::parse(body);
                let _ = BatchResponse::parse(body);
                let _ = ExpiriesResponse::parse(body);
                let value = serde_json::from_slice(body).unwrap_or_default();
                let _ = DeleteResponse::from_value(&value, &alice().id(), &[]);
                let _ = ExpireResponse::from_value(&value, &alice().id(), &[]);
            }
        }
    }
}
