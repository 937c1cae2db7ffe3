//! The messages between page and worker: postcard bytes, so that no JavaScript object carries meaning.
//! Both ends are the same build, so the format has no version.

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use zwiebel_engine::batch::Table;
use zwiebel_engine::input::Command;
use zwiebel_engine::view::ViewEvent;
use zwiebel_proto::account_id::AccountId;

/// From the page to the worker.
#[derive(Serialize, Deserialize)]
pub enum ToWorker {
    /// A person asked for something.
    Command(Command),
    /// The page came to the front or left it.
    Visible(bool),
    /// The system says the network came or went.
    Online(bool),
    /// "Use here": take the engine over from another tab.
    TakeOver,
}

/// From the worker to the page.
#[derive(Serialize, Deserialize)]
pub enum FromWorker {
    /// Show this.
    Event(ViewEvent),
    /// Another tab runs the engine; this one waits.
    LockBusy,
    /// Another tab took the engine over.
    LockLost,
    /// The engine did not start.
    Failed(StartFailure),
    /// A message came in; tell the person if the page is not in front.
    Notify { with: AccountId },
    /// The worker broke; only a reload helps. Everything committed is safe.
    Crashed,
}

/// Why the engine did not start. Nothing was changed or deleted in any of these cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartFailure {
    /// The browser lacks something the app cannot do without (locks, module workers, WebCrypto), or the page was not
    /// loaded over HTTPS or from this machine.
    Unsupported,
    /// The browser gives no database (switched off, or a private window of some browsers).
    StorageUnavailable,
    /// The database was written by a newer version of the app.
    StorageTooNew,
    /// The database cannot be upgraded while another tab with an older version of the app holds it open.
    StorageBlocked,
    /// The key that protects the stored rows is missing or does not open.
    StorageKey,
    /// A stored row of this table does not open.
    StorageDamaged(Table),
    /// The rows opened, but the engine cannot make sense of them.
    Engine,
}

/// Turns a message into bytes.
pub fn encode(message: &impl Serialize) -> Vec<u8> {
    // Every message is a plain enum of plain data: encoding into a growing buffer has no way to fail.
    postcard::to_allocvec(message).unwrap_or_default()
}

/// Reads a message. `None`: not one of ours.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}
