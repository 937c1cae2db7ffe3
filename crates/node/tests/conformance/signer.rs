//! Accounts of every kind and what they sign, written out as service-nodes 3.1 and 3.2 say it.

use base64ct::Base64;
use base64ct::Encoding;
use serde_json::Value;
use serde_json::json;
use zwiebel_crypto::keys::Ed25519Secret;

use crate::client::random;

pub(crate) const READ: u8 = 1;
pub(crate) const WRITE: u8 = 2;
pub(crate) const DELETE: u8 = 4;
pub(crate) const ANY_PREFIX: u8 = 8;

/// Who signs for an account.
pub(crate) struct Signer {
    /// 66 hex digits.
    pub(crate) pubkey: String,
    /// The account's Ed25519 key, where the account is its X25519 image.
    ed25519: Option<String>,
    secret: Ed25519Secret,
    /// Token and its signature.
    subaccount: Option<([u8; 36], [u8; 64])>,
}

impl Signer {
    /// A 05 account with its Ed25519 key.
    pub(crate) fn session() -> Self {
        Self::session_of(Ed25519Secret::from_seed(random()))
    }

    fn session_of(secret: Ed25519Secret) -> Self {
        let image = secret.public().to_x25519().unwrap();
        let ed25519 = Some(hex::encode(secret.public().0));
        Self { pubkey: format!("05{}", hex::encode(image.0)), ed25519, secret, subaccount: None }
    }

    /// An account that is an Ed25519 key itself, behind this prefix.
    pub(crate) fn raw(prefix: u8) -> Self {
        let secret = Ed25519Secret::from_seed(random());
        let pubkey = format!("{prefix:02x}{}", hex::encode(secret.public().0));
        Self { pubkey, ed25519: None, secret, subaccount: None }
    }

    /// A group.
    pub(crate) fn group() -> Self {
        Self::raw(3)
    }

    /// Somebody whom this account gives rights.
    pub(crate) fn subaccount(&self, flags: u8) -> Self {
        let prefix = u8::from_str_radix(&self.pubkey[..2], 16).unwrap();
        self.subaccount_with(prefix, flags, [0, 0])
    }

    /// The same with a token of one's own making.
    pub(crate) fn subaccount_with(&self, prefix: u8, flags: u8, reserved: [u8; 2]) -> Self {
        let secret = Ed25519Secret::from_seed(random());
        let mut token = [0; 36];
        token[..4].copy_from_slice(&[prefix, flags, reserved[0], reserved[1]]);
        token[4..].copy_from_slice(&secret.public().0);
        let subaccount = Some((token, self.secret.sign(&token)));
        Self { pubkey: self.pubkey.clone(), ed25519: self.ed25519.clone(), secret, subaccount }
    }

    /// The same account, but another key signs.
    pub(crate) fn forged(&self) -> Self {
        let secret = Ed25519Secret::from_seed(random());
        Self { pubkey: self.pubkey.clone(), ed25519: self.ed25519.clone(), secret, subaccount: self.subaccount }
    }

    /// The same account with the Ed25519 key of somebody else, who signs.
    pub(crate) fn with_foreign_key(&self) -> Self {
        Self { pubkey: self.pubkey.clone(), ..Self::session() }
    }

    /// Its token.
    pub(crate) fn token(&self) -> [u8; 36] {
        self.subaccount.expect("a subaccount").0
    }

    pub(crate) fn account_bytes(&self) -> [u8; 33] {
        hex::decode(&self.pubkey).unwrap().try_into().unwrap()
    }

    /// Signature over a text, base64.
    pub(crate) fn sign(&self, text: impl AsRef<[u8]>) -> String {
        Base64::encode_string(&self.secret.sign(text.as_ref()))
    }

