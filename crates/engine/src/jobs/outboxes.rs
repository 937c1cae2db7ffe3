//! Reading what accounts publish of their devices, and of the own account also witnesses and the sticky set
//! (forward-secrecy 2.3, 2.6, 6.4): from several members of a swarm, everything they say together. And the session
//! manager's clockwork.

use serde_json::Value;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::{SortedMap, sort};
use zwiebel_proto::storage_rpc::{self, BatchResponse, MaxSize, Namespace, RetrieveResponse, StoredMessage};
use zwiebel_proto::zr1::mailbox::{self, Mailbox};

use crate::clock::MINUTE_MS;
use crate::compose::REMEMBER_MS;
use crate::effect::RequestId;
use crate::engine::{Cx, Engine};
use crate::net::NodeSet;
use crate::net::rpc::{Answer, Purpose};
use crate::net::swarms::Swarms;
use crate::zr1::{Published, Wanted};

/// Accounts read at the same time.
const MAX_READS: usize = 4;

/// What has come by then is taken for all, if it says anything; if not, members are asked that were not asked yet.
const PATIENCE_MS: u64 = 6_000;

/// Witnesses that are taken of one member: those of eight devices, none of them deleted for long.
const MAX_WITNESSES: usize = 256;

/// When members refused what only we may read: by then we know what time it is.
const REFUSED_MS: u64 = 4_000;

/// When no member can be asked at the moment.
const RETRY_MS: u64 = 500;

/// The manager looks at its clock at least this often.
const TICK_MS: u64 = MINUTE_MS;

/// How the swarms of accounts are being read.
#[derive(Default)]
pub(crate) struct Reading {
    open: SortedMap<AccountId, Read>,
    tick_at: u64,
    /// Not before this, after no member could be asked.
    pause_until: u64,
    /// When reads of both mailboxes began that came to their end, by member.
    drained: SortedMap<Ed25519Public, u64>,
}

#[derive(Default)]
struct Read {
    /// From so many members; who does not answer is replaced, as long as there are others.
    wanted: usize,
    asked: NodeSet,
    flying: SortedMap<RequestId, Ed25519Public>,
    until: u64,
    published: Published,
    witnesses: Vec<Vec<u8>>,
    sticky: Vec<Vec<u8>>,
    /// Members that gave what only we may read.
    private: u8,
    /// A member did not accept our time.
    clock: bool,
}

/// The mailboxes of ZR1, in the order the poll asks for them.
pub(crate) const MAILBOXES: [(Namespace, Mailbox); 2] =
    [(Namespace(mailbox::FROM_OTHERS), Mailbox::Others), (Namespace(mailbox::OWN_DEVICES), Mailbox::OwnDevices)];

impl Engine {
    pub(crate) fn run_secrecy(&mut self, cx: &mut Cx<'_>) {
        if self.zr1().is_none() {
            return;
        }
        for who in std::mem::take(&mut self.model.unmet) {
            self.introduce(cx, who);
        }
        let open = self.live.open.as_ref().map(|open| open.with);
        let due = self.with_zr1(cx, |manager, m| {
            manager.set_open(open);
            manager.wake_at(m.now_ms.saturating_sub(1)).is_some_and(|at| at <= m.now_ms)
        });
        let due = due == Some(true) || self.live.reading.tick_at <= cx.now;
        if due && !self.out.is_failing() {
            self.live.reading.tick_at = cx.now.saturating_add(TICK_MS);
            self.with_zr1(cx, |manager, m| manager.tick(m));
        }
        self.settle_secrecy(cx, "");
        self.show_waiting();
        self.read_outboxes(cx);
    }

    fn read_outboxes(&mut self, cx: &mut Cx<'_>) {
        let over: Vec<AccountId> = self
            .live
            .reading
            .open
            .iter()
            .filter(|(_, read)| read.flying.is_empty() || read.until <= cx.now)
            .map(|(owner, _)| *owner)
            .collect();
        for owner in over {
            if !self.read_on(cx, owner) {
                self.finish_read(cx, owner);
            }
        }
        if self.net.paths.list.is_empty() || self.net.pause_until > cx.now || self.live.reading.pause_until > cx.now {
            return;
        }
        let wanted = self.with_zr1(cx, |manager, m| manager.wanted(m.now_ms)).unwrap_or_default();
        for Wanted { owner, nodes } in wanted {
            if self.live.reading.open.len() >= MAX_READS {
                return;
            }
            if !self.live.reading.open.contains_key(&owner) {
                self.begin_read(cx, owner, nodes);
            }
        }
    }

