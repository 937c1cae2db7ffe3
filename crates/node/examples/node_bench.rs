//! How fast a local network is: one line of JSON. `cargo run --release -p zwiebel-node --example node_bench`.
//!
//! `store`: straight to a node, copied to four others and confirmed by all. `onion`: `info` through three hops to a fourth node.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a tool")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use zwiebel_node::local::Network;
use zwiebel_node::local::Options;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::build;
use zwiebel_proto::onion::node_payload;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::info;
use zwiebel_proto::storage_rpc::store;

const WORKERS: usize = 16;
const PER_WORKER: usize = 40;

#[tokio::main]
async fn main() {
    let folder = tempfile::TempDir::new().unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let start = Instant::now();
    let network = Network::start(&Options {
        nodes: 10,
        listen: any,
        seed_listen: any,
        data: folder.path().to_owned(),
        app: folder.path().join("dist"),
        distinct_subnets: false,
    })
    .await
    .unwrap();
    let started = start.elapsed();
    let network = Arc::new(network);
    let http = tls::client().unwrap();

    let stores = {
        let (network, http) = (Arc::clone(&network), http.clone());
        measure(move |n| {
            let (network, http) = (Arc::clone(&network), http.clone());
            async move { one_store(&network, &http, n).await }
        })
        .await
    };
    let onions = {
        let network = Arc::clone(&network);
        measure(move |n| {
            let (network, http) = (Arc::clone(&network), http.clone());
            async move { one_onion(&network, &http, n).await }
        })
        .await
    };
    let (store_rate, store_p50, store_p95) = stores;
    let (onion_rate, onion_p50, onion_p95) = onions;
    println!(
        "{}",
        serde_json::json!({
            "start_ms": started.as_millis(), "store_per_s": store_rate, "store_p50_ms": store_p50,
            "store_p95_ms": store_p95, "onion_per_s": onion_rate, "onion_p50_ms": onion_p50, "onion_p95_ms": onion_p95,
        })
    );
}

/// Runs the work in parallel: per second, median and 95th percentile in ms.
async fn measure<F>(work: impl Fn(usize) -> F + Clone + Send + 'static) -> (u64, f64, f64)
where
    F: Future<Output = ()> + Send,
{
    let start = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        let work = work.clone();
        running.spawn(async move {
            let mut times = Vec::with_capacity(PER_WORKER);
            for n in 0..PER_WORKER {
                let start = Instant::now();
                work(worker * PER_WORKER + n).await;
                times.push(start.elapsed());
            }
            times
        });
    }
    let mut times: Vec<Duration> = running.join_all().await.concat();
    let rate = u64::try_from(times.len()).unwrap() * 1000 / u64::try_from(start.elapsed().as_millis()).unwrap().max(1);
    times.sort_unstable();
    let ms = |at: usize| (times[at * (times.len() - 1) / 100].as_secs_f64() * 10_000.0).round() / 10.0;
    (rate, ms(50), ms(95))
}

async fn one_store(network: &Network, http: &reqwest::Client, n: usize) {
    let account = Account::from_seed16([1; 16]);
    let id = zwiebel_node::account::Account::parse(&account.id().to_string()).unwrap();
    let list = network.registry.list();
    let entry = list.members(list.swarm_of(&id).unwrap()).next().unwrap();
    let now = u64::try_from(network.clock.now()).unwrap();
    let data = [n.to_le_bytes().as_slice(), &[7; 600]].concat();
    let body = store(&account.id(), &data, 86_400_000, now, Namespace::MESSAGES).to_string();
    let url = format!("https://{}:{}/storage_rpc/v1", entry.ip, entry.port);
    let answer = http.post(url).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.text().await.unwrap();
    assert!(!body.contains("failed"), "{body}");
}

async fn one_onion(network: &Network, http: &reqwest::Client, n: usize) {
    let hops: Vec<Hop> = (0..4)
        .map(|hop| {
            let node = network.node((n + hop) % 10 + 1).unwrap();
            Hop { ed25519: node.keys.ed25519_public, x25519: node.keys.x25519_public }
        })
        .collect();
    let payload = node_payload(info().to_string().as_bytes());
    let (packet, key) =
        build(&hops[..3], &Destination::Node(hops[3]), &payload, Cipher::XChaCha20, &mut rand::rng()).unwrap();
    let url = format!("http://{}/gw/v1/onion/{}", network.app_address, hex::encode(hops[0].ed25519.0));
    let answer = http.post(url).body(packet).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.bytes().await.unwrap();
    assert_eq!(key.open(&body).unwrap().status, 200);
}
