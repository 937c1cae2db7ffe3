//! Keeping the account data alive (session-config 8): a poll extends its time to live, and what the swarm lost is stored
//! again from this device's copy.
//!
//! One `expire` reaches every member, and each signs what it still has. One member's word alone changes nothing.

use serde_json::Value;
use zwiebel_proto::sorted::SortedSet;
use zwiebel_proto::storage_rpc::{self, ExpireResponse, ExpiryMode, MessageHash, Namespace};

use crate::clock::MINUTE_MS;
use crate::configs::{CONFIG_TTL_MS, NAMESPACES};
use crate::engine::{Cx, Engine};
use crate::model::Model;
use crate::net::NodeSet;

/// Members carry it out and sign it one by one, so not every few seconds.
const EVERY_MS: u64 = 10 * MINUTE_MS;

/// Members that must agree that something is lost.
const AGREE: usize = 2;

#[derive(Default)]
pub(crate) struct Renewing {
    next_at: u64,
    /// What no member had any more.
    gone: SortedSet<Namespace>,
}

impl Renewing {
    pub(crate) fn was_gone(&self, namespace: Namespace) -> bool {
        self.gone.contains(&namespace)
    }
}

impl Engine {
    /// What extends the time to live, as the last part of a poll, and the messages it names; empty if it is not due.
    pub(crate) fn renewal(&mut self, cx: &Cx<'_>) -> (Vec<MessageHash>, Option<Value>) {
        if !self.may_renew() || self.live.renew.next_at > cx.now {
            return (Vec::new(), None);
        }
        let hashes: Vec<_> = self.model.configs.objects().flat_map(|object| object.active_hashes()).collect();
        if hashes.is_empty() {
            self.renewed(cx, &[], &[]);
            return (hashes, None);
        }
        let expiry = self.network_now(cx).saturating_add(CONFIG_TTL_MS);
        let expire = |account| storage_rpc::expire(account, &hashes, expiry, ExpiryMode::Extend);
        let request = self.model.account.as_ref().map(expire);
        (hashes, request)
    }

    fn may_renew(&self) -> bool {
        self.model.restore.is_none() && self.live.syncing.all_polled() && !self.live.push.is_busy()
    }

    /// The part of a poll's answer that [`Self::renewal`] asked for.
    pub(crate) fn renewal_came(&mut self, cx: &Cx<'_>, asked: &[MessageHash], code: u16, value: &Value) {
        let Some(own) = self.model.own_id().filter(|_| code == 200 && self.may_renew()) else { return };
        let Ok(answer) = ExpireResponse::from_value(value, &own, asked) else { return };
        let swarm = self.net.swarms.of(&own, &self.net.pool, cx.now);
        let members: NodeSet = swarm.members.iter().map(|m| m.key()).collect();
        let confirmed = answer.confirmed.into_iter().filter(|(member, _)| members.contains(member));
        let held: Vec<Vec<MessageHash>> = confirmed.map(|(_, hashes)| hashes).collect();
        if !held.is_empty() {
            self.renewed(cx, asked, &held);
        }
    }

    /// What each member has of what was asked for: enough, or it is stored again.
    fn renewed(&mut self, cx: &Cx<'_>, asked: &[MessageHash], held: &[Vec<MessageHash>]) {
        self.live.renew.next_at = cx.now.saturating_add(EVERY_MS);
        let now = self.network_now(cx);
        let mut moved = false;
        for namespace in NAMESPACES {
            let Model { account: Some(account), configs, .. } = &mut self.model else { return };
            let Some(object) = configs.object(namespace).filter(|o| o.seqno() > 0 && !o.needs_push()) else { continue };
            let active = object.active_hashes();
            if !active.iter().all(|hash| asked.contains(hash)) {
                continue; // newer than the question
            }
            // More than one is either one config in parts or one in several shells.
            let in_parts = active.len() > 1 && object.push_again(account).is_ok_and(|push| push.messages().len() > 1);
            let has = |hashes: &&Vec<MessageHash>| match in_parts {
                true => active.iter().all(|hash| hashes.contains(hash)),
                false => active.iter().any(|hash| hashes.contains(hash)),
            };
            let having = if active.is_empty() { 0 } else { held.iter().filter(has).count() };
            let lacking = held.len().saturating_sub(having);
            if active.is_empty() || lacking >= AGREE.min(held.len()) && lacking > 0 {
                tracing::warn!(%namespace, lacking, having, "account data was missing in the swarm and is stored again");
                self.live.push.store_again(namespace);
                if having == 0 {
                    self.live.renew.gone.insert(namespace);
                }
            } else if having > 0 {
                moved |= configs.row.renew(namespace, now);
            }
        }
        if moved {
            self.model.configs.put_row(&mut self.out);
        }
    }
}
