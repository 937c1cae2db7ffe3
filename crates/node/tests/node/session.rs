//! The public network's list, with a loopback network in its part: three seeds with certificates of their own, one of which lies.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use rcgen::PublicKeyData;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use zwiebel_crypto::hash::sha256;
use zwiebel_node::clock::Clock;
use zwiebel_node::config::PinnedSeed;
use zwiebel_node::config::SessionNetwork;
use zwiebel_node::encoding::base64;
use zwiebel_node::keys::Keys;
use zwiebel_node::registry::ListedNode;
use zwiebel_node::registry::NodeList;
use zwiebel_node::registry::Registry;
use zwiebel_node::seed;
use zwiebel_node::seed::Seed;
use zwiebel_node::serve;
use zwiebel_node::session::Session;
use zwiebel_node::tls::Certificate;
use zwiebel_node::tls::Protocols;
use zwiebel_proto::swarm::SwarmId;

struct World {
    folder: TempDir,
    servers: JoinSet<()>,
    seeds: Vec<PinnedSeed>,
}

fn node(n: u8, port: u16) -> ListedNode {
    let keys = Keys::from_seed([n; 32]);
    let address = Ipv4Addr::new(198, 51, 100, n);
    ListedNode::new(keys.ed25519_public, keys.x25519_public, address, port, Some(SwarmId(u64::MAX - 1)))
}

impl World {
    /// Seeds with these lists.
    async fn new(lists: [Vec<ListedNode>; 3]) -> Self {
        let mut world = Self { folder: TempDir::new().unwrap(), servers: JoinSet::new(), seeds: Vec::new() };
        for (number, list) in lists.into_iter().enumerate() {
            let folder = world.folder.path().join(number.to_string());
            fs::create_dir(&folder).unwrap();
            let made = rcgen::generate_simple_self_signed(vec!["seed".to_owned()]).unwrap();
            let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
            fs::write(&certificate, made.cert.pem()).unwrap();
            fs::write(&key, made.signing_key.serialize_pem()).unwrap();
            let tls = Certificate::files(certificate, key).unwrap().acceptor(Protocols::Http1).unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("https://{}", listener.local_addr().unwrap());
            let pin = Some(base64(&sha256(&made.signing_key.subject_public_key_info())));
            world.seeds.push(PinnedSeed { url, pin });
            let seed = Seed::new(Registry::new(NodeList::new(list)), Clock::system());
            world.servers.spawn(serve::serve(listener, Some(tls), seed::router(seed)));
        }
        world
    }

    fn open(&self, folder: &Path, registry: &Registry) -> Session {
        let wanted = SessionNetwork { network: "loopback".to_owned(), seeds: self.seeds.clone(), fallback: None };
        Session::open(&wanted, folder, registry.clone(), &Clock::system()).unwrap()
    }
}

#[tokio::test]
async fn what_most_pinned_seeds_say_is_taken_and_a_liar_is_not() {
    let honest = vec![node(1, 22021), node(2, 22021), node(3, 22021)];
    // It moves one node to an address of its own, leaves one out and invents one.
    let lies = vec![node(1, 22021), node(2, 666), node(66, 22021)];
    let mut world = World::new([honest.clone(), lies, honest.clone()]).await;
    let (data, registry) = (TempDir::new().unwrap(), Registry::default());
    assert!(world.open(data.path(), &registry).round().await);
    assert_eq!(*registry.list(), NodeList::new(honest.clone()));

    // A seed behind another certificate does not count; the two that are left disagree on the rest.
    world.seeds[0].pin = Some(base64(&[7; 32]));
    let (other, fewer) = (TempDir::new().unwrap(), Registry::default());
    assert!(world.open(other.path(), &fewer).round().await);
    assert_eq!(*fewer.list(), NodeList::new([node(1, 22021)]));

    // With two of three gone nothing is taken, and what was there stays.
    world.seeds[2].pin = Some(base64(&[7; 32]));
    assert!(!world.open(data.path(), &registry).round().await);
    assert_eq!(*registry.list(), NodeList::new(honest));
    world.servers.shutdown().await;
}

/// What an operator would do: write a list while the seeds are there, and start from it when they are not.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_to_ship_is_written_by_command_and_used_when_no_seed_answers() {
    let nodes = vec![node(1, 22021), node(2, 22021), node(3, 22021)];
    let lies = vec![node(1, 22021), node(2, 666)];
    let mut world = World::new([nodes.clone(), nodes.clone(), lies]).await;
    let folder = TempDir::new().unwrap();
    let (list, config) = (folder.path().join("session-nodes.json"), folder.path().join("gateway.toml"));
    let mut text = format!(
        "listen = \"127.0.0.1:0\"\ndata = {:?}\napp = \"dist\"\n[session]\nnetwork = \"loopback\"\n",
        folder.path()
    );
    for PinnedSeed { url, pin } in &world.seeds {
        text.push_str(&format!("[[session.seeds]]\nurl = {url:?}\npin = {:?}\n", pin.as_ref().unwrap()));
    }
    fs::write(&config, text).unwrap();
    let write = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zwiebel"));
        command.args(["gateway", "--config"]).arg(&config).arg("--write-fallback").arg(&list).output().unwrap()
    };
    let written = write();
    assert!(written.status.success(), "{written:?}");
    assert!(String::from_utf8(written.stdout).unwrap().starts_with("wrote 3 nodes"));

    world.servers.shutdown().await;
    let failed = write();
    assert!(!failed.status.success());
    assert!(String::from_utf8(failed.stderr).unwrap().contains("0 of 3 seeds answer"));
    let (fresh, registry) = (TempDir::new().unwrap(), Registry::default());
    let network = "loopback".to_owned();
    let wanted = SessionNetwork { network, seeds: world.seeds.clone(), fallback: Some(list) };
    let session = Session::open(&wanted, fresh.path(), registry.clone(), &Clock::system()).unwrap();
    assert_eq!(*registry.list(), NodeList::new(nodes.clone()), "from the shipped list");
    assert!(!session.round().await, "which is not fresh");
    assert_eq!(*registry.list(), NodeList::new(nodes), "and stays");
}
