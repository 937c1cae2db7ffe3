//! Requests that cannot be read, and the exact words for it (service-nodes 2.2, 2.3).

use serde_json::Value;
use serde_json::json;

use crate::harness::Case;
use crate::harness::case;

const KEY: &str = "05b236f632b932488c399915928a55afa094d813d0df708364562ba588d6098d27";
const TIME: i64 = 1_700_000_000_000;
const SHORT: &str = "Invalid timestamp for 'x': timestamp must be in milliseconds";

fn sig() -> String {
    "A".repeat(86)
}

fn hash() -> String {
    "A".repeat(43)
}

/// Parameters with an account.
fn with(extra: Value) -> Value {
    let mut params = extra;
    params["pubkey"] = KEY.into();
    params
}

/// Name, method, parameters, text after `invalid request: `.
fn table() -> Vec<(&'static str, &'static str, Value, String)> {
    let missing = |name: &str| format!("Required field '{name}' missing");
    let short = |name: &str| SHORT.replace('x', name);
    let range = "Invalid value given for 'namespace': value out of range".to_owned();
    let key = "Pubkey must be 66 hex digits (33 bytes) long".to_owned();
    let foreign = "pubkey_ed25519 is only permitted for 05[...] pubkeys".to_owned();
    let group = format!("03{}", &KEY[2..]);
    vec![
        ("get_swarm without account", "get_swarm", json!({}), "Required field 'pubKey' or 'pubkey' missing".to_owned()),
        ("store without account", "store", json!({}), "Required field 'pubKey' or 'pubkey' missing".to_owned()),
        (
            "null counts as absent",
            "get_swarm",
            json!({"pubkey": null}),
            "Required field 'pubKey' or 'pubkey' missing".to_owned(),
        ),
        ("delete_all without account", "delete_all", json!({}), missing("pubkey")),
        ("account too short", "get_swarm", json!({"pubkey": "05"}), key.clone()),
        ("account too long", "get_swarm", json!({"pubkey": format!("{KEY}00")}), key.clone()),
        ("account without hex", "get_swarm", json!({"pubkey": "zz".repeat(33)}), key.clone()),
        ("account as number", "get_swarm", json!({"pubkey": 5}), key),
        ("store without data", "store", with(json!({"timestamp": TIME, "ttl": 60_000})), missing("data")),
        ("store without timestamp", "store", with(json!({"data": "", "ttl": 60_000})), missing("timestamp")),
        (
            "store without life",
            "store",
            with(json!({"data": "", "timestamp": TIME})),
            "Required field 'expiry' or 'ttl' missing".to_owned(),
        ),
        (
            "store with both lives",
            "store",
            with(json!({"data": "", "timestamp": TIME, "ttl": 60_000, "expiry": TIME})),
            "Cannot specify both 'expiry' and 'ttl'".to_owned(),
        ),
        (
            "store in seconds",
            "store",
            with(json!({"data": "", "timestamp": 999_999_999, "ttl": 60_000})),
            short("timestamp"),
        ),
        (
            "expiry in seconds",
            "store",
            with(json!({"data": "", "timestamp": TIME, "expiry": 999_999_999})),
            short("expiry"),
        ),
        (
            "sig_timestamp in seconds",
            "store",
            with(json!({"data": "", "timestamp": TIME, "ttl": 60_000, "sig_timestamp": 5})),
            short("sig_timestamp"),
        ),
        (
            "store to namespace above int16",
            "store",
            with(json!({"data": "", "timestamp": TIME, "ttl": 60_000, "namespace": 32_768})),
            range.clone(),
        ),
        (
            "store to namespace below int16",
            "store",
            with(json!({"data": "", "timestamp": TIME, "ttl": 60_000, "namespace": -32_769})),
            range.clone(),
        ),
        ("retrieve of namespace above int16", "retrieve", with(json!({"namespace": 40_000})), range.clone()),
        (
            "delete_all of namespace above int16",
            "delete_all",
            with(json!({"namespace": 99_999, "timestamp": TIME, "signature": sig()})),
            range,
        ),
        (
            "store with key for a group",
            "store",
            json!({"pubkey": group, "data": "", "timestamp": TIME, "ttl": 60_000, "pubkey_ed25519": &KEY[2..], "signature": sig()}),
            foreign.clone(),
        ),
        (
            "retrieve with key for a group",
            "retrieve",
            json!({"pubkey": group, "timestamp": TIME, "pubkey_ed25519": &KEY[2..], "signature": sig()}),
            foreign.clone(),
        ),
        (
            "delete_all with key for a group",
            "delete_all",
            json!({"pubkey": group, "timestamp": TIME, "pubkey_ed25519": &KEY[2..], "signature": sig()}),
            foreign,
        ),
        ("retrieve with a time but no signature", "retrieve", with(json!({"timestamp": TIME})), missing("signature")),
        (
            "retrieve with a key but no signature",
            "retrieve",
            with(json!({"pubkey_ed25519": &KEY[2..]})),
            missing("signature"),
        ),
        (
            "retrieve of a private namespace without signature",
            "retrieve",
            with(json!({"namespace": 2})),
            missing("signature"),
        ),
        ("retrieve with a signature but no time", "retrieve", with(json!({"signature": sig()})), missing("timestamp")),
        ("retrieve in seconds", "retrieve", with(json!({"timestamp": 5, "signature": sig()})), short("timestamp")),
        ("delete without messages", "delete", with(json!({"signature": sig()})), missing("messages")),
        ("delete without signature", "delete", with(json!({"messages": [hash()]})), missing("signature")),
        ("delete_all without time", "delete_all", with(json!({"signature": sig()})), missing("timestamp")),
        ("delete_all in seconds", "delete_all", with(json!({"timestamp": 5, "signature": sig()})), short("timestamp")),
        ("delete_all without signature", "delete_all", with(json!({"timestamp": TIME})), missing("signature")),
        ("delete_before without time", "delete_before", with(json!({"signature": sig()})), missing("before")),
        ("delete_before in seconds", "delete_before", with(json!({"before": 5, "signature": sig()})), short("before")),
        ("delete_before without signature", "delete_before", with(json!({"before": TIME})), missing("signature")),
        ("expire without messages", "expire", with(json!({"expiry": TIME, "signature": sig()})), missing("messages")),
        ("expire without expiry", "expire", with(json!({"messages": [hash()], "signature": sig()})), missing("expiry")),
        (
            "expire in seconds",
            "expire",
            with(json!({"messages": [hash()], "expiry": 5, "signature": sig()})),
            short("expiry"),
        ),
        (
            "expire without signature",
            "expire",
            with(json!({"messages": [hash()], "expiry": TIME})),
            missing("signature"),
        ),
        (
            "expire both ways",
            "expire",
            with(json!({"messages": [hash()], "expiry": TIME, "shorten": true, "extend": true, "signature": sig()})),
            "cannot specify both 'shorten' and 'extend'".to_owned(),
        ),
        ("expire_all without expiry", "expire_all", with(json!({"signature": sig()})), missing("expiry")),
        ("expire_all in seconds", "expire_all", with(json!({"expiry": 5, "signature": sig()})), short("expiry")),
        ("expire_all without signature", "expire_all", with(json!({"expiry": TIME})), missing("signature")),
        (
            "get_expiries without messages",
            "get_expiries",
            with(json!({"timestamp": TIME, "signature": sig()})),
            missing("messages"),
        ),
        (
            "get_expiries without time",
            "get_expiries",
            with(json!({"messages": [hash()], "signature": sig()})),
            missing("timestamp"),
        ),
        (
            "get_expiries without signature",
            "get_expiries",
            with(json!({"messages": [hash()], "timestamp": TIME})),
            missing("signature"),
        ),
        (
            "revoke without tokens",
            "revoke_subaccount",
            with(json!({"timestamp": TIME, "signature": sig()})),
            missing("revoke"),
        ),
        (
            "revoke without time",
            "revoke_subaccount",
            with(json!({"revoke": "00".repeat(36), "signature": sig()})),
            missing("timestamp"),
        ),
        (
            "revoke without signature",
            "revoke_subaccount",
            with(json!({"revoke": "00".repeat(36), "timestamp": TIME})),
            missing("signature"),
        ),
        (
            "unrevoke without tokens",
            "unrevoke_subaccount",
            with(json!({"timestamp": TIME, "signature": sig()})),
            missing("unrevoke"),
        ),
        ("batch without requests", "batch", json!({}), missing("requests")),
        ("sequence without requests", "sequence", json!({}), missing("requests")),
        ("batch entry without method", "batch", json!({"requests": [{"params": {}}]}), missing("method")),
        ("batch entry without params", "batch", json!({"requests": [{"method": "info"}]}), missing("params")),
        ("oxend_request without endpoint", "oxend_request", json!({}), missing("endpoint")),
        (
            "oxend_request elsewhere",
            "oxend_request",
            json!({"endpoint": "stop_daemon"}),
            "Invalid oxend endpoint 'stop_daemon'".to_owned(),
        ),
    ]
}

