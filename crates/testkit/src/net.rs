//! A simulated network: a gateway, nodes in swarms, onion requests peeled hop by hop; loss, delay and lies on demand.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use serde_json::{Value, json};
use zwiebel_crypto::keys::{Ed25519Public, Ed25519Secret, X25519Public};
use zwiebel_engine::effect::{HttpRequest, HttpTarget};
use zwiebel_engine::input::HttpOutcome;
use zwiebel_proto::onion::{self, Cipher, Layer, PeelError};
use zwiebel_proto::roster::{Proof, Roster, RosterNode, SignedDirectory, SignedProof, SignedRoster, Signers};
use zwiebel_proto::storage_rpc::{MessageHash, Namespace, NamespaceClass, message_hash};
use zwiebel_proto::swarm::{self, SwarmId};

use crate::node::{Behaviour, SimNode, Spread, Stored, owner};
use crate::rng::seeded;

/// The network.
pub struct SimNet {
    pub nodes: Vec<SimNode>,
    pub gateway_up: bool,
    /// Further gateways by origin, and whether they run.
    pub gateways: BTreeMap<String, bool>,
    /// Nodes that take packets from pages, by number.
    pub direct: Vec<usize>,
    /// Makes it a network of one's own: signs the list of nodes, under this serial.
    pub operator: Option<(Ed25519Secret, u64)>,
    /// The first gateway shows the same list signed by somebody else.
    pub foreign_home: Option<Ed25519Secret>,
    /// Nodes that the operator has taken off the list, by number.
    pub revoked: Vec<usize>,
    /// What all nodes add to the list when they are asked for it.
    pub invented: Vec<Value>,
    /// Stores of messages that are confirmed and kept by nobody, in percent.
    pub swallowed: u32,
    /// Nodes show nothing of what anybody may read.
    pub hidden_outboxes: bool,
    /// Requests that never arrive, and answers that never arrive, in percent each.
    pub loss: u32,
    /// Shortest and longest time of a request and its answer.
    pub delay_ms: (u64, u64),
    /// Messages per answer of `retrieve`.
    pub page: usize,
    /// Nodes wait with an empty answer, as ours do.
    pub patient: bool,
    /// The last request would have waited so long.
    pub(crate) hold_ms: Option<u64>,
    /// People the gateway offers.
    pub contacts: Vec<(String, String)>,
    /// What the gateway lists instead of the truth.
    pub listed: Option<Vec<usize>>,
    /// Every packet that came: node and its place (0: guard).
    pub seen: Vec<(Ed25519Public, u32)>,
    /// Every storage request that reached a member of the swarm: node, method, parameters.
    pub calls: Vec<(usize, String, Value)>,
    /// Bytes of all requests and answers at the gateway.
    pub traffic: u64,
    rng: StdRng,
}

/// What comes back along the hops.
enum Back {
    Answer(u16, Vec<u8>),
    Never,
}

impl SimNet {
    /// Nodes in swarms of five, all on one machine.
    #[must_use]
    pub fn new(nodes: u16, seed: u64) -> Self {
        let mut rng = seeded(seed);
        let swarms = u64::from(nodes / 5).max(1);
        let nodes = (0..nodes).map(|n| {
            let ed25519 = Ed25519Secret::generate(&mut rng);
            let x25519 = ed25519.to_x25519();
            SimNode {
                ed25519,
                x25519,
                ip: [127, 0, 0, 1],
                port: 22_100 + n,
                swarm: u64::from(n) % swarms * (u64::MAX / swarms / 2 + 1),
                behaviour: Behaviour::Honest,
                puts: 0,
                stored: BTreeMap::new(),
            }
        });
        Self {
            nodes: nodes.collect(),
            gateway_up: true,
            gateways: BTreeMap::new(),
            direct: Vec::new(),
            operator: None,
            foreign_home: None,
            revoked: Vec::new(),
            invented: Vec::new(),
            swallowed: 0,
            hidden_outboxes: false,
            loss: 0,
            delay_ms: (20, 80),
            page: 50,
            patient: true,
            hold_ms: None,
            contacts: Vec::new(),
            listed: None,
            seen: Vec::new(),
            calls: Vec::new(),
            traffic: 0,
            rng,
        }
    }

