//! Ten nodes on loopback: onions, swarms, failures, time.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use zwiebel_node::keys::Keys;
use zwiebel_node::local::Network;
use zwiebel_node::local::Options;
use zwiebel_node::peer::Outgoing;
use zwiebel_node::peer::PeerError;
use zwiebel_node::peer::Transport;
use zwiebel_node::tls;
use zwiebel_proto::onion::Cipher;
use zwiebel_proto::storage_rpc as rpc;
use zwiebel_proto::storage_rpc::MessageHash;
use zwiebel_proto::storage_rpc::Namespace;

use crate::support::Net;
use crate::support::account;

const DAY: u64 = 86_400_000;

fn hash_of(body: &Value) -> String {
    body["hash"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn message_stored_by_onion_is_with_every_member_and_with_nobody_else() {
    let net = Net::start().await;
    let alice = account(1);
    let (members, others) = net.swarm_of(&alice);
    assert_eq!((members.len(), others.len()), (5, 5));
    let request = rpc::store(&alice.id(), b"hello", DAY, net.now(), Namespace::MESSAGES);
    let path = [others[0], others[1], others[2]];
    for cipher in [Cipher::XChaCha20, Cipher::AesGcm] {
        let reply = net.by_onion(path, members[0], &request, cipher).await;
        assert_eq!(reply.status, 200);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let swarm = body["swarm"].as_object().unwrap();
        assert_eq!(swarm.len(), 5);
        assert!(swarm.values().all(|member| member.get("failed").is_none()), "{body}");
        for member in &members {
            assert_eq!(net.hashes(*member, &alice, 0).await, [hash_of(&body)]);
        }
    }
    let (status, body) = net.direct(others[0], &request).await;
    assert_eq!((status, body["snodes"].as_array().unwrap().len()), (421, 5));
    assert!(body["snodes"][0]["port"].is_string() && body["t"].is_u64() && body["hf"].is_array());
    let reply = net.by_onion(path, others[4], &request, Cipher::XChaCha20).await;
    assert_eq!(reply.status, 421);
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outbox_is_replaced_on_every_member() {
    let net = Net::start().await;
    let alice = account(2);
    let (members, _) = net.swarm_of(&alice);
    for (entry, data) in members.iter().zip([b"first", b"other", b"third"]) {
        let store = rpc::store_signed(&alice, data, DAY, net.now(), Namespace(-21));
        let (status, body) = net.direct(*entry, &store).await;
        assert_eq!(status, 200);
        for member in &members {
            assert_eq!(net.hashes(*member, &alice, -21).await, [hash_of(&body)]);
        }
    }
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_member_delays_nothing_and_catches_up() {
    let mut net = Net::start().await;
    let alice = account(3);
    let (members, _) = net.swarm_of(&alice);
    let before = rpc::store(&alice.id(), b"before", DAY, net.now(), Namespace::MESSAGES);
    let before = hash_of(&net.direct(members[0], &before).await.1);
    let sleeper = members[4];
    assert!(net.network.stop_node(sleeper).await.unwrap());

    let start = Instant::now();
    let during = rpc::store(&alice.id(), b"during", DAY, net.now(), Namespace::MESSAGES);
    let (status, body) = net.direct(members[0], &during).await;
    assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
    assert_eq!(status, 200);
    let failed = body["swarm"].as_object().unwrap().values().filter(|member| member["failed"] == true).count();
    assert_eq!(failed, 1, "{body}");
    let during = hash_of(&body);
    let signed = rpc::store_signed(&alice, b"outbox", DAY, net.now(), Namespace(-1));
    let outbox = hash_of(&net.direct(members[1], &signed).await.1);
    let delete = rpc::delete(&alice, &[MessageHash::parse(&before).unwrap()]);
    assert_eq!(net.direct(members[2], &delete).await.0, 200);

    assert!(net.network.start_node(sleeper).await.unwrap());
    net.until_hashes(sleeper, &alice, 0, &[during]).await;
    net.until_hashes(sleeper, &alice, -1, &[outbox]).await;
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_member_costs_at_most_a_second() {
    let mut net = Net::start().await;
    let alice = account(6);
    let (members, _) = net.swarm_of(&alice);
    let silent = members[2];
    let address = {
        let list = net.network.registry.list();
        let node = list.find(&net.network.node(silent).unwrap().ed25519()).unwrap();
        std::net::SocketAddr::from((node.ip, node.port))
    };
    net.network.stop_node(silent).await.unwrap();
    // Takes connections and never says a word.
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let start = Instant::now();
    let store = rpc::store(&alice.id(), b"patience", DAY, net.now(), Namespace::MESSAGES);
    let (status, body) = net.direct(members[0], &store).await;
    assert!(start.elapsed() < Duration::from_millis(1800), "{:?}", start.elapsed());
    let failed = body["swarm"].as_object().unwrap().values().filter(|member| member["timeout"] == true).count();
    assert_eq!((status, failed), (200, 1), "{body}");
    drop(listener);
    net.network.start_node(silent).await.unwrap();
    net.until_hashes(silent, &alice, 0, &[hash_of(&body)]).await;
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn member_that_lost_its_database_pulls_everything() {
    let mut net = Net::start().await;
    let alice = account(4);
    let (members, _) = net.swarm_of(&alice);
    let mut expected = Vec::new();
    for n in 0..8_u8 {
        let store = rpc::store(&alice.id(), &[n], DAY, net.now(), Namespace::MESSAGES);
        expected.push(hash_of(&net.direct(members[0], &store).await.1));
    }
    let config = rpc::store_signed(&alice, b"config", DAY, net.now(), Namespace(3));
    let config = hash_of(&net.direct(members[1], &config).await.1);
    let loser = members[3];
    net.network.stop_node(loser).await.unwrap();
    let database = net.folder.path().join(format!("data/node-{loser:02}/messages.sqlite"));
    for suffix in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{suffix}", database.display())));
    }
    net.network.start_node(loser).await.unwrap();
    net.until_hashes(loser, &alice, 0, &expected).await;
    net.until_hashes(loser, &alice, 3, &[config]).await;
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_keeps_everything_and_the_clock_expires_it() {
    let net = Net::start().await;
    let alice = account(5);
    let (members, _) = net.swarm_of(&alice);
    let store = rpc::store(&alice.id(), b"kept", 14 * DAY, net.now(), Namespace::MESSAGES);
    let hash = hash_of(&net.direct(members[0], &store).await.1);
    let before: Vec<_> = net.network.registry.list().iter().cloned().collect();
    let net = net.restart().await;
    let after: Vec<_> = net.network.registry.list().iter().cloned().collect();
    assert_eq!(before, after);
    for member in &members {
        assert_eq!(net.hashes(*member, &alice, 0).await, [hash.as_str()]);
    }
    assert!(matches!(
        Network::start(&Options::on_free_ports(net.folder.path())).await,
        Err(zwiebel_node::local::LocalError::InUse { .. })
    ));
    net.network.move_clock(15 * 86_400_000).await;
    for member in &members {
        assert!(net.hashes(*member, &alice, 0).await.is_empty());
    }
    let status = net.network.status().await;
    let counts = status["nodes"].as_array().unwrap().iter().map(|node| node["messages"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), 0);
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_and_copies_are_refused_on_the_node_route() {
    let net = Net::start().await;
    let list = net.network.registry.list();
    let (first, second) = (net.network.node(1).unwrap(), net.network.node(2).unwrap());
    let target = list.find(&second.ed25519()).unwrap();
    let send = async |keys: Keys, clock: &zwiebel_node::clock::Clock| {
        let transport = Transport::new(Arc::new(keys), tls::client().unwrap());
        let outgoing =
            Outgoing { method: "hello", header: serde_json::Map::new(), body: b"{}", timeout: Duration::from_secs(5) };
        transport.call(clock, target, outgoing).await
    };
    let own = || Keys::from_seed(*first.keys.ed25519.seed());
    let good = send(own(), &net.network.clock).await;
    assert!(good.is_ok(), "{good:?}");
    let stranger = Keys::from_seed([9; 32]);
    assert_eq!(send(stranger, &net.network.clock).await, Err(PeerError::Malformed));
    let mut forged = Keys::from_seed([9; 32]);
    forged.ed25519_public = first.ed25519();
    assert_eq!(send(forged, &net.network.clock).await, Err(PeerError::Malformed));
    let slow = zwiebel_node::clock::Clock::system();
    slow.advance(-120_000);
    assert_eq!(send(own(), &slow).await, Err(PeerError::Malformed));
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn member_cannot_make_another_do_what_the_owner_did_not_sign() {
    let net = Net::start().await;
    let (alice, mallory) = (account(7), account(8));
    let (members, others) = net.swarm_of(&alice);
    let list = net.network.registry.list();
    let victim = list.find(&net.network.node(members[1]).unwrap().ed25519()).unwrap();
    let copy = async |from: usize, request: &Value, made: Option<u64>| {
        let mut header = serde_json::Map::new();
        header.insert("call".to_owned(), request["method"].clone());
        if let Some(made) = made {
            header.insert("made".to_owned(), made.into());
            header.insert("late".to_owned(), true.into());
        }
        let body = request["params"].to_string();
        let outgoing =
            Outgoing { method: "storage_cc", header, body: body.as_bytes(), timeout: Duration::from_secs(5) };
        let keys = Arc::clone(&net.network.node(from).unwrap().keys);
        let transport = Transport::new(keys, tls::client().unwrap());
        let answer = transport.call(&net.network.clock, victim, outgoing).await.unwrap();
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    let as_alice = |mut request: Value| {
        request["params"]["pubkey"] = alice.id().to_string().into();
        request
    };

    let kept = rpc::store(&alice.id(), b"kept", DAY, net.now(), Namespace::MESSAGES);
    let hash = hash_of(&net.direct(members[0], &kept).await.1);
    let delete = as_alice(rpc::delete(&mallory, &[MessageHash::parse(&hash).unwrap()]));
    let forged = as_alice(rpc::store_signed(&mallory, b"forged", DAY, net.now(), Namespace(-1)));
    for made in [None, Some(net.now())] {
        let answer = copy(members[0], &delete, made).await;
        assert_eq!(answer, (401, "delete_msgs signature verification failed".to_owned()));
        let answer = copy(members[0], &forged, made).await;
        assert_eq!(answer, (401, "store signature verification failed".to_owned()));
    }
    let good = rpc::store_signed(&alice, b"good", DAY, net.now(), Namespace(-1));
    assert_eq!(copy(others[0], &good, None).await.0, 403, "not of this swarm");
    assert_eq!(copy(members[0], &rpc::batch(vec![good.clone()]), None).await.0, 400, "not a call to copy");
    assert_eq!(copy(members[0], &good, None).await.0, 200);
    assert_eq!(net.hashes(members[1], &alice, 0).await, [hash]);
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_hops_have_the_known_texts() {
    let mut net = Net::start().await;
    let guard = hex::encode(net.network.node(1).unwrap().ed25519().0);
    let dead = hex::encode(net.network.node(4).unwrap().ed25519().0);
    // A body that is a unit but not for this guard.
    let hop = |seed: u8| {
        let keys = Keys::from_seed([seed; 32]);
        zwiebel_proto::onion::Hop { ed25519: keys.ed25519_public, x25519: keys.x25519_public }
    };
    let own = net.network.node(1).unwrap();
    let first = zwiebel_proto::onion::Hop { ed25519: own.ed25519(), x25519: own.keys.x25519_public };
    let build = |path: &[zwiebel_proto::onion::Hop], to| {
        let to = zwiebel_proto::onion::Destination::Node(to);
        zwiebel_proto::onion::build(path, &to, b"x", Cipher::XChaCha20, &mut rand::rng()).unwrap().0
    };
    let (status, error, body) = net.packet(&guard, build(&[], hop(9))).await;
    assert_eq!((status, error, body.as_slice()), (400, None, b"Invalid ciphertext".as_slice()));
    let stranger = hex::encode(hop(9).ed25519.0);
    let (status, _, body) = net.packet(&guard, build(&[first], hop(9))).await;
    assert_eq!((status, String::from_utf8(body).unwrap()), (502, format!("Next node not found: {stranger}")));
    let node = net.network.node(4).unwrap();
    let gone = zwiebel_proto::onion::Hop { ed25519: node.ed25519(), x25519: node.keys.x25519_public };
    let packet = build(&[first], gone);
    net.network.stop_node(4).await.unwrap();
    let (status, _, body) = net.packet(&guard, packet).await;
    let text = format!("Next node is currently unreachable: {dead}");
    assert_eq!((status, String::from_utf8(body).unwrap()), (502, text));
    net.network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_and_distinct_subnets_suit_clients_that_want_them() {
    let folder = TempDir::new().unwrap();
    let wanted = Options { distinct_subnets: true, ..Options::on_free_ports(folder.path()) };
    let network = Network::start(&wanted).await.unwrap();
    let request = json!({"jsonrpc": "2.0", "method": "get_n_service_nodes", "params": {"active_only": true, "fields": {
        "public_ip": true, "storage_port": true, "pubkey_x25519": true, "pubkey_ed25519": true,
        "requested_unlock_height": true, "height": true}}});
    let url = format!("http://{}/json_rpc", network.seed_address);
    let answer = tls::client().unwrap().post(url).body(request.to_string()).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let nodes = body["result"]["service_node_states"].as_array().unwrap();
    let subnets: std::collections::BTreeSet<String> =
        nodes.iter().map(|node| node["public_ip"].as_str().unwrap().rsplit_once('.').unwrap().0.to_owned()).collect();
    assert_eq!((nodes.len(), subnets.len()), (10, 10));
    assert_eq!(nodes[0]["requested_unlock_height"], 0);
    network.shut_down().await;
}

/// Every field of service-nodes 1.5, and what selects nodes.
#[tokio::test(flavor = "multi_thread")]
async fn the_seed_answers_as_tools_of_the_public_network_expect() {
    let folder = TempDir::new().unwrap();
    let network = Network::start(&Options::on_free_ports(folder.path())).await.unwrap();
    let http = tls::client().unwrap();
    let ask = async |params: Value| {
        let request = json!({"jsonrpc": "2.0", "id": "0", "method": "get_service_nodes", "params": params});
        let url = format!("http://{}/json_rpc", network.seed_address);
        let answer = http.post(url).body(request.to_string()).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json");
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["result"].clone()
    };
    let all = ask(json!({})).await;
    for name in ["height", "target_height", "hardfork", "snode_revision", "block_hash", "status"] {
        assert!(!all[name].is_null(), "{name}");
    }
    let nodes = all["service_node_states"].as_array().unwrap();
    let fields = "service_node_pubkey pubkey_ed25519 pubkey_x25519 public_ip storage_port storage_lmq_port quorumnet_port \
        swarm_id swarm active funded payable requested_unlock_height registration_height state_height \
        last_reward_block_height storage_server_version lokinet_version service_node_version last_uptime_proof \
        storage_server_reachable storage_server_first_unreachable storage_server_last_unreachable \
        storage_server_last_reachable lokinet_reachable earned_downtime_blocks decommission_count contributors \
        total_contributed staking_requirement operator_fee";
    for (node, name) in nodes.iter().flat_map(|node| fields.split_whitespace().map(move |name| (node, name))) {
        assert!(!node[name].is_null(), "{name}");
        let swarm = node["swarm_id"].as_u64().unwrap();
        assert_eq!(node["swarm"], format!("{swarm:x}"));
    }
    let top = all["block_hash"].clone();
    assert_eq!(ask(json!({"poll_block_hash": top})).await["unchanged"], true);
    let without = ask(json!({"fields": ["all", "-swarm_id"], "limit": -3, "active_only": true})).await;
    let three = without["service_node_states"].as_array().unwrap();
    assert!(three.len() == 3 && three.iter().all(|node| node["swarm_id"].is_null() && !node["swarm"].is_null()));
    let one = ask(json!({"service_node_pubkeys": [nodes[4]["service_node_pubkey"]]})).await;
    let one = one["service_node_states"].as_array().unwrap();
    assert!(one.len() == 1 && one[0]["service_node_pubkey"] == nodes[4]["service_node_pubkey"]);
    network.shut_down().await;
}
