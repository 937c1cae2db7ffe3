//! Signed texts and who may sign them: the account, or a subaccount with the rights for it (service-nodes 3.1, 3.2).

use zwiebel_crypto::keys::Ed25519Public;

use super::call::Credentials;
use super::call::Subaccount;
use crate::account::Account;
use crate::node::Node;
use crate::store::messages::Scope;
use crate::store::revoked;

/// Flags of a subaccount's token.
const READ: u8 = 1;
const WRITE: u8 = 2;
const DELETE: u8 = 4;
const ANY_PREFIX: u8 = 8;

/// Who may sign a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The account itself only.
    Account,
    Delete,
    Read,
    /// Reading where revoked subaccounts still may.
    ReadEvenRevoked,
    Write,
    WriteAndDelete,
}

impl Needs {
    const fn flags(self) -> u8 {
        match self {
            Self::Account => 0,
            Self::Delete => DELETE,
            Self::Read | Self::ReadEvenRevoked => READ,
            Self::Write => WRITE,
            Self::WriteAndDelete => WRITE | DELETE,
        }
    }
}

/// The namespace as it stands in signed texts: nothing for 0.
#[must_use]
pub fn scope_text(scope: Scope) -> String {
    match scope {
        Scope::One(0) => String::new(),
        Scope::One(namespace) => namespace.to_string(),
        Scope::All => "all".to_owned(),
    }
}

/// Whether somebody who may do it signed this text. Every failure looks the same from outside.
pub async fn is_signed(node: &Node, account: &Account, credentials: &Credentials, needs: Needs, text: &[u8]) -> bool {
    is_well_signed(account, credentials, needs, text) && !is_revoked(node, account, credentials, needs).await
}

fn is_well_signed(account: &Account, credentials: &Credentials, needs: Needs, text: &[u8]) -> bool {
    let Some(signature) = &credentials.signature else { return false };
    let Some(owner) = account_key(account, credentials) else { return false };
    match &credentials.subaccount {
        None => owner.verify(text, signature),
        Some(_) if needs == Needs::Account => false,
        Some(subaccount) => {
            subaccount.may(account, needs)
                && owner.verify(&subaccount.token, &subaccount.signature)
                && subaccount.key().verify(text, signature)
        }
    }
}

/// Whether the account took this subaccount's rights away. If that cannot be found out, it did.
pub async fn is_revoked(node: &Node, account: &Account, credentials: &Credentials, needs: Needs) -> bool {
    let Some(subaccount) = &credentials.subaccount else { return false };
    if needs == Needs::ReadEvenRevoked {
        return false;
    }
    let (account, token) = (*account, subaccount.token);
    node.store.run(move |db| revoked::contains(db, &account, &token)).await.unwrap_or(true)
}

/// The key that signs for the account: its Ed25519 key if that was given and belongs to it, else the account's own 32 bytes.
fn account_key(account: &Account, credentials: &Credentials) -> Option<Ed25519Public> {
    let Some(key) = credentials.ed25519.map(Ed25519Public) else { return Some(Ed25519Public(account.key)) };
    key.to_x25519().is_some_and(|image| image.0 == account.key).then_some(key)
}

impl Subaccount {
    /// Whether its token gives it the rights for this.
    fn may(&self, account: &Account, needs: Needs) -> bool {
        let [prefix, flags, reserved @ ..] = self.head();
        (prefix == account.prefix || flags & ANY_PREFIX != 0)
            && flags & needs.flags() == needs.flags()
            && reserved == [0, 0]
    }

    /// Whether its token lets it delete.
    #[must_use]
    pub fn may_delete(&self) -> bool {
        let [_, flags, ..] = self.head();
        flags & DELETE != 0
    }

    fn head(&self) -> [u8; 4] {
        let [prefix, flags, third, fourth, ..] = self.token;
        [prefix, flags, third, fourth]
    }

    fn key(&self) -> Ed25519Public {
        let [_, _, _, _, key @ ..] = self.token;
        Ed25519Public(key)
    }
}
