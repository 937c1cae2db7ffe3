//! The sealed store in a real browser's IndexedDB.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "web/js.rs"]
mod web;

use js_sys::Array;
use js_sys::Function;
use js_sys::Reflect;
use js_sys::Uint8Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;
use wasm_bindgen_test::wasm_bindgen_test_configure;
use zwiebel::platform::idb::OpenError;
use zwiebel::platform::idb::Store;
use zwiebel_engine::batch::Batch;
use zwiebel_engine::batch::BatchId;
use zwiebel_engine::batch::Op;
use zwiebel_engine::batch::Row;
use zwiebel_engine::batch::Table;
use zwiebel_engine::input::CommitFailure;

use crate::web::await_js;
use crate::web::js;

wasm_bindgen_test_configure!(run_in_browser);

fn row(table: Table, key: &str, value: &str) -> Row {
    Row { table, key: key.as_bytes().to_vec(), value: value.as_bytes().to_vec().into() }
}

fn put(table: Table, key: &str, value: &str) -> Op {
    Op::Put(row(table, key, value))
}

fn delete(table: Table, key: &str) -> Op {
    Op::Delete { table, key: key.as_bytes().to_vec() }
}

fn batch(ops: Vec<Op>) -> Batch {
    Batch { id: BatchId(1), ops }
}

async fn rows(name: &str) -> Vec<Row> {
    let (store, mut rows) = Store::open(name).await.unwrap();
    store.close();
    rows.sort_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
    rows
}

/// Everything the database holds, as one byte string: stored keys and values of every store.
async fn raw(name: &str) -> Vec<u8> {
    let dump = await_js(&format!(
        "new Promise((done, failed) => {{
            const opening = indexedDB.open('{name}');
            opening.onerror = failed;
            opening.onsuccess = async () => {{
                const db = opening.result, parts = [];
                for (const store of db.objectStoreNames) {{
                    const of = (request) => new Promise((ok, no) => {{ request.onsuccess = () => ok(request.result); request.onerror = no; }});
                    const objects = db.transaction(store).objectStore(store);
                    for (const item of [...await of(objects.getAllKeys()), ...await of(objects.getAll())]) {{
                        if (item instanceof Uint8Array || item instanceof ArrayBuffer) parts.push(new Uint8Array(item));
                        else if (item?.sealed) parts.push(item.iv, item.sealed);
                        else parts.push(new TextEncoder().encode(String(item)));
                    }}
                }}
                db.close();
                done(parts);
            }};
        }})"
    ))
    .await;
    dump.unchecked_into::<Array>().iter().flat_map(|part| part.unchecked_into::<Uint8Array>().to_vec()).collect()
}

/// Runs a piece of JavaScript on one object store in a write transaction.
async fn meddle(name: &str, store: &str, script: &str) {
    await_js(&format!(
        "new Promise((done, failed) => {{
            const opening = indexedDB.open('{name}');
            opening.onsuccess = () => {{
                const db = opening.result, txn = db.transaction('{store}', 'readwrite'), store = txn.objectStore('{store}');
                {script};
                txn.oncomplete = () => {{ db.close(); done(); }};
                txn.onabort = failed;
            }};
        }})"
    ))
    .await;
}

#[wasm_bindgen_test]
async fn a_new_store_is_empty() {
    assert!(rows("t-new").await.is_empty());
    assert!(rows("t-new").await.is_empty());
}

#[wasm_bindgen_test]
async fn what_was_committed_is_there_after_reopening() {
    let (store, _) = Store::open("t-round").await.unwrap();
    store.commit(&batch(vec![put(Table::Meta, "account", "seed"), put(Table::Message, "m1", "hello")])).await.unwrap();
    store.commit(&batch(vec![put(Table::Message, "m1", "hello again"), put(Table::Message, "m2", "")])).await.unwrap();
    store.commit(&batch(vec![delete(Table::Meta, "account"), delete(Table::Meta, "never there")])).await.unwrap();
    store.close();
    assert!(rows("t-round").await == vec![row(Table::Message, "m1", "hello again"), row(Table::Message, "m2", "")]);
}

#[wasm_bindgen_test]
async fn the_same_key_in_two_tables_is_two_rows() {
    let (store, _) = Store::open("t-tables").await.unwrap();
    let ops = Table::ALL.into_iter().map(|table| put(table, "k", table.name())).collect();
    store.commit(&batch(ops)).await.unwrap();
    store.close();
    let found = rows("t-tables").await;
    assert_eq!(found.len(), Table::ALL.len());
    assert!(found.iter().all(|row| row.value.as_slice() == row.table.name().as_bytes()));
}

