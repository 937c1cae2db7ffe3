//! Taking rights away from subaccounts and giving them back (service-nodes 3.9). Only the account itself may.

use std::sync::Arc;

use serde_json::json;
use zwiebel_proto::storage_rpc::confirmation;
use zwiebel_proto::storage_rpc::signed_text;

use super::Answer;
use super::auth;
use super::auth::Needs;
use super::call::TokensCall;
use super::run::Origin;
use super::run::elsewhere;
use super::run::stamped;
use super::write::Copy;
use super::write::everywhere;
use super::write::signature;
use crate::encoding::base64;
use crate::limits;
use crate::node::Node;
use crate::store::revoked;
use crate::sync;

/// What this node signs to confirm it.
fn confirmed(node: &Node, call: &TokensCall) -> String {
    let time = u64::try_from(call.timestamp).unwrap_or(0);
    signature(node, confirmation::subaccounts(&call.account.to_bytes(), time, &call.tokens))
}

/// The answer to send instead, unless the account signed this just now.
async fn refuse(node: &Node, call: &TokensCall, origin: Origin, name: &str, text: Vec<u8>) -> Option<Answer> {
    if let Some(answer) = elsewhere(node, &call.account) {
        return Some(answer);
    }
    if !origin.accepts(call.timestamp, node.clock.now(), limits::FORWARD_TOLERANCE) {
        return Some(Answer::error(406, format!("{name} timestamp too far from current time")));
    }
    let signed = auth::is_signed(node, &call.account, &call.credentials, Needs::Account, &text).await;
    (!signed).then(|| Answer::error(401, format!("{name} signature verification failed")))
}

/// `revoke_subaccount`.
pub async fn revoke(node: &Arc<Node>, mut call: TokensCall, copy: Copy, origin: Origin) -> Answer {
    let text = signed_text::revoke_subaccount(u64::try_from(call.timestamp).unwrap_or(0), &call.tokens);
    if let Some(answer) = refuse(node, &call, origin, "revoke_subaccount", text).await {
        return answer;
    }
    let body = json!({ "signature": confirmed(node, &call) });
    if matches!(origin, Origin::Late { .. }) {
        match sync::still_revoked(node, &call).await {
            Some(tokens) => call.tokens = tokens,
            None => return Answer::error(500, "request failed"),
        }
    }
    let keep = i64::try_from(limits::TOKENS).unwrap_or(i64::MAX);
    let job = node.store.run(move |db| revoked::add(db, &call.account, &call.tokens, call.timestamp, keep));
    let local = async { job.await.map(|()| body) };
    everywhere(node, copy, origin, until(node), local).await
}

/// `unrevoke_subaccount`.
pub async fn unrevoke(node: &Arc<Node>, call: TokensCall, copy: Copy, origin: Origin) -> Answer {
    let text = signed_text::unrevoke_subaccount(u64::try_from(call.timestamp).unwrap_or(0), &call.tokens);
    if let Some(answer) = refuse(node, &call, origin, "unrevoke_subaccount", text).await {
        return answer;
    }
    let confirmation = confirmed(node, &call);
    // A late copy must not undo a revocation that is newer than it.
    let newest = if matches!(origin, Origin::Late { .. }) { call.timestamp } else { i64::MAX };
    let job = node.store.run(move |db| revoked::remove(db, &call.account, &call.tokens, newest));
    let local = async { job.await.map(|count| json!({ "signature": confirmation, "count": count })) };
    everywhere(node, copy, origin, until(node), local).await
}

/// `revoked_subaccounts`: what this node knows.
pub async fn revoked(node: &Node, call: TokensCall) -> Answer {
    let text = signed_text::revoked_subaccounts(u64::try_from(call.timestamp).unwrap_or(0));
    if let Some(answer) = refuse(node, &call, Origin::Client, "revoked_subaccounts", text).await {
        return answer;
    }
    match node.store.run(move |db| revoked::list(db, &call.account)).await {
        Ok(tokens) => {
            let tokens: Vec<String> = tokens.iter().map(|token| base64(token)).collect();
            Answer::ok(stamped(node, json!({ "revoked_subaccounts": tokens })))
        }
        Err(_) => Answer::error(500, "request failed"),
    }
}

/// How long a member that is away may still get it.
fn until(node: &Node) -> i64 {
    node.clock.now().saturating_add(limits::TTL_MAX)
}
