//! Packets and answers of onion requests against vectors, errors of hops, and hostile layers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::cell::RefCell;

use base64ct::{Base64, Encoding};
use serde_json::{Value, json};

use super::layer::Sealing;
use super::*;
use crate::testing::{Vector, onion, rng};

fn cipher(name: &Value) -> Option<Cipher> {
    Cipher::from_name(name.text())
}

fn hop(vectors: &Value, name: &str) -> Hop {
    let node = &vectors["nodes"][name];
    Hop { ed25519: node["ed25519_pk_hex"].ed25519(), x25519: node["x25519_pk_hex"].x25519() }
}

fn path(vectors: &Value, packet: &Value) -> Vec<Hop> {
    packet["path"].list().iter().map(|name| hop(vectors, name.text())).collect()
}

/// A nonce of either length, as [`ReplyKey::seal_with_nonce`] takes it.
fn nonce(vector: &Value) -> [u8; 24] {
    let mut nonce = vector.bytes();
    nonce.resize(24, 0);
    nonce.try_into().unwrap()
}

/// Builds with the ephemeral keys and nonces of the vector, innermost layer first.
fn build_as(
    packet: &Value,
    path: &[Hop],
    destination: &Destination,
    payload: &[u8],
) -> Result<(Vec<u8>, ReplyKey), OnionError> {
    let layers = RefCell::new(packet["layers_outermost_first"].list().to_vec());
    let chosen = cipher(&packet["enc_type"]).unwrap();
    let seal = |to: &X25519Public, plaintext: &[u8]| {
        let layer = layers.borrow_mut().pop().unwrap();
        assert_eq!(hex::encode(plaintext), layer["plaintext_hex"].text());
        let sealing = Sealing::start(layer["ephemeral_sk_hex"].x25519_secret(), to, chosen)?;
        assert_eq!(sealing.ephemeral, layer["ephemeral_pk_hex"].x25519());
        assert_eq!(sealing.key.key.expose(), &layer["key_hex"].array());
        let sealed = sealing.key.seal_with_nonce(plaintext, &nonce(&layer["nonce_hex"]));
        assert_eq!(hex::encode(&sealed), layer["sealed_hex"].text());
        Ok((sealed, sealing))
    };
    let named = (packet["enc_type_field_omitted"] != true).then_some(chosen);
    let built = build_with(path, destination, payload, named, seal);
    assert!(layers.borrow().is_empty());
    built
}

/// Peels as the nodes of the vector's path would, up to the last hop's layer.
fn peel_along(vectors: &Value, packet: &Value) -> Vec<(Layer, ReplyKey)> {
    let OuterPacket { mut blob, mut ephemeral, mut cipher, hop_no } = outer(&packet["http_body_hex"].bytes()).unwrap();
    assert_eq!(hop_no, 0);
    let mut layers = Vec::new();
    for (index, layer) in packet["layers_outermost_first"].list().iter().enumerate() {
        let node = &vectors["nodes"][layer["for"].text()];
        let secret = node["x25519_sk_hex"].x25519_secret();
        if let Some(message) = index.checked_sub(1).and_then(|hop| packet["node_to_node_messages"].get(hop)) {
            let hop = OuterPacket { blob: blob.clone(), ephemeral, cipher, hop_no: u32::try_from(index).unwrap() };
            let bytes = message["message_hex"].bytes();
            assert_eq!(OuterPacket::decode_hop(&bytes), Ok(hop.clone()));
            if packet["enc_type_field_omitted"] != true {
                assert_eq!(hop.encode_hop(), bytes);
            }
        }
        let (opened, key) = peel(&secret, &blob, &ephemeral, cipher).unwrap();
        if let Layer::Next { destination, .. } = &opened {
            let next = &packet["layers_outermost_first"][index + 1]["for"];
            assert_eq!(*destination, hop(vectors, next.text()).ed25519);
        }
        if let Layer::Next { blob: inner, ephemeral: inner_key, cipher: inner_cipher, .. } = &opened {
            (blob, ephemeral, cipher) = (inner.clone(), *inner_key, *inner_cipher);
        }
        let ends = !matches!(opened, Layer::Next { .. });
        layers.push((opened, key));
        if ends {
            break;
        }
    }
    layers
}

