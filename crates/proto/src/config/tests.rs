//! The layers below the public API, against `vectors/config.json`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use serde_json::Value as Json;
use zwiebel_crypto::hash::{blake2b, blake2b_keyed};

use super::merge::{self, Merged};
use super::message::{Encoded, Message};
use super::multipart::{Added, Part, Parts};
use super::tree::{self, Dict, Scalar, Value};
use super::{diff, multipart, seal, wrap};
use crate::account::Account;
use crate::bencode::Bencode;
use crate::sorted::SortedSet;
use crate::storage_rpc::{MessageHash, Namespace, message_hash};

fn vectors() -> Json {
    serde_json::from_str(include_str!("../../../../vectors/config.json")).unwrap()
}

fn unhex(value: &Json) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

fn array<const N: usize>(value: &Json) -> [u8; N] {
    unhex(value).try_into().unwrap()
}

fn account() -> Account {
    let seed: [u8; 32] = array(&vectors()["account"]["ed25519_seed_hex"]);
    Account::from_seed16(*seed.first_chunk().unwrap())
}

fn decode(value: &Json) -> Encoded {
    Encoded::decode(unhex(value)).unwrap()
}

/// Every object of the file that has a plaintext, a body, and what became of it.
fn sealed_cases() -> Vec<Json> {
    fn collect(value: &Json, found: &mut Vec<Json>) {
        match value {
            Json::Object(entries) if entries.contains_key("encrypted_hex") => found.push(value.clone()),
            Json::Object(entries) => entries.values().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&vectors(), &mut found);
    assert!(found.len() >= 10);
    found
}

#[test]
fn account_matches() {
    let (vectors, account) = (vectors(), account());
    let expected = &vectors["account"];
    assert_eq!(account.ed25519().public().0.to_vec(), unhex(&expected["ed25519_pub_hex"]));
    assert_eq!(account.x25519().public().0.to_vec(), unhex(&expected["x25519_pub_hex"]));
    assert_eq!(account.id().to_string(), expected["session_id"]);
}

#[test]
fn encryption_matches() {
    for case in vectors()["encrypt"].as_array().unwrap() {
        let (message, key_base) = (unhex(&case["message_hex"]), array(&case["key_base_hex"]));
        let domain = case["domain"].as_str().unwrap();
        let key: [u8; 32] = blake2b(&[&key_base, &(message.len() as u64).to_be_bytes(), domain.as_bytes()]);
        assert_eq!(key.to_vec(), unhex(&case["derived_key_hex"]));
        let nonce_key = format!("libsessionutil-config-encrypted-{domain}");
        assert_eq!(blake2b_keyed::<24>(nonce_key.as_bytes(), &[&message]).to_vec(), unhex(&case["nonce_hex"]));
        let sealed = seal::encrypt(&key_base, domain, &message);
        assert_eq!(sealed, unhex(&case["output_hex"]));
        assert_eq!(seal::decrypt(&key_base, domain, &sealed).unwrap(), message);
        assert!(seal::decrypt(&key_base, "another", &sealed).is_none());
        assert!(seal::decrypt(&key_base, domain, &sealed[1..]).is_none());
    }
    assert!(seal::decrypt(&[0; 32], "UserProfile", &[0; 39]).is_none());
}

#[test]
fn padding_matches() {
    for case in vectors()["padding_overhead_40"].as_array().unwrap() {
        let length = usize::try_from(case["len"].as_u64().unwrap()).unwrap();
        let padded = seal::pad(&vec![1; length]);
        assert_eq!(padded.len() as u64, case["padded_len"].as_u64().unwrap());
        assert_eq!(seal::unpad(&padded), vec![1; length]);
    }
    assert_eq!(seal::unpad(&[0, 0]), b"");
}

#[test]
fn every_plaintext_is_read_and_written_the_same() {
    for case in sealed_cases() {
        let encoded = decode(&case["plaintext_hex"]);
        assert_eq!(encoded.version.hash.to_vec(), unhex(&case["hash_hex"]));
        assert_eq!(encoded.version.seqno, case["seqno"].as_i64().unwrap());
        let again = encoded.message.clone().encode();
        assert_eq!(again.bytes, encoded.bytes);
        assert!(again.version == encoded.version);
    }
}

#[test]
fn every_stored_form_opens_and_is_made_the_same() {
    let account = account();
    for case in sealed_cases() {
        let domain = case["domain"].as_str().unwrap();
        let kind = i32::try_from(case["namespace"].as_i64().unwrap()).unwrap() - 1;
        let (plaintext, stored) = (unhex(&case["plaintext_hex"]), unhex(&case["stored_hex"]));
        let encrypted = wrap::unwrap(&account, kind, &stored);
        assert_eq!(encrypted, unhex(&case["encrypted_hex"]));
        let padded = seal::decrypt(account.ed25519().seed(), domain, &encrypted).unwrap();
        assert_eq!(padded.len() as u64, case["padded_len"].as_u64().unwrap());
        let body = seal::unpad(&padded);
        if case["compressed"].as_bool().unwrap() {
            assert_eq!(body, unhex(&case["body_hex"]));
            assert_eq!(seal::decompress(&body[1..]).unwrap(), plaintext);
        } else {
            assert_eq!(body, plaintext);
            assert_eq!(seal::pad(&plaintext), padded);
        }
        // From the body on, everything is deterministic.
        assert_eq!(seal::pad(body), padded);
        assert_eq!(seal::encrypt(account.ed25519().seed(), domain, &padded), encrypted);
        let seqno = case["seqno"].as_i64().unwrap();
        assert_eq!(wrap::wrap(&account, kind, seqno, encrypted.clone()).unwrap(), stored);
        // Twice wrapped as well; never under another kind.
        let twice = wrap::wrap(&account, kind, seqno, stored.clone()).unwrap();
        assert_eq!(wrap::unwrap(&account, kind, &twice), encrypted);
        assert_eq!(wrap::unwrap(&account, kind + 1, &stored), stored);
        assert_eq!(wrap::unwrap(&account, kind, &encrypted), encrypted);
    }
}

#[test]
fn protobuf_shell_matches() {
    for case in vectors()["protobuf_wrap"].as_array().unwrap() {
        let kind = i32::try_from(case["namespace"].as_i64().unwrap()).unwrap() - 1;
        let payload = case["payload"].as_str().unwrap().as_bytes().to_vec();
        let stored = wrap::wrap(&account(), kind, case["seqno"].as_i64().unwrap(), payload.clone()).unwrap();
        assert_eq!(stored, unhex(&case["stored_hex"]));
        assert_eq!(blake2b::<32>(&[&stored]).to_vec(), unhex(&case["blake2b32_hex"]));
        assert_eq!(wrap::unwrap(&account(), kind, &stored), payload);
    }
}

#[test]
fn shells_of_others_are_not_opened() {
    let stored = unhex(&vectors()["protobuf_wrap"][0]["stored_hex"]);
    let other = Account::from_seed16([9; 16]);
    assert_eq!(wrap::unwrap(&other, 1, &stored), stored);
    for at in 0..stored.len() {
        let mut damaged = stored.clone();
        damaged[at] ^= 1;
        assert_ne!(wrap::unwrap(&account(), 1, &damaged), b"");
    }
}

#[test]
fn compression_is_read_back_and_bounded() {
    for case in sealed_cases() {
        let plaintext = unhex(&case["plaintext_hex"]);
        let body = seal::compress(&plaintext);
        if body[0] == seal::COMPRESSED {
            assert!(body.len() < plaintext.len());
            assert_eq!(seal::decompress(&body[1..]).unwrap(), plaintext);
        } else {
            assert_eq!(body, plaintext);
        }
    }
    for length in [0, 1, 255, 256, 257, 65_791, 65_792, 300_000, seal::MAX_PLAINTEXT] {
        let plaintext: Vec<u8> = b"d1:#i1e".iter().copied().cycle().take(length).collect();
        let body = seal::compress(&plaintext);
        let back = if body.first() == Some(&seal::COMPRESSED) { seal::decompress(&body[1..]) } else { Some(body) };
        assert_eq!(back.unwrap(), plaintext);
    }
    let bomb = seal::compress(&vec![b'd'; seal::MAX_PLAINTEXT + 1]);
    assert!(bomb.len() < 10_000);
    assert!(seal::decompress(&bomb[1..]).is_none());
    assert!(seal::decompress(b"").is_none());
    assert!(seal::decompress(&[seal::compress(&vec![b'd'; 999])[1..].to_vec(), vec![0]].concat()).is_none());
}

#[test]
fn update_chain_is_reproduced() {
    let chain = &vectors()["update_chain"];
    let mut encoded = decode(&chain["m118_hex"]);
    for _ in 119..=122 {
        encoded = encoded.next().encode();
    }
    assert_eq!(encoded.bytes, unhex(&chain["m122_hex"]));
    for (bytes, hash) in [("m123_hex", "m123_hash_hex"), ("m124_hex", "m124_hash_hex")] {
        let expected = decode(&chain[bytes]);
        let mut next = encoded.next();
        next.data = expected.message.data.clone();
        next.diff = diff::between(&encoded.message.data, &next.data);
        encoded = next.encode();
        assert_eq!(encoded.bytes, expected.bytes);
        assert_eq!(encoded.version.hash.to_vec(), unhex(&chain[hash]));
    }
}

#[test]
fn merges_match() {
    let vectors = vectors();
    for case in vectors["merge"].as_array().unwrap() {
        let inputs: Vec<Encoded> = case["inputs_hex"].as_array().unwrap().iter().map(decode).collect();
        for (input, hash) in inputs.iter().zip(case["input_hashes_hex"].as_array().into_iter().flatten()) {
            assert_eq!(input.version.hash.to_vec(), unhex(hash));
        }
        let expected = decode(&case["result_hex"]);
        let result = match merge::merge(&inputs.iter().collect::<Vec<_>>()).unwrap() {
            Merged::Unchanged(index) => {
                assert_eq!(Some(index as u64), case["unmerged_index"].as_u64());
                inputs[index].clone()
            }
            Merged::New(mut message) => {
                assert!(case["merged"].as_bool().unwrap());
                if case["name"].as_str().unwrap().contains("then a local change") {
                    let before = message.data.clone();
                    let path: &[&[u8]] = &[b"dictA"];
                    let Some(Value::Set(set)) = tree::dict_at(&before, path).unwrap().get(b"goodbye".as_slice()) else {
                        panic!("no set");
                    };
                    let set = set.iter().cloned().chain([Scalar::Int(789)]).collect();
                    tree::set_at(&mut message.data, path, b"goodbye", Some(Value::Set(set)));
                    message.diff = diff::between(&before, &message.data);
                }
                message.encode()
            }
        };
        assert_eq!(result.bytes, expected.bytes, "{}", case["name"]);
    }
}

/// The merges of live objects in the vectors: ours with the diff that the reference writes (5.3), or with none.
#[test]
fn live_merges_match() {
    let vectors = vectors();
    let story = &vectors["user_profile"];
    let step2 = ["step2_device_a", "step2_device_b"].map(|step| decode(&story[step]["plaintext_hex"]));
    let Some(Merged::New(mut merged)) = merge::merge(&step2.iter().collect::<Vec<_>>()) else { panic!("no merge") };
    merged.diff = diff::between(&Dict::new(), &merged.data);
    let expected = &story["step3_merged_both_devices_identical"];
    let encoded = merged.encode();
    assert_eq!(encoded.bytes, unhex(&expected["plaintext_hex"]));
    assert_eq!(encoded.version.hash.to_vec(), unhex(&expected["hash_hex"]));
}

#[test]
fn signed_message_is_read() {
    let case = &vectors()["signed_message"];
    let encoded = decode(&case["signed_message_hex"]);
    assert_eq!(encoded.version.hash.to_vec(), unhex(&case["hash_hex"]));
    assert_eq!(encoded.bytes.len() as u64 - 71, case["signed_bytes_len"].as_u64().unwrap());
    let signed = encoded.bytes.len() - 71;
    let secret: [u8; 64] = array(&case["secret_key_64_hex"]);
    let public = zwiebel_crypto::keys::Ed25519Public(*secret.last_chunk().unwrap());
    let signature: [u8; 64] = encoded.bytes[signed + 6..signed + 70].try_into().unwrap();
    assert!(public.verify(&encoded.bytes[..signed], &signature));
}

fn name(number: u8) -> MessageHash {
    message_hash(&[5; 33], Namespace::CONTACTS, &[number])
}

#[test]
fn parts_are_joined_in_any_order() {
    let case = &vectors()["multipart"];
    let plaintexts: Vec<Vec<u8>> =
        case["parts"].as_array().unwrap().iter().map(|part| unhex(&part["plaintext_hex"])).collect();
    for (part, plaintext) in case["parts"].as_array().unwrap().iter().zip(&plaintexts) {
        let account = account();
        let sealed = seal::encrypt(account.ed25519().seed(), "UserProfile", plaintext);
        assert_eq!(sealed, unhex(&part["stored_hex"]));
        assert_eq!(Part::decode(plaintext).unwrap().whole.to_vec(), unhex(&case["final_hash_hex"]));
    }
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut parts = Parts::default();
        for (step, index) in order.into_iter().enumerate() {
            let hash = name(u8::try_from(index).unwrap());
            match parts.add(Part::decode(&plaintexts[index]).unwrap(), hash, 1000) {
                Added::Complete(whole, hashes) => {
                    assert_eq!(step, 2);
                    assert_eq!(whole, unhex(&case["reassembled_hex"]));
                    assert_eq!(hashes, [name(0), name(1), name(2)]);
                }
                Added::Kept => assert!(step < 2),
                Added::Invalid => panic!("invalid"),
            }
            assert!(Parts::from_bencode(parts.to_bencode()).unwrap() == parts);
        }
        assert!(matches!(parts.add(Part::decode(&plaintexts[0]).unwrap(), name(0), 1000), Added::Kept));
        assert_eq!(parts.pending().count(), 0);
        assert!(!parts.expire(1000 + 13 * 86_400_000));
        assert!(parts.expire(1000 + 15 * 86_400_000));
    }
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let part = |index, count, chunk: &[u8]| Part { whole: [1; 32], index, count, chunk: chunk.to_vec() };
    let mut parts = Parts::default();
    assert!(matches!(parts.add(part(0, 2, b"a"), name(0), 0), Added::Kept));
    assert!(matches!(parts.add(part(0, 2, b"other"), name(1), 0), Added::Kept)); // a repeated index is ignored
    assert!(matches!(parts.add(part(1, 3, b"b"), name(2), 0), Added::Invalid)); // another count
    assert_eq!(parts.pending().count(), 1);
    assert!(matches!(parts.add(part(1, 2, b"b"), name(3), 0), Added::Invalid)); // the hash of the whole is wrong
    let bad: [&[u8]; 6] = [
        b"m",
        b"mle",
        b"ml1:a1:\x001:\x021:ce",
        b"ml32:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1:\x001:\x011:ce",
        b"ml32:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1:\x021:\x021:ce",
        b"ml32:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2:\x00\x001:\x021:ce",
    ];
    assert!(bad.iter().all(|bytes| Part::decode(bytes).is_none()));
    let mut many = Parts::default();
    for whole in 0..20 {
        let part = Part { whole: [whole; 32], index: 0, count: 2, chunk: vec![1] };
        assert!(matches!(many.add(part, name(whole), whole.into()), Added::Kept));
    }
    assert_eq!(many.pending().count(), 8);
}