/// Refused with 400 and some text that starts like this.
fn loose() -> Vec<(&'static str, &'static str, Value)> {
    let token = "00".repeat(36);
    vec![
        ("signature of the wrong length", "delete_all", with(json!({"timestamp": TIME, "signature": "A".repeat(85)}))),
        ("signature that is no base64", "delete_all", with(json!({"timestamp": TIME, "signature": "!".repeat(86)}))),
        (
            "Ed25519 key of the wrong length",
            "delete_all",
            with(json!({"timestamp": TIME, "signature": sig(), "pubkey_ed25519": "00"})),
        ),
        ("message hash of the wrong length", "delete", with(json!({"messages": ["AAA"], "signature": sig()}))),
        ("no message hash at all", "delete", with(json!({"messages": [], "signature": sig()}))),
        (
            "as many expiries as nothing",
            "expire",
            with(json!({"messages": [hash()], "expiry": [TIME, TIME], "signature": sig()})),
        ),
        (
            "subaccount without its signature",
            "delete_all",
            with(json!({"timestamp": TIME, "signature": sig(), "subaccount": token})),
        ),
        (
            "signature of a subaccount without it",
            "delete_all",
            with(json!({"timestamp": TIME, "signature": sig(), "subaccount_sig": sig()})),
        ),
        (
            "subaccount of the wrong length",
            "delete_all",
            with(json!({"timestamp": TIME, "signature": sig(), "subaccount": "00", "subaccount_sig": sig()})),
        ),
        ("data that is no base64", "store", with(json!({"data": "%%%", "timestamp": TIME, "ttl": 60_000}))),
        ("namespace that is text", "retrieve", with(json!({"namespace": "two"}))),
        ("retrieve of all namespaces", "retrieve", with(json!({"namespace": "all"}))),
        ("last_hash of the wrong length", "retrieve", with(json!({"last_hash": "AAA"}))),
        ("last_hash in both spellings", "retrieve", with(json!({"last_hash": hash(), "lastHash": hash()}))),
        ("account in both spellings", "get_swarm", json!({"pubkey": KEY, "pubKey": KEY})),
        ("empty batch", "batch", json!({"requests": []})),
        ("batch of 21", "batch", json!({"requests": vec![json!({"method": "info", "params": {}}); 21]})),
        ("sequence of 21", "sequence", json!({"requests": vec![json!({"method": "info", "params": {}}); 21]})),
        (
            "batch in a batch",
            "batch",
            json!({"requests": [{"method": "batch", "params": {"requests": [{"method": "info", "params": {}}]}}]}),
        ),
        (
            "sequence in a batch",
            "batch",
            json!({"requests": [{"method": "sequence", "params": {"requests": [{"method": "info", "params": {}}]}}]}),
        ),
        (
            "ifelse in a batch",
            "batch",
            json!({"requests": [{"method": "ifelse", "params": {"if": {"height_before": 1}, "then": {"method": "info", "params": {}}}}]}),
        ),
        (
            "unknown method in a batch",
            "batch",
            json!({"requests": [{"method": "info", "params": {}}, {"method": "dance", "params": {}}]}),
        ),
        (
            "unreadable entry in a batch",
            "batch",
            json!({"requests": [{"method": "info", "params": {}}, {"method": "get_swarm", "params": {}}]}),
        ),
        ("ifelse without conditions", "ifelse", json!({"if": {}, "then": {"method": "info", "params": {}}})),
        ("ifelse without if", "ifelse", json!({"then": {"method": "info", "params": {}}})),
        ("ifelse without branches", "ifelse", json!({"if": {"height_before": 1}})),
        (
            "revoke of a token of the wrong length",
            "revoke_subaccount",
            with(json!({"revoke": "00", "timestamp": TIME, "signature": sig()})),
        ),
    ]
}

