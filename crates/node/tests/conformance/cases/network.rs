//! Calls about the network itself: `info`, `get_swarm`, `oxend_request`, `active_nodes_bin` (service-nodes 2.4, 3.10).

use base64ct::Base64;
use base64ct::Encoding;
use serde_json::Value;
use serde_json::json;
use zwiebel_proto::storage_rpc::active_nodes;

use crate::client::Client;
use crate::client::Listed;
use crate::client::Way;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::Signer;

async fn states(c: &Client, params: Value) -> Vec<Value> {
    let body = c.ask("oxend_request", json!({"endpoint": "get_service_nodes", "params": params})).await.good();
    assert!(body["t"].is_i64() && body["hf"].is_array());
    body["result"]["service_node_states"].as_array().expect("a list").clone()
}

fn swarms() -> Vec<Case> {
    let by = |name: &'static str, method: &'static str, field: &'static str| {
        case(format!("get_swarm/{name}"), move |c: Client| async move {
            let who = Signer::session();
            let mut expected: Vec<String> = c.swarm(&who.pubkey).0.iter().map(Listed::name).collect();
            let mut params = json!({});
            params[field] = who.pubkey.into();
            let body = c.call(&c.any_node(), method, params).await.good();
            let snodes = body["snodes"].as_array().unwrap();
            let mut found: Vec<String> =
                snodes.iter().map(|node| node["pubkey_ed25519"].as_str().unwrap().to_owned()).collect();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected);
        })
    };
    vec![
        by("any node tells any account's", "get_swarm", "pubkey"),
        by("old spelling of the account", "get_swarm", "pubKey"),
        by("old name of the call", "get_snodes_for_pubkey", "pubKey"),
        case("get_swarm/members have keys, addresses and ports", |c: Client| async move {
            let who = Signer::session();
            let body = c.ask("get_swarm", json!({"pubkey": who.pubkey})).await.good();
            for node in body["snodes"].as_array().unwrap() {
                let known = c.nodes().iter().find(|known| known.name() == node["pubkey_ed25519"]).expect("listed");
                assert_eq!(node["port"], known.port.to_string(), "text");
                assert_eq!(node["port_https"], known.port);
                assert!(node["port_omq"].is_u64() && node["port_quic"].is_u64());
                assert_eq!(node["ip"], known.ip.to_string());
                assert_eq!(node["pubkey_x25519"], hex::encode(known.hop.x25519.0));
                let address = node["address"].as_str().unwrap();
                assert!(address.len() == 58 && address.ends_with(".snode"), "{address}");
                assert_eq!(node["pubkey_legacy"].as_str().unwrap().len(), 64);
            }
        }),
        case("get_swarm/swarm is plain hex, with time and hard fork", |c: Client| async move {
            let who = Signer::session();
            let body = c.ask("get_swarm", json!({"pubkey": who.pubkey})).await.good();
            let swarm = body["swarm"].as_str().unwrap();
            let id = u64::from_str_radix(swarm, 16).unwrap();
            assert_eq!((swarm, id), (format!("{id:x}").as_str(), c.swarm(&who.pubkey).0[0].swarm.0));
            assert!(body["t"].is_i64() && body["hf"].is_array());
        }),
        case("get_swarm/prefix does not matter", |c: Client| async move {
            let key = &Signer::session().pubkey[2..];
            let of = async |prefix: &str| c.ask("get_swarm", json!({"pubkey": format!("{prefix}{key}")})).await.good();
            assert_eq!(of("05").await["swarm"], of("03").await["swarm"]);
        }),
        case("421/is the answer of get_swarm", |c: Client| async move {
            let who = Signer::session();
            let (_, others) = c.swarm(&who.pubkey);
            let Some(stranger) = others.first() else { return };
            let reply = c.call(stranger, "retrieve", who.retrieve(0, c.now())).await;
            let right = c.ask("get_swarm", json!({"pubkey": who.pubkey})).await.good();
            assert_eq!((reply.status, &reply.body["snodes"]), (421, &right["snodes"]));
            assert_eq!(reply.body["swarm"], right["swarm"]);
            assert!(reply.body["t"].is_i64() && reply.body["hf"].is_array());
        }),
        case("421/comes before times and signatures", |c: Client| async move {
            let who = Signer::session();
            let (_, others) = c.swarm(&who.pubkey);
            let Some(stranger) = others.first() else { return };
            assert_eq!(c.call(stranger, "retrieve", who.forged().retrieve(0, 1_600_000_000_000)).await.status, 421);
            assert_eq!(c.call(stranger, "store", who.store(0, b"x", 1_600_000_000_000, 5)).await.status, 421);
        }),
    ]
}