#[test]
fn split_parts_join() {
    let padded = seal::pad(&vec![7; 200_000]);
    assert!(!multipart::fits_one(&padded));
    let parts = multipart::split(&padded).unwrap();
    assert_eq!(parts.len(), 3);
    assert!(parts.iter().all(|part| part.len() + seal::OVERHEAD <= 76_800));
    let mut store = Parts::default();
    let added: Vec<Added> =
        parts.iter().zip(0..).map(|(part, n)| store.add(Part::decode(part).unwrap(), name(n), 0)).collect();
    assert!(matches!(added.as_slice(), [Added::Kept, Added::Kept, Added::Complete(whole, _)] if *whole == padded));
    assert!(multipart::split(&vec![7; 5_000_001]).is_none());
}

#[test]
fn only_canonical_messages_are_read() {
    let accepted = [
        "d1:#i0e1:&de1:<le1:=dee",
        "d1:#i1e1:&d1:ali1e1:bee1:<le1:=d1:alli1e1:beleeee",
        "d1:#i1e1:$3:new1:&de1:'i7e1:<le1:=d1:a1:-e1:>lee", // keys of a newer format
    ];
    for text in accepted {
        let encoded = Encoded::decode(text.as_bytes().to_vec()).unwrap_or_else(|_| panic!("{text}"));
        assert_eq!(encoded.message.encode().bytes, text.as_bytes());
    }
    let refused = [
        "",
        "de",
        "i1e",
        "d1:#i0e1:&de1:<le1:=de",
        "d1:#i0e1:&de1:<le1:=deex",
        "d1:#i-1e1:&de1:<le1:=dee",
        "d1:#i9223372036854775807e1:&de1:<le1:=dee",
        "d1:#i00e1:&de1:<le1:=dee",
        "d1:#1:01:&de1:<le1:=dee",
        "d1:&de1:#i0e1:<le1:=dee",
        "d1:\"de1:#i0e1:&de1:<le1:=dee",
        "d1:#i0e1:<le1:=dee",
        "d1:#i0e1:&de1:=dee",
        "d1:#i0e1:&d1:adee1:<le1:=dee",
        "d1:#i0e1:&d1:alee1:<le1:=dee",
        "d1:#i0e1:&d1:ali1ei1eee1:<le1:=dee",
        "d1:#i0e1:&d1:a1:b1:a1:ce1:<le1:=dee",
        "d1:#i0e1:&d1:al1:ai1eee1:<le1:=dee",
        "d1:#i0e1:&d1:alleee1:<le1:=dee",
        "d1:#i0e1:&de1:<le1:=d1:ai1eee",
        "d1:#i0e1:&de1:<le1:=d1:aleee",
        "d1:#i0e1:&de1:<le1:=d1:all1:b1:aeleeee",
        "d1:#i0e1:&de1:<le1:=de1:~1:xe",
        "d1:#i0e1:&de1:<le1:=de2:~Pi1ee",
        "d1:#i3e1:&de1:<lli1e1:xdeee1:=dee",
        "d1:#i3e1:&de1:<li1ee1:=dee",
    ];
    for text in refused {
        assert!(Encoded::decode(text.as_bytes().to_vec()).is_err(), "{text}");
    }
}