#[test]
fn keys_and_ciphers_agree_with_other_implementations() {
    let vectors = onion();
    let vector = &vectors["crosscheck_libsession"];
    let server = vector["server_sk_hex"].x25519_secret();
    let client = vector["client_pk_hex"].x25519();
    for (name, cipher) in [("aes-gcm", Cipher::AesGcm), ("xchacha20", Cipher::XChaCha20)] {
        let key = ReplyKey::of_receiver(&server, &client, cipher).unwrap();
        assert_eq!(key.key.expose(), &vector[name]["key_hex"].array());
        let to = vector["server_pk_hex"].x25519();
        let sealing = Sealing::start(vector["client_sk_hex"].x25519_secret(), &to, cipher).unwrap();
        assert_eq!(sealing.key.key, key.key);
        let opened = key.open_raw(&vector[name]["ciphertext_hex"].bytes()).unwrap();
        assert_eq!(opened, vector["plaintext_utf8"].text().as_bytes());
        for bad in vector[name]["must_fail_hex"].list() {
            assert_eq!(key.open_raw(&bad.bytes()), None);
        }
    }
    let parser = &vector["parser"];
    for packet in parser["packets"].list() {
        let OuterPacket { blob, ephemeral, cipher, hop_no } = outer(&packet["packet_hex"].bytes()).unwrap();
        assert_eq!((ephemeral, hop_no), (parser["client_pk_hex"].x25519(), 0));
        assert_eq!(cipher.name(), packet["enc_type"].text());
        let key = ReplyKey::of_receiver(&parser["server_sk_hex"].x25519_secret(), &ephemeral, cipher).unwrap();
        assert_eq!(key.key.expose(), &packet["key_hex"].array());
        assert_eq!(key.open_raw(&blob).unwrap(), packet["plaintext_utf8"].text().as_bytes());
        let reply = key.seal(parser["reply_sizes"]["plaintext_utf8"].text().as_bytes(), &mut rng());
        assert_eq!(reply.len() as u64, parser["reply_sizes"][cipher.name()]);
    }
}

#[test]
fn one_hop_agrees_both_ways() {
    for vector in onion()["one_hop"].list() {
        let Some(cipher) = cipher(&vector["enc_type"]) else {
            assert_eq!((&vector["enc_type"], cfg!(target_arch = "wasm32")), (&json!("aes-cbc"), true));
            continue;
        };
        let to = vector["server_pk_hex"].x25519();
        let client = Sealing::start(vector["client_sk_hex"].x25519_secret(), &to, cipher).unwrap().key;
        let server =
            ReplyKey::of_receiver(&vector["server_sk_hex"].x25519_secret(), &vector["client_pk_hex"].x25519(), cipher);
        for (message, seals, opens) in
            [("request", &client, server.as_ref().unwrap()), ("reply", server.as_ref().unwrap(), &client)]
        {
            let message = &vector[message];
            let plaintext = message["plaintext_utf8"].text().as_bytes();
            let sealed = seals.seal_with_nonce(plaintext, &nonce(&message["nonce_hex"]));
            assert_eq!(hex::encode(&sealed), message["sealed_hex"].text());
            assert_eq!(opens.open_raw(&sealed).unwrap(), plaintext);
        }
    }
}

#[test]
fn packets_to_a_node_agree() {
    let vectors = onion();
    for packet in vectors["three_hop_to_service_node"].list() {
        let request = packet["request_json_utf8"].text().as_bytes();
        let payload = unit::unit(request, packet["control_json_utf8"].text().as_bytes());
        let destination = Destination::Node(hop(&vectors, packet["destination"].text()));
        let (body, key) = build_as(packet, &path(&vectors, packet), &destination, &payload).unwrap();
        assert_eq!(hex::encode(&body), packet["http_body_hex"].text());
        assert_eq!(key.key.expose(), &packet["reply_key_hex"].array());

        let layers = peel_along(&vectors, packet);
        assert_eq!(layers.len(), 4);
        let (last, node_key) = layers.last().unwrap();
        assert_eq!(last, &Layer::Final { request: request.to_vec(), json: false, base64: true });
        assert_eq!(node_key.key, key.key);
        check_replies(packet, &key);
    }
}