#[wasm_bindgen_test]
async fn the_database_shows_neither_keys_nor_values() {
    const ID: &str = "05b236f632b932488c399915928a55afa094d813d0df708364562ba588d6098d27";
    const TEXT: &str = "meet me at the usual place";
    let (store, _) = Store::open("t-sealed").await.unwrap();
    store.commit(&batch(vec![put(Table::Contact, ID, TEXT), put(Table::Message, ID, TEXT)])).await.unwrap();
    store.close();
    let raw = raw("t-sealed").await;
    assert!(raw.len() > 2 * (ID.len() + TEXT.len()), "the dump holds the rows");
    for needle in [ID.as_bytes(), &ID.as_bytes()[2..18], TEXT.as_bytes(), b"usual"] {
        assert!(!raw.windows(needle.len()).any(|window| window == needle));
    }
    assert_eq!(rows("t-sealed").await.len(), 2);
}

#[wasm_bindgen_test]
async fn a_batch_is_all_or_nothing() {
    let (store, _) = Store::open("t-atomic").await.unwrap();
    store.commit(&batch(vec![put(Table::Meta, "a", "1")])).await.unwrap();
    let stub = Stub::put_fails_after(1, "QuotaExceededError");
    let failed = store.commit(&batch(vec![put(Table::Meta, "a", "2"), put(Table::Message, "b", "2")])).await;
    drop(stub);
    assert_eq!(failed, Err(CommitFailure::QuotaExceeded));
    // The store goes on once there is room again.
    store.commit(&batch(vec![put(Table::Meta, "c", "3")])).await.unwrap();
    store.close();
    assert!(rows("t-atomic").await == vec![row(Table::Meta, "a", "1"), row(Table::Meta, "c", "3")]);
}

#[wasm_bindgen_test]
async fn a_full_disk_found_only_at_the_end_is_a_quota_failure_too() {
    let (store, _) = Store::open("t-quota").await.unwrap();
    let stub = Stub::abort_with("QuotaExceededError");
    let failed = store.commit(&batch(vec![put(Table::Meta, "a", "1")])).await;
    drop(stub);
    assert_eq!(failed, Err(CommitFailure::QuotaExceeded));
    let stub = Stub::abort_with("UnknownError");
    let failed = store.commit(&batch(vec![put(Table::Meta, "a", "1")])).await;
    drop(stub);
    assert_eq!(failed, Err(CommitFailure::Other));
    store.close();
    assert!(rows("t-quota").await.is_empty());
}

#[wasm_bindgen_test]
async fn a_robbed_owner_writes_nothing_more() {
    let (first, _) = Store::open("t-robbed").await.unwrap();
    first.commit(&batch(vec![put(Table::Meta, "a", "first")])).await.unwrap();
    let (second, rows_of_second) = Store::open("t-robbed").await.unwrap();
    assert_eq!(rows_of_second.len(), 1);
    assert_eq!(first.commit(&batch(vec![put(Table::Meta, "a", "late")])).await, Err(CommitFailure::Superseded));
    assert_eq!(first.commit(&batch(vec![Op::Clear])).await, Err(CommitFailure::Superseded));
    second.commit(&batch(vec![put(Table::Meta, "b", "second")])).await.unwrap();
    first.close();
    second.close();
    assert!(rows("t-robbed").await == vec![row(Table::Meta, "a", "first"), row(Table::Meta, "b", "second")]);
}

#[wasm_bindgen_test]
async fn clearing_forgets_the_rows_and_the_key() {
    let (store, _) = Store::open("t-clear").await.unwrap();
    store.commit(&batch(vec![put(Table::Meta, "a", "1"), put(Table::Message, "b", "2")])).await.unwrap();
    let before = raw("t-clear").await;
    store.commit(&batch(vec![Op::Clear])).await.unwrap();
    store.commit(&batch(vec![put(Table::Meta, "a", "new")])).await.unwrap();
    store.close();
    let after = raw("t-clear").await;
    // The wrapped key is another one, and so is the name the same row is stored under.
    assert!(!before.windows(24).any(|old| after.windows(24).any(|new| new == old)));
    assert!(rows("t-clear").await == vec![row(Table::Meta, "a", "new")]);
}

#[wasm_bindgen_test]
async fn a_damaged_row_stops_the_start_and_is_kept() {
    let (store, _) = Store::open("t-damaged").await.unwrap();
    store.commit(&batch(vec![put(Table::Outbox, "a", "1"), put(Table::Meta, "b", "2")])).await.unwrap();
    store.close();
    meddle(
        "t-damaged",
        "outbox",
        "store.getAllKeys().onsuccess = ({ target }) => {
            store.get(target.result[0]).onsuccess = (got) => {
                const value = got.target.result; value[value.length - 1] ^= 1; store.put(value, target.result[0]);
            };
        }",
    )
    .await;
    assert_eq!(Store::open("t-damaged").await.err(), Some(OpenError::Damaged(Table::Outbox)));
    assert_eq!(Store::open("t-damaged").await.err(), Some(OpenError::Damaged(Table::Outbox)), "still there");
}

