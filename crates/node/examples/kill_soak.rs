//! Kills nodes with -9 at random moments under load: `cargo run --profile native -p zwiebel-node --example kill_soak -- ROUNDS [PROGRAM]`.
//!
//! Five `zwiebel node` processes form one swarm. While clients store without pause, one or two nodes are killed, their databases
//! checked, and started again. After every [`CHAPTER`] every member must hold every message that was acknowledged; then all are
//! deleted, and none may come back. Prints one line of JSON; ends with an error if anything was lost, came back or was damaged. PROGRAM is `zwiebel` beside the folder of this example unless given.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a tool")]
#![allow(dead_code, reason = "tests use all but the main function")]

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rand::RngExt;
use rand::seq::SliceRandom;
use rusqlite::Connection;
use serde_json::Value;
use serde_json::json;
use zwiebel_node::clock::Clock;
use zwiebel_node::encoding::base64;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;
use zwiebel_proto::storage_rpc::Scope;
use zwiebel_proto::storage_rpc::delete_all;

use self::processes::NODES;
use self::processes::Process;
use self::processes::Settings;
use self::processes::network;
use self::processes::rss_kib;

#[path = "network/processes.rs"]
mod processes;

/// Clients, each with an account of its own.
const WORKERS: u8 = 4;
/// Rounds between two looks at everything.
const CHAPTER: usize = 50;
const DATA: usize = 700;

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) rounds: usize,
    pub(crate) kills: usize,
    pub(crate) acknowledged: usize,
    /// Acknowledged, and missing at a member in the end.
    pub(crate) lost: usize,
    /// Deleted, and at a member in the end.
    pub(crate) back: usize,
    /// Databases that did not pass their check.
    pub(crate) corrupt: usize,
    /// Largest memory of a node in the end, KiB.
    pub(crate) rss_kib: u64,
}

/// Clients that store without pause.
struct Load {
    addresses: Vec<String>,
    acknowledged: Mutex<BTreeSet<String>>,
    count: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    async fn work(self: Arc<Self>, worker: u8, http: reqwest::Client) {
        let account = account(worker).id().to_string();
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.count.fetch_add(1, Ordering::Relaxed);
            let mut data = number.to_le_bytes().to_vec();
            data.resize(DATA, 7);
            let params = json!({
                "pubkey": account, "timestamp": Clock::system().now(), "ttl": 86_400_000, "data": base64(&data),
            });
            let at = rand::rng().random_range(0..self.addresses.len());
            let url = format!("https://{}/storage_rpc/v1", self.addresses[at]);
            let body = json!({ "method": "store", "params": params }).to_string();
            let sent = http.post(url).body(body).timeout(Duration::from_secs(5)).send().await;
            let Ok(answer) = sent else { continue };
            let (status, body) = (answer.status(), answer.bytes().await.unwrap_or_default());
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let confirmed = body["swarm"]
                .as_object()
                .is_some_and(|members| members.values().any(|member| member["signature"].is_string()));
            if let (true, true, Some(hash)) = (status == 200, confirmed, body["hash"].as_str()) {
                self.acknowledged.lock().unwrap().insert(hash.to_owned());
            }
        }
    }
}

fn account(worker: u8) -> Account {
    Account::from_seed16([worker; 16])
}

/// Whether the database is whole. Nobody has it open.
fn is_whole(folder: &Path, how: &str) -> bool {
    let Ok(database) = Connection::open(folder.join("messages.sqlite")) else { return false };
    database.query_row(&format!("PRAGMA {how}"), [], |row| row.get::<_, String>(0)).is_ok_and(|said| said == "ok")
}

