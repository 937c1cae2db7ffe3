//! The native driver of the client's engine: one input, then all output, then wait.
//! Does what the browser's driver does, with tokio, reqwest and SQLite.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};
use zwiebel_engine::batch::Batch;
use zwiebel_engine::effect::{Effect, Poll, RequestId};
use zwiebel_engine::input::{HttpOutcome, Input};
use zwiebel_engine::{Config, Engine};

use super::http::Gateway;
use super::store::Store;
use super::{Behaviour, BotError};

/// An engine with everything it needs to run.
pub struct Driver<B> {
    engine: Engine,
    behaviour: B,
    store: Store,
    gateway: Gateway,
    /// Inputs that came up while output was drained.
    inputs: VecDeque<Input>,
    requests: JoinSet<(RequestId, HttpOutcome)>,
    running: BTreeMap<RequestId, AbortHandle>,
}

impl<B: Behaviour> Driver<B> {
    /// Opens the database in `folder` and starts the engine from its rows.
    ///
    /// # Errors
    /// [`BotError`] if folder, database or rows cannot be used.
    pub fn open(behaviour: B, gateway: &str, folder: &Path) -> Result<Self, BotError> {
        private_folder(folder).map_err(BotError::Folder)?;
        let store = Store::open(&folder.join("bot.db"))?;
        // The gateway is on this machine: a bot belongs to a local network.
        let config = Config { local_origin: true, forward_secrecy: true, device_name: "Bot" };
        let engine = Engine::boot(config, store.load()?, now(), &mut UnwrapErr(SysRng))?;
        Ok(Self {
            engine,
            behaviour,
            store,
            gateway: Gateway::new(gateway).map_err(BotError::Http)?,
            inputs: VecDeque::new(),
            requests: JoinSet::new(),
            running: BTreeMap::new(),
        })
    }

    /// Runs until `stop` fires or is dropped. What was committed by then is kept.
    pub async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        loop {
            let wake_at = self.drain();
            if let Some(input) = self.inputs.pop_front() {
                self.handle(input);
                continue;
            }
            tokio::select! {
                _ = &mut stop => return,
                Some(done) = self.requests.join_next() => {
                    // An aborted request has no outcome: nobody wants it any more.
                    if let Ok((id, outcome)) = done {
                        self.running.remove(&id);
                        self.handle(Input::Http { id, outcome });
                    }
                }
                () = sleep_until(wake_at) => self.handle(Input::Tick),
            }
        }
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(input, now(), &mut UnwrapErr(SysRng));
    }

    /// Carries out effects until the engine is idle; when it wants to be woken.
    fn drain(&mut self) -> Option<u64> {
        loop {
            match self.engine.poll() {
                Poll::Effect(effect) => self.carry_out(effect),
                Poll::Idle { wake_at } => return wake_at,
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Commit(batch) => {
                let input = self.commit(&batch);
                self.inputs.push_back(input);
            }
            Effect::Http(request) => {
                let id = request.id;
                let sent = self.gateway.clone().send(request);
                self.running.insert(id, self.requests.spawn(async move { (id, sent.await) }));
            }
            Effect::CancelHttp(id) => {
                if let Some(request) = self.running.remove(&id) {
                    request.abort();
                }
            }
            Effect::Emit(event) => self.inputs.extend(self.behaviour.on_event(event).into_iter().map(Input::Command)),
            // Nobody sits in front of a bot.
            Effect::Notify { .. } => {}
        }
    }

    /// A batch of a bot is a few rows: written in place, without leaving the task.
    fn commit(&mut self, batch: &Batch) -> Input {
        match self.store.commit(batch) {
            Ok(()) => Input::Committed(batch.id),
            Err(reason) => Input::CommitFailed { batch: batch.id, reason },
        }
    }
}

/// Makes the folder, for its owner's eyes only: the account's key lies in it.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// The machine's clock in Unix ms.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Waits for this instant of the machine's clock; for ever without one.
async fn sleep_until(wake_at: Option<u64>) {
    match wake_at {
        Some(at) => tokio::time::sleep(Duration::from_millis(at.saturating_sub(now()))).await,
        None => std::future::pending().await,
    }
}
