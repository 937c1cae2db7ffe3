//! Bencoded requests: binary values raw, and answers of the same kind (service-nodes 3).

use serde_json::Value;
use zwiebel_proto::bencode::Bencode;
use zwiebel_proto::bencode::Dict;

use crate::client::Client;
use crate::client::Listed;
use crate::client::Way;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::Signer;

const DAY: i64 = 86_400_000;

/// The bencoded form of JSON parameters: base64 and hex become raw where a node takes raw.
fn raw(name: &str, value: &Value) -> Option<Bencode> {
    use base64ct::Encoding;
    let base64 = |text: &str| base64ct::Base64::decode_vec(text).unwrap();
    Some(match value {
        Value::Null => return None,
        Value::Bool(yes) => Bencode::Int(i64::from(*yes)),
        Value::Number(number) => Bencode::Int(number.as_i64().unwrap()),
        Value::String(text) => Bencode::Bytes(match name {
            "data" | "signature" | "subaccount" | "subaccount_sig" | "revoke" | "unrevoke" => base64(text),
            "pubkey" | "pubkey_ed25519" => hex::decode(text).unwrap(),
            _ => text.clone().into_bytes(),
        }),
        Value::Array(items) => Bencode::List(items.iter().filter_map(|item| raw(name, item)).collect()),
        Value::Object(entries) => Bencode::Dict(
            entries.iter().filter_map(|(name, value)| Some((name.clone().into_bytes(), raw(name, value)?))).collect(),
        ),
    })
}

fn request(method: &str, params: &Value) -> Bencode {
    let entries = [("method", Bencode::Bytes(method.into())), ("params", raw("", params).unwrap())];
    Bencode::Dict(entries.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value)).collect())
}

/// Sends a call bencoded; status and bencoded answer. In an onion the answer is base64.
async fn ask(c: &Client, node: &Listed, method: &str, params: &Value) -> (u16, Dict) {
    use base64ct::Encoding;
    let reply = c.ask_bencoded(node, &request(method, params)).await;
    let bytes = match c.way() {
        Way::Direct => reply.raw,
        Way::Onion => base64ct::Base64::decode_vec(&String::from_utf8(reply.raw).unwrap()).unwrap(),
    };
    let Ok(Bencode::Dict(dict)) = Bencode::decode(&bytes) else { panic!("{}", reply.body) };
    (reply.status, dict)
}

fn get<'a>(dict: &'a Dict, name: &str) -> &'a Bencode {
    dict.get(name.as_bytes()).unwrap_or_else(|| panic!("no {name} in {dict:?}"))
}

fn dict(value: &Bencode) -> &Dict {
    let Bencode::Dict(dict) = value else { panic!("{value:?}") };
    dict
}

fn list(value: &Bencode) -> &[Bencode] {
    let Bencode::List(list) = value else { panic!("{value:?}") };
    list
}

