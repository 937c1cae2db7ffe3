//! Virtual time: client engines, their stores and the network, all driven by one queue of events. Minutes pass in
//! milliseconds, and the same seed gives the same run.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use zwiebel_engine::effect::{Effect, HttpRequest, Poll};
use zwiebel_engine::input::{Command, CommitFailure, HttpOutcome, Input};
use zwiebel_engine::view::{
    AccountView, ConversationView, DevicesView, MessageView, NetworkView, Phrase, Problem, Refusal, RestoreView,
    SyncView, ViewEvent,
};
use zwiebel_engine::{Config, Engine};
use zwiebel_proto::account_id::AccountId;

use crate::net::SimNet;
use crate::rng::seeded;
use crate::store::MemStore;

/// True network time at the start.
pub const START_MS: u64 = 1_800_000_000_000;

/// How long a commit takes.
const COMMIT_MS: u64 = 4;

/// A request that is held at a node is looked at this often.
const LOOK_MS: u64 = 10;

/// A crashed client comes back after this.
const RESTART_MS: u64 = 700;

/// Everything.
pub struct World {
    pub now: u64,
    pub net: SimNet,
    pub clients: Vec<Client>,
    /// Whether new clients speak ZR1.
    pub forward_secrecy: bool,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    rng: StdRng,
}

/// One device.
pub struct Client {
    pub engine: Option<Engine>,
    pub store: MemStore,
    /// Device clock minus network time.
    pub skew: i64,
    /// Speaks ZR1, from its next start on.
    pub forward_secrecy: bool,
    /// Answers to commits.
    pub refuse_commits: Option<CommitFailure>,
    /// The device has no network.
    pub offline: bool,
    /// Crash after so many more effects.
    pub crash_after: Option<u64>,
    /// Effects carried out, in all lives.
    pub effects: u64,
    pub notified: Vec<AccountId>,
    pub shown: Shown,
    life: u64,
    /// The latest wake-up asked for; earlier ones no longer count.
    wake: u64,
}

/// What a page would show by now.
#[derive(Default)]
pub struct Shown {
    pub ready: u32,
    pub account: Option<AccountView>,
    pub phrase: Option<Phrase>,
    pub conversations: BTreeMap<AccountId, ConversationView>,
    pub open: Option<AccountId>,
    pub timeline: Vec<MessageView>,
    pub has_earlier: bool,
    pub typing: BTreeMap<AccountId, bool>,
    pub network: NetworkView,
    pub sync: SyncView,
    pub devices: DevicesView,
    pub safety_number: Option<String>,
    pub link_code: Option<String>,
    /// The answer to the latest `ShowDeviceCode`.
    pub device_code: Option<[u8; 7]>,
    /// Events so far.
    pub events: u64,
    pub restores: Vec<RestoreView>,
    pub refused: Vec<Refusal>,
    pub problems: Vec<Option<Problem>>,
    pub restore_refused: bool,
    pub erased: bool,
}

enum Event {
    Held(Box<HeldRequest>),
    Input { client: usize, life: u64, input: Input },
    Restart { client: usize },
    Tick { client: usize, life: u64, wake: u64 },
}

/// A request at a node that waits for a message.
struct HeldRequest {
    client: usize,
    life: u64,
    request: HttpRequest,
    /// Answered with whatever there is at this time.
    until: u64,
    /// Of the network, when it was last looked at.
    version: (u64, usize),
}