    fn begin_read(&mut self, cx: &mut Cx<'_>, owner: AccountId, nodes: u8) {
        let wanted = usize::from(nodes);
        self.live.reading.open.insert(owner, Read { wanted, ..Read::default() });
        if !self.ask_members(cx, owner, wanted) {
            self.live.reading.open.remove(&owner);
            self.live.reading.pause_until = cx.now.saturating_add(RETRY_MS);
        }
    }

    /// Asks so many members that this read has not asked yet. Whether there were any.
    fn ask_members(&mut self, cx: &mut Cx<'_>, owner: AccountId, count: usize) -> bool {
        let swarm = self.net.swarms.of(&owner, &self.net.pool, cx.now);
        let thin = swarm.is_thin();
        let swarm = swarm.clone();
        if thin {
            self.ask_swarm(cx, owner);
        }
        let Some(request) = self.read_request(cx, owner) else { return false };
        let Some(mut read) = self.live.reading.open.remove(&owner) else { return false };
        let before = read.flying.len();
        for _ in 0..count {
            let Some(member) = swarm.choose_reachable(&self.net.paths, &read.asked, &[], cx.rng) else { break };
            read.asked.insert(member.key());
            if let Some(id) = self.ask(cx, Purpose::Lists(owner), &member, &request, &[]) {
                read.flying.insert(id, member.key());
            }
        }
        if read.until <= cx.now {
            read.until = cx.now.saturating_add(PATIENCE_MS);
        }
        let any = read.flying.len() > before;
        self.live.reading.open.insert(owner, read);
        any
    }

    /// Asks others in the place of members that did not answer, or that are slow while nobody has shown a list. So the read ends
    /// with fewer answers than wanted only when every member that can be reached was asked. Whether it goes on.
    fn read_on(&mut self, cx: &mut Cx<'_>, owner: AccountId) -> bool {
        let Some(read) = self.live.reading.open.get(&owner) else { return false };
        let patient = read.until > cx.now;
        if !patient && !read.published.manifests.is_empty() {
            return false;
        }
        let coming = usize::from(read.published.nodes).saturating_add(if patient { read.flying.len() } else { 0 });
        let missing = read.wanted.saturating_sub(coming);
        missing > 0 && self.ask_members(cx, owner, missing)
    }

    /// The list and all bundles, without a signature; of the own account also what only we may read.
    fn read_request(&self, cx: &Cx<'_>, owner: AccountId) -> Option<Value> {
        let account = self.model.account.as_ref()?;
        let mut parts: Vec<Value> =
            outboxes().map(|namespace| storage_rpc::retrieve_public(&owner, namespace)).collect();
        if account.id() == owner {
            let timestamp = self.network_now(cx);
            for namespace in [mailbox::WITNESSES, mailbox::STICKY] {
                let size = MaxSize::Default;
                parts.push(storage_rpc::retrieve(account, Namespace(namespace), None, size, timestamp));
            }
        }
        Some(storage_rpc::batch(parts))
    }

    pub(crate) fn lists_came(&mut self, cx: &mut Cx<'_>, owner: AccountId, id: RequestId, answer: Answer) {
        let Some(read) = self.live.reading.open.get_mut(&owner) else { return };
        let Some(member) = read.flying.remove(&id) else { return };
        match answer {
            Answer::Reply { status: 200, body, .. } => match BatchResponse::parse(&body) {
                Ok(batch) => read.take(batch.0),
                Err(_) => self.net.pool.strike(member, cx.now),
            },
            Answer::Reply { status: 421, body, .. } => {
                self.learn_swarm(cx, owner, &body);
            }
            Answer::Reply { .. } | Answer::Lost | Answer::LineDown => {}
        }
        self.read_on(cx, owner);
        let read = self.live.reading.open.get(&owner);
        if read.is_some_and(|read| read.flying.is_empty() || usize::from(read.published.nodes) >= read.wanted) {
            self.finish_read(cx, owner);
        }
    }

    fn finish_read(&mut self, cx: &mut Cx<'_>, owner: AccountId) {
        let Some(mut read) = self.live.reading.open.remove(&owner) else { return };
        read.published.unheard = read.asked.len().saturating_sub(usize::from(read.published.nodes));
        let own = self.model.own_id() == Some(owner);
        let private = read.private > 0;
        // One member alone can hide that this device went back in time (6.4).
        let members = Swarms::size(&owner, &self.net.pool).clamp(1, 2);
        let enough = usize::from(read.private) >= members;
        if read.clock {
            self.live.clock_check.want(cx.now);
        }
        let contacts: Vec<AccountId> = self.model.contacts.keys().copied().collect();
        self.with_zr1(cx, |manager, m| {
            if own && private {
                manager.sticky_read(&read.sticky, &contacts, m.now_ms);
            }
            if own && enough {
                manager.witnesses_read(&read.witnesses, m);
            }
            manager.fetched(owner, read.published, m);
            if own && !enough && manager.wants_witnesses() {
                // A refusal is no answer: whether this device went back in time is still unknown.
                manager.read_own_at(m.now_ms.saturating_add(REFUSED_MS));
            }
        });
        self.settle_secrecy(cx, "");
    }

