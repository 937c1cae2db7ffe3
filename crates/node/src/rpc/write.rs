//! The calls that change something: checked here, done here, and copied to every member of the swarm (service-nodes 3.5, 3.7, 3.8, 5.4).

use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::NamespaceClass;
use zwiebel_proto::storage_rpc::message_hash;

use super::Answer;
use super::auth;
use super::auth::Needs;
use super::call::DeleteCall;
use super::call::ExpireCall;
use super::call::ScopeCall;
use super::call::StoreCall;
use super::run::Origin;
use super::run::elsewhere;
use super::run::stamped;
use crate::account::Account;
use crate::encoding::base64;
use crate::limits;
use crate::node::Node;
use crate::replication;
use crate::store::StoreError;
use crate::store::messages;
use crate::store::messages::Hashes;
use crate::store::messages::Inserted;
use crate::store::messages::Message;
use crate::store::messages::Move;
use crate::store::messages::Scope;
use crate::sync;

/// What members of the swarm get: the method and the parameters as the client gave them.
#[derive(Debug, Clone)]
pub struct Copy {
    pub method: &'static str,
    pub params: Map<String, Value>,
}

/// Runs the local part and, for a client's call, the copies; puts the answers together.
pub(super) async fn everywhere(
    node: &Arc<Node>,
    copy: Copy,
    origin: Origin,
    expiry: i64,
    local: impl Future<Output = Result<Value, StoreError>>,
) -> Answer {
    // Before the work, so that no crash lies between a deletion and its memory.
    let made = match sync::remember(node, &copy, origin).await {
        Ok(made) => made,
        Err(error) => return Answer::error(500, error.to_string()),
    };
    if origin != Origin::Client {
        // With an error the copy stays in the sender's queue.
        return local.await.map_or_else(|error| Answer::error(500, error.to_string()), Answer::ok);
    }
    let local = async {
        local
            .await
            .unwrap_or_else(|error| json!({ "failed": true, "query_failure": true, "reason": error.to_string() }))
    };
    let (own, mut swarm) = tokio::join!(local, replication::to_swarm(node, &copy, made, expiry));
    swarm.insert(hex::encode(node.ed25519().0), own);
    let failed = swarm.values().all(|answer| answer.get("failed").is_some());
    let body = stamped(node, json!({ "swarm": swarm }));
    Answer { status: if failed { 500 } else { 200 }, body: super::Body::Json(body) }
}

/// This node's signature, as it stands in answers.
pub(super) fn signature(node: &Node, text: impl AsRef<[u8]>) -> String {
    base64(&node.keys.ed25519.sign(text.as_ref()))
}

/// `store`.
pub async fn store(node: &Arc<Node>, call: StoreCall, mut copy: Copy, origin: Origin) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    if let Some(answer) = refuse_store(node, &call, origin).await {
        return answer;
    }
    let hash = message_hash(&call.account.to_bytes(), Namespace(call.namespace), &call.data).as_str().to_owned();
    let outbox = Namespace(call.namespace).class() == NamespaceClass::PublicOutbox;
    copy.params.remove("ttl");
    copy.params.insert("expiry".to_owned(), call.expiry.into());
    let StoreCall { account, namespace, data, timestamp, expiry, sig_timestamp, .. } = call;
    let now = node.clock.now();
    let (stored, latest) = (origin.made(now), now.saturating_add(limits::STORE_TOLERANCE));
    let message = Message { hash: hash.clone(), namespace, timestamp, expiry, stored, data };
    // Here first: members take what one of them has taken, so that they stay equal.
    let job = node.store.run(move |db| match (outbox, origin) {
        (true, Origin::Client) => messages::supersede(db, &account, message, latest),
        (true, _) => Ok((messages::replace(db, &account, &message)?, timestamp)),
        (false, Origin::Client) => Ok((messages::insert_if_room(db, &account, &message, limits::ACCOUNT)?, timestamp)),
        (false, _) => Ok((messages::insert(db, &account, &message)?, timestamp)),
    });
    let inserted = match job.await {
        Ok((Inserted::NoRoom, _)) => {
            return Answer::error(400, "invalid request: the account keeps as much as it may");
        }
        Ok((Inserted::Superseded, _)) => return Answer::error(409, "superseded by a newer value"),
        Ok((inserted, after)) => {
            if after != timestamp {
                // The signature keeps the time that was signed.
                copy.params.insert("timestamp".to_owned(), after.into());
                copy.params.insert("sig_timestamp".to_owned(), sig_timestamp.unwrap_or(timestamp).into());
            }
            Ok(inserted)
        }
        Err(error) => Err(error),
    };
    let confirmation = signature(node, &hash);
    let local = async {
        let inserted = inserted?;
        let mut own = json!({ "hash": hash, "signature": confirmation, "expiry": expiry, "t": node.clock.now() });
        match (inserted, own.as_object_mut()) {
            (Inserted::Already { expiry }, Some(own)) => {
                own.insert("already".to_owned(), true.into());
                own.insert("expiry".to_owned(), expiry.into());
            }
            (Inserted::New, _) => node.waits.ring(&account, namespace),
            _ => {}
        }
        Ok(own)
    };
    let mut answer = everywhere(node, copy, origin, expiry, local).await;
    if let (Origin::Client, super::Body::Json(Value::Object(body))) = (origin, &mut answer.body) {
        body.insert("hash".to_owned(), hash.into());
    }
    answer
}

