//! What an account signs for each call (service-nodes 3.2). Used by both sides.
//!
//! ASCII, numbers in decimal, hashes as their 43 characters; only tokens are raw bytes.

use super::{ExpiryMode, MessageHash, Namespace, Scope};

/// `store`; `timestamp` is `sig_timestamp` where that is given.
#[must_use]
pub fn store(namespace: Namespace, timestamp: u64) -> Vec<u8> {
    format!("store{}{timestamp}", namespace.text()).into_bytes()
}

/// `retrieve`.
#[must_use]
pub fn retrieve(namespace: Namespace, timestamp: u64) -> Vec<u8> {
    format!("retrieve{}{timestamp}", namespace.text()).into_bytes()
}

/// `delete`, hashes in request order.
#[must_use]
pub fn delete(hashes: &[MessageHash]) -> Vec<u8> {
    ["delete"].into_iter().chain(texts(hashes)).collect::<String>().into_bytes()
}

/// `delete_all`.
#[must_use]
pub fn delete_all(scope: Scope, timestamp: u64) -> Vec<u8> {
    format!("delete_all{}{timestamp}", scope.text()).into_bytes()
}

/// `delete_before`.
#[must_use]
pub fn delete_before(scope: Scope, before: u64) -> Vec<u8> {
    format!("delete_before{}{before}", scope.text()).into_bytes()
}

/// `expire`, one expiry or one for each hash, hashes in request order.
#[must_use]
pub fn expire(mode: ExpiryMode, expiries: &[u64], hashes: &[MessageHash]) -> Vec<u8> {
    let expiries: String = expiries.iter().map(u64::to_string).collect();
    ["expire", mode.text(), &expiries].into_iter().chain(texts(hashes)).collect::<String>().into_bytes()
}

/// `expire_all`.
#[must_use]
pub fn expire_all(scope: Scope, expiry: u64) -> Vec<u8> {
    format!("expire_all{}{expiry}", scope.text()).into_bytes()
}

/// `get_expiries`, hashes in request order.
#[must_use]
pub fn get_expiries(timestamp: u64, hashes: &[MessageHash]) -> Vec<u8> {
    let timestamp = timestamp.to_string();
    ["get_expiries", &timestamp].into_iter().chain(texts(hashes)).collect::<String>().into_bytes()
}

/// `revoke_subaccount`.
#[must_use]
pub fn revoke_subaccount(timestamp: u64, tokens: &[[u8; 36]]) -> Vec<u8> {
    [format!("revoke_subaccount{timestamp}").as_bytes(), tokens.as_flattened()].concat()
}

/// `unrevoke_subaccount`.
#[must_use]
pub fn unrevoke_subaccount(timestamp: u64, tokens: &[[u8; 36]]) -> Vec<u8> {
    [format!("unrevoke_subaccount{timestamp}").as_bytes(), tokens.as_flattened()].concat()
}

/// `revoked_subaccounts`.
#[must_use]
pub fn revoked_subaccounts(timestamp: u64) -> Vec<u8> {
    format!("revoked_subaccounts{timestamp}").into_bytes()
}

/// `monitor` of an account (prefix byte and key), with or without the messages' data. Time in **seconds**.
/// Nothing here sends or answers it yet; it is here because the vectors have it.
#[must_use]
pub fn monitor(pubkey: &[u8; 33], timestamp_s: u64, with_data: bool, namespaces: &[Namespace]) -> Vec<u8> {
    let namespaces: Vec<_> = namespaces.iter().map(ToString::to_string).collect();
    let with_data = u8::from(with_data);
    format!("MONITOR{}{timestamp_s}{with_data}{}", hex::encode(pubkey), namespaces.join(",")).into_bytes()
}

fn texts(hashes: &[MessageHash]) -> impl Iterator<Item = &str> {
    hashes.iter().map(MessageHash::as_str)
}
