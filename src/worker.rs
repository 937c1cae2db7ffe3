//! The worker's half: holds the tab lock, opens the store, boots the engine and drives it.
//!
//! It knows nothing of screens; it hears commands and says what to show. One life of the engine is: lock → store → engine →
//! driver; it ends when another tab takes over, and may begin again when this tab takes over or the other one is gone.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::mpsc::UnboundedReceiver;
use futures_channel::mpsc::UnboundedSender;
use futures_channel::mpsc::unbounded;
use futures_util::future::Either;
use futures_util::future::select;
use zwiebel_engine::Config;
use zwiebel_engine::Engine;
use zwiebel_engine::effect::Poll;
use zwiebel_engine::input::Input;

use crate::driver;
use crate::driver::Brain;
use crate::driver::Driver;
use crate::driver::End;
use crate::platform;
use crate::platform::channel::Broadcast;
use crate::platform::channel::Port;
use crate::platform::clock;
use crate::platform::device;
use crate::platform::idb;
use crate::platform::idb::OpenError;
use crate::platform::idb::Store;
use crate::platform::origin;
use crate::platform::panic;
use crate::platform::rng;
use crate::platform::tab_lock::LockError;
use crate::platform::tab_lock::Manner;
use crate::platform::tab_lock::TabLock;
use crate::port;
use crate::port::FromWorker;
use crate::port::StartFailure;
use crate::port::ToWorker;

/// Name of the Web Lock and of the channel between tabs.
const ENGINE: &str = "zwiebel-engine";
/// Said on the channel by a tab that wants the engine.
const LET_GO: &str = "let go";
/// How long a lock may look taken when the owner was this very tab before a reload.
const RELOAD_MS: u32 = 400;
/// How long the owner may take to let go before it is robbed.
const PATIENCE_MS: u32 = 2_000;
/// How long the owner keeps the lock after it let go, so that bystanders are out of the queue before it is free.
const HAND_OVER_MS: u32 = 60;
/// How long a bystander stays out of the queue while two other tabs hand the engine over.
const STAND_BACK_MS: u32 = PATIENCE_MS + 500;

/// How long a lock must stay free before a waiting tab in front takes it: its owner may only be reloading.
const RETURN_MS: u32 = 2_500;
/// The same for a tab nobody looks at. It takes over only so that messages are still announced, and that has time.
const HIDDEN_RETURN_MS: u32 = 15_000;

/// Starts the worker.
pub fn start() {
    let Some(port) = Port::take() else { return };
    panic::install(|| {
        if let Some(port) = Port::take() {
            port.post(&port::encode(&FromWorker::Crashed));
        }
    });
    platform::spawn(Worker::new(&port).run());
}

/// The engine and its randomness, as the driver wants them.
struct Browser {
    engine: Engine,
    rng: rng::SystemRng,
}

impl Brain for Browser {
    fn handle(&mut self, input: Input, now_ms: u64) {
        self.engine.handle(input, now_ms, &mut self.rng);
    }

    fn poll(&mut self) -> Poll {
        self.engine.poll()
    }
}

/// How to get the engine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// Only if no other tab has it.
    IfFree,
    /// Somebody pressed "use here".
    TakeOver,
}

/// What the message handlers and the main loop share.
struct Shared {
    port: Port,
    visible: Cell<bool>,
    online: Cell<bool>,
    /// The running driver, if any.
    driver: RefCell<Option<driver::Handle>>,
    /// "Use here" was pressed, or another tab wants the engine.
    wishes: UnboundedSender<Wish>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// This tab wants the engine.
    Here,
    /// Another tab wants it.
    Elsewhere,
    /// Nobody said anything, but this tab came to the front.
    Seen,
}

/// How a pause ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    Over,
    /// This tab is to take over.
    Here,
    /// This tab came to the front.
    Seen,
}

struct Worker {
    shared: Rc<Shared>,
    wishes: UnboundedReceiver<Wish>,
    tabs: Option<Broadcast>,
}

