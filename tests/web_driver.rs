//! The driver with a scripted engine, the tab lock, and channels between tabs, in a real browser.

#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[path = "web/js.rs"]
mod web;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use futures_util::future::Either;
use futures_util::future::select;
use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;
use wasm_bindgen_test::wasm_bindgen_test_configure;
use zwiebel::driver::Brain;
use zwiebel::driver::Driver;
use zwiebel::driver::End;
use zwiebel::driver::Handle;
use zwiebel::platform::channel::Broadcast;
use zwiebel::platform::clock;
use zwiebel::platform::idb::Store;
use zwiebel::platform::spawn;
use zwiebel::platform::tab_lock::LockError;
use zwiebel::platform::tab_lock::Manner;
use zwiebel::platform::tab_lock::TabLock;
use zwiebel_engine::batch::Batch;
use zwiebel_engine::batch::BatchId;
use zwiebel_engine::batch::Op;
use zwiebel_engine::batch::Row;
use zwiebel_engine::batch::Table;
use zwiebel_engine::effect::Effect;
use zwiebel_engine::effect::HttpRequest;
use zwiebel_engine::effect::HttpTarget;
use zwiebel_engine::effect::Poll;
use zwiebel_engine::effect::RequestId;
use zwiebel_engine::input::HttpOutcome;
use zwiebel_engine::input::Input;
use zwiebel_engine::view::ViewEvent;

use crate::web::js;

wasm_bindgen_test_configure!(run_in_browser);

/// An engine that does what it is told: after each input it gives the next list of effects.
struct Script {
    answers: VecDeque<Vec<Effect>>,
    queue: VecDeque<Effect>,
    wake_at: Option<u64>,
    heard: Rc<RefCell<Vec<String>>>,
}

impl Script {
    fn new(answers: Vec<Vec<Effect>>) -> (Self, Rc<RefCell<Vec<String>>>) {
        let heard = Rc::new(RefCell::new(Vec::new()));
        (Self { answers: answers.into(), queue: VecDeque::new(), wake_at: None, heard: Rc::clone(&heard) }, heard)
    }
}

impl Brain for Script {
    fn handle(&mut self, input: Input, _now_ms: u64) {
        self.heard.borrow_mut().push(match input {
            Input::Http { id, outcome: HttpOutcome::Response { status, .. } } => format!("response {} {status}", id.0),
            Input::Http { id, outcome } => format!("{outcome:?} {}", id.0),
            other => format!("{other:?}"),
        });
        self.queue.extend(self.answers.pop_front().unwrap_or_default());
        self.wake_at = None;
    }

    fn poll(&mut self) -> Poll {
        self.queue.pop_front().map_or(Poll::Idle { wake_at: self.wake_at }, Poll::Effect)
    }
}

fn write(key: &str) -> Effect {
    let row = Row { table: Table::Meta, key: key.as_bytes().to_vec(), value: b"v".to_vec().into() };
    Effect::Commit(Batch { id: BatchId(7), ops: vec![Op::Put(row)] })
}

fn get(id: u64, timeout_ms: u32) -> Effect {
    Effect::Http(HttpRequest {
        id: RequestId(id),
        origin: None,
        target: HttpTarget::Nodes,
        body: Vec::new(),
        timeout_ms,
    })
}

/// Starts a driver over a fresh store; gives its handle, what it shows, and how it will end.
async fn start(name: &str, script: Script) -> (Handle, Rc<RefCell<usize>>, Rc<RefCell<Option<End>>>) {
    let (store, _) = Store::open(name).await.unwrap();
    let shown = Rc::new(RefCell::new(0));
    let ended = Rc::new(RefCell::new(None));
    let driver = Driver::new(script, Rc::new(store), {
        let shown = Rc::clone(&shown);
        move |_| *shown.borrow_mut() += 1
    });
    let handle = driver.handle();
    spawn({
        let ended = Rc::clone(&ended);
        async move {
            let end = driver.run().await;
            *ended.borrow_mut() = Some(end);
        }
    });
    (handle, shown, ended)
}

/// Waits until `done` holds, for at most three seconds.
async fn until(done: impl Fn() -> bool) {
    for _ in 0..150 {
        if done() {
            return;
        }
        clock::sleep(20).await;
    }
    panic!("waited in vain");
}

#[wasm_bindgen_test]
async fn effects_are_carried_out_in_order_and_their_outcomes_come_back() {
    let show = || Effect::Emit(ViewEvent::Problem(None));
    let (script, heard) = Script::new(vec![vec![show(), write("a")], vec![show(), get(1, 5_000)], vec![]]);
    let (handle, shown, _) = start("d-order", script).await;
    handle.input(Input::Visible(true));
    until(|| heard.borrow().len() == 3).await;
    assert_eq!(*heard.borrow(), ["Visible(true)", "Committed(BatchId(7))", "response 1 404"]);
    assert_eq!(*shown.borrow(), 2);
}

