//! How fast a local network is, and how near to what the machine can do: one line of JSON.
//! `cargo run --profile native -p zwiebel-node --example node_bench`.
//!
//! `store`: 1 KiB straight to a node, copied to four others and confirmed by all; `retrieve`: one message back. `onion`: `info`
//! through three hops to a fourth node, the packet made beforehand. `info`: asked directly. Each by one client at a time (`p50`,
//! `p99`) and by eight (`per_s`). `cpu_us`: what one costs on all ten nodes and at the client, which share one process; unlike
//! the times it does not depend on what else the machine does. `written`: bytes that a message costs at the disks of all five
//! members, `written_per_insert` what the floor's insert costs at one. `catch_up`: a member that missed 10,000 messages. The
//! floor of the same run: a TLS echo of 1 KiB on an open connection, an SQLite insert of 1 KiB in a transaction of its own, one
//! X25519 agreement.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "a tool")]

use std::path::Path;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use zwiebel_node::local::Network;
use zwiebel_node::local::Options;
use zwiebel_node::store::messages;
use zwiebel_node::store::messages::Message;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::onion::Destination;
use zwiebel_proto::onion::Hop;
use zwiebel_proto::onion::ReplyKey;
use zwiebel_proto::onion::build;
use zwiebel_proto::onion::node_payload;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::info;
use zwiebel_proto::storage_rpc::message_hash;
use zwiebel_proto::storage_rpc::retrieve;
use zwiebel_proto::storage_rpc::store;

const WORKERS: usize = 8;
/// Times that each of them does each thing, unless an argument says otherwise.
const PER_WORKER: usize = 250;

#[tokio::main]
async fn main() {
    let folder = tempfile::TempDir::new().unwrap();
    let start = Instant::now();
    let network = local(&folder.path().join("one")).await;
    let started = start.elapsed();
    let ten_nodes = zwiebel_node::metrics::resident_bytes().unwrap_or_default();
    local(&folder.path().join("two")).await.shut_down().await;
    let twenty_nodes = zwiebel_node::metrics::resident_bytes().unwrap_or_default();
    let network = Arc::new(network);

    let times = std::env::args().nth(1).map_or(PER_WORKER, |times| times.parse().expect("a number"));
    let bench = Bench { network: Arc::clone(&network), http: tls::client().unwrap(), times, packets: Arc::default() };
    let info = bench.measure(one_info).await;
    let written = used().written;
    let store = bench.measure(one_store).await;
    let written = (used().written - written) / u64::try_from(times * (WORKERS + 1)).unwrap();
    let retrieve = bench.measure(one_retrieve).await;
    let packets = (0..times * (WORKERS + 1)).map(|n| packet(&network, n)).collect();
    let onion = Bench { packets: Arc::new((packets, AtomicUsize::new(0))), ..bench.clone() }.measure(one_onion).await;
    let rss = zwiebel_node::metrics::resident_bytes().unwrap_or_default();
    drop(bench);
    let catch_up = catch_up(Arc::into_inner(network).unwrap()).await;
    let before = used().written;
    let insert = floor::sqlite_insert(folder.path()).as_json();
    let per_insert = (used().written - before) / u64::try_from(floor::TIMES).unwrap();
    let floor = serde_json::json!({
        "tls_echo": floor::tls_echo(folder.path()).await.as_json(), "sqlite_insert": insert,
        "written_per_insert": per_insert, "x25519": floor::x25519().as_json(),
    });
    println!(
        "{}",
        serde_json::json!({
            "start_ms": started.as_millis(), "info": info.as_json(), "store": store.as_json(),
            "written": written, "retrieve": retrieve.as_json(), "onion": onion.as_json(),
            "catch_up_10000_s": catch_up.as_secs_f64(), "rss_kib_of_10_nodes": ten_nodes / 1024,
            "rss_kib_of_one_more": twenty_nodes.saturating_sub(ten_nodes) / 10 / 1024,
            "rss_kib_after_work": rss / 1024, "floor": floor,
        })
    );
}

/// A network of ten nodes, two swarms of five.
async fn local(data: &Path) -> Network {
    Network::start(&Options::on_free_ports(data)).await.unwrap()
}

/// What this process has used so far.
struct Used {
    /// Time on all processors, ms.
    cpu: u64,
    /// Bytes on their way to a disk.
    written: u64,
}

/// Zeros where the system does not say it in the way of Linux.
fn used() -> Used {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name, which may hold anything: the 12th and 13th are ticks of 10 ms in user and kernel mode.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let written = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok());
    Used { cpu: ticks * 10, written: written.unwrap_or_default() }
}

