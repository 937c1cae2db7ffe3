//! docs/gateway.md, its table: two people talk through a gateway; every byte that reaches it or leaves it is recorded, and must
//! hold nothing but what the table allows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use zwiebel_engine::input::Command;
use zwiebel_engine::view::ViewEvent;
use zwiebel_node::bot::Behaviour;
use zwiebel_node::bot::driver::Driver;
use zwiebel_node::bot::echo;
use zwiebel_node::encoding::base64;
use zwiebel_node::local::Network;
use zwiebel_node::local::Options;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::onion::bucket;

const TEXT: &str = "meet me where the onions grow";
const NAME: &str = "Persephone Quillfeather";

/// Says one thing and listens for the answer.
struct Talker {
    to: AccountId,
    heard: mpsc::UnboundedSender<Heard>,
    said: bool,
}

enum Heard {
    Own(String),
    Answer(String),
}

impl Behaviour for Talker {
    fn on_event(&mut self, event: ViewEvent) -> Vec<Command> {
        let with = self.to;
        match event {
            ViewEvent::Ready(_) => {
                vec![Command::CreateAccount { display_name: NAME.to_owned() }, Command::OpenConversation { with }]
            }
            ViewEvent::Message { message, .. } => {
                if !message.outgoing {
                    drop(self.heard.send(Heard::Answer(message.body)));
                }
                Vec::new()
            }
            ViewEvent::Account(account) => {
                drop(self.heard.send(Heard::Own(account.id.to_string())));
                Vec::new()
            }
            _ if !self.said => {
                self.said = true;
                vec![Command::SendText { to: with, body: TEXT.to_owned(), quote: None }]
            }
            _ => Vec::new(),
        }
    }
}

type Record = Arc<Mutex<Vec<u8>>>;

/// Stands between clients and the gateway and keeps both directions.
async fn recorder(gateway: SocketAddr) -> (SocketAddr, Record, Record) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, answered) = (Record::default(), Record::default());
    let records = (Arc::clone(&asked), Arc::clone(&answered));
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(gateway).await.unwrap();
            let (client_in, client_out) = client.into_split();
            let (server_in, server_out) = server.into_split();
            tokio::spawn(copy(client_in, server_out, Arc::clone(&asked)));
            tokio::spawn(copy(server_in, client_out, Arc::clone(&answered)));
        }
    });
    (address, records.0, records.1)
}

async fn copy(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, record: Record) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        record.lock().unwrap().extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    drop(to.shutdown().await);
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The requests of a recorded HTTP/1.1 stream: lines that begin with a method.
fn requests(asked: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(asked);
    let lines = text.split("\r\n").filter_map(|line| {
        let at = line.find("GET /").or_else(|| line.find("POST /"))?;
        line.get(at..).filter(|line| line.ends_with(" HTTP/1.1")).map(str::to_owned)
    });
    lines.collect()
}

/// Lengths of bodies in a recorded HTTP/1.1 stream, of the messages whose head holds this text.
fn lengths(stream: &[u8], with: &str) -> Vec<usize> {
    let text = String::from_utf8_lossy(stream).to_lowercase();
    let heads = text.split("\r\n\r\n").filter(|head| head.contains(with));
    let lengths = heads.filter_map(|head| {
        let (_, rest) = head.rsplit_once("content-length: ")?;
        rest.split("\r\n").next()?.parse().ok()
    });
    lengths.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_sees_what_the_table_allows_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { nodes: 20, distinct_subnets: true, ..Options::on_free_ports(folder.path()) };
    let network = Network::start(&options).await.unwrap();
    let (address, asked, answered) = recorder(network.app_address).await;
    let gateway = format!("http://{address}");
    let echo = echo::spawn(&gateway, &folder.path().join("echo")).await.unwrap();
    let (heard, mut hearing) = mpsc::unbounded_channel();
    let talker = Talker { to: echo.account_id, heard, said: false };
    let driver = Driver::open(talker, &gateway, &folder.path().join("talker")).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(driver.run(stopped));
    let mut own = None;
    let talk = async {
        loop {
            match hearing.recv().await.unwrap() {
                Heard::Own(id) => own = Some(id),
                Heard::Answer(text) if text.contains(TEXT) => return,
                Heard::Answer(_) => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), talk).await.expect("an answer");
    stop.send(()).unwrap();
    running.await.unwrap();
    let echo_id = echo.account_id.to_string();
    echo.stop().await;

    let (asked, answered) = (asked.lock().unwrap().clone(), answered.lock().unwrap().clone());
    // Who and what: in no form, in neither direction.
    let mut secrets: Vec<Vec<u8>> =
        [TEXT, NAME, "retrieve", "namespace", "\"store\"", "pubkey"].map(|text| text.as_bytes().to_vec()).to_vec();
    for id in [own.expect("an account"), echo_id] {
        let bytes = hex::decode(&id).unwrap();
        secrets.extend([id.clone().into_bytes(), bytes[1..].to_vec(), base64(&bytes[1..]).into_bytes()]);
    }
    for secret in &secrets {
        for (side, seen) in [("asked", &asked), ("answered", &answered)] {
            assert!(!holds(seen, secret), "{side} holds {}", String::from_utf8_lossy(secret));
        }
    }
    // Where to: three routes, and of all nodes only a few guards are ever named.
    let requests = requests(&asked);
    let mut guards = BTreeSet::new();
    for request in &requests {
        let path = request.split(' ').nth(1).unwrap();
        match path.strip_prefix("/gw/v1/onion/") {
            Some(guard) => drop(guards.insert(guard.to_owned())),
            None => assert_eq!(path, "/gw/v1/nodes", "{request}"),
        }
    }
    assert!(requests.len() > 4 && !guards.is_empty());
    // Two people with two guards each, and twice as many that were tried before one was chosen, or when one was slow.
    assert!(guards.len() <= 8, "{guards:?}");
    for number in 1..=network.size() {
        let key = hex::encode(network.node(number).unwrap().ed25519().0);
        assert!(guards.contains(&key) || !holds(&asked, key.as_bytes()), "a node that is no guard is named");
    }
    // Sizes: one of few, whatever is in a packet or an answer.
    for (side, sizes) in
        [("asked", lengths(&asked, "post /gw/v1/onion/")), ("answered", lengths(&answered, "application/octet-stream"))]
    {
        assert!(sizes.len() > 4, "{side}: {sizes:?}");
        assert!(sizes.iter().all(|size| bucket(*size) == *size), "{side}: {sizes:?}");
    }
    // Answers of our nodes come in such a size already, inside the seal: the gateway has nothing to add to them.
    for head in String::from_utf8_lossy(&answered).split("\r\n\r\n").filter(|head| head.contains("HTTP/1.1 200 OK")) {
        if let Some((_, length)) = head.split_once("x-gateway-length: ") {
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            assert_eq!(bucket(length), length, "an answer that was sealed without padding");
        }
    }
    // What it sets: nothing that a browser would send back, nothing that is kept.
    let answers = String::from_utf8_lossy(&answered).to_lowercase();
    assert!(!answers.contains("set-cookie"));
    assert_eq!(
        answers.matches("content-type: application/octet-stream").count(),
        answers.matches("cache-control: no-store").count()
    );
    assert!(!answers.contains("content-encoding"));
    // What it keeps: the gateway has no file at all.
    assert!(!folder.path().join("dist").exists());
    network.shut_down().await;
}
