//! The browser, as far as the app needs it. Everything that names `web_sys` lives below here; what goes in and out are
//! plain Rust types and those of the engine's seam. Most of it works in the page and in a worker alike.

pub mod channel;
pub mod clock;
pub mod device;
pub mod http;
pub mod idb;
pub mod notify;
pub mod origin;
pub mod panic;
pub mod persist;
pub mod rng;
pub mod service_worker;
pub mod tab_lock;
pub mod visibility;

/// True in the page, false in a worker.
#[must_use]
pub fn in_page() -> bool {
    web_sys::window().is_some()
}

/// Runs a future on this scope's event loop.
pub fn spawn(future: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(future);
}