fn check_replies(packet: &Value, key: &ReplyKey) {
    for reply in packet["replies"].list() {
        let plaintext: Value = serde_json::from_str(reply["plaintext_utf8"].text()).unwrap();
        let status = u16::try_from(plaintext["status"].as_u64().unwrap()).unwrap();
        let as_json = plaintext["body"].is_object();
        let body = plaintext["body"].as_str().map_or_else(|| plaintext["body"].to_string(), str::to_owned);
        assert_eq!(reply::plaintext(status, body.as_bytes(), as_json), reply["plaintext_utf8"].text().as_bytes());
        let sealed = key.seal_with_nonce(reply["plaintext_utf8"].text().as_bytes(), &nonce(&reply["nonce_hex"]));
        assert_eq!(hex::encode(&sealed), reply["sealed_hex"].text());
        let seen = match reply.get("http_body_b64text") {
            Some(text) => {
                assert_eq!(Base64::encode_string(&sealed), text.text());
                text.text().as_bytes().to_vec()
            }
            None => reply["http_body_hex"].bytes(),
        };
        let expected = NodeReply { status, body: body.into_bytes() };
        assert_eq!(key.open(&seen), Ok(expected.clone()));
        for base64 in [false, true] {
            let sealed = key.seal_node_reply(status, &expected.body, as_json, base64, &mut rng());
            assert_eq!(key.open(&sealed), Ok(expected.clone()));
        }
    }
}

#[test]
fn packets_to_a_server_agree() {
    let vectors = onion();
    for packet in vectors["three_hop_to_server_v4"].list() {
        let info: v4::RequestInfo = serde_json::from_str(packet["v4_request_info_utf8"].text()).unwrap();
        let body = packet["v4_request_body_hex"].as_str().map(|body| hex::decode(body).unwrap());
        let payload = v4::encode_request(&info, body.as_deref());
        assert_eq!(hex::encode(&payload), packet["v4_request_hex"].text());

        let destination = Destination::Server {
            host: vectors["server"]["host"].text().to_owned(),
            target: v4::TARGET.to_owned(),
            protocol: "https".to_owned(),
            port: 443,
            x25519: vectors["server"]["x25519_pk_hex"].x25519(),
        };
        let (body, key) = build_as(packet, &path(&vectors, packet), &destination, &payload).unwrap();
        assert_eq!(hex::encode(&body), packet["http_body_hex"].text());

        let layers = peel_along(&vectors, packet);
        let (Layer::Server(server), _) = layers.last().unwrap() else { panic!("the exit posts to a server") };
        assert_eq!((server.host.as_str(), server.port), (vectors["server"]["host"].text(), 443));
        assert_eq!((server.protocol.as_str(), server.target.as_str()), ("https", v4::TARGET));
        let exit = &packet["layers_outermost_first"][layers.len() - 1];
        assert_eq!(hex::encode(&server.body), exit["plaintext_hex"].text());

        // The server reads what the exit posts like a packet of its own.
        let at_server = outer(&server.body).unwrap();
        let secret = vectors["server"]["x25519_sk_hex"].x25519_secret();
        let server_key = ReplyKey::of_receiver(&secret, &at_server.ephemeral, at_server.cipher).unwrap();
        assert_eq!(server_key.key, key.key);
        assert_eq!(server_key.open_raw(&at_server.blob).unwrap(), payload);
        check_v4_reply(packet, &key);
    }
}

fn check_v4_reply(packet: &Value, key: &ReplyKey) {
    assert_eq!(key.key.expose(), &packet["reply_key_hex"].array());
    let plaintext = packet["v4_reply_plaintext_hex"].bytes();
    assert_eq!(key.open_raw(&packet["reply_http_body_hex"].bytes()).unwrap(), plaintext);
    let sealed = key.seal_with_nonce(&plaintext, &nonce(&packet["reply_nonce_hex"]));
    assert_eq!(hex::encode(sealed), packet["reply_http_body_hex"].text());
    let response = v4::decode_response(&plaintext).unwrap();
    assert_eq!(response.code, 200);
    assert!(response.headers.contains_key("content-type"));
    assert!(plaintext.ends_with(&[response.body.as_slice(), b"e"].concat()));
}