/// What was measured of one thing.
struct Measured {
    /// Asked by one client.
    p50: Duration,
    p99: Duration,
    /// Asked by all.
    per_second: u64,
    /// Time on a processor that one took, µs.
    cpu: u64,
}

impl Measured {
    fn new(mut times: Vec<Duration>, count: usize, took: Duration, cpu_ms: u64) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times[percent * (times.len() - 1) / 100];
        let count = u64::try_from(count).unwrap();
        let per_second = count * 1_000_000 / u64::try_from(took.as_micros()).unwrap().max(1);
        Self { p50: at(50), p99: at(99), per_second, cpu: cpu_ms * 1000 / count }
    }

    fn as_json(&self) -> serde_json::Value {
        let ms = |time: Duration| (time.as_secs_f64() * 1_000_000.0).round() / 1000.0;
        let (p50, p99) = (ms(self.p50), ms(self.p99));
        serde_json::json!({ "p50_ms": p50, "p99_ms": p99, "per_s": self.per_second, "cpu_us": self.cpu })
    }
}

/// The guard's address, the packet, the key of its answer.
type Packet = (String, Vec<u8>, ReplyKey);

#[derive(Clone)]
struct Bench {
    network: Arc<Network>,
    http: reqwest::Client,
    times: usize,
    /// Those to send, and how many have been used.
    packets: Arc<(Vec<Packet>, AtomicUsize)>,
}

impl Bench {
    /// Runs the work by one, then by all.
    async fn measure<F>(&self, work: impl Fn(Self, usize) -> F + Clone + Send + 'static) -> Measured
    where
        F: Future<Output = ()> + Send,
    {
        // Connections and caches that are there from the second time on.
        for n in 0..WORKERS {
            work(self.clone(), usize::MAX - n).await;
        }
        let alone = self.run(1, 0, work.clone()).await;
        let (start, before) = (Instant::now(), used().cpu);
        let together = self.run(WORKERS, 1, work).await;
        Measured::new(alone, together.len(), start.elapsed(), used().cpu - before)
    }

    async fn run<F>(
        &self,
        workers: usize,
        first: usize,
        work: impl Fn(Self, usize) -> F + Clone + Send + 'static,
    ) -> Vec<Duration>
    where
        F: Future<Output = ()> + Send,
    {
        let mut running = tokio::task::JoinSet::new();
        for worker in first..first + workers {
            let (bench, work) = (self.clone(), work.clone());
            running.spawn(async move {
                let mut times = Vec::with_capacity(bench.times);
                for n in 0..bench.times {
                    let start = Instant::now();
                    work(bench.clone(), worker * bench.times + n).await;
                    times.push(start.elapsed());
                }
                times
            });
        }
        running.join_all().await.concat()
    }

    /// Where a member of the test account's swarm listens.
    fn entry(&self) -> String {
        let id = owner();
        let list = self.network.registry.list();
        let entry = list.members(list.swarm_of(&id).unwrap()).next().unwrap();
        format!("https://{}:{}/storage_rpc/v1", entry.ip, entry.port)
    }

    async fn ask(&self, body: String) -> String {
        let answer = self.http.post(self.entry()).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.network.clock.now()).unwrap()
    }
}

fn account() -> &'static Account {
    static ACCOUNT: LazyLock<Account> = LazyLock::new(|| Account::from_seed16([1; 16]));
    &ACCOUNT
}

fn owner() -> zwiebel_node::account::Account {
    zwiebel_node::account::Account::parse(&account().id().to_string()).unwrap()
}

async fn one_store(bench: Bench, n: usize) {
    let data = [n.to_le_bytes().as_slice(), &[7; 1016]].concat();
    let body = store(&account().id(), &data, 86_400_000, bench.now(), Namespace::MESSAGES).to_string();
    let answer = bench.ask(body).await;
    assert!(!answer.contains("failed"), "{answer}");
}

async fn one_retrieve(bench: Bench, _: usize) {
    // The cheapest honest page: one message of a box that holds thousands.
    let mut request = retrieve(account(), Namespace::MESSAGES, None, MaxSize::Default, bench.now());
    request["params"]["max_count"] = 1.into();
    assert!(bench.ask(request.to_string()).await.contains("hash"));
}

async fn one_info(bench: Bench, _: usize) {
    bench.ask(info().to_string()).await;
}

/// A packet for `info` over three hops to a fourth node.
fn packet(network: &Network, n: usize) -> Packet {
    let hops: Vec<Hop> = (0..4)
        .map(|hop| {
            let node = network.node((n + hop) % 10 + 1).unwrap();
            Hop { ed25519: node.keys.ed25519_public, x25519: node.keys.x25519_public }
        })
        .collect();
    let payload = node_payload(info().to_string().as_bytes());
    let (packet, key) =
        build(&hops[..3], &Destination::Node(hops[3]), &payload, Cipher::XChaCha20, &mut rand::rng()).unwrap();
    let list = network.registry.list();
    let guard = list.find(&hops[0].ed25519).unwrap();
    (format!("https://{}:{}/onion_req/v2", guard.ip, guard.port), packet, key)
}

