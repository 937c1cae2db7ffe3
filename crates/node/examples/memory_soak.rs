//! Whether nodes keep their size: `cargo run --profile native -p zwiebel-node --example memory_soak -- MINUTES [CSV] [PROGRAM]`.
//!
//! Five `zwiebel node` processes hold some thousand messages, so that their caches fill at once, and work for so long at an even,
//! light load of everything that clients do: messages that live a minute, reads, waiting reads, deletions, packets over three
//! hops, garbage. Their memory goes to the file, in KiB, one row every
//! half minute. Prints one line of JSON; ends with an error if, after the warm-up, a node grew faster than 1 MiB in an hour.
//! PROGRAM is `zwiebel` beside the folder of this example unless given.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a tool")]

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use rand::RngExt;
use rand::seq::SliceRandom;
use serde_json::Value;
use serde_json::json;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_node::clock::Clock;
use zwiebel_node::encoding::array_from_hex;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::build;
use zwiebel_proto::onion::node_payload;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::Scope;
use zwiebel_proto::storage_rpc::delete_all;
use zwiebel_proto::storage_rpc::info;
use zwiebel_proto::storage_rpc::retrieve;
use zwiebel_proto::storage_rpc::store;
use zwiebel_proto::storage_rpc::waiting;

use self::processes::Process;
use self::processes::network;
use self::processes::rss_kib;

#[path = "network/processes.rs"]
#[allow(dead_code, reason = "this run starts nobody again")]
mod processes;

/// Requests in a second, over all nodes.
const PER_SECOND: u32 = 25;
/// How long a message lives, so that databases keep their size as well.
const TTL_MS: u64 = 60_000;
/// Messages of the beginning: more than a node's page cache of 2 MiB holds.
const FILLED: u64 = 4_000;
const SAMPLE_EVERY: Duration = Duration::from_secs(30);
/// What the warm-up takes: this part of the run.
const WARM_UP: f64 = 1.0 / 6.0;
/// Shorter runs are too short to judge.
const JUDGED_FROM: Duration = Duration::from_secs(30 * 60);
const GROWTH_MIB_PER_HOUR: f64 = 1.0;

/// A client of all nodes.
struct Client {
    nodes: Vec<(String, Hop)>,
    http: reqwest::Client,
    answered: AtomicU64,
}

impl Client {
    fn new(nodes: &[Process]) -> Self {
        let hop = |node: &Process| {
            let ed25519 = Ed25519Public(array_from_hex(&node.key).unwrap());
            (node.address.clone(), Hop { ed25519, x25519: ed25519.to_x25519().unwrap() })
        };
        let nodes = nodes.iter().map(hop).collect();
        Self { nodes, http: tls::client().unwrap(), answered: AtomicU64::default() }
    }