    /// The node with this key.
    #[must_use]
    pub fn find(&self, key: &Ed25519Public) -> Option<usize> {
        self.nodes.iter().position(|n| n.key() == *key)
    }

    /// The nodes that keep an account's messages.
    #[must_use]
    pub fn swarm_of(&self, owner: &[u8; 33]) -> Vec<usize> {
        let mut ids: Vec<SwarmId> = self.nodes.iter().map(|n| SwarmId(n.swarm)).collect();
        ids.sort_unstable();
        ids.dedup();
        let key: [u8; 32] = owner[1..].try_into().expect("33 bytes");
        let id = swarm::nearest(&ids, swarm::position(&key)).expect("nodes");
        (0..self.nodes.len()).filter(|n| self.nodes[*n].swarm == id.0).collect()
    }

    /// Every message some member of an account's swarm holds, by hash.
    #[must_use]
    pub fn held(&self, owner: &[u8; 33]) -> Vec<MessageHash> {
        self.held_in(owner, Namespace::MESSAGES)
    }

    /// The same for any namespace.
    #[must_use]
    pub fn held_in(&self, owner: &[u8; 33], namespace: Namespace) -> Vec<MessageHash> {
        let members = self.swarm_of(owner);
        let held = members.iter().flat_map(|n| self.nodes[*n].stored.get(owner)).flatten();
        let mut all: Vec<MessageHash> = held.filter(|m| m.namespace == namespace).map(|m| m.hash).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Puts bytes into an account's swarm, as anybody can.
    pub fn inject(&mut self, owner: [u8; 33], data: &[u8], now: u64) {
        self.inject_in(owner, Namespace::MESSAGES, data, now);
    }

    /// The same for any namespace, as all nodes together could.
    pub fn inject_in(&mut self, owner: [u8; 33], namespace: Namespace, data: &[u8], now: u64) {
        let hash = message_hash(&owner, namespace, data);
        for n in self.swarm_of(&owner) {
            let expiration = now + 14 * 86_400_000;
            let message = Stored { namespace, hash, timestamp: now, expiration, data: data.to_vec() };
            self.nodes[n].put(owner, message);
        }
    }

    /// What becomes of a request, and after how long; `None`: no answer ever.
    pub fn handle(&mut self, now: u64, request: &HttpRequest) -> Option<(u64, HttpOutcome)> {
        let (low, high) = self.delay_ms;
        let delay = self.rng.random_range(low..=high);
        if !self.is_up(request) {
            return Some((5, HttpOutcome::Unreachable));
        }
        if self.lost() {
            return None;
        }
        let outcome = match request.target {
            HttpTarget::Nodes => self.directory(request.origin.is_none()),
            HttpTarget::Onion(guard) | HttpTarget::Direct(guard) => self.guarded(now, &guard, &request.body)?,
        };
        if let HttpOutcome::Response { body, .. } = &outcome {
            self.traffic += u64::try_from(request.body.len() + body.len()).unwrap_or(0);
        }
        (!self.lost()).then_some((delay, outcome))
    }

    /// Whether whom a request is for is there at all.
    pub(crate) fn is_up(&self, request: &HttpRequest) -> bool {
        match (&request.target, &request.origin) {
            (HttpTarget::Direct(guard), origin) => self.find(guard).is_some_and(|n| {
                self.direct.contains(&n)
                    && self.nodes[n].behaviour != Behaviour::Dead
                    && origin.as_deref() == Some(&self.nodes[n].origin())
            }),
            (_, None) => self.gateway_up,
            (_, Some(origin)) => self.gateways.get(origin) == Some(&true),
        }
    }

    /// Changes when something is stored or a node changes its behaviour.
    pub(crate) fn version(&self) -> (u64, usize) {
        let honest = self.nodes.iter().filter(|n| n.behaviour == Behaviour::Honest).count();
        (self.nodes.iter().map(|n| n.puts).sum(), honest)
    }

    fn lost(&mut self) -> bool {
        self.rng.random_range(0..100) < self.loss
    }

    fn directory(&self, home: bool) -> HttpOutcome {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        let listed = self.listed.as_ref().unwrap_or(&all);
        let nodes: Vec<Value> = listed
            .iter()
            .map(|n| &self.nodes[*n])
            .map(|n| {
                json!({"ed25519": hex::encode(n.key().0), "x25519": hex::encode(n.x25519.public().0), "ip": n.address(),
                   "port": n.port, "swarm": format!("{:x}", n.swarm), "origin": self.origin_of(n)})
            })
            .collect();
        let contacts: Vec<Value> = self.contacts.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
        let gateways: Vec<&String> = self.gateways.keys().collect();
        let mut body = json!({"network": {"id": "sim", "name": "Simulated", "kind": "local"}, "nodes": nodes,
            "contacts": contacts, "gateways": gateways});
        if let Some((operator, serial)) = &self.operator {
            let operator = self.foreign_home.as_ref().filter(|_| home).unwrap_or(operator);
            let (id, signed) = self.signed(operator, *serial);
            body["network"] = json!({"id": id, "name": "Simulated", "kind": "own"});
            body["signed"] = serde_json::to_value(signed).expect("plain data");
            body["operator"] = hex::encode(operator.public().0).into();
        }
        response(200, body.to_string().into_bytes())
    }

    fn origin_of(&self, node: &SimNode) -> Option<String> {
        self.direct.iter().any(|n| self.nodes[*n].key() == node.key()).then(|| node.origin())
    }

    /// What the operator and all nodes have signed.
    fn signed(&self, operator: &Ed25519Secret, serial: u64) -> (String, SignedDirectory) {
        let network = Signers::one(operator.public()).network_id();
        let member = |n: &SimNode| {
            let ed25519 = hex::encode(n.key().0);
            RosterNode { ed25519, swarm: format!("{:x}", n.swarm), since: 1 }
        };
        let members = (0..self.nodes.len()).filter(|n| !self.revoked.contains(n));
        let mut nodes: Vec<RosterNode> = members.map(|n| member(&self.nodes[n])).collect();
        nodes.sort_by(|a, b| a.ed25519.cmp(&b.ed25519));
        let roster = Roster { network: network.clone(), name: "Simulated".to_owned(), serial, at: 0, nodes };
        let proofs = self.nodes.iter().map(|n| {
            let proof = Proof {
                network: network.clone(),
                node: hex::encode(n.key().0),
                ip: n.address(),
                port: n.port,
                origin: self.origin_of(n),
                version: [2, 11, 0],
                at: 0,
                reports: Vec::new(),
            };
            SignedProof::sign(&proof, &n.ed25519).expect("plain data")
        });
        let proofs = proofs.collect();
        let roster = SignedRoster::sign(&roster, &[operator]).expect("plain data");
        (network, SignedDirectory { roster: Some(roster), proofs })
    }

    fn guarded(&mut self, now: u64, guard: &Ed25519Public, body: &[u8]) -> Option<HttpOutcome> {
        let Some(n) = self.find(guard) else { return Some(gateway_error("unknown-node")) };
        if self.nodes[n].behaviour == Behaviour::Dead {
            return Some(gateway_error("node-timeout"));
        }
        let Ok(packet) = onion::outer(body) else {
            return Some(response(400, b"Error parsing onion request: bad".to_vec()));
        };
        match self.relay(now, n, &packet.blob, &packet.ephemeral, packet.cipher, 0) {
            Back::Answer(status, body) => Some(response(status, body)),
            Back::Never => None,
        }
    }

    fn relay(&mut self, now: u64, n: usize, blob: &[u8], key: &X25519Public, cipher: Cipher, hop: u32) -> Back {
        self.seen.push((self.nodes[n].key(), hop));
        match &self.nodes[n].behaviour {
            Behaviour::Silent | Behaviour::Dead => return Back::Never,
            Behaviour::Forges(status, text) => return Back::Answer(*status, text.clone().into_bytes()),
            Behaviour::Garbage => {
                let mut noise = vec![0; 200];
                self.rng.fill_bytes(&mut noise);
                return Back::Answer(200, noise);
            }
            _ => {}
        }
        match onion::peel(&self.nodes[n].x25519, blob, key, cipher) {
            Err(PeelError::Ciphertext) => Back::Answer(400, b"Invalid ciphertext".to_vec()),
            Err(PeelError::Json(reply) | PeelError::Url(reply)) => {
                Back::Answer(200, reply.seal_node_reply(400, b"Invalid json", true, true, &mut self.rng))
            }
            Ok((Layer::Server(_), _)) => Back::Answer(502, b"no servers here".to_vec()),
            Ok((Layer::Next { destination, blob, ephemeral, cipher }, _)) => {
                let named = hex::encode(destination.0);
                match self.find(&destination) {
                    None => Back::Answer(502, format!("Next node not found: {named}").into_bytes()),
                    Some(next) if self.nodes[next].behaviour == Behaviour::Dead => {
                        Back::Answer(502, format!("Next node is currently unreachable: {named}").into_bytes())
                    }
                    Some(next) => self.relay(now, next, &blob, &ephemeral, cipher, hop + 1),
                }
            }
            Ok((Layer::Final { request, json, base64 }, reply)) => {
                let request: Value = serde_json::from_slice(&request).expect("clients send JSON");
                let (status, body) = self.rpc(now, n, &request);
                let text = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                Back::Answer(200, reply.seal_node_reply(status, text.as_bytes(), json, base64, &mut self.rng))
            }
        }
    }

    /// The storage RPC of one node.
    pub fn rpc(&mut self, now: u64, n: usize, request: &Value) -> (u16, Value) {
        if let Behaviour::Says(status, text) = &self.nodes[n].behaviour {
            return (*status, text.as_str().into());
        }
        let params = &request["params"];
        let time = self.nodes[n].time(now);
        match request["method"].as_str().unwrap_or("") {
            "info" => (200, json!({"version": [2, 8, 0], "timestamp": time, "t": time, "hf": [19, 4]})),
            "oxend_request" => {
                (200, json!({"result": {"service_node_states": self.states()}, "t": time, "hf": [19, 4]}))
            }
            "get_swarm" => owner(params).map_or((400, "invalid request".into()), |o| (200, self.swarm_body(&o, time))),
            method @ ("batch" | "sequence") => {
                let mut results = Vec::new();
                let parts = params["requests"].as_array().cloned().unwrap_or_default();
                for part in &parts {
                    let (code, body) = self.rpc(now, n, part);
                    results.push(json!({"code": code, "body": body}));
                    if method == "sequence" && !(200..300).contains(&code) {
                        break;
                    }
                }
                let waits = parts.iter().any(|part| part["params"]["wait_ms"].is_u64());
                if waits && self.nodes[n].behaviour == Behaviour::Deaf {
                    results.iter_mut().for_each(|result| result["body"]["messages"] = json!([]));
                }
                if self.patient && method == "batch" {
                    self.hold_ms = wait_of(&parts, &results);
                }
                (200, json!({"results": results}))
            }
            method @ ("store" | "retrieve" | "delete" | "expire") => {
                let Some(owner) = owner(params) else { return (400, "invalid request".into()) };
                if !self.swarm_of(&owner).contains(&n) {
                    return (421, self.swarm_body(&owner, time));
                }
                self.account_call(now, n, method, params)
            }
            other => (400, format!("no method {other}").into()),
        }
    }

    fn account_call(&mut self, now: u64, n: usize, method: &str, params: &Value) -> (u16, Value) {
        self.calls.push((n, method.to_owned(), params.clone()));
        let node = &self.nodes[n];
        let done = match method {
            "retrieve" if self.hidden_outboxes && params["namespace"].as_i64().is_some_and(|n| n < 0) => {
                return (200, json!({"messages": [], "more": false, "t": now, "hf": [19, 4]}));
            }
            "retrieve" => return node.retrieve(now, params, self.page),
            "expire" => node.check_expire(params),
            "store" => node.check_store(now, params).map(|(owner, m)| Spread::Store(owner, m)),
            _ => node.check_delete(params).map(|(owner, hashes)| Spread::Delete(owner, hashes)),
        };
        match done {
            Ok(Spread::Store(_, message)) if node.behaviour == Behaviour::WrongHash => {
                let other = message_hash(&[5; 33], message.namespace, &message.data);
                let entry = node.confirm(&Stored { hash: other, ..message });
                let name = hex::encode(node.key().0);
                (200, json!({"swarm": object(name, entry), "hash": other, "t": now, "hf": [19, 4]}))
            }
            Ok(spread) => self.spread(now, spread),
            Err(refused) => refused,
        }
    }

    fn spread(&mut self, now: u64, spread: Spread) -> (u16, Value) {
        let mut swarm = serde_json::Map::new();
        let (owner, message) = match spread {
            Spread::Store(owner, message) => (owner, message),
            Spread::Delete(owner, hashes) => {
                for n in self.swarm_of(&owner) {
                    self.nodes[n].delete(&owner, &hashes);
                }
                return (200, json!({"swarm": {}, "t": now, "hf": [19, 4]}));
            }
            Spread::Expire(owner, hashes, expiry, mode) => {
                for n in self.swarm_of(&owner) {
                    let node = &mut self.nodes[n];
                    if !matches!(node.behaviour, Behaviour::Dead | Behaviour::Silent) {
                        swarm.insert(hex::encode(node.key().0), node.expire(now, &owner, &hashes, expiry, mode));
                    }
                }
                return (200, json!({"swarm": swarm, "t": now, "hf": [19, 4]}));
            }
        };
        let inbox = message.namespace.class() == NamespaceClass::PublicInbox;
        let swallowed = inbox && self.swallowed > 0 && self.rng.random_range(0..100) < self.swallowed;
        for n in self.swarm_of(&owner) {
            let name = hex::encode(self.nodes[n].key().0);
            let node = &mut self.nodes[n];
            if matches!(node.behaviour, Behaviour::Dead | Behaviour::Silent) {
                swarm.insert(name, json!({"failed": true, "timeout": true}));
            } else {
                if !swallowed {
                    node.put(owner, message.clone());
                }
                swarm.insert(name, node.confirm(&message));
            }
        }
        (200, json!({"swarm": swarm, "hash": message.hash, "t": now, "hf": [19, 4]}))
    }

    /// The list as nodes give it.
    fn states(&self) -> Vec<Value> {
        let state = |n: &SimNode| {
            json!({"public_ip": n.address(), "storage_port": n.port, "pubkey_ed25519": hex::encode(n.key().0),
                   "pubkey_x25519": hex::encode(n.x25519.public().0), "swarm": format!("{:x}", n.swarm)})
        };
        self.nodes.iter().map(state).chain(self.invented.iter().cloned()).collect()
    }

    fn swarm_body(&self, owner: &[u8; 33], time: u64) -> Value {
        let members = self.swarm_of(owner);
        let id = members.first().map_or(0, |n| self.nodes[*n].swarm);
        let snodes: Vec<Value> = members
            .iter()
            .map(|n| &self.nodes[*n])
            .map(|n| {
                json!({"ip": n.address(), "port": n.port.to_string(), "port_https": n.port,
                   "pubkey_ed25519": hex::encode(n.key().0), "pubkey_x25519": hex::encode(n.x25519.public().0)})
            })
            .collect();
        json!({"snodes": snodes, "swarm": format!("{id:x}"), "t": time, "hf": [19, 4]})
    }
}

fn object(name: String, value: Value) -> Value {
    Value::Object(std::iter::once((name, value)).collect())
}

/// How long a batch waits: all went well, nothing came, and some part asks for it.
fn wait_of(parts: &[Value], results: &[Value]) -> Option<u64> {
    let empty =
        |result: &Value| result["code"] == 200 && result["body"]["messages"].as_array().is_none_or(Vec::is_empty);
    let wait = parts.iter().filter_map(|part| part["params"]["wait_ms"].as_u64()).min()?;
    results.iter().all(empty).then_some(wait)
}

fn response(status: u16, body: Vec<u8>) -> HttpOutcome {
    HttpOutcome::Response { status, body, gateway_error: None }
}

fn gateway_error(error: &str) -> HttpOutcome {
    HttpOutcome::Response { status: 502, body: Vec::new(), gateway_error: Some(error.to_owned()) }
}
