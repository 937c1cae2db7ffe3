//! The loop around the engine: one input in, all output carried out, then wait for the next input.
//!
//! It knows what effects mean, not how the browser does them ([`crate::platform`]) nor what the engine thinks. The engine
//! releases an effect only when the commit it depends on is durable, so carrying out at once and in order is always right.

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::mpsc::UnboundedReceiver;
use futures_channel::mpsc::UnboundedSender;
use futures_channel::mpsc::unbounded;
use zwiebel_engine::batch::Batch;
use zwiebel_engine::effect::Effect;
use zwiebel_engine::effect::HttpRequest;
use zwiebel_engine::effect::Poll;
use zwiebel_engine::effect::RequestId;
use zwiebel_engine::input::CommitFailure;
use zwiebel_engine::input::Input;
use zwiebel_proto::sorted::SortedMap;

use crate::platform;
use crate::platform::clock;
use crate::platform::clock::Alarm;
use crate::platform::http;
use crate::platform::idb::Store;
use crate::port::FromWorker;

/// What the driver drives: the engine, or a stand-in under test.
pub trait Brain {
    /// Takes one input.
    fn handle(&mut self, input: Input, now_ms: u64);
    /// Gives the next effect.
    fn poll(&mut self) -> Poll;
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// [`Handle::stop`] was called; nothing is being written any more.
    Stopped,
    /// Another engine writes to the store now; this one must not go on.
    Superseded,
}

/// Feeds a running driver.
#[derive(Clone)]
pub struct Handle {
    inbox: UnboundedSender<Signal>,
}

impl Handle {
    /// Gives the engine an input.
    pub fn input(&self, input: Input) {
        let _ = self.inbox.unbounded_send(Signal::Input(input));
    }

    /// Ends the loop once the commit under way, if any, is decided.
    pub fn stop(&self) {
        let _ = self.inbox.unbounded_send(Signal::Stop);
    }
}

type Requests = Rc<RefCell<SortedMap<RequestId, http::Abort>>>;

enum Signal {
    Input(Input),
    Stop,
}

/// The loop and what is under way.
pub struct Driver<B> {
    brain: B,
    store: Rc<Store>,
    show: Box<dyn Fn(FromWorker)>,
    handle: Handle,
    inbox: UnboundedReceiver<Signal>,
    requests: Requests,
    alarm: Option<(u64, Alarm)>,
    committing: bool,
}

impl<B: Brain> Driver<B> {
    /// Makes a driver; `show` receives what the page should hear.
    pub fn new(brain: B, store: Rc<Store>, show: impl Fn(FromWorker) + 'static) -> Self {
        let (sender, inbox) = unbounded();
        Self {
            brain,
            store,
            show: Box::new(show),
            handle: Handle { inbox: sender },
            inbox,
            requests: Rc::default(),
            alarm: None,
            committing: false,
        }
    }

    /// Feeds this driver.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until stopped or superseded. Requests under way are dropped at the end, a commit under way is awaited.
    pub async fn run(mut self) -> End {
        self.drain();
        let mut stopping = false;
        let end = loop {
            if stopping && !self.committing {
                break End::Stopped;
            }
            match self.inbox.recv().await {
                Ok(Signal::Stop) | Err(_) => stopping = true,
                Ok(Signal::Input(input)) => {
                    if matches!(input, Input::CommitFailed { reason: CommitFailure::Superseded, .. }) {
                        break End::Superseded;
                    }
                    if matches!(input, Input::Committed(_) | Input::CommitFailed { .. }) {
                        self.committing = false;
                    }
                    if matches!(input, Input::Tick) {
                        self.alarm = None; // it rang; the same instant may have to be asked for again
                    }
                    if !stopping {
                        self.brain.handle(input, clock::now_ms());
                        self.drain();
                    }
                }
            }
        };
        for abort in self.requests.take().into_values() {
            abort.abort();
        }
        end
    }

    /// Carries out everything the engine has to say, then sets the alarm for when it wants to be woken.
    fn drain(&mut self) {
        loop {
            match self.brain.poll() {
                Poll::Effect(effect) => self.carry_out(effect),
                Poll::Idle { wake_at } => return self.set_alarm(wake_at),
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Commit(batch) => self.commit(batch),
            Effect::Http(request) => self.request(request),
            Effect::CancelHttp(id) => {
                if let Some(abort) = self.requests.borrow_mut().remove(&id) {
                    abort.abort();
                }
            }
            Effect::Emit(event) => (self.show)(FromWorker::Event(event)),
            Effect::Notify { with } => (self.show)(FromWorker::Notify { with }),
        }
    }

    fn commit(&mut self, batch: Batch) {
        self.committing = true;
        let store = Rc::clone(&self.store);
        let handle = self.handle.clone();
        platform::spawn(async move {
            handle.input(match store.commit(&batch).await {
                Ok(()) => Input::Committed(batch.id),
                Err(reason) => Input::CommitFailed { batch: batch.id, reason },
            });
        });
    }

    fn request(&self, request: HttpRequest) {
        let Some(abort) = http::Abort::new() else { return };
        let id = request.id;
        self.requests.borrow_mut().insert(id, abort.clone());
        let requests = Rc::clone(&self.requests);
        let handle = self.handle.clone();
        platform::spawn(async move {
            let outcome = http::send(request, abort).await;
            // A cancelled request is no longer in the list and has no outcome.
            if requests.borrow_mut().remove(&id).is_some() {
                handle.input(Input::Http { id, outcome });
            }
        });
    }

    fn set_alarm(&mut self, wake_at: Option<u64>) {
        if self.alarm.as_ref().map(|(at, _)| *at) == wake_at {
            return;
        }
        self.alarm = wake_at.map(|at| {
            let handle = self.handle.clone();
            (at, Alarm::set(at, move || handle.input(Input::Tick)))
        });
    }
}
