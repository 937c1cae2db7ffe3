//! Keeping the account data alive (session-config 8): its time to live is extended when a run starts and daily from then
//! on, and what the swarm lost is stored again from this device's copy.
//!
//! One `expire` reaches every member, and each signs what it still has. One member's word alone changes nothing.

use std::collections::BTreeSet;

use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::storage_rpc::{self, ExpireResponse, ExpiryMode, MessageHash, Namespace};

use crate::configs::{CONFIG_TTL_MS, NAMESPACES};
use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::model::Model;
use crate::net::NodeSet;
use crate::net::rpc::{Answer, Purpose};
use crate::view::Connection;

const EVERY_MS: u64 = 24 * 3_600_000;

/// After an attempt that failed.
const RETRY_MS: u64 = 30_000;

/// Without a path we look again soon.
const WAIT_MS: u64 = 1_000;

/// Members that must agree that something is lost.
const AGREE: usize = 2;

#[derive(Default)]
pub(crate) struct Renewing {
    next_at: u64,
    flying: Option<(RequestId, Vec<MessageHash>)>,
    tried: NodeSet,
    /// What no member had any more.
    gone: BTreeSet<Namespace>,
}

impl Renewing {
    pub(crate) fn was_gone(&self, namespace: Namespace) -> bool {
        self.gone.contains(&namespace)
    }
}

impl Engine {
    pub(crate) fn run_renew(&mut self, cx: &mut Cx<'_>) {
        if !self.may_renew() || self.live.renew.next_at > cx.now || self.net.pause_until > cx.now {
            return;
        }
        let Some(own) = self.model.own_id() else { return };
        let hashes = self.active_hashes();
        if hashes.is_empty() {
            self.renewed(cx, &[]);
            return;
        }
        let expiry = self.network_now(cx).saturating_add(CONFIG_TTL_MS);
        let Some(account) = &self.model.account else { return };
        let request = storage_rpc::expire(account, &hashes, expiry, ExpiryMode::Extend);
        let swarm = self.net.swarms.of(&own, &self.net.pool, cx.now);
        let tried = &mut self.live.renew.tried;
        if swarm.members.iter().all(|m| tried.contains(&m.key())) {
            tried.clear();
        }
        let member = swarm.choose_reachable(&self.net.paths, tried, &[], cx.rng);
        self.live.renew.next_at = cx.now.saturating_add(WAIT_MS);
        let Some(member) = member else { return };
        if let Some(id) = self.ask(cx, Purpose::Renew, &member, &request, &[]) {
            self.live.renew.tried.insert(member.key());
            self.live.renew.flying = Some((id, hashes));
        }
    }

    fn may_renew(&self) -> bool {
        self.model.account.is_some()
            && self.model.restore.is_none()
            && self.live.syncing.all_polled()
            && self.live.renew.flying.is_none()
            && !self.live.push.is_busy()
            && !self.live.clock_check.is_busy()
            && self.net.connection != Connection::Offline
            && !self.net.paths.list.is_empty()
            && !self.out.is_failing()
    }

    fn active_hashes(&self) -> Vec<MessageHash> {
        self.model.configs.objects().flat_map(|object| object.active_hashes()).collect()
    }

    pub(crate) fn renew_came(&mut self, cx: &mut Cx<'_>, id: RequestId, member: Ed25519Public, answer: Answer) {
        let Some((_, asked)) = self.live.renew.flying.take_if(|(flying, _)| *flying == id) else { return };
        self.live.renew.next_at = cx.now.saturating_add(RETRY_MS);
        let Answer::Reply { status, body, .. } = answer else { return };
        let Some(own) = self.model.own_id() else { return };
        match (status, ExpireResponse::parse(&body, &own, &asked)) {
            (200, Ok(answer)) => {
                let members: NodeSet =
                    self.net.swarms.of(&own, &self.net.pool, cx.now).members.iter().map(|m| m.key()).collect();
                let confirmed: Vec<_> = answer.confirmed.into_iter().filter(|(m, _)| members.contains(m)).collect();
                let held: Vec<Vec<MessageHash>> = confirmed.into_iter().map(|(_, hashes)| hashes).collect();
                if !held.is_empty() {
                    self.renewed(cx, &held);
                }
            }
            (421, _) => {
                self.learn_swarm(cx, own, &body);
            }
            _ => self.net.swarms.of(&own, &self.net.pool, cx.now).strike(&member),
        }
    }

    /// What each member has: enough, or it is stored again.
    fn renewed(&mut self, cx: &Cx<'_>, held: &[Vec<MessageHash>]) {
        self.live.renew.next_at = cx.now.saturating_add(EVERY_MS);
        self.live.renew.tried.clear();
        let now = self.network_now(cx);
        let mut moved = false;
        for namespace in NAMESPACES {
            let Model { account: Some(account), configs, .. } = &mut self.model else { return };
            let Some(object) = configs.object(namespace).filter(|o| o.seqno() > 0 && !o.needs_push()) else { continue };
            let active = object.active_hashes();
            let in_parts = object.push_again(account).is_ok_and(|push| push.messages().len() > 1);
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

    pub(crate) fn renew_wake_at(&self) -> Option<u64> {
        self.may_renew().then(|| self.live.renew.next_at.max(self.net.pause_until))
    }
}
