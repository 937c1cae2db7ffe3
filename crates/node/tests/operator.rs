//! docs/operator.md, followed on one machine: operator, seed, six nodes on three addresses, gateway. All of them real processes;
//! the clients are engines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use zwiebel_engine::view::ViewEvent;
use zwiebel_node::bot::Behaviour;
use zwiebel_node::bot::driver::Driver;
use zwiebel_node::bot::echo;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::directory::Directory;
use zwiebel_proto::directory::NetworkKind;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::retrieve;
use zwiebel_proto::storage_rpc::store;

/// A running program; killed if the test ends before it does.
struct Program {
    child: Child,
    /// What it said until it was ready.
    said: Vec<String>,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_zwiebel")).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut program = Self { child, said: Vec::new() };
        for line in BufReader::new(program.child.stdout.take().unwrap()).lines() {
            program.said.push(line.unwrap());
            if program.said.last().unwrap() == "ready" {
                return program;
            }
        }
        let said = &program.said;
        panic!("{arguments:?} ended: {said:?}");
    }

    fn value(&self, name: &str) -> String {
        let line = self.said.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {:?}", self.said)).to_owned()
    }

    /// Asks it politely to end, as systemd does, and waits for it.
    fn terminate(&mut self) -> bool {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        asked.success() && self.child.wait().unwrap().success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn operator(data: &Path, arguments: &[&str]) -> Vec<String> {
    let (job, rest) = arguments.split_first().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_zwiebel"))
        .args(["operator", job, "--data"])
        .arg(data)
        .args(rest)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn until<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(40), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Two on each machine.
const NODES: usize = 6;

/// Says one thing to somebody and listens for the answer.
struct Person {
    to: AccountId,
    said: bool,
    heard: mpsc::UnboundedSender<()>,
}

impl Behaviour for Person {
    fn on_event(&mut self, event: ViewEvent) -> Vec<zwiebel_engine::input::Command> {
        use zwiebel_engine::input::Command;
        let with = self.to;
        match event {
            ViewEvent::Ready(_) => {
                vec![Command::CreateAccount { display_name: "A".to_owned() }, Command::OpenConversation { with }]
            }
            ViewEvent::Message { message, .. } if !message.outgoing => {
                let _ = self.heard.send(());
                Vec::new()
            }
            ViewEvent::Timeline { .. } if !self.said => {
                self.said = true;
                vec![Command::SendText { to: with, body: "hello".to_owned(), quote: None }]
            }
            _ => Vec::new(),
        }
    }
}

async fn until_answered(gateway: &str, folder: &Path, to: AccountId) {
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let driver = Driver::open(Person { to, said: false, heard }, gateway, folder).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(driver.run(stopped));
    tokio::time::timeout(Duration::from_secs(60), hearing.recv()).await.expect("an answer").unwrap();
    stop.send(()).unwrap();
    running.await.unwrap();
}

struct Setup {
    folder: TempDir,
    http: reqwest::Client,
    operator: String,
    seed: Program,
    nodes: Vec<Program>,
}

impl Setup {
    /// Steps 1 to 3 of the guide.
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let made = operator(&folder.path().join("operator"), &["keygen", "--name", "Our network"]);
        let key = made[0].strip_prefix("operator ").unwrap().to_owned();
        let data = folder.path().join("seed");
        let seed = Program::start(&["seed", "--operator", &key, "--data", text(&data), "--listen", "127.20.0.1:0"]);
        let mut setup = Self { folder, http: tls::client().unwrap(), operator: key, seed, nodes: Vec::new() };
        for number in 1..=NODES {
            let node = setup.start_node(number, "0");
            setup.nodes.push(node);
        }
        setup
    }

    fn start_node(&self, number: usize, port: &str) -> Program {
        let data = self.folder.path().join(format!("node-{number}"));
        let machine = number.div_ceil(2);
        let listen = format!("127.{}.{machine}.1:{port}", 20 + machine);
        let flags = ["--operator", &self.operator, "--seed", &self.seed_url(), "--refresh-seconds", "1"];
        let here = ["node", "--data", text(&data), "--listen", &listen, "--metrics", "127.0.0.1:0"];
        Program::start(&[&here[..], &flags[..]].concat())
    }

    fn seed_url(&self) -> String {
        self.seed.value("seed")
    }

    fn operator(&self, arguments: &[&str]) -> Vec<String> {
        operator(&self.folder.path().join("operator"), arguments)
    }

    async fn metric(&self, node: usize, name: &str) -> u64 {
        let page = self.http.get(self.nodes[node].value("metrics")).send().await.unwrap().text().await.unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
    }

    async fn until_members(&self, count: u64) {
        for node in 0..self.nodes.len() {
            let found = async || (self.metric(node, "zwiebel_swarm_members").await == count).then_some(());
            until("the list", found).await;
        }
    }

    async fn rpc(&self, node: usize, request: &Value) -> Value {
        let url = format!("https://{}/storage_rpc/v1", self.nodes[node].value("address"));
        let answer = self.http.post(url).body(request.to_string()).send().await.unwrap();
        let text = answer.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    }
}

fn now() -> u64 {
    u64::try_from(zwiebel_node::clock::Clock::system().now()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_to_a_network_of_three_machines() {
    let mut setup = Setup::start();
    let seed = setup.seed_url();

    // 4. They wait until the operator approves them.
    let keys: Vec<String> = setup.nodes.iter().map(|node| node.value("node")).collect();
    let waiting = until("the announcements", async || {
        let shown = setup.operator(&["show", "--seed", &seed]);
        let waiting: Vec<String> = shown.into_iter().filter(|line| line.starts_with("waiting ")).collect();
        (waiting.len() == NODES).then_some(waiting)
    })
    .await;
    assert!(keys.iter().all(|key| waiting.iter().any(|line| line.contains(key))));
    assert_eq!(setup.metric(0, "zwiebel_nodes").await, 0, "nobody is a member by himself");
    let approval: Vec<&str> = ["approve", "--seed", &seed].into_iter().chain(keys.iter().map(String::as_str)).collect();
    setup.operator(&approval);
    setup.until_members(6).await;

    // 5. The gateway offers them, with what the operator signed.
    let (data, app) = (setup.folder.path().join("gateway"), setup.folder.path().join("dist"));
    std::fs::create_dir_all(&app).unwrap();
    std::fs::write(app.join("index.html"), "<!doctype html>").unwrap();
    let flags = ["--data", text(&data), "--app", text(&app), "--operator", &setup.operator, "--seed", &seed];
    let here = ["gateway", "--listen", "127.0.0.1:0", "--allow-private", "--refresh-seconds", "1"];
    let mut gateway = Program::start(&[&here[..], &flags[..]].concat());
    let app = gateway.value("app");
    let directory = until("the gateway's list", async || {
        let answer = setup.http.get(format!("{app}gw/v1/nodes")).send().await.unwrap();
        let directory: Directory = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        (directory.nodes.len() == NODES).then_some(directory)
    })
    .await;
    assert_eq!((directory.network.name.as_str(), directory.network.kind), ("Our network", NetworkKind::Own));
    assert_eq!(directory.operator.as_ref(), Some(&setup.operator), "what clients pin");
    let pinned = zwiebel_node::config::operator_key(Some(&setup.operator)).unwrap();
    let signers = zwiebel_proto::roster::Signers::one(pinned);
    let roster = directory.signed.unwrap().roster.unwrap().verify(&signers).unwrap();
    assert!(roster.nodes.iter().all(|node| keys.contains(&node.ed25519)));
    let health = setup.http.get(format!("{app}gw/v1/health")).send().await.unwrap();
    assert_eq!(health.status(), 200);

    // Two people write to each other.
    let echo = echo::spawn(&app, &setup.folder.path().join("echo")).await.unwrap();
    until_answered(&app, &setup.folder.path().join("person"), echo.account_id).await;
    echo.stop().await;

    // A message stored at one node is at all of them; one that was away fetches it by itself.
    let account = Account::from_seed16([1; 16]);
    let first = store(&account.id(), b"first", 86_400_000, now(), Namespace::MESSAGES);
    let answer = setup.rpc(0, &first).await;
    let confirmed = answer["swarm"].as_object().unwrap();
    assert!(confirmed.len() == NODES && confirmed.values().all(|member| member["signature"].is_string()), "{answer}");
    let address = setup.nodes[2].value("address");
    assert!(setup.nodes[2].terminate(), "a polite end is a good end");
    let second = store(&account.id(), b"second", 86_400_000, now(), Namespace::MESSAGES);
    let start = Instant::now();
    setup.rpc(0, &second).await;
    assert!(start.elapsed() < Duration::from_secs(3), "a member that is away costs at most a second");
    setup.nodes[2] = setup.start_node(3, address.rsplit(':').next().unwrap());
    assert_eq!(setup.nodes[2].value("node"), keys[2], "the same node");
    until("the missed message", async || {
        let request = retrieve(&account, Namespace::MESSAGES, None, MaxSize::Default, now());
        let messages = setup.rpc(2, &request).await;
        (messages["messages"].as_array()?.len() == 2).then_some(())
    })
    .await;

    // A node that is revoked is a member no more, and knows it.
    setup.operator(&["revoke", "--seed", &seed, &keys[1]]);
    until("the new list", async || (setup.metric(0, "zwiebel_nodes").await == 5).then_some(())).await;
    until("the new list", async || (setup.metric(1, "zwiebel_swarm_members").await == 0).then_some(())).await;
    let info = json!({"method": "info", "params": {}});
    assert!(setup.rpc(1, &info).await["t"].is_number());
    assert!(gateway.terminate() && setup.seed.terminate() && setup.nodes.iter_mut().all(Program::terminate));
}

#[test]
fn keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    operator(&folder.path().join("operator"), &["keygen", "--name", "x"]);
    let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("operator"), mode("operator/operator.seed")), (0o700, 0o600));
}
