//! Message channels: between page and worker, and between the tabs of one browser profile.

use js_sys::Array;
use js_sys::Function;
use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::BroadcastChannel;
use web_sys::MessageEvent;

#[wasm_bindgen]
extern "C" {
    /// What boot.js (in the page) or worker.js (in the worker) prepared.
    type Handover;
    #[wasm_bindgen(thread_local_v2, js_name = zwiebelPort)]
    static HANDOVER: Option<Handover>;
    #[wasm_bindgen(method, getter)]
    fn port(this: &Handover) -> Endpoint;
    #[wasm_bindgen(method, getter)]
    fn early(this: &Handover) -> Array;

    /// A `Worker` seen from the page, or the worker's own global scope: both speak the same way.
    #[derive(Clone)]
    type Endpoint;
    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message(this: &Endpoint, data: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, setter, js_name = onmessage)]
    fn set_onmessage(this: &Endpoint, handler: &Function);
    #[wasm_bindgen(method, setter, js_name = onerror)]
    fn set_onerror(this: &Endpoint, handler: &Function);
}

/// This scope's end of the channel between page and worker.
#[derive(Clone)]
pub struct Port {
    endpoint: Endpoint,
}

impl Port {
    /// Takes the end the loader prepared. `None`: this scope was not started by our loader.
    #[must_use]
    pub fn take() -> Option<Self> {
        HANDOVER.with(|handover| handover.as_ref().map(|handover| Self { endpoint: handover.port() }))
    }

    /// Sends bytes. A closed other end is not an error: nobody is there to care.
    pub fn post(&self, bytes: &[u8]) {
        let _ = self.endpoint.post_message(&Uint8Array::from(bytes));
    }

    /// Calls `heard` for every message, first for those that came before anybody listened. For the life of this scope.
    pub fn listen(&self, mut heard: impl FnMut(Vec<u8>) + 'static) {
        let early = HANDOVER.with(|handover| handover.as_ref().map(Handover::early)).unwrap_or_default();
        for data in early.iter() {
            pass_on(&data, &mut heard);
        }
        let handler =
            Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| pass_on(&event.data(), &mut heard));
        self.endpoint.set_onmessage(handler.as_ref().unchecked_ref());
        handler.forget();
    }

    /// Calls `broke` when the other end reports an error nobody caught. For the life of this scope.
    pub fn on_error(&self, mut broke: impl FnMut() + 'static) {
        let handler = Closure::<dyn FnMut(JsValue)>::new(move |_event| broke());
        self.endpoint.set_onerror(handler.as_ref().unchecked_ref());
        handler.forget();
    }
}

fn pass_on(data: &JsValue, heard: &mut impl FnMut(Vec<u8>)) {
    if let Some(bytes) = data.dyn_ref::<Uint8Array>() {
        heard(bytes.to_vec());
    }
}

/// A channel to the other tabs of this browser profile. Carries short fixed words only, never data.
pub struct Broadcast {
    channel: BroadcastChannel,
    _handler: Closure<dyn FnMut(MessageEvent)>,
}

impl Broadcast {
    /// Joins the channel and calls `heard` for every word others say. `None`: the browser has no such channels.
    #[must_use]
    pub fn join(name: &str, mut heard: impl FnMut(&str) + 'static) -> Option<Self> {
        let channel = BroadcastChannel::new(name).ok()?;
        let handler = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(word) = event.data().as_string() {
                heard(&word);
            }
        });
        channel.set_onmessage(Some(handler.as_ref().unchecked_ref()));
        Some(Self { channel, _handler: handler })
    }

    /// Says a word to the other tabs.
    pub fn say(&self, word: &str) {
        let _ = self.channel.post_message(&JsValue::from_str(word));
    }
}

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}