pub(crate) fn cases() -> Vec<Case> {
    let exact = table().into_iter().map(|(name, method, params, text)| {
        case(format!("refusal/{name}"), move |client| {
            let (params, text) = (params.clone(), text.clone());
            async move { client.ask(method, params).await.refused(400, &format!("invalid request: {text}")) }
        })
    });
    let loose = loose().into_iter().map(|(name, method, params)| {
        case(format!("refusal/{name}"), move |client| {
            let params = params.clone();
            async move {
                let reply = client.ask(method, params).await;
                let text = reply.body.as_str().unwrap_or_default();
                assert!(reply.status == 400 && text.starts_with("invalid request: "), "{reply:?}");
            }
        })
    });
    let bodies = [
        ("no json", "{", "invalid json"),
        ("no method", r#"{"params":{}}"#, "invalid json: no `method` field"),
        ("no params", r#"{"method":"info"}"#, "invalid json: no `params` field"),
        ("unknown method", r#"{"method":"dance","params":{}}"#, "no method dance"),
    ];
    let bodies = bodies.into_iter().map(|(name, body, text)| {
        case(format!("refusal/{name}"), move |client: crate::client::Client| async move {
            client.send(&client.any_node(), body.as_bytes()).await.refused(400, text);
        })
    });
    exact.chain(loose).chain(bodies).collect()
}