fn lists() -> Vec<Case> {
    vec![
        case("info/version, times and hard fork", |c: Client| async move {
            let body = c.ask("info", json!({})).await.good();
            assert_eq!((body["version"].as_array().unwrap().len(), body["hf"].as_array().unwrap().len()), (3, 2));
            assert!(body["t"].as_i64().unwrap().abs_diff(c.now()) < 30_000);
            assert!(body["timestamp"].as_i64().unwrap().abs_diff(c.now()) < 30_000);
            let version: Vec<u64> = body["version"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
            assert!(version.as_slice() >= [2, 2].as_slice(), "{version:?}");
        }),
        case("info/extra fields of a request are ignored", |c: Client| async move {
            let request = json!({"jsonrpc": "2.0", "id": 5, "method": "info", "params": {"x": null}});
            c.send(&c.any_node(), request.to_string().as_bytes()).await.good();
        }),
        case("oxend_request/all nodes with everything about them", |c: Client| async move {
            let all = states(&c, json!({"active_only": true})).await;
            assert_eq!(all.len(), c.nodes().len());
            for field in ["service_node_pubkey", "pubkey_ed25519", "pubkey_x25519", "public_ip", "swarm"] {
                assert!(all.iter().all(|node| node[field].is_string()), "{field}");
            }
            for field in
                ["storage_port", "storage_lmq_port", "swarm_id", "requested_unlock_height", "last_uptime_proof"]
            {
                assert!(all.iter().all(|node| node[field].is_u64()), "{field}");
            }
            assert!(all.iter().all(|node| node["active"] == true && node["storage_server_version"].is_array()));
        }),
        case("oxend_request/wanted fields as object", |c: Client| async move {
            let all = states(&c, json!({"fields": {"public_ip": true, "swarm": true, "height": false}})).await;
            assert!(all.iter().all(|node| node.as_object().unwrap().keys().eq(["public_ip", "swarm"])), "{all:?}");
        }),
        case("oxend_request/wanted fields as list", |c: Client| async move {
            let all = states(&c, json!({"fields": ["pubkey_ed25519"]})).await;
            assert!(all.iter().all(|node| node.as_object().unwrap().keys().eq(["pubkey_ed25519"])), "{all:?}");
        }),
        case("oxend_request/all but some fields", |c: Client| async move {
            let all = states(&c, json!({"fields": ["all", "-swarm_id"]})).await;
            assert!(all.iter().all(|node| node.get("swarm_id").is_none() && node["swarm"].is_string()));
        }),
        case("oxend_request/limit", |c: Client| async move {
            assert_eq!(states(&c, json!({"limit": 2})).await.len(), 2);
            assert_eq!(states(&c, json!({"limit": -3})).await.len(), 3);
            assert_eq!(states(&c, json!({"limit": 0})).await.len(), c.nodes().len());
        }),
        case("oxend_request/only these nodes", |c: Client| async move {
            let some = states(&c, json!({"limit": 1})).await[0]["service_node_pubkey"].clone();
            let found = states(&c, json!({"service_node_pubkeys": [some]})).await;
            assert_eq!((found.len(), &found[0]["service_node_pubkey"]), (1, &some));
        }),
        case("oxend_request/unchanged since a block", |c: Client| async move {
            let node = c.any_node();
            let ask = async |params: Value| {
                let params = json!({"endpoint": "get_service_nodes", "params": params});
                c.call(&node, "oxend_request", params).await.good()["result"].clone()
            };
            let top = ask(json!({"limit": 1})).await["block_hash"].clone();
            assert!(top.is_string());
            assert_eq!(ask(json!({"poll_block_hash": top})).await["unchanged"], true);
            assert!(ask(json!({"poll_block_hash": "00"})).await["service_node_states"].is_array());
        }),
        case("oxend_request/nothing but an endpoint", |c: Client| async move {
            let body = c.ask("oxend_request", json!({"endpoint": "get_service_nodes"})).await.good();
            assert_eq!(body["result"]["service_node_states"].as_array().unwrap().len(), c.nodes().len());
        }),
        case("oxend_request/names are answered or refused as text", |c: Client| async move {
            let params = json!({"type": 0, "name_hash": Base64::encode_string(&[0; 32])});
            let reply = c.ask("oxend_request", json!({"endpoint": "ons_resolve", "params": params})).await;
            assert!(
                reply.status == 200 && reply.body["result"].is_object()
                    || reply.status == 400 && reply.body.is_string()
            );
        }),
        case("active_nodes_bin/one record for each node", |c: Client| async move {
            let reply = c.ask("active_nodes_bin", json!({})).await;
            let bytes = match c.way() {
                Way::Direct => reply.raw,
                Way::Onion => Base64::decode_vec(&String::from_utf8(reply.raw).unwrap()).unwrap(),
            };
            let nodes = active_nodes::decode(&bytes).expect("records of 51 bytes");
            assert_eq!(nodes.len(), c.nodes().len());
            for node in nodes {
                let known = c.nodes().iter().find(|known| known.hop.ed25519 == node.ed25519).expect("listed");
                assert_eq!((node.swarm, node.ip, node.https_port), (known.swarm, known.ip, known.port));
            }
        }),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    [swarms(), lists()].concat()
}