fn hashes(folder: &Path) -> BTreeSet<String> {
    let database = Connection::open(folder.join("messages.sqlite")).unwrap();
    let mut statement = database.prepare("SELECT hash FROM messages").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Kills so many times.
pub(crate) async fn run(program: &Path, rounds: usize) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let (settings, mut nodes) = network(program, folder.path()).await;
    let mut outcome = Outcome { rounds, kills: 0, acknowledged: 0, lost: 0, back: 0, corrupt: 0, rss_kib: 0 };
    let http = tls::client().unwrap();
    let mut left = rounds;
    while left > 0 {
        let load = Arc::new(Load {
            addresses: nodes.iter().map(|node| node.address.clone()).collect(),
            acknowledged: Mutex::default(),
            count: AtomicU64::default(),
            stop: AtomicBool::default(),
        });
        let workers: Vec<_> = (0..WORKERS).map(|n| tokio::spawn(Arc::clone(&load).work(n, http.clone()))).collect();
        while load.acknowledged.lock().unwrap().len() < 20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for _ in 0..left.min(CHAPTER) {
            round(&settings, &mut nodes, &mut outcome).await;
        }
        left = left.saturating_sub(CHAPTER);
        load.stop.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.await.unwrap();
        }
        let acknowledged = load.acknowledged.lock().unwrap().clone();
        outcome.acknowledged += acknowledged.len();
        outcome.lost += until(&nodes, |held| acknowledged.difference(held).count()).await;
        forget(&http, &nodes).await;
        outcome.back += until(&nodes, BTreeSet::len).await;
        eprintln!("{left} rounds to go: {outcome:?}");
    }
    outcome.rss_kib = nodes.iter().map(rss_kib).max().unwrap_or_default();
    let folders: Vec<PathBuf> = nodes.iter().map(|node| node.folder.clone()).collect();
    drop(nodes);
    outcome.corrupt += folders.iter().filter(|folder| !is_whole(folder, "integrity_check")).count();
    outcome
}

/// Kills one or two nodes, looks at what they left, and starts them again.
async fn round(settings: &Settings, nodes: &mut [Process], outcome: &mut Outcome) {
    let pause = rand::rng().random_range(10..400);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    let count = rand::rng().random_range(1..=2);
    let mut order: Vec<usize> = (0..NODES).collect();
    order.shuffle(&mut rand::rng());
    for at in &order[..count] {
        nodes[*at].child.kill().unwrap();
        nodes[*at].child.wait().unwrap();
        outcome.kills += 1;
    }
    for at in &order[..count] {
        let (folder, address) = (nodes[*at].folder.clone(), nodes[*at].address.clone());
        outcome.corrupt += usize::from(!is_whole(&folder, "quick_check"));
        let settings = settings.clone();
        nodes[*at] = tokio::task::spawn_blocking(move || settings.start(&folder, &address)).await.unwrap();
    }
}

/// Deletes everything, at every member in turn: one that has just started may not know its swarm yet.
async fn forget(http: &reqwest::Client, nodes: &[Process]) {
    for (worker, node) in (0..WORKERS).flat_map(|worker| nodes.iter().map(move |node| (worker, node))) {
        let now = u64::try_from(Clock::system().now()).unwrap();
        let request = delete_all(&account(worker), Scope::All, now).to_string();
        let url = format!("https://{}/storage_rpc/v1", node.address);
        let answer = http.post(url).body(request).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    }
}

/// Waits until nothing of this kind is wrong with what any node holds; how much still is.
async fn until(nodes: &[Process], wrong: impl Fn(&BTreeSet<String>) -> usize) -> usize {
    let start = Instant::now();
    loop {
        match nodes.iter().map(|node| wrong(&hashes(&node.folder))).max().unwrap_or_default() {
            0 => return 0,
            wrong if start.elapsed() > Duration::from_secs(120) => return wrong,
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).expect("usage: kill_soak ROUNDS [PROGRAM]");
    let beside = || std::env::current_exe().ok()?.parent()?.parent().map(|folder| folder.join("zwiebel"));
    let program = arguments.next().map(PathBuf::from).or_else(beside).expect("the program");
    let outcome = run(&program, rounds).await;
    println!(
        "{}",
        json!({
            "rounds": outcome.rounds, "kills": outcome.kills, "acknowledged": outcome.acknowledged,
            "lost": outcome.lost, "back": outcome.back, "corrupt": outcome.corrupt, "rss_kib": outcome.rss_kib,
        })
    );
    let wrong = outcome.lost + outcome.back + outcome.corrupt;
    assert!(wrong == 0, "messages were lost or came back, or a database was damaged");
}
