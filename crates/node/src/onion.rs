//! Onion requests at a node (service-nodes 4.4): take one layer off, then answer, pass on, or refuse.
//!
//! Errors of hops are plain text; answers of a destination are sealed. What a server outside answers goes back as it is
//! ([`crate::relay`]).

use std::sync::Arc;

use serde_json::Map;
use zwiebel_proto::onion::Layer;
use zwiebel_proto::onion::OuterPacket;
use zwiebel_proto::onion::PeelError;
use zwiebel_proto::onion::ReplyKey;
use zwiebel_proto::onion::outer;
use zwiebel_proto::onion::peel;

use crate::limits;
use crate::node::Node;
use crate::peer::Outgoing;
use crate::peer::PeerAnswer;
use crate::peer::PeerError;
use crate::relay::Refused;
use crate::rpc;
use crate::rpc::Answer;
use crate::rpc::Body;

/// Where a packet came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A client or a gateway: this node is the guard.
    Guard,
    /// Another node.
    Hop,
}

/// A packet as the guard gets it.
pub async fn from_client(node: &Arc<Node>, body: impl AsRef<[u8]> + Send) -> Answer {
    let read = outer(body.as_ref());
    drop(body);
    match read {
        Ok(packet) => handle(node, packet, Arrival::Guard).await,
        Err(error) => Answer::error(400, format!("Error parsing onion request: {error}")),
    }
}

/// A packet as another node passes it on.
pub async fn from_hop(node: &Arc<Node>, body: impl AsRef<[u8]> + Send) -> Answer {
    let read = OuterPacket::decode_hop(body.as_ref());
    drop(body);
    match read {
        Ok(packet) if packet.is_too_far() => Answer::error(400, "onion request max path length exceeded"),
        Ok(packet) => handle(node, packet, Arrival::Hop).await,
        Err(error) => Answer::error(400, format!("Invalid internal onion request: {error}")),
    }
}

async fn handle(node: &Arc<Node>, packet: OuterPacket, arrival: Arrival) -> Answer {
    let peeled = peel(&node.keys.x25519, &packet.blob, &packet.ephemeral, packet.cipher);
    #[cfg(feature = "tap")]
    crate::tap::node(&node.ed25519(), arrival, &packet, peeled.as_ref().ok().map(|(layer, _)| layer));
    let _ = arrival;
    let hop_no = packet.hop_no.saturating_add(1);
    drop(packet);
    match peeled {
        Ok((Layer::Final { request, json, base64 }, key)) => {
            let answer = rpc::answer(node, request).await;
            sealed(&key, answer, json, base64)
        }
        Ok((Layer::Next { destination, blob, ephemeral, cipher }, _)) => {
            pass_on(node, &destination, &OuterPacket { blob, ephemeral, cipher, hop_no }).await
        }
        Ok((Layer::Server(request), key)) => match node.relay.post(&request).await {
            Ok(answer) => answer,
            Err(Refused) => sealed(&key, Answer::error(400, "Invalid url"), false, true),
        },
        Err(PeelError::Url(key)) => sealed(&key, Answer::error(400, "Invalid url"), false, true),
        Err(PeelError::Json(key)) => sealed(&key, Answer::error(400, "Invalid json"), false, true),
        Err(PeelError::Ciphertext) => Answer::error(400, "Invalid ciphertext"),
    }
}

fn sealed(key: &ReplyKey, answer: Answer, json: bool, base64: bool) -> Answer {
    let status = answer.status;
    let json = json && matches!(answer.body, Body::Json(_));
    let body = match answer.body {
        Body::Bytes(bytes) => crate::encoding::base64(&bytes).into_bytes(),
        other => Answer { status, body: other }.into_bytes().0,
    };
    let sealed = key.seal_node_reply(status, &body, json, base64, &mut rand::rng());
    Answer { status: 200, body: Body::Bytes(sealed) }
}

async fn pass_on(node: &Node, destination: &zwiebel_crypto::keys::Ed25519Public, packet: &OuterPacket) -> Answer {
    let list = node.registry.list();
    let name = || hex::encode(destination.0);
    let Some(next) = list.find(destination) else {
        return Answer::error(502, format!("Next node not found: {}", name()));
    };
    let body = packet.encode_hop();
    let outgoing = Outgoing { method: "onion_request", header: Map::new(), body: &body, timeout: limits::HOP_TIMEOUT };
    match node.transport.call(&node.clock, next, outgoing).await {
        Ok(PeerAnswer { status: 200, body }) => Answer { status: 200, body: Body::Bytes(body) },
        Ok(PeerAnswer { status, body }) => {
            let body = String::from_utf8(body).map_or_else(|error| Body::Bytes(error.into_bytes()), Body::Text);
            Answer { status: known_status(status), body }
        }
        Err(PeerError::Timeout) => Answer::error(504, "Request time out"),
        Err(PeerError::Unreachable) => Answer::error(502, format!("Next node is currently unreachable: {}", name())),
        Err(PeerError::Malformed) => Answer::error(500, "Invalid response from snode"),
    }
}

/// Unknown numbers become 500 on the way back (service-nodes 2.3).
const fn known_status(status: u16) -> u16 {
    match status {
        200 | 400 | 401 | 403 | 404 | 406 | 410 | 413 | 421 | 429 | 502 | 503 | 504 => status,
        _ => 500,
    }
}