    async fn post(&self, at: usize, path: &str, body: Vec<u8>) {
        let url = format!("https://{}/{path}", self.nodes[at].0);
        let Ok(answer) = self.http.post(url).body(body).timeout(Duration::from_secs(30)).send().await else { return };
        if answer.bytes().await.is_ok() {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Stores what stays.
    async fn fill(&self) {
        for n in 0..FILLED {
            let account = Account::from_seed16([200 + u8::try_from(n % 50).unwrap(); 16]);
            let data = [n.to_le_bytes().as_slice(), &[7; 1000]].concat();
            let now = u64::try_from(Clock::system().now()).unwrap();
            let request = store(&account.id(), &data, 86_400_000, now, Namespace::MESSAGES);
            self.post(0, "storage_rpc/v1", request.to_string().into_bytes()).await;
        }
    }

    /// One of the things that clients do.
    async fn something(&self) {
        let (choice, at, who) = {
            let mut rng = rand::rng();
            (rng.random_range(0..20), rng.random_range(0..self.nodes.len()), rng.random_range(0..200))
        };
        let account = Account::from_seed16([who; 16]);
        let now = u64::try_from(Clock::system().now()).unwrap();
        let read = |account| retrieve(account, Namespace::MESSAGES, None, MaxSize::Default, now);
        let request: Value = match choice {
            0..8 => {
                let data: Vec<u8> = (0..700).map(|_| rand::rng().random()).collect();
                store(&account.id(), &data, TTL_MS, now, Namespace::MESSAGES)
            }
            8..12 => read(&account),
            12 => waiting(read(&account), 5_000),
            13 => delete_all(&account, Scope::All, now),
            14 => json!({ "method": "store", "params": { "pubkey": "05" } }),
            _ => return self.onion().await,
        };
        self.post(at, "storage_rpc/v1", request.to_string().into_bytes()).await;
    }

    async fn onion(&self) {
        let mut hops: Vec<(String, Hop)> = self.nodes.clone();
        hops.shuffle(&mut rand::rng());
        let path = [hops[0].1, hops[1].1, hops[2].1];
        let payload = node_payload(info().to_string().as_bytes());
        let destination = Destination::Node(hops[3].1);
        let (packet, _) = build(&path, &destination, &payload, Cipher::XChaCha20, &mut rand::rng()).unwrap();
        let guard = self.nodes.iter().position(|(address, _)| *address == hops[0].0).unwrap();
        self.post(guard, "onion_req/v2", packet).await;
    }

    /// An even load, for ever.
    async fn work(self: Arc<Self>) {
        let mut every = interval(Duration::from_secs(1) / PER_SECOND);
        every.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            every.tick().await;
            let client = Arc::clone(&self);
            tokio::spawn(async move { client.something().await });
        }
    }
}

/// The slope of the line through these points that is nearest to them (least squares).
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(points.len()).unwrap());
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let minutes: f64 = arguments.next().and_then(|minutes| minutes.parse().ok()).expect("usage: memory_soak MINUTES");
    let mut rows = arguments.next().map(|path| std::fs::File::create(path).expect("the file for the rows"));
    let beside = || std::env::current_exe().ok()?.parent()?.parent().map(|folder| folder.join("zwiebel"));
    let program = arguments.next().map(PathBuf::from).or_else(beside).expect("the program");
    let length = Duration::from_secs_f64(minutes * 60.0);

    let folder = tempfile::tempdir().unwrap();
    let (_, nodes) = network(&program, folder.path()).await;
    // Long enough to have met each other.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = nodes.iter().map(rss_kib).max().unwrap();
    let client = Arc::new(Client::new(&nodes));
    client.fill().await;
    let load = tokio::spawn(Arc::clone(&client).work());
    let start = Instant::now();
    let mut samples: Vec<(f64, Vec<u64>)> = Vec::new();
    let mut every = interval(SAMPLE_EVERY.min(length / 4));
    while start.elapsed() < length {
        every.tick().await;
        let sizes: Vec<u64> = nodes.iter().map(rss_kib).collect();
        assert!(sizes.iter().all(|size| *size > 0), "a node ended");
        if let Some(rows) = &mut rows {
            let row: Vec<String> = sizes.iter().map(u64::to_string).collect();
            writeln!(rows, "{},{}", start.elapsed().as_secs(), row.join(",")).unwrap();
        }
        samples.push((start.elapsed().as_secs_f64(), sizes));
    }
    load.abort();
    let warm: Vec<_> = samples.iter().filter(|(at, _)| *at >= length.as_secs_f64() * WARM_UP).collect();
    let growth = |node: usize| {
        let points: Vec<(f64, f64)> =
            warm.iter().map(|(at, sizes)| (*at, f64::from(u32::try_from(sizes[node]).unwrap()))).collect();
        slope(&points) * 3600.0 / 1024.0
    };
    let growth: Vec<f64> = (0..nodes.len()).map(|node| (growth(node) * 100.0).round() / 100.0).collect();
    let most = |at: usize| samples[at].1.iter().max().copied();
    println!(
        "{}",
        json!({
            "minutes": minutes, "answered": client.answered.load(Ordering::Relaxed), "idle_kib": idle,
            "warm_kib": warm.first().and_then(|(_, sizes)| sizes.iter().max()),
            "end_kib": most(samples.len() - 1), "growth_mib_per_hour": growth,
        })
    );
    let grew = growth.iter().any(|growth| *growth > GROWTH_MIB_PER_HOUR);
    assert!(length < JUDGED_FROM || !grew, "a node grows");
}
