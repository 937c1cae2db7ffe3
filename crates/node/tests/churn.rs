//! Nodes join, leave and are killed at random while messages are stored and deleted; swarms split and merge. A model keeps what
//! was acknowledged; in the end every member of every swarm holds exactly that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use rand::RngExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use zwiebel_node::account::Account as Owner;
use zwiebel_node::clock::Clock;
use zwiebel_node::encoding::base64;
use zwiebel_node::keys::Keys;
use zwiebel_node::node;
use zwiebel_node::node::Node;
use zwiebel_node::node::Running;
use zwiebel_node::registry::ListedNode;
use zwiebel_node::registry::NodeList;
use zwiebel_node::registry::Registry;
use zwiebel_node::swarms;
use zwiebel_node::tls;
use zwiebel_proto::account::Account;
use zwiebel_proto::storage_rpc::MessageHash;
use zwiebel_proto::storage_rpc::delete;
use zwiebel_proto::swarm::SwarmId;

const ACCOUNTS: u8 = 12;
const STEPS: usize = 20;
const STORES_PER_STEP: usize = 6;

/// One node, running or not. It keeps its list like everybody else's: told of changes, a moment later than others.
struct Member {
    keys: Arc<Keys>,
    folder: PathBuf,
    address: SocketAddr,
    registry: Registry,
    running: Option<Running>,
    listed: bool,
}

impl Member {
    async fn new(number: usize, folder: &TempDir) -> Self {
        let folder = folder.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        let keys = Arc::new(Keys::generate());
        let mut member = Self {
            keys,
            folder,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            registry: Registry::default(),
            running: None,
            listed: true,
        };
        member.start().await;
        member
    }

    async fn start(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        let database = self.folder.join("messages.sqlite");
        let node = Node::new(Arc::clone(&self.keys), Clock::system(), self.registry.clone(), &database).unwrap();
        self.running = Some(node::start(node, listener, Some(tls::acceptor(&self.folder).unwrap())));
    }

    async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}

struct World {
    folder: TempDir,
    members: Vec<Member>,
    swarms: BTreeMap<[u8; 32], SwarmId>,
    http: reqwest::Client,
    rng: StdRng,
    /// By account: acknowledged and not deleted; asked for and perhaps there; deleted.
    stored: BTreeMap<u8, BTreeSet<String>>,
    unsure: BTreeSet<String>,
    deleted: BTreeSet<String>,
    count: u64,
    splits: usize,
    merges: usize,
}

fn account(n: u8) -> Account {
    Account::from_seed16([n; 16])
}

fn owner(n: u8) -> Owner {
    Owner::parse(&account(n).id().to_string()).unwrap()
}

impl World {
    fn list(&self) -> NodeList {
        NodeList::new(self.members.iter().filter(|member| member.listed).map(|member| {
            let Ok(ip): Result<Ipv4Addr, _> = member.address.ip().to_string().parse() else { panic!("IPv4") };
            let (keys, port) = (&member.keys, member.address.port());
            let swarm = self.swarms.get(&keys.ed25519_public.0).copied();
            ListedNode::new(keys.ed25519_public, keys.x25519_public, ip, port, swarm)
        }))
    }

    /// Signs the list anew, as an operator does, and tells everybody, each a moment after the other.
    async fn publish(&mut self) {
        let keys: Vec<_> =
            self.members.iter().filter(|member| member.listed).map(|member| member.keys.ed25519_public).collect();
        let before = self.list().swarms().len();
        let assigned = swarms::assign(&keys, &self.swarms);
        self.swarms = keys.iter().zip(assigned).map(|(key, swarm)| (key.0, swarm)).collect();
        let after = self.list().swarms().len();
        self.splits += usize::from(after > before && before > 0);
        self.merges += usize::from(after < before);
        for member in &self.members {
            member.registry.replace(self.list());
            tokio::task::yield_now().await;
        }
    }

