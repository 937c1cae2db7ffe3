//! Signed texts and who may sign them (service-nodes 3.1, 3.2).

use zwiebel_crypto::keys::Ed25519Public;

use super::parse::Credentials;
use crate::account::Account;
use crate::store::messages::Scope;

/// The namespace as it stands in signed texts: nothing for 0.
#[must_use]
pub fn scope_text(scope: Scope) -> String {
    match scope {
        Scope::One(0) => String::new(),
        Scope::One(namespace) => namespace.to_string(),
        Scope::All => "all".to_owned(),
    }
}

/// Whether the owner signed this text.
#[must_use]
pub fn is_signed(account: &Account, credentials: &Credentials, text: &str) -> bool {
    let Some(signature) = &credentials.signature else { return false };
    if credentials.subaccount {
        return false;
    }
    let key = match credentials.ed25519 {
        Some(key) => {
            let key = Ed25519Public(key);
            if key.to_x25519().is_none_or(|image| image.0 != account.key) {
                return false;
            }
            key
        }
        None => Ed25519Public(account.key),
    };
    key.verify(text.as_bytes(), signature)
}
