//! Bencode: vectors, one encoding for one value, bounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::testing::{Vector, onion, storage};

#[test]
fn forwarded_stores_survive_byte_for_byte() {
    let vector = &storage()["swarm_forward"];
    for name in ["part2_hex", "reply_ok_hex"] {
        let bytes = vector[name].bytes();
        assert_eq!(Bencode::decode(&bytes).unwrap().encode(), bytes);
    }
    let Bencode::Dict(store) = Bencode::decode(&vector["part2_hex"].bytes()).unwrap() else { panic!("a dictionary") };
    assert_eq!(store.get(b"namespace".as_slice()), Some(&Bencode::Int(2)));
    assert_eq!(store.get(b"data".as_slice()), Some(&Bencode::Bytes(b"abc 123".to_vec())));
}

#[test]
fn payloads_of_servers_are_canonical() {
    for case in onion()["bencode_v4_examples"].list() {
        let bytes = case["bytes_utf8"].text().as_bytes();
        assert_eq!(Bencode::decode(bytes).unwrap().encode(), bytes);
    }
}

#[test]
fn there_is_one_encoding() {
    for good in ["i0e", "i-1e", "i9223372036854775807e", "i-9223372036854775808e", "0:", "le", "de", "d1:ai1e1:bli2eee"]
    {
        assert_eq!(Bencode::decode(good.as_bytes()).unwrap().encode(), good.as_bytes());
    }
    for bad in [
        "",
        "i",
        "ie",
        "i-0e",
        "i01e",
        "i+1e",
        "i9223372036854775808e",
        "1:",
        "01:a",
        "-1:a",
        "2:a",
        "l",
        "d",
        "d1:a",
        "d1:ae",
        "d1:bi1e1:ai1ee",
        "d1:ai1e1:ai1ee",
        "di1ei1ee",
        "i1ei1e",
        "x",
        "99999999999999999999:a",
    ] {
        assert_eq!(Bencode::decode(bad.as_bytes()), Err(BencodeError), "{bad}");
    }
}

#[test]
fn depth_and_number_are_bounded() {
    let deep = |n: usize| ["l".repeat(n), "e".repeat(n)].concat();
    assert!(Bencode::decode(deep(MAX_DEPTH).as_bytes()).is_ok());
    assert!(Bencode::decode(deep(MAX_DEPTH + 1).as_bytes()).is_err());
    let wide = |n: usize| ["l", &"0:".repeat(n), "e"].concat();
    assert!(Bencode::decode(wide(MAX_VALUES - 1).as_bytes()).is_ok());
    assert!(Bencode::decode(wide(MAX_VALUES).as_bytes()).is_err());
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Bencode> {
        let leaf = prop_oneof![any::<i64>().prop_map(Bencode::Int), any::<Vec<u8>>().prop_map(Bencode::Bytes)];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Bencode::List),
                prop::collection::btree_map(any::<Vec<u8>>(), inner, 0..6)
                    .prop_map(|dict| Bencode::Dict(dict.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_survives(value in value()) {
            prop_assert_eq!(Bencode::decode(&value.encode()), Ok(value));
        }

        #[test]
        fn whatever_decodes_encodes_the_same(bytes in "[0-9ilde:]{0,24}") {
            if let Ok(value) = Bencode::decode(bytes.as_bytes()) {
                prop_assert_eq!(value.encode(), bytes.into_bytes());
            }
        }
    }
}