#[wasm_bindgen_test]
async fn a_row_moved_to_another_key_does_not_open() {
    let (store, _) = Store::open("t-moved").await.unwrap();
    store.commit(&batch(vec![put(Table::Contact, "a", "1"), put(Table::Contact, "b", "2")])).await.unwrap();
    store.close();
    meddle(
        "t-moved",
        "contact",
        "store.getAllKeys().onsuccess = ({ target: { result: [a, b] } }) => {
            store.get(a).onsuccess = ({ target }) => { store.put(target.result, b); };
        }",
    )
    .await;
    assert_eq!(Store::open("t-moved").await.err(), Some(OpenError::Damaged(Table::Contact)));
}

#[wasm_bindgen_test]
async fn rows_without_their_key_stop_the_start() {
    let (store, _) = Store::open("t-keyless").await.unwrap();
    store.commit(&batch(vec![put(Table::Meta, "a", "1")])).await.unwrap();
    store.close();
    meddle("t-keyless", "control", "store.delete('key')").await;
    assert_eq!(Store::open("t-keyless").await.err(), Some(OpenError::Key));
    meddle("t-keyless", "control", "store.put({ kind: 'something new' }, 'key')").await;
    assert_eq!(Store::open("t-keyless").await.err(), Some(OpenError::Key));
}

#[wasm_bindgen_test]
async fn the_wrapping_key_cannot_be_exported() {
    let (store, _) = Store::open("t-export").await.unwrap();
    store.close();
    let exported = await_js(
        "new Promise((done) => {
            const opening = indexedDB.open('t-export');
            opening.onsuccess = () => {
                const db = opening.result;
                db.transaction('control').objectStore('control').get('key').onsuccess = ({ target }) => {
                    db.close();
                    crypto.subtle.exportKey('raw', target.result.wrapping).then(() => done(true), () => done(false));
                };
            };
        })",
    )
    .await;
    assert_eq!(exported.as_bool(), Some(false));
}

#[wasm_bindgen_test]
async fn a_newer_store_opens_only_if_it_says_it_is_compatible() {
    let (store, _) = Store::open("t-version").await.unwrap();
    store.commit(&batch(vec![put(Table::Meta, "a", "1")])).await.unwrap();
    store.close();
    let raise = |version: u32| {
        format!(
            "new Promise((done, failed) => {{
                const opening = indexedDB.open('t-version', {version});
                opening.onupgradeneeded = () => opening.result.createObjectStore('added{version}');
                opening.onsuccess = () => {{ opening.result.close(); done(); }};
                opening.onerror = failed;
            }})"
        )
    };
    await_js(&raise(150)).await;
    assert_eq!(rows("t-version").await.len(), 1, "an addition can be ignored");
    await_js(&raise(200)).await;
    assert_eq!(Store::open("t-version").await.err(), Some(OpenError::TooNew));
}

#[wasm_bindgen_test]
async fn an_open_store_makes_way_for_a_newer_version() {
    let (store, _) = Store::open("t-way").await.unwrap();
    await_js(
        "new Promise((done, failed) => {
            const opening = indexedDB.open('t-way', 150);
            opening.onsuccess = () => { opening.result.close(); done(); };
            opening.onblocked = failed;
        })",
    )
    .await;
    assert_eq!(store.commit(&batch(vec![put(Table::Meta, "a", "1")])).await, Err(CommitFailure::Other));
}

/// Replaces `IDBObjectStore.prototype.put` until dropped.
struct Stub {
    real: JsValue,
}

impl Stub {
    /// The first `calls` puts work, the next throw.
    fn put_fails_after(calls: u32, error: &str) -> Self {
        Self::install(&format!(
            "(real) => {{ let left = {calls}; return function (...args) {{
                if (left-- <= 0) throw new DOMException('stub', '{error}');
                return real.apply(this, args);
            }}; }}"
        ))
    }

    /// Every put is taken, and the transaction then aborts with `error`.
    fn abort_with(error: &str) -> Self {
        Self::install(&format!(
            "(real) => function (...args) {{
                const request = real.apply(this, args), txn = this.transaction;
                Object.defineProperty(txn, 'error', {{ configurable: true, get: () => new DOMException('stub', '{error}') }});
                request.onsuccess = () => {{ try {{ txn.abort(); }} catch {{}} }};
                return request;
            }}"
        ))
    }

    fn install(wrap: &str) -> Self {
        let prototype = js("IDBObjectStore.prototype");
        let real = Reflect::get(&prototype, &"put".into()).unwrap();
        let wrapped = js(wrap).unchecked_into::<Function>().call1(&JsValue::UNDEFINED, &real).unwrap();
        Reflect::set(&prototype, &"put".into(), &wrapped).unwrap();
        Self { real }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let _ = Reflect::set(&js("IDBObjectStore.prototype"), &"put".into(), &self.real);
    }
}