async fn one_onion(bench: Bench, _: usize) {
    let (packets, used) = &*bench.packets;
    let (url, packet, key) = &packets[used.fetch_add(1, Ordering::Relaxed) % packets.len()];
    let answer = bench.http.post(url).body(packet.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.bytes().await.unwrap();
    assert_eq!(key.open(&body).unwrap().status, 200);
}

/// How long a member that was away takes to hold 10,000 messages of 1 KiB that it missed.
async fn catch_up(mut network: Network) -> Duration {
    const MISSED: usize = 10_000;
    let (who, now) = (owner(), network.clock.now());
    let list = network.registry.list();
    let swarm = list.swarm_of(&who);
    let members: Vec<usize> = (1..=network.size())
        .filter(|number| list.find(&network.node(*number).unwrap().ed25519()).unwrap().swarm == swarm)
        .collect();
    network.stop_node(members[1]).await.unwrap();
    let node = network.node(members[0]).unwrap();
    let add = move |db: &rusqlite::Connection| {
        for n in 0..MISSED {
            let data = [n.to_le_bytes().as_slice(), &[9; 1016]].concat();
            let hash = message_hash(&who.to_bytes(), Namespace::MESSAGES, &data).as_str().to_owned();
            let message = Message { hash, namespace: 0, timestamp: now, expiry: now + 86_400_000, stored: now, data };
            messages::insert(db, &who, &message)?;
        }
        messages::count(db)
    };
    let wanted = node.store.run(add).await.unwrap();
    let start = Instant::now();
    network.start_node(members[1]).await.unwrap();
    let late = network.node(members[1]).unwrap();
    while late.store.run(messages::count).await.unwrap() < wanted {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let took = start.elapsed();
    network.shut_down().await;
    took
}

/// What the machine can do without any of our code.
mod floor {
    use std::path::Path;
    use std::time::Instant;

    use tokio::io::AsyncReadExt;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::net::TcpStream;
    use zwiebel_crypto::keys::X25519Secret;
    use zwiebel_node::tls;

    use super::Measured;
    use super::used;

    pub(super) const TIMES: usize = 2_000;

    fn each(mut work: impl FnMut(usize)) -> Measured {
        let (before, start, mut times) = (used().cpu, Instant::now(), Vec::with_capacity(TIMES));
        for n in 0..TIMES {
            let start = Instant::now();
            work(n);
            times.push(start.elapsed());
        }
        Measured::new(times, TIMES, start.elapsed(), used().cpu - before)
    }

    pub(super) async fn tls_echo(folder: &Path) -> Measured {
        let acceptor = tls::acceptor(folder).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let certificate = std::fs::read(folder.join("tls-cert.pem")).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut buffer = [0; 1024];
            while stream.read_exact(&mut buffer).await.is_ok() {
                stream.write_all(&buffer).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
        let mut roots = rustls::RootCertStore::empty();
        let pem = rustls::pki_types::pem::PemObject::from_pem_slice(&certificate).unwrap();
        roots.add(pem).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        let (before, start) = (used().cpu, Instant::now());
        let (mut times, mut buffer) = (Vec::with_capacity(TIMES), [7; 1024]);
        for _ in 0..TIMES {
            let start = Instant::now();
            stream.write_all(&buffer).await.unwrap();
            stream.flush().await.unwrap();
            stream.read_exact(&mut buffer).await.unwrap();
            times.push(start.elapsed());
        }
        Measured::new(times, TIMES, start.elapsed(), used().cpu - before)
    }

    pub(super) fn sqlite_insert(folder: &Path) -> Measured {
        let database = rusqlite::Connection::open(folder.join("floor.sqlite")).unwrap();
        let table =
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE a (id INTEGER PRIMARY KEY, b BLOB);";
        database.execute_batch(table).unwrap();
        let mut insert = database.prepare("INSERT INTO a (b) VALUES (?1)").unwrap();
        each(|n| assert_eq!(insert.execute([[u8::try_from(n % 256).unwrap(); 1024]]).unwrap(), 1))
    }

    pub(super) fn x25519() -> Measured {
        let (own, other) =
            (X25519Secret::generate(&mut rand::rng()), X25519Secret::generate(&mut rand::rng()).public());
        each(|_| drop(own.agree(&other).unwrap()))
    }
}
