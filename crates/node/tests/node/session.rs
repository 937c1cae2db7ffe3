//! The public network's list, with a loopback network in its part: three seeds with certificates of their own, one of which lies.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

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
        Session::open(&wanted, folder, registry.clone()).unwrap()
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