    async fn post(&self, member: &Member, request: &Value) -> Option<(u16, Value)> {
        let url = format!("https://{}/storage_rpc/v1", member.address);
        let answer = self.http.post(url).body(request.to_string()).timeout(Duration::from_secs(8)).send().await.ok()?;
        Some((answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.ok()?).unwrap_or_default()))
    }

    /// Asks a random member of the account's swarm; none if it was down, or did not do it.
    async fn ask(&mut self, n: u8, request: &Value) -> Option<Value> {
        let list = self.list();
        let swarm = list.swarm_of(&owner(n))?;
        let keys: Vec<_> = list.members(swarm).map(|member| member.ed25519).collect();
        let key = *keys.choose(&mut self.rng)?;
        let member = self.members.iter().find(|member| member.keys.ed25519_public == key)?;
        let (status, body) = self.post(member, request).await?;
        (status == 200).then_some(body)
    }

    async fn store(&mut self) {
        let n = self.rng.random_range(0..ACCOUNTS);
        self.count += 1;
        let now = u64::try_from(Clock::system().now()).unwrap();
        let data = format!("message {}", self.count);
        let hash = zwiebel_proto::storage_rpc::message_hash(
            &owner(n).to_bytes(),
            zwiebel_proto::storage_rpc::Namespace(0),
            data.as_bytes(),
        );
        let params = json!({
            "pubkey": account(n).id().to_string(), "timestamp": now, "ttl": 86_400_000, "data": base64(data.as_bytes()),
        });
        let answer = self.ask(n, &json!({ "method": "store", "params": params })).await;
        let hash = hash.as_str().to_owned();
        match answer {
            Some(answer) if answer["hash"] == hash => drop(self.stored.entry(n).or_default().insert(hash)),
            _ => drop(self.unsure.insert(hash)),
        }
    }

    async fn delete(&mut self) {
        let n = self.rng.random_range(0..ACCOUNTS);
        let Some(hash) = self.stored.get(&n).and_then(|all| all.iter().next().cloned()) else { return };
        let answer = self.ask(n, &delete(&account(n), &[MessageHash::parse(&hash).unwrap()])).await;
        self.stored.get_mut(&n).unwrap().remove(&hash);
        // A deletion nobody confirmed may have happened or not.
        if answer.is_some() {
            self.deleted.insert(hash)
        } else {
            self.unsure.insert(hash)
        };
    }

    /// One change of the world.
    async fn change(&mut self) {
        let down: Vec<usize> = (0..self.members.len()).filter(|at| self.members[*at].running.is_none()).collect();
        let up: Vec<usize> = (0..self.members.len())
            .filter(|at| self.members[*at].running.is_some() && self.members[*at].listed)
            .collect();
        match self.rng.random_range(0..10) {
            0..3 if down.len() < 2 => {
                let at = *up.choose(&mut self.rng).unwrap();
                self.members[at].kill().await;
            }
            3..6 if !down.is_empty() => {
                let at = *down.choose(&mut self.rng).unwrap();
                self.members[at].start().await;
            }
            6..8 if self.members.len() < 15 => self.join().await,
            8.. if up.len() > 6 => self.leave().await,
            _ => {}
        }
    }

    async fn join(&mut self) {
        let member = Member::new(self.members.len(), &self.folder).await;
        self.members.push(member);
        self.publish().await;
    }

    /// A node that leaves stays up, as the guide asks, until others have what it had.
    async fn leave(&mut self) {
        let up: Vec<usize> = (0..self.members.len())
            .filter(|at| self.members[*at].running.is_some() && self.members[*at].listed)
            .collect();
        let at = *up.choose(&mut self.rng).unwrap();
        self.members[at].listed = false;
        self.publish().await;
    }

    fn listed(&self) -> usize {
        self.members.iter().filter(|member| member.listed).count()
    }

    /// A step of the load, and something that happens meanwhile.
    async fn work(&mut self) {
        for _ in 0..STORES_PER_STEP {
            self.store().await;
        }
        self.delete().await;
    }

    /// What a node holds of an account.
    async fn held(&self, member: &Member, n: u8) -> BTreeSet<String> {
        let who = owner(n);
        let page = zwiebel_node::store::messages::Page {
            namespace: 0,
            last_hash: None,
            now: 0,
            max_count: None,
            max_size: i64::MAX,
            as_base64: true,
        };
        let store = &member.running.as_ref().unwrap().node.store;
        let (found, _) = store.run(move |db| zwiebel_node::store::messages::retrieve(db, &who, &page)).await.unwrap();
        found.into_iter().map(|message| message.hash).collect()
    }

    /// What is wrong, if anything.
    async fn difference(&self) -> Option<String> {
        let list = self.list();
        for n in 0..ACCOUNTS {
            let swarm = list.swarm_of(&owner(n)).unwrap();
            let expected = self.stored.get(&n).cloned().unwrap_or_default();
            for (at, member) in self.members.iter().enumerate().filter(|(_, member)| member.listed) {
                if self.swarms.get(&member.keys.ed25519_public.0) != Some(&swarm) {
                    continue;
                }
                let held = self.held(member, n).await;
                let missing = expected.difference(&held).count();
                let back = held.intersection(&self.deleted).count();
                let unknown =
                    held.iter().filter(|hash| !expected.contains(*hash) && !self.unsure.contains(*hash)).count();
                if missing + back + unknown > 0 {
                    return Some(format!(
                        "account {n} at node {at}: {missing} missing, {back} back, {unknown} unknown"
                    ));
                }
            }
        }
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_nodes_do_nothing_is_lost_and_nothing_comes_back() {
    let seed: u64 = rand::rng().random();
    println!("seed {seed}");
    let mut world = World {
        folder: TempDir::new().unwrap(),
        members: Vec::new(),
        swarms: BTreeMap::new(),
        http: tls::client().unwrap(),
        rng: StdRng::seed_from_u64(seed),
        stored: BTreeMap::new(),
        unsure: BTreeSet::new(),
        deleted: BTreeSet::new(),
        count: 0,
        splits: 0,
        merges: 0,
    };
    for number in 0..9 {
        let member = Member::new(number, &world.folder).await;
        world.members.push(member);
    }
    world.publish().await;
    for _ in 0..STEPS {
        world.work().await;
        world.change().await;
    }
    // Whatever chance has done so far: into two swarms, into one, and into two again, with load between.
    for (nodes, wanted) in [(10, 2), (9, 1), (11, 2)] {
        while world.listed() < nodes {
            world.join().await;
            world.work().await;
        }
        while world.listed() > nodes {
            world.leave().await;
            world.work().await;
        }
        assert_eq!(world.list().swarms().len(), wanted, "seed {seed}: {nodes} nodes");
        world.change().await;
    }
    for member in &mut world.members {
        if member.running.is_none() {
            member.start().await;
        }
    }
    let start = Instant::now();
    while let Some(difference) = world.difference().await {
        assert!(start.elapsed() < Duration::from_secs(60), "seed {seed}: {difference}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (kept, swarms): (usize, BTreeSet<_>) =
        (world.stored.values().map(BTreeSet::len).sum(), world.swarms.values().collect());
    println!(
        "equal after {:?}: {kept} kept, {} deleted, {} swarms",
        start.elapsed(),
        world.deleted.len(),
        swarms.len()
    );
    assert!(kept > STEPS / 2, "there was load");
    assert!(world.splits > 0 && world.merges > 0, "{} splits, {} merges", world.splits, world.merges);
    for member in &mut world.members {
        member.kill().await;
    }
}