async fn refuse_store(node: &Node, call: &StoreCall, origin: Origin) -> Option<Answer> {
    let now = node.clock.now();
    let life = call.expiry.saturating_sub(call.timestamp);
    let public = !Namespace(call.namespace).store_needs_auth();
    let longest = if public { limits::TTL_MAX_PUBLIC } else { limits::TTL_MAX };
    // A member's clock may be a little off from that of the node which let the client in.
    let slack = if origin == Origin::Client { 0 } else { limits::FORWARD_TOLERANCE - limits::SIGNATURE_TOLERANCE };
    if !(limits::TTL_MIN - slack..=longest).contains(&life) {
        return Some(Answer::error(403, "Provided expiry/TTL is not valid."));
    }
    let tolerance = limits::STORE_TOLERANCE + slack;
    if call.timestamp > now.saturating_add(tolerance) || call.expiry < now.saturating_sub(tolerance) {
        return Some(Answer::error(406, "Timestamp error: check your clock"));
    }
    if public {
        return None;
    }
    if call.credentials.signature.is_none() {
        let text = format!("store: signature required to store to namespace {}", call.namespace);
        return Some(Answer::error(401, text));
    }
    let signed = call.sig_timestamp.unwrap_or(call.timestamp);
    if !origin.accepts(signed, now, limits::FORWARD_TOLERANCE) {
        return Some(Answer::error(406, "store signature timestamp too far from current time"));
    }
    let needs = match Namespace(call.namespace).class() {
        NamespaceClass::PublicOutbox => Needs::WriteAndDelete,
        _ => Needs::Write,
    };
    let text = format!("store{}{signed}", auth::scope_text(Scope::One(call.namespace)));
    let signed = auth::is_signed(node, &call.account, &call.credentials, needs, text.as_bytes()).await;
    (!signed).then(|| Answer::error(401, "store signature verification failed"))
}

/// `delete`.
pub async fn delete(node: &Arc<Node>, call: DeleteCall, copy: Copy, origin: Origin) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    let requested = call.hashes.concat();
    let text = format!("delete{requested}");
    if !auth::is_signed(node, &call.account, &call.credentials, Needs::Delete, text.as_bytes()).await {
        return Answer::error(401, "delete_msgs signature verification failed");
    }
    let DeleteCall { account, hashes, required, .. } = call;
    let until = origin.reaches();
    let job = node.store.run(move |db| messages::delete(db, &account, &hashes, until));
    let local = async {
        let deleted = job.await?;
        let text = format!("{account}{requested}{}", deleted.concat());
        Ok(json!({ "deleted": deleted, "signature": signature(node, text) }))
    };
    let until = node.clock.now().saturating_add(limits::TTL_MAX);
    let mut answer = everywhere(node, copy, origin, until, local).await;
    if required && answer.status == 200 && origin == Origin::Client && nothing_deleted(&answer) {
        answer.status = 404;
    }
    answer
}

