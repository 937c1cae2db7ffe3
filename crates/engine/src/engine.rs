//! The state machine: what goes in, what comes out, and what wakes it. Everything else is in the modules it calls.
//!
//! Invariant: [`Engine::handle`] changes memory and queues; [`Engine::poll`] hands out. What depends on a row leaves
//! after the row is durable (see [`crate::outflow`]).

use rand_core::CryptoRng;
use thiserror::Error;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::SortedMap;

use crate::batch::{Row, Table};
use crate::clock::{Monotone, NetworkClock};
use crate::configs::Syncing;
use crate::effect::{Effect, Poll};
use crate::input::Input;
use crate::jobs::link::Linking;
use crate::jobs::outboxes::Reading;
use crate::jobs::poll::Poller;
use crate::jobs::push::Pushing;
use crate::jobs::renew::Renewing;
use crate::jobs::votes::Votes;
use crate::model::Model;
use crate::model::rows::GuardsRow;
use crate::net::guards::Guards;
use crate::net::ways::Ways;
use crate::net::{self, Network};
use crate::outbox::Sending;
use crate::outflow::{Held, Outflow};
use crate::row::{self, RowError};
use crate::view::{Connection, MessageId, NetworkView, ViewEvent};
use crate::zr1::Manager;

/// The shortest sleep.
const SOON_MS: u64 = 50;

/// What the driver knows and the engine cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The page was opened from a loopback or private address. Only then may the rule "hops in different /24 networks" be
    /// off, and only if every node's address is of that kind too.
    pub local_origin: bool,
    /// Conversations renew their keys by themselves (ZR1) wherever the other side can. Without it the engine is one of
    /// those others. Has no effect in a build without the feature `forward-secrecy`.
    pub forward_secrecy: bool,
    /// How this device is called in the account's list of devices; what is longer than 48 bytes is cut off. Only
    /// the own devices can read it.
    pub device_name: &'static str,
}

/// Why the engine cannot start from these rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BootError {
    /// A stored row cannot be read; nothing was changed.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// One client: an account, its messages and its way to the network.
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) out: Outflow,
    pub(crate) model: Model,
    /// The session manager of the account.
    pub(crate) zr1: Option<Manager>,
    pub(crate) net: Network,
    pub(crate) live: Live,
    pub(crate) time: Monotone,
}

/// The instant and the randomness of one call.
pub(crate) struct Cx<'a> {
    pub(crate) now: u64,
    pub(crate) rng: &'a mut dyn CryptoRng,
}

/// What a restart forgets.
#[derive(Default)]
pub(crate) struct Live {
    pub(crate) open: Option<OpenConversation>,
    pub(crate) hidden: bool,
    pub(crate) sending: Sending,
    pub(crate) poller: Poller,
    pub(crate) votes: Votes,
    pub(crate) clock_check: crate::jobs::clock_check::ClockCheck,
    /// Whom the person types to, when a key was last pressed, when "started" was last sent.
    pub(crate) typing_to: Option<(AccountId, u64, u64)>,
    /// Who types to us, and until when that is shown.
    pub(crate) typing_from: SortedMap<AccountId, u64>,
    pub(crate) prune_at: u64,
    pub(crate) shown_network: Option<NetworkView>,
    pub(crate) restore_shown: Option<crate::view::RestoreView>,
    pub(crate) list_problem: Option<crate::view::Problem>,
    /// Whose list the operator has not signed.
    pub(crate) unsigned: Option<crate::view::Way>,
    pub(crate) syncing: Syncing,
    pub(crate) push: Pushing,
    pub(crate) renew: Renewing,
    pub(crate) reading: Reading,
    pub(crate) linking: Linking,
    /// How many messages of the open conversation are shown as waiting for keys.
    pub(crate) waits_shown: usize,
    /// When the next message disappears (engine time), as far as known.
    pub(crate) vanish_at: Option<u64>,
}

pub(crate) struct OpenConversation {
    pub(crate) with: AccountId,
    /// How many messages are shown at most.
    pub(crate) count: usize,
    /// The first one shown, if there are earlier ones.
    pub(crate) first: Option<MessageId>,
}