    /// Adds account, keys and signature to the parameters of a call.
    pub(crate) fn signed(&self, mut params: Value, text: impl AsRef<[u8]>) -> Value {
        params["pubkey"] = self.pubkey.as_str().into();
        params["signature"] = self.sign(text).into();
        if let Some(key) = &self.ed25519 {
            params["pubkey_ed25519"] = key.as_str().into();
        }
        if let Some((token, signature)) = &self.subaccount {
            params["subaccount"] = Base64::encode_string(token).into();
            params["subaccount_sig"] = Base64::encode_string(signature).into();
        }
        params
    }

    /// `store`.
    pub(crate) fn store(&self, namespace: i16, data: &[u8], timestamp: i64, ttl: i64) -> Value {
        let params =
            json!({"namespace": namespace, "data": Base64::encode_string(data), "timestamp": timestamp, "ttl": ttl});
        self.signed(params, format!("store{}{timestamp}", ns(namespace)))
    }

    /// `retrieve`.
    pub(crate) fn retrieve(&self, namespace: i16, timestamp: i64) -> Value {
        let text = format!("retrieve{}{timestamp}", ns(namespace));
        self.signed(json!({"namespace": namespace, "timestamp": timestamp}), text)
    }

    /// `delete`.
    pub(crate) fn delete(&self, hashes: &[String]) -> Value {
        self.signed(json!({"messages": hashes}), format!("delete{}", hashes.concat()))
    }

    /// `delete_all`; `scope` is a namespace or `all`.
    pub(crate) fn delete_all(&self, scope: &Value, timestamp: i64) -> Value {
        let text = format!("delete_all{}{timestamp}", scope_text(scope));
        self.signed(json!({"namespace": scope, "timestamp": timestamp}), text)
    }

    /// `delete_before`.
    pub(crate) fn delete_before(&self, scope: &Value, before: i64) -> Value {
        let text = format!("delete_before{}{before}", scope_text(scope));
        self.signed(json!({"namespace": scope, "before": before}), text)
    }

    /// `expire`; `how` is `shorten`, `extend` or nothing.
    pub(crate) fn expire(&self, hashes: &[String], expiries: &[i64], how: &str) -> Value {
        let times: String = expiries.iter().map(i64::to_string).collect();
        let expiry = if let [single] = expiries { json!(single) } else { json!(expiries) };
        let mut params = json!({"messages": hashes, "expiry": expiry});
        if !how.is_empty() {
            params[how] = true.into();
        }
        self.signed(params, format!("expire{how}{times}{}", hashes.concat()))
    }

    /// `expire_all`.
    pub(crate) fn expire_all(&self, scope: &Value, expiry: i64) -> Value {
        let text = format!("expire_all{}{expiry}", scope_text(scope));
        self.signed(json!({"namespace": scope, "expiry": expiry}), text)
    }

    /// `get_expiries`.
    pub(crate) fn get_expiries(&self, hashes: &[String], timestamp: i64) -> Value {
        let text = format!("get_expiries{timestamp}{}", hashes.concat());
        self.signed(json!({"messages": hashes, "timestamp": timestamp}), text)
    }

    /// `revoke_subaccount` or `unrevoke_subaccount`, by the verb.
    pub(crate) fn revocation(&self, verb: &str, tokens: &[[u8; 36]], timestamp: i64) -> Value {
        let text = [format!("{verb}_subaccount{timestamp}").as_bytes(), tokens.as_flattened()].concat();
        let tokens: Vec<String> = tokens.iter().map(|token| Base64::encode_string(token)).collect();
        let mut params = json!({"timestamp": timestamp});
        params[verb] = tokens.into();
        self.signed(params, text)
    }

    /// `revoked_subaccounts`.
    pub(crate) fn revoked(&self, timestamp: i64) -> Value {
        self.signed(json!({"timestamp": timestamp}), format!("revoked_subaccounts{timestamp}"))
    }
}

/// A namespace in signed texts.
fn ns(namespace: i16) -> String {
    if namespace == 0 { String::new() } else { namespace.to_string() }
}

fn scope_text(scope: &Value) -> String {
    scope.as_str().map_or_else(|| ns(i16::try_from(scope.as_i64().unwrap()).unwrap()), str::to_owned)
}
