//! Kills nodes with -9 at random moments under load: `cargo run --profile native -p zwiebel-node --example kill_soak -- ROUNDS [PROGRAM]`.
//!
//! Five `zwiebel node` processes form one swarm. While clients store without pause, one or two nodes are killed, their databases
//! checked, and started again. In the end every member must hold every message that was acknowledged. Prints one line of JSON;
//! ends with an error if anything was lost or damaged. PROGRAM is `zwiebel` beside the folder of this example unless given.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a tool")]
#![allow(dead_code, reason = "tests use all but the main function")]

use std::collections::BTreeSet;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
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
use zwiebel_node::config::SeedConfig;
use zwiebel_node::encoding::base64;
use zwiebel_node::operator::Operator;
use zwiebel_node::service;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;

const NODES: usize = 5;
const WORKERS: usize = 4;
const DATA: usize = 700;

/// What a run found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) rounds: usize,
    pub(crate) kills: usize,
    pub(crate) acknowledged: usize,
    /// Acknowledged, and missing at a member in the end.
    pub(crate) lost: usize,
    /// Databases that did not pass their check.
    pub(crate) corrupt: usize,
    /// Largest memory of a node in the end, KiB.
    pub(crate) rss_kib: u64,
}

struct Process {
    child: Child,
    folder: PathBuf,
    address: String,
    key: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[derive(Clone)]
struct Settings {
    program: PathBuf,
    operator: String,
    seed: String,
}

impl Settings {
    fn start(&self, folder: &Path, listen: &str) -> Process {
        let mut child = Command::new(&self.program)
            .args(["node", "--operator", &self.operator, "--seed", &self.seed, "--refresh-seconds", "1"])
            .args(["--listen", listen, "--data"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let out = child.stdout.take().unwrap();
        let mut process = Process { child, folder: folder.to_owned(), address: String::new(), key: String::new() };
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("node", key)) => process.key = key.to_owned(),
                Some(("address", address)) => process.address = address.to_owned(),
                _ if line == "ready" => break,
                _ => {}
            }
        }
        assert!(!process.address.is_empty(), "a node ended at its start");
        process
    }
}

/// Clients that store without pause.
struct Load {
    addresses: Vec<String>,
    acknowledged: Mutex<BTreeSet<String>>,
    count: AtomicU64,
    stop: AtomicBool,
}

impl Load {
    async fn work(self: Arc<Self>, http: reqwest::Client) {
        let account = Account::from_seed16([1; 16]).id().to_string();
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

fn rss_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// An operator, a seed in this process, and nodes as processes that know each other.
async fn network(program: &Path, folder: &Path) -> (Settings, Vec<Process>) {
    let now = Clock::system().now();
    let mut operator = Operator::create(&folder.join("operator"), "soak", now).unwrap();
    let key = hex::encode(operator.public_key().0);
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    let config = SeedConfig {
        operator: Some(key.clone()),
        data: Some(folder.join("seed")),
        listen: Some(([127, 0, 0, 1], 0).into()),
        ..SeedConfig::default()
    };
    let seed = service::run_seed(config, move |line| drop(say.send(line.to_owned())), std::future::pending());
    tokio::spawn(async move { seed.await.map_err(|error| error.to_string()) });
    let seed = loop {
        if let Some(seed) = said.recv().await.expect("a seed").strip_prefix("seed ") {
            break seed.to_owned();
        }
    };
    let settings = Settings { program: program.to_owned(), operator: key, seed };
    let nodes: Vec<Process> =
        (0..NODES).map(|n| settings.start(&folder.join(format!("node-{n}")), "127.0.0.1:0")).collect();
    let keys: Vec<String> = nodes.iter().map(|node| node.key.clone()).collect();
    operator.approve(&keys, now).unwrap();
    let http = tls::client().unwrap();
    let body = serde_json::to_vec(operator.signed().unwrap()).unwrap();
    let told = http.post(format!("{}/zw/v1/roster", settings.seed)).body(body).send().await.unwrap();
    assert_eq!(told.status(), 200);
    (settings, nodes)
}

/// Kills so many times.
pub(crate) async fn run(program: &Path, rounds: usize) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let (settings, mut nodes) = network(program, folder.path()).await;
    let load = Arc::new(Load {
        addresses: nodes.iter().map(|node| node.address.clone()).collect(),
        acknowledged: Mutex::default(),
        count: AtomicU64::default(),
        stop: AtomicBool::default(),
    });
    let http = tls::client().unwrap();
    let workers: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(Arc::clone(&load).work(http.clone()))).collect();
    while load.acknowledged.lock().unwrap().len() < 20 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (mut kills, mut corrupt) = (0, 0);
    for _ in 0..rounds {
        let pause = rand::rng().random_range(10..400);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let count = rand::rng().random_range(1..=2);
        let mut order: Vec<usize> = (0..NODES).collect();
        order.shuffle(&mut rand::rng());
        for at in &order[..count] {
            nodes[*at].child.kill().unwrap();
            nodes[*at].child.wait().unwrap();
            kills += 1;
        }
        for at in &order[..count] {
            let (folder, address) = (nodes[*at].folder.clone(), nodes[*at].address.clone());
            corrupt += usize::from(!is_whole(&folder, "quick_check"));
            let settings = settings.clone();
            nodes[*at] = tokio::task::spawn_blocking(move || settings.start(&folder, &address)).await.unwrap();
        }
    }
    load.stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.await.unwrap();
    }
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let lost = until_equal(&nodes, &acknowledged).await;
    let rss_kib = nodes.iter().map(rss_kib).max().unwrap_or_default();
    let folders: Vec<PathBuf> = nodes.iter().map(|node| node.folder.clone()).collect();
    drop(nodes);
    corrupt += folders.iter().filter(|folder| !is_whole(folder, "integrity_check")).count();
    Outcome { rounds, kills, acknowledged: acknowledged.len(), lost, corrupt, rss_kib }
}

/// Waits until all have all; how many are still missing somewhere.
async fn until_equal(nodes: &[Process], acknowledged: &BTreeSet<String>) -> usize {
    let start = Instant::now();
    loop {
        let missing = nodes.iter().map(|node| acknowledged.difference(&hashes(&node.folder)).count()).max();
        match missing.unwrap_or_default() {
            0 => return 0,
            missing if start.elapsed() > Duration::from_secs(120) => return missing,
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
            "lost": outcome.lost, "corrupt": outcome.corrupt, "rss_kib": outcome.rss_kib,
        })
    );
    assert!(outcome.lost == 0 && outcome.corrupt == 0, "messages were lost or a database was damaged");
}