    /// What a poll gave of a mailbox of ZR1.
    pub(crate) fn take_secrets(
        &mut self,
        cx: &mut Cx<'_>,
        (namespace, from): (Namespace, Mailbox),
        messages: &[StoredMessage],
    ) -> usize {
        messages.iter().filter(|message| self.take_secret(cx, namespace, from, message)).count()
    }

    /// Whether it is new.
    fn take_secret(&mut self, cx: &mut Cx<'_>, namespace: Namespace, from: Mailbox, message: &StoredMessage) -> bool {
        let Some(own) = self.model.own_id() else { return false };
        let hash = crate::outbox::hash_in(&own, namespace, &message.data);
        if self.model.seen.contains_key(&hash) {
            return false;
        }
        let forget_at = self.network_now(cx).saturating_add(3 * REMEMBER_MS);
        self.model.mark_seen(&mut self.out, &hash, forget_at);
        self.with_zr1(cx, |manager, m| manager.receive_stored(from, &message.data, message.timestamp, m));
        self.settle_secrecy(cx, &hash);
        true
    }

    /// Both mailboxes were read to their end at a member: old prekeys may go once two members said so (2.8).
    pub(crate) fn secrets_drained(&mut self, cx: &mut Cx<'_>, member: Ed25519Public, begun_ms: u64) {
        let begun = self.net.clock.network(begun_ms);
        self.live.reading.drained.insert(member, begun);
        let mut times: Vec<u64> = self.live.reading.drained.values().copied().collect();
        sort(&mut times);
        let second = times.iter().rev().nth(1).copied();
        if let Some(second) = second {
            self.with_zr1(cx, |manager, m| manager.drained(second, m.now_ms));
            self.settle_secrecy(cx, "");
        }
    }

    pub(crate) fn secrecy_wake_at(&self) -> Option<u64> {
        let manager = self.zr1()?;
        let (now, network) = (self.time.now(), self.net.clock.network(self.time.now()));
        let next = manager.wake_at(network).map(|at| now.saturating_add(at.saturating_sub(network)));
        let tick = Some(self.live.reading.tick_at.max(now.saturating_add(RETRY_MS)));
        let patience = self.live.reading.open.values().map(|read| read.until).min();
        // A fetch that cannot begin at the moment is looked at again a little later.
        let next = next.map(|at| at.max(self.live.reading.pause_until).max(now.saturating_add(RETRY_MS)));
        next.into_iter().chain(tick).chain(patience).min()
    }
}

impl Read {
    /// One member's answer, in the order of the request: of each namespace the newest values, so that nobody's junk takes the
    /// place of what another says.
    fn take(&mut self, parts: Vec<(u16, Value)>) {
        self.clock |= parts.iter().any(|(code, _)| matches!(code, 406 | 425));
        let witnesses = mailbox::MAX_DEVICES.saturating_add(1);
        let mut values = parts.into_iter().enumerate().map(|(n, (code, value))| {
            let answer = RetrieveResponse::from_value(&value).ok().filter(|_| code == 200)?;
            let most = if n == witnesses { MAX_WITNESSES } else { mailbox::MAX_VALUES };
            let old = answer.messages.len().saturating_sub(most);
            Some(answer.messages.into_iter().skip(old).map(|message| message.data).collect::<Vec<_>>())
        });
        let Some(Some(manifests)) = values.next() else { return };
        self.published.nodes = self.published.nodes.saturating_add(1);
        self.published.manifests.extend(manifests);
        for bundles in values.by_ref().take(mailbox::MAX_DEVICES) {
            self.published.bundles.extend(bundles.unwrap_or_default());
        }
        if let (Some(Some(witnesses)), Some(Some(sticky))) = (values.next(), values.next()) {
            self.private = self.private.saturating_add(1);
            self.witnesses.extend(witnesses);
            self.sticky.extend(sticky);
        }
    }
}

/// The namespaces of an account's list and bundles.
fn outboxes() -> impl Iterator<Item = Namespace> {
    let bundles = (0_u8..).map_while(mailbox::bundle_namespace);
    std::iter::once(mailbox::MANIFEST).chain(bundles).map(Namespace)
}