fn nothing_deleted(answer: &Answer) -> bool {
    let super::Body::Json(body) = &answer.body else { return false };
    let members = body.get("swarm").and_then(Value::as_object);
    members.is_none_or(|members| {
        members.values().all(|member| member.get("deleted").and_then(Value::as_array).is_none_or(Vec::is_empty))
    })
}

/// `delete_all`.
pub async fn delete_all(node: &Arc<Node>, call: ScopeCall, copy: Copy, origin: Origin) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    let now = node.clock.now();
    if !origin.accepts(call.time, now, limits::FORWARD_TOLERANCE) {
        return Answer::error(406, "delete_all timestamp too far from current time");
    }
    let ScopeCall { account, scope, time, credentials } = call;
    let text = format!("delete_all{}{time}", auth::scope_text(scope));
    if !auth::is_signed(node, &account, &credentials, Needs::Delete, text.as_bytes()).await {
        return Answer::error(401, "delete_all signature verification failed");
    }
    // A late copy must not take what was written after the client's call.
    let until = if matches!(origin, Origin::Late { .. }) { time } else { i64::MAX };
    let job = node.store.run(move |db| messages::delete_until(db, &account, scope, until));
    let local = async { Ok(listed(node, "deleted", scope, &job.await?, &format!("{account}{time}"))) };
    everywhere(node, copy, origin, now.saturating_add(limits::TTL_MAX), local).await
}

/// `delete_before`.
pub async fn delete_before(node: &Arc<Node>, call: ScopeCall, copy: Copy, origin: Origin) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    let now = node.clock.now();
    if call.time > now.saturating_add(limits::SIGNATURE_TOLERANCE) {
        return Answer::error(401, "delete_before timestamp too far in the future");
    }
    let ScopeCall { account, scope, time, credentials } = call;
    let text = format!("delete_before{}{time}", auth::scope_text(scope));
    if !auth::is_signed(node, &account, &credentials, Needs::Delete, text.as_bytes()).await {
        return Answer::error(401, "delete_before signature verification failed");
    }
    let job = node.store.run(move |db| messages::delete_until(db, &account, scope, time));
    let local = async { Ok(listed(node, "deleted", scope, &job.await?, &format!("{account}{time}"))) };
    everywhere(node, copy, origin, now.saturating_add(limits::TTL_MAX), local).await
}

/// `expire_all`.
pub async fn expire_all(node: &Arc<Node>, call: ScopeCall, copy: Copy, origin: Origin) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    let now = node.clock.now();
    let tolerance = if origin == Origin::Client { limits::SIGNATURE_TOLERANCE } else { limits::FORWARD_TOLERANCE };
    if call.time < now.saturating_sub(origin.may_be_late(tolerance)) {
        return Answer::error(406, "expire_all timestamp should be >= current time");
    }
    let ScopeCall { account, scope, time, credentials } = call;
    let text = format!("expire_all{}{time}", auth::scope_text(scope));
    if !auth::is_signed(node, &account, &credentials, Needs::Delete, text.as_bytes()).await {
        return Answer::error(401, "expire_all signature verification failed");
    }
    let until = origin.reaches();
    let job = node.store.run(move |db| messages::expire_all(db, &account, scope, time, until));
    let local = async { Ok(listed(node, "updated", scope, &job.await?, &format!("{account}{time}"))) };
    everywhere(node, copy, origin, now.saturating_add(limits::TTL_MAX), local).await
}

