//! Packets: ciphers, control objects, errors of hops (service-nodes 4).

use serde_json::Value;
use serde_json::json;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_crypto::keys::X25519Secret;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::build;
use zwiebel_proto::onion::node_payload;

use crate::client::Client;
use crate::client::Listed;
use crate::client::Reply;
use crate::client::random;
use crate::harness::Case;
use crate::harness::case;
use crate::signer::Signer;

const INFO: &[u8] = br#"{"method":"info","params":{}}"#;

/// A payload with a control object of one's own.
fn payload(request: &[u8], control: &str) -> Vec<u8> {
    let length = u32::try_from(request.len()).unwrap();
    [&length.to_le_bytes(), request, control.as_bytes()].concat()
}

fn packet(path: &[Listed], to: &Destination, payload: &[u8]) -> Vec<u8> {
    let hops: Vec<Hop> = path.iter().map(|node| node.hop).collect();
    build(&hops, to, payload, Cipher::XChaCha20, &mut rand::rng()).unwrap().0
}

async fn post(c: &Client, guard: &Listed, packet: Vec<u8>) -> Reply {
    c.post(&guard.url("/onion_req/v2"), packet).await
}

/// A node that nobody knows.
fn nobody() -> Hop {
    Hop { ed25519: Ed25519Public(random()), x25519: X25519Secret::from_bytes(random()).public() }
}

fn ciphers() -> Vec<Case> {
    let all = [Cipher::AesGcm, Cipher::XChaCha20, Cipher::AesCbc];
    let each = all.into_iter().flat_map(|cipher| {
        (0..=4).map(move |hops| {
            case(format!("onion/{} through {hops} hops", cipher.name()), move |c: Client| async move {
                let to = c.any_node();
                let body = c.through(&c.path(hops, &to), &to, &node_payload(INFO), cipher).await.good();
                assert!(body["t"].is_i64(), "{body}");
            })
        })
    });
    let mut cases: Vec<Case> = each.collect();
    cases.push(case("onion/store and retrieve through it", |c: Client| async move {
        let who = Signer::session();
        let to = c.swarm(&who.pubkey).0[0].clone();
        let ask = async |method: &str, params: Value| {
            let request = json!({"method": method, "params": params}).to_string();
            c.through(&c.path(3, &to), &to, &node_payload(request.as_bytes()), Cipher::AesGcm).await.good()
        };
        let stored = ask("store", who.store(0, b"abc", c.now(), 86_400_000)).await;
        let found = ask("retrieve", who.retrieve(0, c.now())).await;
        assert_eq!(found["messages"][0]["hash"], stored["hash"]);
    }));
    cases
}

