//! Five `zwiebel node` processes that form one swarm, their operator, and a seed: what the long runs work on.

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use zwiebel_node::clock::Clock;
use zwiebel_node::config::SeedConfig;
use zwiebel_node::operator::Operator;
use zwiebel_node::service;
use zwiebel_node::tls;

pub(crate) const NODES: usize = 5;

pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) folder: PathBuf,
    pub(crate) address: String,
    pub(crate) key: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[derive(Clone)]
pub(crate) struct Settings {
    program: PathBuf,
    operator: String,
    seed: String,
}

impl Settings {
    pub(crate) fn start(&self, folder: &Path, listen: &str) -> Process {
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

/// An operator, a seed in this process, and nodes as processes that know each other.
pub(crate) async fn network(program: &Path, folder: &Path) -> (Settings, Vec<Process>) {
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

pub(crate) fn rss_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
