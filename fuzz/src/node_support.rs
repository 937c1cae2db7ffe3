//! A node that is a swarm of its own, without a socket and with its messages in memory, and a runtime to ask it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Runtime};
use zwiebel_node::clock::Clock;
use zwiebel_node::keys::Keys;
use zwiebel_node::node::Node;
use zwiebel_node::registry::{ListedNode, NodeList, Registry};
use zwiebel_node::rpc::Answer;
use zwiebel_proto::swarm::SwarmId;

/// Waits for the node's answer to something.
pub(crate) fn ask(what: impl AsyncFnOnce(&Arc<Node>) -> Answer) -> Answer {
    static RIG: OnceLock<(Runtime, Arc<Node>)> = OnceLock::new();
    let (runtime, node) = RIG.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        (runtime, Arc::new(node()))
    });
    let answer = runtime.block_on(what(node));
    assert!((200..600).contains(&answer.status));
    answer
}

fn node() -> Node {
    let keys = Arc::new(Keys::from_seed([7; 32]));
    let swarm = Some(SwarmId(0));
    let own = ListedNode::new(keys.ed25519_public, keys.x25519_public, Ipv4Addr::LOCALHOST, 1, swarm);
    let clock = Clock::system();
    // The time of the seeds, so that their signatures count.
    clock.advance(1_700_000_000_000 - clock.now());
    Node::new(keys, clock, Registry::new(NodeList::new([own])), Path::new(":memory:")).expect("a node")
}
