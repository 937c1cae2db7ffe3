//! One engine per browser profile: a Web Lock, held as long as the [`TabLock`] lives.
//!
//! The lock is about who should run, not about safety: a robbed owner may still be writing. The store's generation row
//! ([`super::idb`]) stops that.

use std::cell::RefCell;
use std::rc::Rc;

use futures_channel::oneshot;
use js_sys::Function;
use js_sys::JsNullable;
use js_sys::Promise;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;
use web_sys::Lock;
use web_sys::LockManager;
use web_sys::LockOptions;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = navigator, js_name = locks)]
    static LOCKS: Option<LockManager>;
}

/// How to ask for the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Take it only if it is free now.
    IfFree,
    /// Wait for it. Dropping the future leaves the queue.
    Wait,
    /// Take it away from whoever holds it.
    Steal,
}

/// Why there is no lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error("somebody else holds the lock")]
    Busy,
    #[error("this browser has no locks, or not here")]
    Unsupported,
}

/// The held lock; dropping it gives it back.
pub struct TabLock {
    release: Function,
    lost: Option<oneshot::Receiver<()>>,
}

impl TabLock {
    /// Asks for the lock.
    ///
    /// # Errors
    /// [`LockError::Busy`] only for [`Manner::IfFree`].
    pub async fn request(name: &str, manner: Manner) -> Result<Self, LockError> {
        let locks = LOCKS.with(Clone::clone).ok_or(LockError::Unsupported)?;
        let options = LockOptions::new();
        let queue = AbortController::new().map_err(|_| LockError::Unsupported)?;
        match manner {
            Manner::IfFree => options.set_if_available(true),
            Manner::Wait => options.set_signal(&queue.signal()),
            Manner::Steal => options.set_steal(true),
        }

        let (answer, asked) = oneshot::channel::<Option<Function>>();
        let answer = Rc::new(RefCell::new(Some(answer)));
        let callback = Closure::<dyn FnMut(JsValue) -> Promise>::new({
            let answer = Rc::clone(&answer);
            move |lock: JsValue| granted(&lock, &answer)
        });
        let request: &Function<fn(JsNullable<Lock>) -> Promise> = callback.as_ref().unchecked_ref();
        let held = locks.request_with_options(name, &options, request);

        // The promise settles when the lock is given back, taken away, or was refused: only then the callback may go.
        let (lose, lost) = oneshot::channel();
        wasm_bindgen_futures::spawn_local(async move {
            if JsFuture::from(held).await.is_err() {
                answer.borrow_mut().take(); // never granted: the waiting side sees its channel closed
                let _ = lose.send(());
            }
            drop(callback);
        });

        let mut pending = Pending { queue: (manner == Manner::Wait).then_some(queue), asked };
        let release = (&mut pending.asked).await;
        pending.queue = None;
        match release {
            Ok(Some(release)) => Ok(Self { release, lost: Some(lost) }),
            Ok(None) => Err(LockError::Busy),
            Err(_) => Err(LockError::Unsupported),
        }
    }

    /// Waits until the lock is taken away. Call it once; later calls wait for ever.
    pub async fn lost(&mut self) {
        let robbed = match self.lost.take() {
            Some(lost) => lost.await.is_ok(),
            None => false,
        };
        if !robbed {
            std::future::pending().await
        }
    }
}

impl Drop for TabLock {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// Runs when the browser answers: with a lock, keeps it until `release` is called; with null, it was not free.
fn granted(lock: &JsValue, answer: &RefCell<Option<oneshot::Sender<Option<Function>>>>) -> Promise {
    let Some(answer) = answer.borrow_mut().take() else { return Promise::resolve(&JsValue::UNDEFINED) };
    if lock.is_null() || lock.is_undefined() {
        let _ = answer.send(None);
        return Promise::resolve(&JsValue::UNDEFINED);
    }
    let mut answer = Some(answer);
    Promise::new(&mut |release, _| {
        let unwanted = answer.take().and_then(|answer| answer.send(Some(release.unchecked_into())).err());
        // Nobody waits any more: give it back at once.
        if let Some(Some(release)) = unwanted {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    })
}

/// A request under way. Dropped before it was answered it leaves the queue; dropped after the answer came but before
/// anybody saw it, it gives the lock back.
struct Pending {
    queue: Option<AbortController>,
    asked: oneshot::Receiver<Option<Function>>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.abort();
        }
        self.asked.close();
        if let Ok(Some(Some(release))) = self.asked.try_recv() {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}