impl Engine {
    /// Starts from what the store holds (nothing: a first start). The first effect is [`ViewEvent::Ready`].
    ///
    /// # Errors
    /// [`BootError`] when rows of the account, or whom to believe about the network, cannot be read. Other rows about the
    /// network are only a cache and are dropped instead.
    #[expect(clippy::needless_pass_by_value, reason = "the rows are large and not needed by the caller any more")]
    pub fn boot(
        config: Config,
        rows: Vec<Row>,
        now_ms: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, BootError> {
        let mut engine = Self {
            config,
            out: Outflow::default(),
            model: Model::default(),
            zr1: None,
            net: Network::default(),
            live: Live::default(),
            time: Monotone::default(),
        };
        engine.live.vanish_at = Some(now_ms); // looked for once at the start
        for stored in &rows {
            if !engine.model.load(stored)? && stored.table == Table::Meta {
                engine.load_network(&stored.key, &stored.value)?;
            }
        }
        let now = engine.time.advance(now_ms);
        engine.net.boot_ms = now;
        let mut rng = rng;
        let mut cx = Cx { now, rng: &mut rng };
        // What was in the outbox is durable and goes out again.
        let numbers: Vec<u64> = engine.model.outbox.keys().copied().collect();
        for number in numbers {
            engine.live.sending.ready(number);
        }
        engine.boot_secrecy(&rows, &mut cx)?;
        let ready = engine.ready_view();
        engine.live.shown_network = Some(ready.network.clone());
        engine.live.restore_shown = ready.restore;
        engine.out.emit_now(ViewEvent::Ready(Box::new(ready)));
        engine.turn(&mut cx, false);
        Ok(engine)
    }

    /// Takes in one thing that happened. Afterwards [`Engine::poll`] until it is idle.
    pub fn handle(&mut self, input: Input, now_ms: u64, rng: &mut (impl CryptoRng + ?Sized)) {
        if self.out.is_stopped() {
            return;
        }
        let mut rng = rng;
        let now = self.time.advance(now_ms);
        let mut cx = Cx { now, rng: &mut rng };
        let eager = matches!(input, Input::Command(_) | Input::Visible(_) | Input::Online(_));
        match input {
            Input::Command(command) => self.command(&mut cx, command),
            Input::Http { id, outcome } => self.http_done(&mut cx, id, outcome),
            Input::Committed(batch) => {
                let held = self.out.committed(batch);
                self.release(held);
            }
            Input::CommitFailed { batch, reason } => {
                tracing::warn!(?reason, "the store did not take a batch");
                self.out.failed(batch, reason, now);
            }
            Input::Tick => {}
            Input::Visible(visible) => {
                self.live.hidden = !visible;
                if visible {
                    self.live.push.hurry(now);
                    self.live.poller.hurry(now);
                    self.live.sending.hurry(now);
                }
            }
            Input::Online(true) => self.line_back(&cx),
            Input::Online(false) => self.net.connection = Connection::Offline,
        }
        self.turn(&mut cx, eager);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Poll {
        if let Some(effect) = self.out.pop() {
            return Poll::Effect(effect);
        }
        if self.out.is_stopped() {
            return Poll::Idle { wake_at: None };
        }
        Poll::Idle { wake_at: self.wake_at().map(|at| self.time.to_device(at)) }
    }

    /// Everything that is due, then the next commit.
    fn turn(&mut self, cx: &mut Cx<'_>, eager: bool) {
        self.run_jobs(cx);
        self.write_configs(cx);
        // Released entries may be sent at once, which changes nothing a row records.
        let held = self.out.settle(cx.now, eager);
        if !held.is_empty() {
            self.release(held);
            self.run_jobs(cx);
            self.write_configs(cx);
            let held = self.out.settle(cx.now, eager);
            self.release(held);
        }
    }

    fn run_jobs(&mut self, cx: &mut Cx<'_>) {
        self.expire_flights(cx);
        self.run_bootstrap(cx);
        self.run_votes(cx);
        self.run_clock_check(cx);
        self.run_link(cx);
        self.run_secrecy(cx);
        self.run_outbox(cx);
        self.run_poller(cx);
        self.run_push(cx);
        self.run_vanishing(cx);
        self.run_typing(cx);
        self.run_pruning(cx);
        self.show_network();
    }

    fn release(&mut self, held: Vec<Held>) {
        for item in held {
            match item {
                Held::Effect(effect) => self.out.release(effect),
                Held::OutboxReady(number) => self.live.sending.ready(number),
                Held::PushReady(number) => self.live.push.durable(number),
                Held::Cleared => self.out.release(Effect::Emit(ViewEvent::Erased)),
            }
        }
    }

    /// All of it is only a cache, but for whom to believe.
    fn load_network(&mut self, key: &[u8], bytes: &[u8]) -> Result<(), RowError> {
        match key {
            net::meta::NETWORK => {
                if let Ok(network) = row::decode(Table::Meta, bytes) {
                    self.set_network_row(network);
                }
            }
            net::meta::NODES => {
                if let Ok(nodes) = row::decode::<crate::model::rows::NodesRow>(Table::Meta, bytes) {
                    self.net.pool.agreed_ms = Some(nodes.agreed_ms);
                    self.net.pool.replace(nodes.nodes, self.config.local_origin);
                }
            }
            net::meta::GUARDS => {
                if let Ok(guards) = row::decode::<GuardsRow>(Table::Meta, bytes) {
                    self.net.guards = Guards::load(&guards);
                }
            }
            net::meta::OPERATOR => self.net.operator = Some(row::decode(Table::Meta, bytes)?),
            net::meta::WAYS => {
                if let Ok(ways) = row::decode(Table::Meta, bytes) {
                    self.net.ways = Ways::load(ways);
                }
            }
            net::meta::CLOCK => {
                if let Ok(offset) = row::decode(Table::Meta, bytes) {
                    self.net.clock = NetworkClock::restore(offset);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The next deadline. Never at once: what is due was done, and what could not be done is looked at again soon.
    fn wake_at(&self) -> Option<u64> {
        let soon = self.time.now().saturating_add(SOON_MS);
        let next = [
            self.out.wake_at(),
            self.flights_wake_at(),
            self.bootstrap_wake_at(),
            self.votes_wake_at(),
            self.live.clock_check.wake_at(),
            self.outbox_wake_at(),
            self.poller_wake_at(),
            self.link_wake_at(),
            self.secrecy_wake_at(),
            self.push_wake_at(),
            self.live.vanish_at,
            self.typing_wake_at(),
            Some(self.live.prune_at),
        ]
        .into_iter()
        .flatten()
        .min();
        next.map(|at| at.max(soon))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use rand::SeedableRng;
    use zwiebel_proto::account::Account;

    use super::*;
    use crate::model::rows::{ConversationRow, MessageRow, account_bytes, message_bytes};

    fn put<T: serde::Serialize>(table: Table, key: Vec<u8>, value: &T) -> Row {
        Row { table, key, value: row::encode(table, value) }
    }

    #[test]
    fn ten_thousand_messages_are_loaded_at_once() {
        let me = Account::from_seed16([1; 16]);
        let with = Account::from_seed16([2; 16]).id();
        let mut rows = vec![
            put(Table::Meta, crate::model::meta::ACCOUNT.to_vec(), me.seed16()),
            put(Table::Conversation, account_bytes(&with), &ConversationRow { listed: true, ..Default::default() }),
        ];
        for n in 0..10_000_u64 {
            let id = MessageId { sent_ms: n, author: if n % 2 == 0 { me.id() } else { with } };
            let message = MessageRow {
                with,
                body: "A message of ordinary length, as people write them all day long.".to_owned(),
                quote: None,
                reactions: Vec::new(),
                deleted: false,
                unread: n > 9_000 && n % 2 == 1,
                state: None,
                hash: Some("h".repeat(43)),
                expires: None,
                mark: crate::view::Mark::None,
            };
            rows.push(put(Table::Message, message_bytes(&id), &message));
        }
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let mut engine = Engine::boot(
            Config { local_origin: true, forward_secrecy: false, device_name: "" },
            rows,
            1_800_000_000_000,
            &mut rng,
        )
        .unwrap();
        let Poll::Effect(Effect::Emit(ViewEvent::Ready(ready))) = engine.poll() else { panic!("Ready comes first") };
        assert_eq!(ready.conversations.first().unwrap().unread, 500);
        engine.handle(Input::Command(crate::input::Command::OpenConversation { with }), 1_800_000_000_001, &mut rng);
        let mut shown = 0;
        while let Poll::Effect(effect) = engine.poll() {
            if let Effect::Emit(ViewEvent::Timeline { messages, has_earlier, .. }) = effect {
                assert!(has_earlier);
                shown = messages.len();
            }
        }
        assert_eq!(shown, 100);
    }
}