impl Worker {
    fn new(port: &Port) -> Self {
        let (sender, wishes) = unbounded();
        let shared = Rc::new(Shared {
            port: port.clone(),
            visible: Cell::new(true),
            online: Cell::new(true),
            driver: RefCell::new(None),
            wishes: sender,
        });
        let tabs = Broadcast::join(ENGINE, {
            let shared = Rc::clone(&shared);
            move |word| {
                if word == LET_GO {
                    shared.let_go();
                }
            }
        });
        port.listen({
            let shared = Rc::clone(&shared);
            move |bytes| {
                if let Some(message) = port::decode(&bytes) {
                    shared.hear(message);
                }
            }
        });
        Self { shared, wishes, tabs }
    }

    async fn run(mut self) {
        let mut claim = Claim::IfFree;
        loop {
            let lock = match self.acquire(claim).await {
                Ok(lock) => Some(lock),
                Err(LockError::Busy) => {
                    self.shared.say(&FromWorker::LockBusy);
                    self.wait_for_turn().await
                }
                Err(LockError::Unsupported) => {
                    self.shared.say(&FromWorker::Failed(StartFailure::Unsupported));
                    return;
                }
            };
            let mut next = lock;
            while let Some(lock) = next.take() {
                next = self.live(lock).await;
            }
            claim = Claim::TakeOver; // somebody pressed "use here"
        }
    }

    async fn acquire(&self, claim: Claim) -> Result<TabLock, LockError> {
        if claim == Claim::IfFree {
            let free = std::pin::pin!(TabLock::request(ENGINE, Manner::Wait));
            return match select(free, std::pin::pin!(clock::sleep(RELOAD_MS))).await {
                Either::Left((lock, _)) => lock,
                Either::Right(_) => Err(LockError::Busy),
            };
        }
        if let Some(tabs) = &self.tabs {
            tabs.say(LET_GO);
        }
        let given = std::pin::pin!(TabLock::request(ENGINE, Manner::Wait));
        match select(given, std::pin::pin!(clock::sleep(PATIENCE_MS))).await {
            Either::Left((lock, _)) => lock,
            Either::Right(_) => TabLock::request(ENGINE, Manner::Steal).await,
        }
    }

    /// Waits until the owner is gone for good (then gives the lock) or this tab is to take over (then gives none).
    async fn wait_for_turn(&mut self) -> Option<TabLock> {
        loop {
            let wish = {
                let turn = std::pin::pin!(TabLock::request(ENGINE, Manner::Wait));
                let wish = std::pin::pin!(self.wishes.recv());
                match select(turn, wish).await {
                    Either::Left((lock, _)) => lock.map(|_| None).unwrap_or(Some(Wish::Here)),
                    Either::Right((wish, _)) => wish.ok(),
                }
            };
            let pause = match wish {
                Some(Wish::Here) => return None,
                Some(Wish::Seen) => continue,
                // Another tab takes it: out of its way, then back into the queue.
                Some(Wish::Elsewhere) => STAND_BACK_MS,
                // The owner is gone, or only reloads: then it shall have it back.
                None if self.shared.visible.get() => RETURN_MS,
                None => HIDDEN_RETURN_MS,
            };
            match self.pause(pause).await {
                Pause::Here => return None,
                Pause::Seen => {}
                Pause::Over if wish.is_none() => {
                    if let Ok(lock) = TabLock::request(ENGINE, Manner::IfFree).await {
                        return Some(lock);
                    }
                }
                Pause::Over => {}
            }
        }
    }

    /// Waits. Ends early when this tab is to take over, and a pause that is long only because nobody looked when somebody
    /// does.
    async fn pause(&mut self, ms: u32) -> Pause {
        let mut over = std::pin::pin!(clock::sleep(ms));
        loop {
            match select(over.as_mut(), std::pin::pin!(self.wishes.recv())).await {
                Either::Left(_) => return Pause::Over,
                Either::Right((Ok(Wish::Here), _)) => return Pause::Here,
                Either::Right((Ok(Wish::Seen), _)) if ms == HIDDEN_RETURN_MS => return Pause::Seen,
                Either::Right(_) => {}
            }
        }
    }