impl World {
    /// A network of ten nodes in two swarms.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(SimNet::new(10, seed), seed)
    }

    #[must_use]
    pub fn with(net: SimNet, seed: u64) -> Self {
        Self {
            now: START_MS,
            net,
            clients: Vec::new(),
            forward_secrecy: false,
            queue: BTreeMap::new(),
            sequence: 0,
            rng: seeded(seed.wrapping_add(1)),
        }
    }

    /// A new device with an empty store; gives its number.
    pub fn add_client(&mut self) -> usize {
        self.add_client_with_clock(0)
    }

    pub fn add_client_with_clock(&mut self, skew: i64) -> usize {
        self.clients.push(Client {
            engine: None,
            store: MemStore::default(),
            skew,
            forward_secrecy: self.forward_secrecy,
            refuse_commits: None,
            offline: false,
            crash_after: None,
            effects: 0,
            notified: Vec::new(),
            shown: Shown::default(),
            life: 0,
            wake: 0,
        });
        let client = self.clients.len() - 1;
        self.boot(client);
        client
    }

    /// A new device with a new account.
    pub fn add_account(&mut self, name: &str) -> (usize, AccountId) {
        let client = self.add_client();
        self.command(client, Command::CreateAccount { display_name: name.to_owned() });
        self.run_for(100);
        (client, self.id(client))
    }

    #[must_use]
    pub fn id(&self, client: usize) -> AccountId {
        self.clients[client].shown.account.as_ref().expect("an account").id
    }

    #[must_use]
    pub fn device_now(&self, client: usize) -> u64 {
        self.now.saturating_add_signed(self.clients[client].skew)
    }

    fn boot(&mut self, client: usize) {
        let now = self.device_now(client);
        let device = &mut self.clients[client];
        device.life += 1;
        device.shown = Shown::default();
        let config = Config { local_origin: true, forward_secrecy: device.forward_secrecy, device_name: "Test" };
        device.engine = Some(Engine::boot(config, device.store.rows(), now, &mut self.rng).expect("rows are readable"));
        self.drain(client);
    }

    /// Stops a device without warning and starts it again from its store.
    pub fn restart(&mut self, client: usize) {
        self.clients[client].engine = None;
        self.clients[client].life += 1;
        self.boot(client);
    }

    pub fn command(&mut self, client: usize, command: Command) {
        if let Command::OpenConversation { with } = &command {
            self.clients[client].shown.open = Some(*with);
        }
        self.input(client, Input::Command(command));
    }

    pub fn input(&mut self, client: usize, input: Input) {
        let now = self.device_now(client);
        if let Some(engine) = &mut self.clients[client].engine {
            engine.handle(input, now, &mut self.rng);
            self.drain(client);
        }
    }

    /// Everything the engine has to say; then its next wake-up.
    fn drain(&mut self, client: usize) {
        loop {
            let Some(engine) = &mut self.clients[client].engine else { return };
            match engine.poll() {
                Poll::Effect(effect) => {
                    self.carry_out(client, effect);
                    if self.crashes(client) {
                        return;
                    }
                }
                Poll::Idle { wake_at } => {
                    if let Some(at) = wake_at {
                        let at = at.saturating_add_signed(-self.clients[client].skew).max(self.now + 1);
                        self.sequence += 1;
                        let device = &mut self.clients[client];
                        device.wake = self.sequence;
                        let tick = Event::Tick { client, life: device.life, wake: device.wake };
                        self.queue.insert((at, self.sequence), tick);
                    }
                    return;
                }
            }
        }
    }

    fn crashes(&mut self, client: usize) -> bool {
        let device = &mut self.clients[client];
        device.effects += 1;
        let Some(left) = &mut device.crash_after else { return false };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return false;
        }
        device.crash_after = None;
        device.engine = None;
        device.life += 1;
        self.sequence += 1;
        self.queue.insert((self.now + RESTART_MS, self.sequence), Event::Restart { client });
        true
    }

    fn carry_out(&mut self, client: usize, effect: Effect) {
        let device = &mut self.clients[client];
        match effect {
            Effect::Commit(batch) => {
                let id = batch.id;
                let input = match device.refuse_commits {
                    None => {
                        device.store.apply(&batch);
                        Input::Committed(id)
                    }
                    Some(reason) => Input::CommitFailed { batch: id, reason },
                };
                self.schedule(client, self.now + COMMIT_MS, input);
            }
            Effect::Http(request) => {
                let life = device.life;
                self.request(client, life, request, None);
            }
            Effect::CancelHttp(_) => {}
            Effect::Emit(event) => device.shown.apply(event),
            Effect::Notify { with } => device.notified.push(with),
        }
    }

    /// Makes a request, or looks again at one that was held until this time.
    fn request(&mut self, client: usize, life: u64, request: HttpRequest, until: Option<u64>) {
        let answer = if self.clients[client].offline {
            Some((1, HttpOutcome::Unreachable))
        } else {
            self.net.handle(self.now, &request)
        };
        let held = self.net.hold_ms.take();
        let until = until.or(held.map(|ms| self.now + ms)).unwrap_or(0);
        if held.is_some() && self.now < until {
            let held = HeldRequest { client, life, request, until, version: self.net.version() };
            return self.hold(held);
        }
        let (delay, outcome) = answer.unwrap_or((u64::from(request.timeout_ms), HttpOutcome::TimedOut));
        self.schedule(client, self.now + delay, Input::Http { id: request.id, outcome });
    }

    fn hold(&mut self, held: HeldRequest) {
        self.sequence += 1;
        let at = (self.now + LOOK_MS).min(held.until.max(self.now + 1));
        self.queue.insert((at, self.sequence), Event::Held(Box::new(held)));
    }

    fn look(&mut self, held: HeldRequest) {
        let device = &self.clients[held.client];
        if device.life != held.life {
            return;
        }
        let changed = self.net.version() != held.version || !self.net.is_up(&held.request) || device.offline;
        if changed || self.now >= held.until {
            self.request(held.client, held.life, held.request, Some(held.until));
        } else {
            self.hold(held);
        }
    }

    fn schedule(&mut self, client: usize, at: u64, input: Input) {
        self.sequence += 1;
        let life = self.clients[client].life;
        self.queue.insert((at, self.sequence), Event::Input { client, life, input });
    }

    /// Lets time pass.
    pub fn run_for(&mut self, ms: u64) {
        self.run_to(self.now + ms);
    }

    fn run_to(&mut self, end: u64) {
        while let Some(((at, _), _)) = self.queue.first_key_value() {
            if *at > end {
                break;
            }
            self.step();
        }
        self.now = end;
    }

    fn step(&mut self) -> bool {
        let Some(((at, _), event)) = self.queue.pop_first() else { return false };
        self.now = self.now.max(at);
        match event {
            Event::Input { client, life, input } if self.clients[client].life == life => self.input(client, input),
            Event::Tick { client, life, wake } => {
                if self.clients[client].life == life && self.clients[client].wake == wake {
                    self.input(client, Input::Tick);
                }
            }
            Event::Input { .. } => {}
            Event::Held(held) => self.look(*held),
            Event::Restart { client } => self.boot(client),
        }
        true
    }

    /// Lets time pass until something is true; how long it took, or `None` if it is not true after `limit_ms`.
    pub fn run_until(&mut self, limit_ms: u64, mut done: impl FnMut(&Self) -> bool) -> Option<u64> {
        let start = self.now;
        while !done(self) {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at)?;
            if next > start + limit_ms {
                return None;
            }
            self.step();
        }
        Some(self.now - start)
    }
}

