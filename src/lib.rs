//! The browser app: the page (user interface) and the worker (engine, store, network) in one wasm file.
//!
//! Direction of knowledge: `ui` knows `vm`, `vm` knows the engine's views and [`boot::Link`]; `worker` and `driver` know the
//! engine and `platform`; `platform` alone knows the browser. The page never touches the store or the network, the worker
//! never touches the document; between them pass only the messages of [`port`].

#![forbid(unsafe_code)]

pub mod boot;
pub mod driver;
pub mod i18n;
pub mod platform;
pub mod port;
pub mod text;
pub mod ui;
pub mod vm;
pub mod worker;

/// Whether conversations of this build negotiate forward secrecy. Screens promise and offer nothing that is off.
pub const FORWARD_SECRECY: bool = cfg!(feature = "forward-secrecy");

/// Starts whichever half of the app this scope is for.
pub fn start() {
    if platform::in_page() {
        boot::start();
    } else {
        worker::start();
    }
}