    /// One life of the engine, and the wait after it. Gives the lock for the next one; none: this tab is to take over.
    async fn live(&mut self, mut lock: TabLock) -> Option<TabLock> {
        while self.wishes.try_recv().is_ok() {} // wishes from before this life
        let (driver, store) = match self.open().await {
            Ok(opened) => opened,
            Err(failure) => {
                drop(lock);
                self.shared.say(&FromWorker::Failed(failure));
                while self.wishes.recv().await.is_ok_and(|wish| wish != Wish::Here) {}
                return None;
            }
        };
        *self.shared.driver.borrow_mut() = Some(driver.handle());
        self.shared.tell_surroundings();
        let end = {
            let running = std::pin::pin!(driver.run());
            match select(running, std::pin::pin!(lock.lost())).await {
                Either::Left((end, _)) => end,
                Either::Right(((), running)) => {
                    self.shared.stop();
                    running.await
                }
            }
        };
        self.shared.driver.borrow_mut().take();
        store.close();
        self.shared.say(&FromWorker::LockLost);
        if end == End::Stopped {
            clock::sleep(HAND_OVER_MS).await;
        }
        drop(lock);
        self.wait_for_turn().await
    }

    async fn open(&self) -> Result<(Driver<Browser>, Rc<Store>), StartFailure> {
        let (store, rows) = Store::open(idb::DATABASE).await.map_err(start_failure)?;
        let mut rng = rng::system();
        let config = Config {
            local_origin: origin::is_local(),
            forward_secrecy: crate::FORWARD_SECRECY,
            device_name: device::name(),
        };
        let engine = Engine::boot(config, rows, clock::now_ms(), &mut rng).map_err(|_| StartFailure::Engine)?;
        let store = Rc::new(store);
        let shared = Rc::clone(&self.shared);
        let driver = Driver::new(Browser { engine, rng }, Rc::clone(&store), move |message| shared.say(&message));
        Ok((driver, store))
    }
}

impl Shared {
    fn say(&self, message: &FromWorker) {
        self.port.post(&port::encode(message));
    }

    fn hear(&self, message: ToWorker) {
        match message {
            ToWorker::Command(command) => self.input(Input::Command(command)),
            ToWorker::Visible(visible) => {
                self.visible.set(visible);
                if visible && self.driver.borrow().is_none() {
                    let _ = self.wishes.unbounded_send(Wish::Seen);
                }
                self.input(Input::Visible(visible));
            }
            ToWorker::Online(online) => {
                self.online.set(online);
                self.input(Input::Online(online));
            }
            ToWorker::TakeOver => {
                let _ = self.wishes.unbounded_send(Wish::Here);
            }
        }
    }

    fn tell_surroundings(&self) {
        self.input(Input::Visible(self.visible.get()));
        self.input(Input::Online(self.online.get()));
    }

    /// Without an engine there is nobody to listen, and nothing on the screen that could have asked.
    fn input(&self, input: Input) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.input(input);
        }
    }

    fn stop(&self) {
        if let Some(driver) = &*self.driver.borrow() {
            driver.stop();
        }
    }

    fn let_go(&self) {
        self.stop();
        let _ = self.wishes.unbounded_send(Wish::Elsewhere);
    }
}

fn start_failure(error: OpenError) -> StartFailure {
    match error {
        OpenError::Blocked => StartFailure::StorageBlocked,
        OpenError::Damaged(table) => StartFailure::StorageDamaged(table),
        OpenError::Key => StartFailure::StorageKey,
        OpenError::TooNew => StartFailure::StorageTooNew,
        OpenError::Unavailable => StartFailure::StorageUnavailable,
    }
}