impl Shown {
    fn apply(&mut self, event: ViewEvent) {
        self.events += 1;
        match event {
            ViewEvent::Ready(ready) => {
                self.ready += 1;
                self.account = ready.account;
                self.conversations = ready.conversations.into_iter().map(|c| (c.with, c)).collect();
                self.network = ready.network;
                self.sync = ready.sync;
                self.devices = ready.devices;
            }
            ViewEvent::Account(account) => self.account = Some(account),
            ViewEvent::RecoveryPhrase(phrase) => self.phrase = Some(phrase),
            ViewEvent::RestoreRefused => self.restore_refused = true,
            ViewEvent::Restore(view) => self.restores.push(view),
            ViewEvent::Conversation(view) => {
                self.conversations.insert(view.with, view);
            }
            ViewEvent::Conversations(views) => {
                self.conversations.extend(views.into_iter().map(|view| (view.with, view)))
            }
            ViewEvent::ConversationGone(with) => {
                self.conversations.remove(&with);
            }
            ViewEvent::Timeline { with, messages, has_earlier } => {
                self.open = Some(with);
                self.timeline = messages;
                self.has_earlier = has_earlier;
            }
            ViewEvent::Message { with, message } if self.open == Some(with) => {
                match self.timeline.binary_search_by_key(&message.id, |m| m.id) {
                    Ok(at) => self.timeline[at] = message,
                    Err(at) => self.timeline.insert(at, message),
                }
            }
            ViewEvent::Message { .. } => panic!("a message of a conversation that is not open"),
            ViewEvent::MessageGone { message, .. } => self.timeline.retain(|m| m.id != message),
            ViewEvent::Typing { with, active } => {
                self.typing.insert(with, active);
            }
            ViewEvent::Network(view) => self.network = view,
            ViewEvent::Sync(view) => self.sync = view,
            ViewEvent::Devices(view) => self.devices = view,
            ViewEvent::LinkCode(text) => self.link_code = Some(text.0),
            ViewEvent::DeviceCode { code, .. } => self.device_code = code,
            ViewEvent::SafetyNumber { number, .. } => self.safety_number = number,
            ViewEvent::Refused(refusal) => self.refused.push(refusal),
            ViewEvent::Problem(problem) => self.problems.push(problem),
            ViewEvent::Erased => {
                *self = Self { ready: self.ready, erased: true, ..Self::default() };
            }
        }
    }

    /// Bodies of the open conversation.
    #[must_use]
    pub fn bodies(&self) -> Vec<&str> {
        self.timeline.iter().map(|m| m.body.as_str()).collect()
    }
}
