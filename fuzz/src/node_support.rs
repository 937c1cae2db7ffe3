//! A node without a socket and with its messages in memory, and a runtime to ask it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use tokio::runtime::{Builder, Runtime};
use zwiebel_node::clock::Clock;
use zwiebel_node::keys::Keys;
use zwiebel_node::node::Node;
use zwiebel_node::registry::{ListedNode, NodeList, Registry};
use zwiebel_node::rpc::Answer;
use zwiebel_proto::swarm::SwarmId;

/// Waits for the answer to something of a node that is a swarm of its own.
pub(crate) fn ask(what: impl AsyncFnOnce(&Arc<Node>) -> Answer) -> Answer {
    static RIG: LazyLock<Rig> = LazyLock::new(|| Rig::new(None));
    let answer = RIG.run(what);
    assert!((200..600).contains(&answer.status));
    answer
}

pub(crate) struct Rig {
    runtime: Runtime,
    pub(crate) node: Arc<Node>,
}

impl Rig {
    /// A node, alone or with another one.
    pub(crate) fn new(other: Option<ListedNode>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        Self { runtime, node: Arc::new(node(other)) }
    }

    pub(crate) fn run<T>(&self, what: impl AsyncFnOnce(&Arc<Node>) -> T) -> T {
        self.runtime.block_on(what(&self.node))
    }
}

fn node(other: Option<ListedNode>) -> Node {
    let keys = Arc::new(Keys::from_seed([7; 32]));
    let swarm = Some(SwarmId(0));
    let own = ListedNode::new(keys.ed25519_public, keys.x25519_public, Ipv4Addr::LOCALHOST, 1, swarm);
    let clock = Clock::system();
    // The time of the seeds, so that their signatures count.
    clock.advance(1_700_000_000_000 - clock.now());
    Node::new(
        keys,
        clock,
        Registry::new(NodeList::new([Some(own), other].into_iter().flatten())),
        Path::new(":memory:"),
    )
    .expect("a node")
}