fn member(c: &Client, who: &Signer) -> Listed {
    c.swarm(&who.pubkey).0[0].clone()
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("bencode/info", |c: Client| async move {
            let (status, body) = ask(&c, &c.any_node(), "info", &serde_json::json!({})).await;
            assert_eq!((status, list(get(&body, "hf")).len(), list(get(&body, "version")).len()), (200, 2, 3));
        }),
        case("bencode/store and retrieve with raw values", |c: Client| async move {
            let who = Signer::session();
            let node = member(&c, &who);
            let data = [0, 1, 2, 0xff, b'=', b':'];
            let (status, body) = ask(&c, &node, "store", &who.store(5, &data, c.now(), DAY)).await;
            assert_eq!(status, 200);
            let own = dict(get(dict(get(&body, "swarm")), &node.name()));
            let Bencode::Bytes(hash) = get(&body, "hash") else { panic!("no hash") };
            let Bencode::Bytes(signature) = get(own, "signature") else { panic!("no signature") };
            assert!(node.hop.ed25519.verify(hash, &signature.clone().try_into().expect("raw")));
            let (_, body) = ask(&c, &node, "retrieve", &who.retrieve(5, c.now())).await;
            assert_eq!(get(dict(&list(get(&body, "messages"))[0]), "data"), &Bencode::Bytes(data.to_vec()));
            assert_eq!(get(&body, "more"), &Bencode::Int(0));
        }),
        case("bencode/what one format stored the other reads", |c: Client| async move {
            let who = Signer::session();
            let node = member(&c, &who);
            ask(&c, &node, "store", &who.store(0, b"abc", c.now(), DAY)).await;
            assert_eq!(c.hashes(&node, &who, 0).await.len(), 1);
        }),
        case("bencode/subaccounts", |c: Client| async move {
            let group = Signer::group();
            let other = group.subaccount(crate::signer::READ);
            let node = member(&c, &group);
            assert_eq!(ask(&c, &node, "retrieve", &other.retrieve(11, c.now())).await.0, 200);
            let revocation = group.revocation("revoke", &[other.token()], c.now());
            assert_eq!(ask(&c, &node, "revoke_subaccount", &revocation).await.0, 200);
            let (_, body) = ask(&c, &node, "revoked_subaccounts", &group.revoked(c.now())).await;
            assert_eq!(get(&body, "revoked_subaccounts"), &Bencode::List(vec![Bencode::Bytes(other.token().to_vec())]));
        }),
        case("bencode/flags are numbers", |c: Client| async move {
            let who = Signer::session();
            let mut params = who.delete(&["A".repeat(43)]);
            params["required"] = true.into();
            assert_eq!(ask(&c, &member(&c, &who), "delete", &params).await.0, 404);
        }),
        case("bencode/batch and sequence", |c: Client| async move {
            let who = Signer::session();
            let store = serde_json::json!({"method": "store", "params": who.store(0, b"abc", c.now(), DAY)});
            let refused = serde_json::json!({"method": "retrieve", "params": who.forged().retrieve(0, c.now())});
            let retrieve = serde_json::json!({"method": "retrieve", "params": who.retrieve(0, c.now())});
            let requests = serde_json::json!({"requests": [store, refused, retrieve]});
            for (method, expected) in [("batch", &[200, 401, 200][..]), ("sequence", &[200, 401])] {
                let (_, body) = ask(&c, &member(&c, &who), method, &requests).await;
                let codes: Vec<_> = list(get(&body, "results")).iter().map(|r| get(dict(r), "code").clone()).collect();
                let expected: Vec<_> = expected.iter().map(|code| Bencode::Int(*code)).collect();
                assert_eq!(codes, expected);
            }
        }),
        case("bencode/size counts raw bytes", |c: Client| async move {
            let who = Signer::session();
            let node = member(&c, &who);
            for n in 0..3_u8 {
                ask(&c, &node, "store", &who.store(0, &[n; 1_000], c.now(), DAY)).await;
            }
            let mut params = who.retrieve(0, c.now());
            params["max_size"] = 2_286.into();
            let (_, body) = ask(&c, &node, "retrieve", &params).await;
            assert_eq!((list(get(&body, "messages")).len(), get(&body, "more")), (2, &Bencode::Int(1)));
        }),
        case("bencode/account as hex", |c: Client| async move {
            let params = serde_json::json!({"account": "x"});
            let mut entries = dict(&raw("", &params).unwrap()).clone();
            entries.insert(b"pubkey".to_vec(), Bencode::Bytes(Signer::session().pubkey.into_bytes()));
            let whole = [("method", Bencode::Bytes(b"get_swarm".to_vec())), ("params", Bencode::Dict(entries))];
            let whole = whole.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value)).collect();
            assert_eq!(c.ask_bencoded(&c.any_node(), &Bencode::Dict(whole)).await.status, 200);
        }),
        case("bencode/refusals are the same texts", |c: Client| async move {
            let params = serde_json::json!({"namespace": 40_000, "pubkey": Signer::session().pubkey});
            let reply = c.ask_bencoded(&c.any_node(), &request("retrieve", &params)).await;
            reply.refused(400, "invalid request: Invalid value given for 'namespace': value out of range");
            c.ask_bencoded(&c.any_node(), &request("dance", &params)).await.refused(400, "no method dance");
        }),
        case("bencode/wrong swarm is told bencoded", |c: Client| async move {
            let who = Signer::session();
            let (members, others) = c.swarm(&who.pubkey);
            let Some(stranger) = others.first() else { return };
            let (status, body) = ask(&c, stranger, "retrieve", &who.retrieve(0, c.now())).await;
            assert_eq!((status, list(get(&body, "snodes")).len()), (421, members.len()));
        }),
        case("bencode/broken", |c: Client| async move {
            for broken in ["d", "d6:method4:infoe", "d6:params2:xxe", "de", "d6:method4:info6:paramsdeee"] {
                assert_eq!(c.send(&c.any_node(), broken.as_bytes()).await.status, 400, "{broken}");
            }
        }),
    ]
}
