//! The typed wrapper around IndexedDB: databases, transactions, requests as futures.
//!
//! A transaction stays open only while one of its own requests is awaited. The futures here resolve inside the browser's
//! event for that request, so the next request still finds the transaction open.

use js_sys::Array;
use js_sys::JsString;
use js_sys::Promise;
use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use web_sys::DomException;
use web_sys::IdbDatabase;
use web_sys::IdbFactory;
use web_sys::IdbObjectStore;
use web_sys::IdbRequest;
use web_sys::IdbTransaction;
use web_sys::IdbTransactionDurability;
use web_sys::IdbTransactionMode;
use web_sys::IdbTransactionOptions;
use zwiebel_engine::input::CommitFailure;
use zwiebel_proto::sorted::SortedSet;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = indexedDB)]
    static INDEXED_DB: Option<IdbFactory>;
}

/// The browser's databases, in a page or a worker. `None`: switched off.
pub(super) fn factory() -> Option<IdbFactory> {
    INDEXED_DB.with(Clone::clone)
}

/// Why a transaction did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TxnError {
    #[error("the disk or the quota is full")]
    Quota,
    #[error("another owner has written since")]
    Superseded,
    #[error("the database failed")]
    Other,
}

impl TxnError {
    pub(super) const fn into_failure(self) -> CommitFailure {
        match self {
            Self::Quota => CommitFailure::QuotaExceeded,
            Self::Superseded => CommitFailure::Superseded,
            Self::Other => CommitFailure::Other,
        }
    }

    fn of(error: &JsValue) -> Self {
        let name = js_sys::Reflect::get(error, &JsValue::from_str("name")).ok().and_then(|name| name.as_string());
        if name.as_deref() == Some("QuotaExceededError") { Self::Quota } else { Self::Other }
    }
}

impl From<JsValue> for TxnError {
    fn from(error: JsValue) -> Self {
        Self::of(&error)
    }
}

/// Everything in a store. It stays on the browser's side until a row is taken: the program's own memory never shrinks again.
pub(super) struct Stored {
    keys: Array,
    values: Array,
}

impl Stored {
    pub(super) fn len(&self) -> usize {
        usize::try_from(self.keys.length()).unwrap_or(usize::MAX)
    }

    /// Stored keys and values, one by one.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        let bytes = |value: JsValue| Uint8Array::new(&value).to_vec();
        self.keys.iter().map(bytes).zip(self.values.iter().map(bytes))
    }
}

/// An open database.
pub struct Database {
    inner: IdbDatabase,
}

impl Database {
    /// Takes the database; it closes by itself when a newer version of the app wants to change its shape.
    pub(super) fn new(inner: IdbDatabase) -> Self {
        let make_way = Closure::once_into_js({
            let inner = inner.clone();
            move || inner.close()
        });
        inner.set_onversionchange(Some(make_way.unchecked_ref()));
        Self { inner }
    }

    /// Adds a store; only in a migration step. `None`: the database refused.
    pub fn create_store(&self, name: &str) -> Option<()> {
        self.inner.create_object_store(name).ok().map(|_| ())
    }

    /// A whole number that we or a newer version of the app chose; it stays below 2^53.
    pub(super) fn version(&self) -> f64 {
        self.inner.version()
    }

    pub(super) fn close(&self) {
        self.inner.close();
    }
}

/// An open transaction. It may write: everything done here moves the generation on. Dropped without [`Txn::finish`], it still commits, as IndexedDB does: failing code calls
/// [`Txn::abort`].
pub(super) struct Txn {
    inner: IdbTransaction,
    done: Promise,
}

impl Txn {
    /// Opens a strict transaction: complete means on disk.
    pub(super) fn begin(database: &Database, stores: SortedSet<&str>) -> Result<Self, TxnError> {
        let names: Vec<JsString> = stores.into_iter().map(JsString::from).collect();
        let options = IdbTransactionOptions::new();
        options.set_durability(IdbTransactionDurability::Strict);
        let mode = IdbTransactionMode::Readwrite;
        let inner = database.inner.transaction_with_str_sequence_and_mode_and_options(&names, mode, &options)?;
        let done = Promise::new(&mut |resolve, reject| {
            inner.set_oncomplete(Some(resolve.unchecked_ref()));
            inner.set_onabort(Some(reject.unchecked_ref()));
        });
        Ok(Self { inner, done })
    }

    /// Reads one value; `undefined` if there is none.
    pub(super) async fn get(&self, store: &str, key: &str) -> Result<JsValue, TxnError> {
        let asked = self.store(store)?.get(&JsValue::from_str(key))?;
        Ok(request(&asked).await?)
    }

    /// Reads every key and value of a store of bytes.
    pub(super) async fn all(&self, store: &str) -> Result<Stored, TxnError> {
        let store = self.store(store)?;
        // Both are asked for before either is awaited, and come in the order of the keys.
        let (keys, values) = (store.get_all_keys()?, store.get_all()?);
        let keys = request(&keys).await?.unchecked_into();
        let values = request(&values).await?.unchecked_into();
        Ok(Stored { keys, values })
    }

    /// Writes one value. Whether it worked shows at [`Txn::finish`].
    pub(super) fn put(&self, store: &str, key: &JsValue, value: &JsValue) -> Result<(), TxnError> {
        self.store(store)?.put_with_key(value, key)?;
        Ok(())
    }

    /// Deletes one value.
    pub(super) fn delete(&self, store: &str, key: &JsValue) -> Result<(), TxnError> {
        self.store(store)?.delete(key)?;
        Ok(())
    }

    /// Deletes everything in a store.
    pub(super) fn clear(&self, store: &str) -> Result<(), TxnError> {
        self.store(store)?.clear()?;
        Ok(())
    }

    /// Waits until everything is on disk.
    pub(super) async fn finish(self) -> Result<(), TxnError> {
        match JsFuture::from(self.done).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.inner.error().map_or(TxnError::Other, |error: DomException| TxnError::of(&error))),
        }
    }

    /// Undoes everything.
    pub(super) fn abort(&self) {
        self.inner.set_onabort(None);
        let _ = self.inner.abort();
    }

    fn store(&self, name: &str) -> Result<IdbObjectStore, TxnError> {
        Ok(self.inner.object_store(name)?)
    }
}

/// Waits for a request.
pub(super) async fn request(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let answered = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(resolve.unchecked_ref()));
        request.set_onerror(Some(reject.unchecked_ref()));
    });
    match JsFuture::from(answered).await {
        Ok(_) => request.result(),
        Err(_) => Err(request.error().ok().flatten().map_or(JsValue::UNDEFINED, Into::into)),
    }
}