/// Hashes as an array, or by namespace if the call meant all; signed in one sorted row.
fn listed(node: &Node, name: &str, scope: Scope, hashes: &Hashes, signed: &str) -> Value {
    let sorted: String = hashes.keys().map(String::as_str).collect();
    let list = match scope {
        Scope::One(_) => json!(hashes.keys().collect::<Vec<_>>()),
        Scope::All => {
            let mut by_namespace: Map<String, Value> = Map::new();
            for (hash, namespace) in hashes {
                let entry = by_namespace.entry(namespace.to_string()).or_insert_with(|| json!([]));
                if let Some(entry) = entry.as_array_mut() {
                    entry.push(hash.clone().into());
                }
            }
            Value::Object(by_namespace)
        }
    };
    json!({ name: list, "signature": signature(node, format!("{signed}{sorted}")) })
}

/// `expire`.
pub async fn expire(node: &Arc<Node>, call: ExpireCall, copy: Copy, origin: Origin) -> Answer {
    if let Some(answer) = elsewhere(node, &call.account) {
        return answer;
    }
    let now = node.clock.now();
    let oldest = now.saturating_sub(origin.may_be_late(limits::SIGNATURE_TOLERANCE));
    if call.expiries.iter().any(|expiry| *expiry < oldest) {
        return Answer::error(401, "expire: timestamp should be >= current time");
    }
    let requested = call.hashes.concat();
    let how = match call.how {
        Move::Set => "",
        Move::Shorten => "shorten",
        Move::Extend => "extend",
    };
    let times: String = call.expiries.iter().map(i64::to_string).collect();
    let text = format!("expire{how}{times}{requested}");
    if !auth::is_signed(node, &call.account, &call.credentials, Needs::Write, text.as_bytes()).await {
        return Answer::error(401, "expire: signature verification failed");
    }
    let Some(how) = call.moves() else { return Answer::error(400, "expire: this subaccount may not shorten") };
    let ExpireCall { account, hashes, expiries, .. } = call;
    let cap = now.saturating_add(limits::TTL_MAX);
    let single = expiries.first().filter(|_| expiries.len() == 1).map(|expiry| (*expiry).min(cap));
    let mut wanted: Vec<(String, i64)> = match single {
        Some(expiry) => hashes.into_iter().map(|hash| (hash, expiry)).collect(),
        None => hashes.into_iter().zip(expiries.iter().map(|expiry| (*expiry).min(cap))).collect(),
    };
    if let Origin::Late { made } = origin {
        wanted = sync::not_moved_since(node, account, wanted, made).await;
    }
    let until = origin.reaches();
    let job = node.store.run(move |db| messages::expire(db, &account, &wanted, how, (now, until)));
    let local = async { Ok(expired(node, &account, &requested, single, how, job.await?)) };
    everywhere(node, copy, origin, cap, local).await
}

fn expired(
    node: &Node,
    account: &Account,
    requested: &str,
    single: Option<i64>,
    how: Move,
    mut moved: Vec<messages::Moved>,
) -> Value {
    moved.sort_unstable_by(|a, b| a.hash.cmp(&b.hash));
    moved.dedup_by(|a, b| a.hash == b.hash);
    let updated: Vec<&messages::Moved> = moved.iter().filter(|moved| moved.updated).collect();
    let hashes: Vec<&str> = updated.iter().map(|moved| moved.hash.as_str()).collect();
    let (expiry, times) = match single {
        Some(expiry) => (json!(expiry), expiry.to_string()),
        None => {
            let times: Vec<i64> = updated.iter().map(|moved| moved.expiry).collect();
            (json!(times), times.iter().map(i64::to_string).collect())
        }
    };
    let unchanged: Vec<&messages::Moved> = moved.iter().filter(|moved| !moved.updated).collect();
    let rest: String = unchanged.iter().map(|moved| format!("{}{}", moved.hash, moved.expiry)).collect();
    let text = format!("{account}{times}{requested}{}{rest}", hashes.concat());
    let mut body = json!({ "expiry": expiry, "updated": hashes, "signature": signature(node, text) });
    if let (Some(body), true) = (body.as_object_mut(), how != Move::Set) {
        let unchanged = unchanged.iter().map(|moved| (moved.hash.clone(), moved.expiry.into()));
        body.insert("unchanged".to_owned(), Value::Object(unchanged.collect()));
    }
    body
}
