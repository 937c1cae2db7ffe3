//! Keeps the calls that take messages away, and asks them about messages.

use std::collections::BTreeMap;

use serde_json::Value;
use zwiebel_crypto::hash::blake2b;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::message_hash;

use super::fate;
use super::fate::Verdict;
use crate::account::Account;
use crate::limits;
use crate::node::Node;
use crate::rpc::call::StoreCall;
use crate::rpc::call::TokensCall;
use crate::rpc::run::Origin;
use crate::rpc::write::Copy;
use crate::store::StoreError;
use crate::store::messages;
use crate::store::messages::Message;
use crate::store::removals;
use crate::store::removals::Removal;
use crate::store::revoked::Token;

/// Calls that a member which missed them must run, however late.
const KEPT: [&str; 7] =
    ["delete", "delete_all", "delete_before", "expire", "expire_all", "revoke_subaccount", "unrevoke_subaccount"];

/// Keeps a checked call if it is one of those that take something away; when it was made. That is after everything that it
/// takes away was stored, even if the clocks of the nodes where these things happened say otherwise.
pub(crate) async fn remember(node: &Node, copy: &Copy, origin: Origin) -> Result<i64, StoreError> {
    let made = origin.made(node.clock.now());
    let account = ["pubkey", "pubKey"].iter().find_map(|name| copy.params.get(*name)?.as_str());
    let Some(account) = account.and_then(Account::parse).filter(|_| KEPT.contains(&copy.method)) else {
        return Ok(made);
    };
    let params = Value::Object(copy.params.clone()).to_string();
    let digest = digest(copy.method, &params);
    let mut removal = Removal { account, method: copy.method.to_owned(), params, made };
    let hashes = copy.params.get("messages").cloned().unwrap_or_default();
    let extension = Verdict::read(&removal).filter(Verdict::extends);
    let job = node.store.run(move |db| {
        if let Some(extension) = extension {
            // One that gives nothing back of what another call took need not be kept.
            let kept = removals::of(db, &account)?;
            let kept = kept.iter().filter(|kept| kept.method.starts_with("expire")).filter_map(Verdict::read);
            let Some(last) = kept.filter_map(|kept| kept.is_lifted_by(&extension)).max() else { return Ok(made) };
            if !matches!(origin, Origin::Late { .. }) {
                removal.made = removal.made.max(last.saturating_add(1));
            }
        }
        if !matches!(origin, Origin::Late { .. }) {
            let hashes: Vec<&str> = match &hashes {
                Value::Array(hashes) => hashes.iter().filter_map(Value::as_str).collect(),
                hash => hash.as_str().into_iter().collect(),
            };
            removal.made = removal.made.max(messages::last_stored(db, &account, &hashes)?.unwrap_or_default());
        }
        removals::note(db, &digest, &removal, removal.made.saturating_add(limits::TTL_MAX))?;
        Ok(removal.made)
    });
    job.await
}

/// The tokens of a late revocation whose rights the account has not given back since.
pub(crate) async fn still_revoked(node: &Node, call: &TokensCall) -> Option<Vec<Token>> {
    let verdicts = verdicts(node, std::iter::once(call.account)).await?;
    let later: Vec<&TokensCall> = verdicts
        .values()
        .flatten()
        .filter_map(Verdict::unrevocation)
        .filter(|unrevocation| unrevocation.timestamp >= call.timestamp)
        .collect();
    let given_back = |token: &&Token| later.iter().any(|unrevocation| unrevocation.tokens.contains(*token));
    Some(call.tokens.iter().filter(|token| !given_back(token)).copied().collect())
}

/// Those of these messages whose expiry no kept call has moved after this time: a late call does not undo a later one.
pub(crate) async fn not_moved_since(
    node: &Node,
    account: Account,
    mut wanted: Vec<(String, i64)>,
    made: i64,
) -> Vec<(String, i64)> {
    let verdicts = verdicts(node, std::iter::once(account)).await.unwrap_or_default();
    let later: Vec<&Verdict> = verdicts.values().flatten().filter(|verdict| verdict.is_after(made)).collect();
    wanted.retain(|(hash, _)| !later.iter().any(|verdict| verdict.moves(hash)));
    wanted
}

/// The name of a removal.
pub(super) fn digest(method: &str, params: &str) -> [u8; 32] {
    blake2b(&[method.as_bytes(), b"\0", params.as_bytes()])
}

/// The removals of those accounts that have any.
pub(super) async fn verdicts(
    node: &Node,
    accounts: impl Iterator<Item = Account>,
) -> Option<BTreeMap<Account, Vec<Verdict>>> {
    let mut accounts: Vec<Account> = accounts.collect();
    accounts.sort_unstable();
    accounts.dedup();
    let found = node.store.run(move |db| {
        let each = accounts.into_iter().map(|account| Ok((account, removals::of(db, &account)?)));
        each.filter(|of| of.as_ref().map_or(true, |(_, found)| !found.is_empty())).collect::<rusqlite::Result<Vec<_>>>()
    });
    let found = found.await.ok()?.into_iter();
    Some(found.map(|(account, found)| (account, found.iter().filter_map(Verdict::read).collect())).collect())
}

/// Whether a message that a client stored at `made` has been taken away since.
pub(crate) async fn was_taken_away(node: &Node, call: &StoreCall, made: i64) -> bool {
    let Some(mut verdicts) = verdicts(node, std::iter::once(call.account)).await else { return false };
    let Some(mut verdicts) = verdicts.remove(&call.account) else { return false };
    verdicts.retain(|verdict| verdict.is_after(made));
    let hash = message_hash(&call.account.to_bytes(), Namespace(call.namespace), &call.data).as_str().to_owned();
    let StoreCall { namespace, timestamp, expiry, .. } = *call;
    let message = Message { hash, namespace, timestamp, expiry, stored: made, data: Vec::new() };
    fate::end(&verdicts, &message).is_none_or(|end| end <= node.clock.now())
}
