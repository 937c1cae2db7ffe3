//! Bencoded requests and answers (service-nodes 3): the same calls, but binary values are raw. Both are turned into their JSON
//! form and back here, by name, so that nothing else knows of bencode.

use serde_json::Map;
use serde_json::Value;
use zwiebel_proto::bencode::Bencode;
use zwiebel_proto::bencode::Dict;

use crate::encoding;
use crate::encoding::base64;
use crate::limits;

/// The JSON form of a bencoded request; none if it is not canonical bencode, or of more than [`limits::VALUES`].
#[must_use]
pub fn request(bytes: &[u8]) -> Option<Value> {
    Some(value_of("", Bencode::decode_with_limit(bytes, limits::VALUES).ok()?))
}

/// Lists pass their own name on to their elements.
fn value_of(name: &str, value: Bencode) -> Value {
    match value {
        Bencode::Bytes(bytes) => text_of(name, &bytes),
        Bencode::Int(number) if matches!(name, "extend" | "required" | "shorten") => Value::Bool(number != 0),
        Bencode::Int(number) => number.into(),
        Bencode::List(items) => items.into_iter().map(|item| value_of(name, item)).collect(),
        Bencode::Dict(entries) => {
            let entries = entries.into_iter().map(|(name, value)| {
                let name = String::from_utf8_lossy(&name).into_owned();
                let value = value_of(&name, value);
                (name, value)
            });
            Value::Object(entries.collect())
        }
    }
}

/// Binary where the name and the length say so, else text, which every binary parameter may be as well (`data` excepted).
fn text_of(name: &str, bytes: &[u8]) -> Value {
    match (name, bytes.len()) {
        ("data", _)
        | ("name_hash", 32)
        | ("revoke" | "subaccount" | "unrevoke", 36)
        | ("signature" | "subaccount_sig", 64) => base64(bytes).into(),
        ("pubKey" | "pubkey", 33) | ("pubkey_ed25519", 32) => hex::encode(bytes).into(),
        _ => String::from_utf8_lossy(bytes).into(),
    }
}

/// The bencoded form of a JSON answer.
#[must_use]
pub fn answer(body: Value) -> Vec<u8> {
    value_from("", body).unwrap_or_else(|| Bencode::Dict(Dict::new())).encode()
}

/// `null` is left out; a number beyond 63 bits becomes decimal text.
fn value_from(name: &str, value: Value) -> Option<Bencode> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(yes) => Bencode::Int(yes.into()),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| Bencode::Bytes(number.to_string().into_bytes()), Bencode::Int)
        }
        Value::String(text) => Bencode::Bytes(bytes_from(name, text)),
        Value::Array(items) => Bencode::List(items.into_iter().filter_map(|item| value_from(name, item)).collect()),
        Value::Object(entries) => Bencode::Dict(dict_from(entries)),
    })
}

fn dict_from(entries: Map<String, Value>) -> Dict {
    entries
        .into_iter()
        .filter_map(|(name, value)| Some((name.clone().into_bytes(), value_from(&name, value)?)))
        .collect()
}

fn bytes_from(name: &str, text: String) -> Vec<u8> {
    let raw = match name {
        "data" | "revoked_subaccounts" | "signature" => encoding::from_base64(&text),
        _ => None,
    };
    raw.unwrap_or_else(|| text.into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn binary_parameters_are_raw_and_texts_stay_texts() {
        let raw = [b"d4:data3:\x00\x01\x02", b"6:pubkey".as_slice(), b"33:", &[5; 33], b"8:requiredi1ee"].concat();
        let expected = json!({"data": "AAEC", "pubkey": "05".repeat(33), "required": true});
        assert_eq!(request(&raw), Some(expected));
        assert_eq!(request(b"d4:name3:abc5:timesi5ee"), Some(json!({"name": "abc", "times": 5})));
        assert_eq!(request(b"d1:b0:1:a0:e"), None, "keys out of order");
    }

    #[test]
    fn answers_give_binary_values_raw() {
        let body = json!({"signature": "AAEC", "hash": "AAEC", "t": 5, "already": true, "none": null, "big": u64::MAX});
        let expected = b"d7:alreadyi1e3:big20:184467440737095516154:hash4:AAEC9:signature3:\x00\x01\x021:ti5ee";
        assert_eq!(answer(body), expected);
    }
}