#[test]
fn a_guard_can_be_the_destination() {
    let vectors = onion();
    let vector = &vectors["zero_hop_direct"];
    let layer = json!({
        "ephemeral_sk_hex": vector["ephemeral_sk_hex"],
        "plaintext_hex": vector["plaintext_hex"],
        "key_hex": vector["key_hex"],
    });
    let body = vector["http_body_hex"].bytes();
    let packet = outer(&body).unwrap();
    assert_eq!(packet.ephemeral, layer["ephemeral_sk_hex"].x25519_secret().public());
    let guard = &vectors["nodes"]["guard"];
    let dest = &vectors["nodes"]["dest"];
    let opened: Vec<_> = [guard, dest]
        .iter()
        .filter_map(|node| {
            peel(&node["x25519_sk_hex"].x25519_secret(), &packet.blob, &packet.ephemeral, packet.cipher).ok()
        })
        .collect();
    let [(Layer::Final { request, json: false, base64: true }, key)] = opened.as_slice() else {
        panic!("one of them is the destination")
    };
    assert_eq!(request, br#"{"method":"info","params":{}}"#);
    assert_eq!(key.key.expose(), &vector["key_hex"].array());
    assert_eq!(key.open_raw(&packet.blob).unwrap(), vector["plaintext_hex"].bytes());
}

#[test]
fn servers_answers_are_checked() {
    let good = br#"l25:{"code":200,"headers":{}}3:abce"#;
    assert_eq!(v4::decode_response(good).unwrap().body, b"abc");
    assert!(v4::decode_response(br#"l12:{"code":404}e"#).unwrap().body.is_empty());
    for bad in ["", "le", "l2:{}e", "de", "l12:{\"code\":404}0:0:e", "l12:{\"code\":404}i1ee", "l1:xe"] {
        assert_eq!(v4::decode_response(bad.as_bytes()), Err(v4::ResponseError), "{bad}");
    }
    let info = v4::RequestInfo { endpoint: "/x".to_owned(), headers: Default::default(), method: "POST".to_owned() };
    assert_eq!(v4::encode_request(&info, Some(&[])), br#"l46:{"endpoint":"/x","headers":{},"method":"POST"}0:e"#);
}

#[test]
fn hop_errors_are_understood() {
    let vectors = onion();
    let expected = [
        HopError::NextNotFound(hop(&vectors, "middle").ed25519),
        HopError::NextUnreachable(hop(&vectors, "middle").ed25519),
        HopError::Timeout,
        HopError::NotReady(hop(&vectors, "guard").ed25519),
        HopError::InvalidCiphertext,
        HopError::InvalidResponse,
        HopError::PathTooLong,
    ];
    for (vector, expected) in vectors["plain_errors"].list().iter().zip(expected) {
        let status = u16::try_from(vector["http_status"].as_u64().unwrap()).unwrap();
        assert_eq!(HopError::parse(status, vector["body_utf8"].text().as_bytes()), expected);
        assert_eq!(HopError::parse(418, vector["body_utf8"].text().as_bytes()), HopError::Unknown);
    }
    for bad in [b"Next node not found: 00".as_slice(), b"", &[0xff; 300]] {
        assert_eq!(HopError::parse(502, bad), HopError::Unknown);
    }
}

/// A packet for one node, whose layer says `json` beside `blob`.
fn layer_saying(json: &str, blob: &[u8]) -> Result<Layer, PeelError> {
    let vectors = onion();
    let secret = vectors["nodes"]["dest"]["x25519_sk_hex"].x25519_secret();
    let payload = unit::unit(blob, json.as_bytes());
    let destination = Destination::Node(hop(&vectors, "dest"));
    let (body, _) = build(&[], &destination, &payload, Cipher::XChaCha20, &mut rng()).unwrap();
    let packet = outer(&body).unwrap();
    peel(&secret, &packet.blob, &packet.ephemeral, packet.cipher).map(|(layer, _)| layer)
}

#[test]
fn the_first_matching_key_decides() {
    let key = "8167e97672005c669a48858c69895f395ca235219ac3f7a4210022b1f910e652";
    let r#final = |json, base64| Layer::Final { request: b"x".to_vec(), json, base64 };
    assert_eq!(layer_saying(r#"{"headers":null,"host":5}"#, b"x").unwrap(), r#final(false, true));
    assert_eq!(
        layer_saying(r#"{"headers":"","json":true,"base64":false,"pad":"x"}"#, b"x").unwrap(),
        r#final(true, false)
    );
    let next = layer_saying(&format!(r#"{{"destination":"{key}","ephemeral_key":"{key}"}}"#), b"x").unwrap();
    let expected = Layer::Next {
        destination: json!(key).ed25519(),
        blob: b"x".to_vec(),
        ephemeral: json!(key).x25519(),
        cipher: Cipher::AesGcm,
    };
    assert_eq!(next, expected);
    let server = layer_saying(r#"{"host":"example.net","target":"/oxen/v4/lsrpc"}"#, b"x").unwrap();
    let Layer::Server(server) = server else { panic!("a server") };
    assert_eq!((server.port, server.protocol.as_str()), (443, "https"));
}

#[test]
fn malformed_layers_are_refused() {
    let key = "8167e97672005c669a48858c69895f395ca235219ac3f7a4210022b1f910e652";
    let with_key = |rest: &str| format!(r#"{{"destination":"{key}","ephemeral_key":"{key}"{rest}}}"#);
    assert!(layer_saying(&with_key(""), b"").is_ok());
    for bad in [
        String::new(),
        "5".to_owned(),
        "{}".to_owned(),
        r#"{"headers":{},"json":5}"#.to_owned(),
        r#"{"headers":{},"base64":"no"}"#.to_owned(),
        r#"{"host":5,"target":"/oxen/v4/lsrpc"}"#.to_owned(),
        r#"{"host":"example.net"}"#.to_owned(),
        r#"{"host":"example.net","target":"/oxen/v4/lsrpc","port":70000}"#.to_owned(),
        with_key(r#","enc_type":"aes-ctr""#),
        with_key(r#","enc_type":5"#),
        r#"{"destination":"00","ephemeral_key":"00"}"#.to_owned(),
    ] {
        assert!(matches!(layer_saying(&bad, b""), Err(PeelError::Json(_))), "{bad}");
    }
    for (host, protocol, target) in [
        ("example.net", "ftp", "/oxen/v4/lsrpc"),
        ("example.net", "https", "/other/lsrpc"),
        ("example.net", "https", "/oxen/v4/lsrpc?x"),
        ("example.net", "https", "/oxen/v4/?/lsrpc"),
        ("example.net", "https", "/oxen/v4"),
        ("user@example.net", "https", "/oxen/v4/lsrpc"),
        ("", "https", "/oxen/v4/lsrpc"),
    ] {
        let json = json!({"host": host, "protocol": protocol, "target": target}).to_string();
        assert!(matches!(layer_saying(&json, b""), Err(PeelError::Url(_))), "{json}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
#[test]
fn what_is_not_authenticated_opens_without_a_word_on_what_was_wrong() {
    let node = X25519Secret::from_bytes([7; 32]);
    let layer = |plaintext: &[u8]| {
        let sealing = Sealing::start(X25519Secret::from_bytes([8; 32]), &node.public(), Cipher::AesCbc).unwrap();
        let sealed = sealing.key.seal(plaintext, &mut rng());
        peel(&node, &sealed, &sealing.ephemeral, Cipher::AesCbc).map(|(layer, _)| layer)
    };
    let good = unit::unit(b"x", br#"{"headers":""}"#);
    assert_eq!(layer(&good).unwrap(), Layer::Final { request: b"x".to_vec(), json: false, base64: true });
    assert!(matches!(layer(b"no layer"), Err(PeelError::Ciphertext)));
}

#[test]
fn the_outside_is_checked() {
    let vectors = onion();
    let good = vectors["zero_hop_direct"]["http_body_hex"].bytes();
    let (blob, json) = parse_unit(&good).unwrap();
    let json: Value = serde_json::from_slice(json).unwrap();
    let changed = |name: &str, value: Value| {
        let mut json = json.clone();
        json[name] = value;
        outer(&unit::unit(blob, json.to_string().as_bytes()))
    };
    assert_eq!(changed("hop_no", json!(3)).unwrap().hop_no, 3);
    assert_eq!(changed("hop_no", json!(-3)).unwrap().hop_no, 0);
    assert_eq!(changed("enc_type", Value::Null).unwrap().cipher, Cipher::AesGcm);
    assert_eq!(changed("enc_type", json!("gcm")).unwrap().cipher, Cipher::AesGcm);
    assert_eq!(changed("enc_type", json!("xchacha20-poly1305")).unwrap().cipher, Cipher::XChaCha20);
    for (name, value) in [
        ("hop_no", json!("3")),
        ("hop_no", json!(1.5)),
        ("enc_type", json!("aes-ctr")),
        ("ephemeral_key", Value::Null),
        ("ephemeral_key", json!("00")),
    ] {
        assert_eq!(changed(name, value.clone()), Err(UnitError), "{name} {value}");
    }
    for bad in [&[][..], &[0; 3], &[5, 0, 0, 0, 1], &[0xff; 8], &good[..good.len() - 1]] {
        assert_eq!(outer(bad), Err(UnitError));
    }
    let packet = outer(&good).unwrap();
    assert!(!OuterPacket { hop_no: MAX_HOPS, ..packet.clone() }.is_too_far());
    assert!(OuterPacket { hop_no: MAX_HOPS + 1, ..packet }.is_too_far());
}

#[test]
fn zero_secrets_are_refused_everywhere() {
    let vectors = onion();
    let weak = X25519Public([0; 32]);
    let good = hop(&vectors, "guard");
    let broken = Hop { x25519: weak, ..good };
    let build_with = |path: &[Hop], to| build(path, &Destination::Node(to), b"", Cipher::AesGcm, &mut rng()).err();
    assert_eq!(build_with(&[broken], good), Some(OnionError::WeakKey));
    assert_eq!(build_with(&[good], broken), Some(OnionError::WeakKey));
    let secret = vectors["nodes"]["guard"]["x25519_sk_hex"].x25519_secret();
    for cipher in [Cipher::AesGcm, Cipher::XChaCha20] {
        assert!(matches!(peel(&secret, &[0; 64], &weak, cipher), Err(PeelError::Ciphertext)));
    }
}

#[test]
fn limits_hold() {
    let guard = hop(&onion(), "guard");
    let node = Destination::Node(guard);
    let server = Destination::Server {
        host: "example.net".to_owned(),
        target: v4::TARGET.to_owned(),
        protocol: "https".to_owned(),
        port: 443,
        x25519: guard.x25519,
    };
    let refused = |path: &[Hop], to, payload: &[u8]| build(path, to, payload, Cipher::XChaCha20, &mut rng()).err();
    assert_eq!(refused(&[], &server, b""), Some(OnionError::EmptyPath));
    assert_eq!(refused(&[guard; 14], &node, b""), None);
    assert_eq!(refused(&[guard; 15], &node, b""), Some(OnionError::TooManyHops));
    assert_eq!(refused(&[], &node, &vec![0; MAX_PACKET]), Some(OnionError::TooLarge));
    assert_eq!(outer(&vec![0; MAX_PACKET + 1]), Err(UnitError));
}

#[test]
fn answers_that_are_none_are_told_apart() {
    let vectors = onion();
    let key = |vectors: &Value| {
        let secret = vectors["nodes"]["dest"]["x25519_sk_hex"].x25519_secret();
        ReplyKey::of_receiver(&secret, &hop(vectors, "guard").x25519, Cipher::XChaCha20).unwrap()
    };
    let key = key(&vectors);
    assert_eq!(key.open(b""), Err(ReplyError::Ciphertext));
    assert_eq!(key.open(b"Invalid ciphertext"), Err(ReplyError::Ciphertext));
    for bad in ["", "[]", r#"{"status":200}"#, r#"{"body":"x"}"#, r#"{"body":"x","status":70000}"#] {
        assert_eq!(key.open(&key.seal(bad.as_bytes(), &mut rng())), Err(ReplyError::Malformed), "{bad}");
    }
    // What is not JSON is never embedded as JSON.
    let sealed = key.seal_node_reply(400, br#"no","status":200"#, true, false, &mut rng());
    let expected = NodeReply { status: 400, body: br#"no","status":200"#.to_vec() };
    assert_eq!(key.open(&sealed), Ok(expected));
}

#[test]
fn our_wish_is_understood() {
    let payload = node_payload(br#"{"method":"info","params":{}}"#);
    let (request, json) = parse_unit(&payload).unwrap();
    let json = std::str::from_utf8(json).unwrap();
    let expected = Layer::Final { request: request.to_vec(), json: true, base64: false };
    assert_eq!(layer_saying(json, request).unwrap(), expected);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    fn cipher() -> impl Strategy<Value = Cipher> {
        prop_oneof![Just(Cipher::AesGcm), Just(Cipher::XChaCha20)]
    }

    proptest! {
        #[test]
        fn every_request_and_answer_survives(
            hops in 1_usize..=4,
            cipher in cipher(),
            request: Vec<u8>,
            status: u16,
            answer: String,
        ) {
            let mut rng = rng();
            let secrets: Vec<_> = (0..hops).map(|_| X25519Secret::generate(&mut rng)).collect();
            let nodes: Vec<_> = secrets
                .iter()
                .map(|secret| Hop { ed25519: Ed25519Public(*secret.expose()), x25519: secret.public() })
                .collect();
            let (last, path) = nodes.split_last().unwrap();
            let payload = node_payload(&request);
            let (body, key) = build(path, &Destination::Node(*last), &payload, cipher, &mut rng).unwrap();

            let mut packet = outer(&body).unwrap();
            let (last, before) = secrets.split_last().unwrap();
            for (secret, next) in before.iter().zip(&nodes[1..]) {
                let (layer, _) = peel(secret, &packet.blob, &packet.ephemeral, packet.cipher).unwrap();
                let Layer::Next { destination, blob, ephemeral, cipher } = layer else { panic!("one more hop") };
                prop_assert_eq!(destination, next.ed25519);
                let hop = OuterPacket { blob, ephemeral, cipher, hop_no: packet.hop_no + 1 };
                packet = OuterPacket::decode_hop(&hop.encode_hop()).unwrap();
                prop_assert_eq!(&packet, &hop);
            }
            let (layer, node_key) = peel(last, &packet.blob, &packet.ephemeral, packet.cipher).unwrap();
            prop_assert_eq!(layer, Layer::Final { request, json: true, base64: false });
            let sealed = node_key.seal_node_reply(status, answer.as_bytes(), false, false, &mut rng);
            prop_assert_eq!(key.open(&sealed), Ok(NodeReply { status, body: answer.into_bytes() }));
        }

        #[test]
        fn arbitrary_bytes_are_refused_quietly(bytes: Vec<u8>, cipher in cipher()) {
            let secret = X25519Secret::from_bytes([7; 32]);
            let ephemeral = X25519Secret::from_bytes([8; 32]).public();
            let _ = parse_unit(&bytes);
            prop_assert!(outer(&bytes).is_err());
            prop_assert!(OuterPacket::decode_hop(&bytes).is_err());
            prop_assert!(peel(&secret, &bytes, &ephemeral, cipher).is_err());
            let _ = v4::decode_response(&bytes);
            let _ = HopError::parse(502, &bytes);
        }

        #[test]
        fn a_changed_packet_goes_nowhere(position: prop::sample::Index, flip in 1_u8..) {
            let secret = X25519Secret::from_bytes([7; 32]);
            let to = Hop { ed25519: Ed25519Public([1; 32]), x25519: secret.public() };
            let payload = node_payload(b"{}");
            let (body, _) = build(&[], &Destination::Node(to), &payload, Cipher::XChaCha20, &mut rng()).unwrap();
            let packet = outer(&body).unwrap();
            let mut blob = packet.blob;
            let position = position.index(blob.len());
            blob[position] ^= flip;
            let peeled = peel(&secret, &blob, &packet.ephemeral, packet.cipher);
            prop_assert!(matches!(peeled, Err(PeelError::Ciphertext)));
        }
    }
}