#[wasm_bindgen_test]
async fn silence_is_a_timeout_and_a_cancelled_request_has_no_outcome() {
    let silent = js("(real) => { globalThis.fetch = () => new Promise(() => {}); return real; }");
    let real = js("globalThis.fetch");
    let _ = js_sys::Function::from(silent).call1(&JsValue::UNDEFINED, &real);
    let cancel = Effect::CancelHttp(RequestId(2));
    let (script, heard) = Script::new(vec![vec![get(1, 60), get(2, 30)], vec![], vec![]]);
    let (handle, ..) = start("d-timeout", Script { queue: VecDeque::new(), ..script }).await;
    handle.input(Input::Visible(true));
    until(|| heard.borrow().len() == 3).await;
    assert_eq!(*heard.borrow(), ["Visible(true)", "TimedOut 2", "TimedOut 1"]);

    let (script, heard) = Script::new(vec![vec![get(2, 30), cancel, get(3, 60)]]);
    let (handle, ..) = start("d-cancel", script).await;
    handle.input(Input::Visible(true));
    until(|| heard.borrow().len() == 2).await;
    assert_eq!(*heard.borrow(), ["Visible(true)", "TimedOut 3"]);
    Reflect::set(&js_sys::global(), &"fetch".into(), &real).unwrap();
}

#[wasm_bindgen_test]
async fn the_engine_is_woken_when_it_asked_to_be() {
    let (mut script, heard) = Script::new(vec![]);
    let from = clock::now_ms();
    script.wake_at = Some(from + 80);
    let (_handle, ..) = start("d-tick", script).await;
    until(|| !heard.borrow().is_empty()).await;
    assert_eq!(*heard.borrow(), ["Tick"]);
    assert!(clock::now_ms() + 5 >= from + 80);
}

#[wasm_bindgen_test]
async fn stopping_waits_for_the_commit_under_way() {
    let (script, heard) = Script::new(vec![vec![write("late")]]);
    let (handle, _, ended) = start("d-stop", script).await;
    handle.input(Input::Visible(true));
    handle.stop();
    handle.input(Input::Visible(false));
    until(|| ended.borrow().is_some()).await;
    assert_eq!(*ended.borrow(), Some(End::Stopped));
    assert_eq!(*heard.borrow(), ["Visible(true)"], "nothing is handed to a stopping engine");
    let (_store, rows) = Store::open("d-stop").await.unwrap();
    assert_eq!(rows.len(), 1);
}

#[wasm_bindgen_test]
async fn a_superseded_engine_stops() {
    let (script, _) = Script::new(vec![vec![write("a")]]);
    let (handle, _, ended) = start("d-super", script).await;
    let (_robber, _) = Store::open("d-super").await.unwrap();
    handle.input(Input::Visible(true));
    until(|| ended.borrow().is_some()).await;
    assert_eq!(*ended.borrow(), Some(End::Superseded));
}

#[wasm_bindgen_test]
async fn a_held_lock_is_busy_until_it_is_dropped() {
    let held = TabLock::request("l-busy", Manner::IfFree).await.unwrap();
    assert_eq!(TabLock::request("l-busy", Manner::IfFree).await.err(), Some(LockError::Busy));
    drop(held);
    clock::sleep(50).await;
    assert!(TabLock::request("l-busy", Manner::IfFree).await.is_ok());
}

#[wasm_bindgen_test]
async fn waiting_gets_the_lock_when_the_owner_is_gone() {
    let held = TabLock::request("l-wait", Manner::IfFree).await.unwrap();
    spawn(async move {
        clock::sleep(80).await;
        drop(held);
    });
    assert!(TabLock::request("l-wait", Manner::Wait).await.is_ok());
}

#[wasm_bindgen_test]
async fn a_robbed_owner_is_told() {
    let mut held = TabLock::request("l-steal", Manner::IfFree).await.unwrap();
    let thief = TabLock::request("l-steal", Manner::Steal).await.unwrap();
    held.lost().await;
    drop(held);
    assert_eq!(TabLock::request("l-steal", Manner::IfFree).await.err(), Some(LockError::Busy));
    drop(thief);
}

#[wasm_bindgen_test]
async fn who_stops_waiting_leaves_the_queue() {
    let held = TabLock::request("l-queue", Manner::IfFree).await.unwrap();
    {
        let waiting = std::pin::pin!(TabLock::request("l-queue", Manner::Wait));
        assert!(matches!(select(waiting, std::pin::pin!(clock::sleep(50))).await, Either::Right(_)));
    }
    clock::sleep(50).await;
    drop(held);
    clock::sleep(50).await;
    assert!(TabLock::request("l-queue", Manner::IfFree).await.is_ok(), "nobody is left in the queue");
}

#[wasm_bindgen_test]
async fn a_lock_granted_to_nobody_is_given_back() {
    let held = TabLock::request("l-unseen", Manner::IfFree).await.unwrap();
    {
        // Asked for, then left alone while the lock becomes free: the answer is there but nobody looked at it.
        let waiting = std::pin::pin!(TabLock::request("l-unseen", Manner::Wait));
        let Either::Right((_, waiting)) = select(waiting, std::pin::pin!(clock::sleep(20))).await else {
            panic!("the lock is held");
        };
        drop(held);
        clock::sleep(80).await;
        let _unseen = waiting;
    }
    clock::sleep(50).await;
    assert!(TabLock::request("l-unseen", Manner::IfFree).await.is_ok());
}

#[wasm_bindgen_test]
async fn tabs_hear_each_other_but_not_themselves() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let listen = |who: &'static str| {
        let heard = Rc::clone(&heard);
        Broadcast::join("b-words", move |word| heard.borrow_mut().push(format!("{who} {word}"))).unwrap()
    };
    let one = listen("one");
    let _two = listen("two");
    one.say("let go");
    until(|| !heard.borrow().is_empty()).await;
    assert_eq!(*heard.borrow(), ["two let go"]);
}
