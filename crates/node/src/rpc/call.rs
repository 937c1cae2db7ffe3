//! A storage call as it was read: the types between [`super::parse`] and [`super::run`]. Nothing here decides anything.

use serde_json::Map;
use serde_json::Value;

use super::ifelse::Condition;
use crate::account::Account;
use crate::store::messages::Move;
use crate::store::messages::Scope;
use crate::store::revoked::Token;

/// How a request was encoded; its answer is encoded the same way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Json,
    Bencode,
}

/// A key that an account lets act for it, and the account's signature over it (service-nodes 3.1).
#[derive(Debug, Clone)]
pub struct Subaccount {
    pub token: Token,
    pub signature: [u8; 64],
}

/// Who signs a call, as far as the request says.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pub ed25519: Option<[u8; 32]>,
    pub signature: Option<[u8; 64]>,
    pub subaccount: Option<Subaccount>,
}

#[derive(Debug, Clone)]
pub struct StoreCall {
    pub account: Account,
    pub namespace: i16,
    pub data: Vec<u8>,
    pub timestamp: i64,
    pub expiry: i64,
    pub sig_timestamp: Option<i64>,
    pub credentials: Credentials,
}

#[derive(Debug, Clone)]
pub struct RetrieveCall {
    pub account: Account,
    pub namespace: i16,
    pub last_hash: Option<String>,
    pub max_count: Option<usize>,
    pub max_size: i64,
    pub timestamp: Option<i64>,
    /// How long to wait for a message if there is none, in ms; 0 is not at all.
    pub wait_ms: u64,
    /// Decides what a message costs of `max_size`.
    pub format: Format,
    pub credentials: Credentials,
}

#[derive(Debug, Clone)]
pub struct DeleteCall {
    pub account: Account,
    pub hashes: Vec<String>,
    pub required: bool,
    pub credentials: Credentials,
}

/// `delete_all`, `delete_before` and `expire_all` have the same shape.
#[derive(Debug, Clone)]
pub struct ScopeCall {
    pub account: Account,
    pub scope: Scope,
    /// `timestamp`, `before` or `expiry`.
    pub time: i64,
    pub credentials: Credentials,
}

#[derive(Debug, Clone)]
pub struct ExpireCall {
    pub account: Account,
    pub hashes: Vec<String>,
    /// One for all, or one for each.
    pub expiries: Vec<i64>,
    pub how: Move,
    pub credentials: Credentials,
}

impl ExpireCall {
    /// How it moves expiries: a subaccount that may not delete extends, whatever it asks for; none if it asks to shorten.
    #[must_use]
    pub fn moves(&self) -> Option<Move> {
        let may_shorten = self.credentials.subaccount.as_ref().is_none_or(Subaccount::may_delete);
        match self.how {
            Move::Shorten if !may_shorten => None,
            Move::Set if !may_shorten => Some(Move::Extend),
            how => Some(how),
        }
    }

    /// What it wants the expiry of this message to be; none if it does not name it.
    #[must_use]
    pub fn expiry_of(&self, hash: &str) -> Option<i64> {
        let at = self.hashes.iter().position(|named| named == hash)?;
        self.expiries.get(at).or_else(|| self.expiries.first()).copied()
    }
}

#[derive(Debug, Clone)]
pub struct ExpiriesCall {
    pub account: Account,
    pub hashes: Vec<String>,
    pub timestamp: i64,
    pub credentials: Credentials,
}

/// `revoke_subaccount`, `unrevoke_subaccount`, and without tokens `revoked_subaccounts`.
#[derive(Debug, Clone)]
pub struct TokensCall {
    pub account: Account,
    pub tokens: Vec<Token>,
    pub timestamp: i64,
    pub credentials: Credentials,
}

/// One of two calls, by what this node is.
#[derive(Debug, Clone)]
pub struct IfElse {
    /// All must hold.
    pub conditions: Vec<Condition>,
    pub then: Option<Box<Request>>,
    pub otherwise: Option<Box<Request>>,
}

/// A call that can be run.
#[derive(Debug, Clone)]
pub enum Call {
    ActiveNodesBin,
    Batch(Vec<Request>),
    Delete(DeleteCall),
    DeleteAll(ScopeCall),
    DeleteBefore(ScopeCall),
    Expire(ExpireCall),
    ExpireAll(ScopeCall),
    GetExpiries(ExpiriesCall),
    GetSwarm(Account),
    IfElse(IfElse),
    Info,
    /// A name of the network's registry is asked for.
    ResolveName,
    Retrieve(RetrieveCall),
    Revoke(TokensCall),
    Revoked(TokensCall),
    Sequence(Vec<Request>),
    ServiceNodes(Value),
    Store(StoreCall),
    Unrevoke(TokensCall),
}

/// The calls that members of a swarm pass on to each other.
pub const COPIED: [&str; 8] = [
    "delete",
    "delete_all",
    "delete_before",
    "expire",
    "expire_all",
    "revoke_subaccount",
    "store",
    "unrevoke_subaccount",
];

/// A call that was read.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: &'static str,
    /// As they came, for copies to the swarm; empty if the method is none of [`COPIED`].
    pub params: Map<String, Value>,
    pub call: Call,
}