#[test]
fn lags_are_checked_against_the_own_number() {
    let message = |own: i64, lags: &[(i64, u8)]| {
        let lag = |(seqno, hash): &(i64, u8)| {
            Bencode::List(vec![Bencode::Int(*seqno), Bencode::Bytes(vec![*hash; 32]), Bencode::Dict(diff::Diff::new())])
        };
        let entries = [
            (b"#".to_vec(), Bencode::Int(own)),
            (b"&".to_vec(), Bencode::Dict(diff::Diff::new())),
            (b"<".to_vec(), Bencode::List(lags.iter().map(lag).collect())),
            (b"=".to_vec(), Bencode::Dict(diff::Diff::new())),
        ];
        Encoded::decode(Bencode::Dict(entries.into()).encode())
    };
    assert_eq!(message(9, &[(4, 1), (5, 1), (8, 1), (8, 2)]).unwrap().message.lags.len(), 3); // 4 is too old
    assert!(message(9, &[(9, 1)]).is_err());
    assert!(message(9, &[(8, 2), (8, 1)]).is_err());
    assert!(message(9, &[(8, 1), (8, 1)]).is_err());
    assert!(message(9, &[(8, 1), (7, 1)]).is_err());
}

#[test]
fn diffs_lead_from_one_tree_to_the_other() {
    let set = |items: &[i64]| Value::Set(items.iter().map(|item| Scalar::Int(*item)).collect::<SortedSet<_>>());
    let dict = |items: &[(&str, Value)]| -> Dict {
        items.iter().map(|(key, value)| (key.as_bytes().to_vec(), value.clone())).collect()
    };
    let old = dict(&[
        ("a", Value::int(1)),
        ("b", Value::bytes("x")),
        ("c", Value::Dict(dict(&[("d", set(&[1, 2])), ("e", Value::int(1))]))),
        ("f", Value::int(5)),
        ("g", Value::Dict(dict(&[("h", Value::int(1))]))),
    ]);
    let new = dict(&[
        ("a", Value::int(1)),
        ("c", Value::Dict(dict(&[("d", set(&[2, 3]))]))),
        ("f", Value::Dict(dict(&[("z", Value::int(0))]))),
        ("g", set(&[1])),
    ]);
    let change = diff::between(&old, &new);
    let text = Bencode::Dict(change.clone()).encode();
    let expected = b"d1:b1:-1:cd1:dlli3eeli1eee1:e1:-e1:fd1:z0:e1:glli1eeleee";
    assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(expected));
    let mut target = old.clone();
    diff::apply(&change, &new, &mut target);
    tree::prune(&mut target);
    assert!(target == new);
    let mut back = new.clone();
    diff::apply(&diff::between(&new, &old), &old, &mut back);
    tree::prune(&mut back);
    assert!(back == old);
    assert!(diff::between(&old, &old).is_empty());
}

#[test]
fn initial_message_is_the_known_one() {
    let initial = Message::initial().encode();
    assert_eq!(initial.bytes, b"d1:#i0e1:&de1:<le1:=dee");
    assert_eq!(hex::encode(initial.version.hash), "ea173b57beca8af18c3519a7bbf69c3e7a05d1c049fa9558341d8ebb48b0c965");
}