/// How a node answers, by the control object.
fn controls() -> Vec<Case> {
    // Control, whether the sealed answer is base64, whether the JSON is embedded.
    let table = [
        (r#"{"headers":""}"#, true, false),
        (r#"{"headers":null}"#, true, false),
        (r#"{"headers":{}}"#, true, false),
        (r#"{"body":null,"headers":{"x":"y"}}"#, true, false),
        (r#"{"headers":"","json":true}"#, true, true),
        (r#"{"headers":"","base64":false}"#, false, false),
        (r#"{ "base64" : false, "json" : true, "headers" : {} , "pad" : "xxxx" }  "#, false, true),
    ];
    let table = table.into_iter().map(|(control, armoured, embedded)| {
        case(format!("onion/control {}", control.trim()), move |c: Client| async move {
            let to = c.any_node();
            let hop = to.hop;
            let payload = payload(INFO, control);
            let (packet, key) =
                build(&[], &Destination::Node(hop), &payload, Cipher::XChaCha20, &mut rand::rng()).unwrap();
            let answer = post(&c, &to, packet).await;
            use base64ct::Encoding;
            let raw = if armoured {
                base64ct::Base64::decode_vec(std::str::from_utf8(&answer.raw).expect("base64")).expect("base64")
            } else {
                answer.raw
            };
            let opened: Value = serde_json::from_slice(&key.open_raw(&raw).expect("it opens")).unwrap();
            assert_eq!((&opened["status"], opened["body"].is_object()), (&json!(200), embedded), "{opened}");
            assert_eq!(opened["body"].is_string(), !embedded);
        })
    });
    let bad = [r#"{"headers":"","json":5}"#, r#"{"headers":"","base64":"no"}"#, r#"{"x":1}"#, "[]", "", "{"];
    let bad = bad.into_iter().map(|control| {
        case(format!("onion/bad control {control}"), move |c: Client| async move {
            let to = c.any_node();
            c.through(&[], &to, &payload(INFO, control), Cipher::XChaCha20).await.refused(400, "Invalid json");
        })
    });
    let padded = case("onion/white space after the request is fine", |c: Client| async move {
        let to = c.any_node();
        let request = [INFO, &[b' '; 700]].concat();
        c.through(&[], &to, &node_payload(&request), Cipher::XChaCha20).await.good();
    });
    table.chain(bad).chain([padded]).collect()
}

fn errors() -> Vec<Case> {
    vec![
        case("onion/error of the destination is sealed", |c: Client| async move {
            let to = c.any_node();
            let request = br#"{"method":"dance","params":{}}"#;
            let reply = c.through(&c.path(3, &to), &to, &node_payload(request), Cipher::XChaCha20).await;
            reply.refused(400, "no method dance");
        }),
        case("onion/421 of the destination is sealed", |c: Client| async move {
            let who = Signer::session();
            let (_, others) = c.swarm(&who.pubkey);
            let Some(stranger) = others.first() else { return };
            let request = json!({"method": "retrieve", "params": who.retrieve(0, c.now())}).to_string();
            let reply = c.through(&[], stranger, &node_payload(request.as_bytes()), Cipher::XChaCha20).await;
            assert!(reply.status == 421 && reply.body["snodes"].is_array());
        }),
        case("onion/next node not found, by any hop", |c: Client| async move {
            for hops in 1..=3 {
                let stranger = nobody();
                let path = c.path(hops, &c.any_node());
                let reply = post(&c, &path[0], packet(&path, &Destination::Node(stranger), INFO)).await;
                reply.refused(502, &format!("Next node not found: {}", hex::encode(stranger.ed25519.0)));
            }
        }),
        case("onion/layer for another key, at any hop", |c: Client| async move {
            for hops in 0..=3 {
                let to = c.any_node();
                let wrong = Hop { x25519: nobody().x25519, ..to.hop };
                let path = c.path(hops, &to);
                let guard = path.first().unwrap_or(&to).clone();
                post(&c, &guard, packet(&path, &Destination::Node(wrong), INFO))
                    .await
                    .refused(400, "Invalid ciphertext");
            }
        }),
        case("onion/no unit", |c: Client| async move {
            for body in [&[][..], &[1], &[0xff; 8], &[5, 0, 0, 0, 1], b"{\"method\":\"info\"}"] {
                let reply = post(&c, &c.any_node(), body.to_vec()).await;
                let text = reply.body.as_str().unwrap_or_default();
                assert!(reply.status == 400 && text.starts_with("Error parsing onion request: "), "{reply:?}");
            }
        }),
        case("onion/unit with bad keys", |c: Client| async move {
            for json in ["{}", r#"{"ephemeral_key":"00"}"#, r#"{"ephemeral_key":5}"#, "[]", "x"] {
                let reply = post(&c, &c.any_node(), payload(b"blob", json)).await;
                assert_eq!(reply.status, 400, "{json}");
            }
        }),
        case("onion/unknown cipher", |c: Client| async move {
            let json = json!({"ephemeral_key": "11".repeat(32), "enc_type": "rot13"}).to_string();
            assert_eq!(post(&c, &c.any_node(), payload(b"blob", &json)).await.status, 400);
        }),
        case("onion/key of small order", |c: Client| async move {
            let json = json!({"ephemeral_key": "00".repeat(32), "enc_type": "xchacha20"}).to_string();
            post(&c, &c.any_node(), payload(&[0; 60], &json)).await.refused(400, "Invalid ciphertext");
        }),
        case("onion/white space and key order outside are free", |c: Client| async move {
            let to = c.any_node();
            let body = packet(&[], &Destination::Node(to.hop), &node_payload(INFO));
            let length = usize::try_from(u32::from_le_bytes(body[..4].try_into().unwrap())).unwrap();
            let json: Value = serde_json::from_slice(&body[4 + length..]).unwrap();
            let loose = format!(
                "\n {{ \"x\" : [1], \"enc_type\" : {}, \"ephemeral_key\" : {} }} \n\n",
                json["enc_type"], json["ephemeral_key"]
            );
            assert_eq!(post(&c, &to, payload(&body[4..4 + length], &loose)).await.status, 200);
        }),
        case("onion/hop number of the client counts", |c: Client| async move {
            let to = c.any_node();
            let path = c.path(1, &to);
            for (hop_no, status) in [(-3, 200), (0, 200), (14, 200), (15, 400)] {
                let body = packet(&path, &Destination::Node(to.hop), &node_payload(INFO));
                let length = usize::try_from(u32::from_le_bytes(body[..4].try_into().unwrap())).unwrap();
                let mut json: Value = serde_json::from_slice(&body[4 + length..]).unwrap();
                json["hop_no"] = hop_no.into();
                let reply = post(&c, &path[0], payload(&body[4..4 + length], &json.to_string())).await;
                assert_eq!(reply.status, status, "{hop_no}");
                if status == 400 {
                    assert_eq!(reply.body, "onion request max path length exceeded");
                }
            }
        }),
        case("onion/same packet twice is answered twice", |c: Client| async move {
            let to = c.any_node();
            let path = c.path(3, &to);
            let body = packet(&path, &Destination::Node(to.hop), &node_payload(INFO));
            assert_eq!(post(&c, &path[0], body.clone()).await.status, 200);
            assert_eq!(post(&c, &path[0], body).await.status, 200);
        }),
        case("onion/large request and answer", |c: Client| async move {
            let who = Signer::session();
            let to = c.swarm(&who.pubkey).0[0].clone();
            let store =
                json!({"method": "store", "params": who.store(0, &[7; 76_800], c.now(), 86_400_000)}).to_string();
            c.through(&c.path(3, &to), &to, &node_payload(store.as_bytes()), Cipher::XChaCha20).await.good();
            let retrieve = json!({"method": "retrieve", "params": who.retrieve(0, c.now())}).to_string();
            let body =
                c.through(&c.path(3, &to), &to, &node_payload(retrieve.as_bytes()), Cipher::XChaCha20).await.good();
            assert_eq!(body["messages"][0]["data"].as_str().map(str::len), Some(102_400));
        }),
    ]
}

/// Servers that no node posts to.
fn servers() -> Vec<Case> {
    let table = [
        ("path elsewhere", "example.org", "https", "/admin/lsrpc"),
        ("path with a query", "example.org", "https", "/oxen/v4/lsrpc?x=/lsrpc"),
        ("path that does not end right", "example.org", "https", "/oxen/v4/other"),
        ("protocol", "example.org", "gopher", "/oxen/v4/lsrpc"),
        ("no host", "", "https", "/oxen/v4/lsrpc"),
        ("somebody's password", "user@example.org", "https", "/oxen/v4/lsrpc"),
        ("loopback", "127.0.0.1", "https", "/oxen/v4/lsrpc"),
        ("link-local", "169.254.169.254", "https", "/oxen/v4/lsrpc"),
        ("private", "10.0.0.1", "https", "/oxen/v4/lsrpc"),
        ("IPv6 loopback", "[::1]", "https", "/oxen/v4/lsrpc"),
        ("loopback in disguise", "0x7f.1", "https", "/oxen/v4/lsrpc"),
    ];
    let refused = table.into_iter().map(|(name, host, protocol, target)| {
        case(format!("onion/no way to servers: {name}"), move |c: Client| async move {
            let json = json!({"host": host, "protocol": protocol, "target": target, "method": "POST",
                "ephemeral_key": "11".repeat(32), "enc_type": "xchacha20"});
            let exit = c.any_node();
            let reply = c.through(&c.path(2, &exit), &exit, &payload(b"x", &json.to_string()), Cipher::XChaCha20).await;
            reply.refused(400, "Invalid url");
        })
    });
    let malformed = [
        json!({"host": 5, "target": "/oxen/v4/lsrpc"}),
        json!({"host": "example.org"}),
        json!({"host": "example.org", "target": "/oxen/v4/lsrpc", "port": 70_000}),
    ];
    let malformed = malformed.into_iter().map(|json| {
        case(format!("onion/malformed server {json}"), move |c: Client| {
            let layer = payload(b"x", &json.to_string());
            async move {
                let exit = c.any_node();
                c.through(&[], &exit, &layer, Cipher::XChaCha20).await.refused(400, "Invalid json");
            }
        })
    });
    refused.chain(malformed).collect()
}

pub(crate) fn cases() -> Vec<Case> {
    [ciphers(), controls(), errors(), servers()].concat()
}
