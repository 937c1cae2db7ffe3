//! The program as other programs use it: what it prints, what it reads.

use std::io::BufRead;
use std::io::BufReader;
use std::io::Lines;
use std::io::Write;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use zwiebel_proto::directory::Directory;
use zwiebel_proto::storage_rpc::MaxSize;
use zwiebel_proto::storage_rpc::Namespace;
use zwiebel_proto::storage_rpc::retrieve;
use zwiebel_proto::storage_rpc::store;

use crate::support::account;

struct Program {
    child: Child,
    /// Where the app is, once it has said so.
    app: String,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start(folder: &TempDir, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_zwiebel"))
            .args(["local", "--listen", "127.0.0.1:0", "--seed-listen", "127.0.0.1:0", "--data"])
            .arg(folder.path().join("data"))
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, app: String::new(), lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn until_ready(&mut self) {
        loop {
            let line = self.line();
            if let Some(app) = line.strip_prefix("app ") {
                self.app = app.to_owned();
            }
            if line == "ready" {
                return;
            }
        }
    }

    fn say(&mut self, command: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
        self.line()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn local_network_says_when_it_is_ready_and_obeys() {
    let folder = TempDir::new().unwrap();
    let mut program = Program::start(&folder, &["--nodes", "5"]);
    assert!(program.line().starts_with("app http://127.0.0.1:"));
    let seed = program.line();
    assert!(seed.starts_with("seed http://127.0.0.1:") && seed.ends_with("/json_rpc"), "{seed}");
    let echo = program.line();
    let id = echo.strip_prefix("echo ").unwrap();
    assert!(id.starts_with("05") && id.len() == 66, "{echo}");
    assert_eq!(program.line(), "nodes 5");
    assert_eq!(program.line(), "ready");

    assert!(program.say("stop 3").starts_with("ok "));
    let status: Value = serde_json::from_str(&program.say("status")).unwrap();
    let running: Vec<bool> =
        status["nodes"].as_array().unwrap().iter().map(|node| node["running"].as_bool().unwrap()).collect();
    assert_eq!(running, [true, true, false, true, true]);
    assert!(program.say("start 3").starts_with("ok "));
    assert!(program.say("start 6").starts_with("error "));
    assert!(program.say("clock +25h").starts_with("ok "));
    assert!(program.say("dance").starts_with("error "));
    assert!(program.say("quit").starts_with("ok "));
    // Whoever started it keeps the pipe open: it ends all the same.
    let pipe = program.child.stdin.take();
    assert!(program.child.wait().unwrap().success());
    drop(pipe);

    let mut again = Program::start(&folder, &["--nodes", "5", "--no-echo"]);
    let lines: Vec<String> = (0..4).map(|_| again.line()).collect();
    assert_eq!((lines[2].as_str(), lines[3].as_str()), ("nodes 5", "ready"));
}

#[test]
fn killed_network_has_everything_that_it_confirmed() {
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let http = zwiebel_node::tls::client().unwrap();
    let alice = account(1);
    let ask = |program: &Program, request: &Value| -> Value {
        let get = http.get(format!("{}gw/v1/nodes", program.app));
        let directory: Directory = runtime
            .block_on(async { serde_json::from_slice(&get.send().await.unwrap().bytes().await.unwrap()) })
            .unwrap();
        let node = &directory.nodes[0];
        let post = http.post(format!("https://{}:{}/storage_rpc/v1", node.ip, node.port)).body(request.to_string());
        let body = runtime.block_on(async { post.send().await.unwrap().bytes().await.unwrap() });
        serde_json::from_slice(&body).unwrap()
    };
    let now = || u64::try_from(zwiebel_node::clock::Clock::system().now()).unwrap();

    let mut program = Program::start(&folder, &["--nodes", "5", "--no-echo"]);
    program.until_ready();
    let stored = ask(&program, &store(&alice.id(), b"kept", 86_400_000, now(), Namespace::MESSAGES));
    program.child.kill().unwrap();
    program.child.wait().unwrap();

    let mut again = Program::start(&folder, &["--nodes", "5", "--no-echo"]);
    again.until_ready();
    let found = ask(&again, &retrieve(&alice, Namespace::MESSAGES, None, MaxSize::Default, now()));
    assert_eq!(found["messages"][0]["hash"], stored["hash"]);
}
