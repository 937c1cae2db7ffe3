//! The page's half: puts the user interface on the page and ties it to the worker.
//!
//! It knows no engine and no store; it passes commands one way and views the other, and keeps an eye on what only a page
//! can see: whether it is in front, whether there is a network, whether a new version of the app waits.

use std::cell::Cell;
use std::rc::Rc;

use zwiebel_engine::input::Command;
use zwiebel_engine::view::ViewEvent;

use crate::platform;
use crate::platform::channel::Port;
use crate::platform::panic;
use crate::platform::persist;
use crate::platform::service_worker;
use crate::platform::visibility;
use crate::port;
use crate::port::FromWorker;
pub use crate::port::StartFailure;
use crate::port::ToWorker;
use crate::ui;

/// How the app as a whole is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageStatus {
    /// The worker opens the store and starts the engine.
    Starting,
    /// The engine runs here.
    Running,
    /// The engine runs in another tab; [`Link::take_over`] brings it here.
    OtherTab,
    /// The engine did not start. Nothing was changed or deleted.
    Failed(StartFailure),
    /// A new version of the app waits; [`Link::apply_update`] reloads into it. Comes beside the other states and does not
    /// replace them.
    UpdateReady,
    /// The worker broke; only a reload helps.
    Crashed,
}

/// The user interface's way to the engine and to the few things only this layer can do.
#[derive(Clone)]
pub struct Link {
    /// `None` in tests of the user interface: everything goes nowhere.
    port: Option<Port>,
}

impl Link {
    /// A link to nowhere, for tests of the user interface.
    #[must_use]
    pub const fn detached() -> Self {
        Self { port: None }
    }

    /// Asks the engine to do something.
    pub fn send(&self, command: Command) {
        self.post(&ToWorker::Command(command));
    }

    /// "Use here": takes the engine over from another tab.
    pub fn take_over(&self) {
        self.post(&ToWorker::TakeOver);
    }

    /// Lets the waiting version of the app take over and reloads the page.
    pub fn apply_update(&self) {
        platform::spawn(service_worker::apply_update());
    }

    fn post(&self, message: &ToWorker) {
        if let Some(port) = &self.port {
            port.post(&port::encode(message));
        }
    }
}

/// Starts the page.
pub fn start() {
    panic::install(panic::show_overlay);
    let Some(port) = Port::take() else { return panic::show_overlay() };
    let link = Link { port: Some(port.clone()) };
    let app = ui::mount(link.clone());
    app.status(PageStatus::Starting);

    let page = Rc::new(Page { app, store_asked: Cell::new(false), shell_kept: Cell::new(false) });
    port.on_error({
        let page = Rc::clone(&page);
        move || page.app.status(PageStatus::Crashed)
    });
    port.listen({
        let page = Rc::clone(&page);
        move |bytes| {
            if let Some(message) = port::decode(&bytes) {
                page.hear(message);
            }
        }
    });
    watch_surroundings(&link);
}

fn watch_surroundings(link: &Link) {
    link.post(&ToWorker::Visible(visibility::is_visible()));
    link.post(&ToWorker::Online(visibility::is_online()));
    let visible = link.clone();
    visibility::on_visibility(move |now| visible.post(&ToWorker::Visible(now)));
    let online = link.clone();
    visibility::on_online(move |now| online.post(&ToWorker::Online(now)));
}

struct Page {
    app: ui::AppHandle,
    /// The browser was asked to keep the store.
    store_asked: Cell<bool>,
    /// The service worker was registered.
    shell_kept: Cell<bool>,
}

impl Page {
    fn hear(self: &Rc<Self>, message: FromWorker) {
        match message {
            FromWorker::Event(event) => self.show(event),
            FromWorker::LockBusy | FromWorker::LockLost => self.app.status(PageStatus::OtherTab),
            FromWorker::Failed(failure) => self.app.status(PageStatus::Failed(failure)),
            FromWorker::Notify { with } if self.app.wants_notifications() => self.app.tell(with),
            FromWorker::Notify { .. } => {}
            FromWorker::Crashed => self.app.status(PageStatus::Crashed),
        }
        self.keep_shell();
    }

    fn show(&self, event: ViewEvent) {
        let has_account = match &event {
            ViewEvent::Ready(ready) => ready.account.is_some(),
            ViewEvent::Account(_) => true,
            _ => false,
        };
        if has_account && !self.store_asked.replace(true) {
            platform::spawn(async {
                persist::request().await;
            });
        }
        let ready = matches!(event, ViewEvent::Ready(_));
        self.app.apply(event);
        if ready {
            self.app.status(PageStatus::Running);
        }
    }

    /// Registers the service worker once the first thing is on the screen, so that it does not compete with the start.
    fn keep_shell(self: &Rc<Self>) {
        if self.shell_kept.replace(true) {
            return;
        }
        let page = Rc::clone(self);
        platform::spawn(service_worker::register(move || page.app.status(PageStatus::UpdateReady)));
    }
}
