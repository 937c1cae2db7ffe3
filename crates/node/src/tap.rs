//! Test builds only (feature `tap`): every packet that gateway and nodes see, as JSON lines in a file; and nodes that lie.
//!
//! The shipped binary is built without this feature and has no code to record anything, or to lie.

use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use serde_json::Value;
use serde_json::json;
use zwiebel_crypto::keys::Ed25519Public;
use zwiebel_proto::onion::Layer;
use zwiebel_proto::onion::OuterPacket;

use crate::onion::Arrival;

static FILE: OnceLock<Mutex<File>> = OnceLock::new();
static HIDING: AtomicBool = AtomicBool::new(false);

/// Starts recording into this file.
///
/// # Errors
/// If it cannot be made.
pub fn start(path: &Path) -> io::Result<()> {
    let file = File::options().create(true).append(true).open(path)?;
    drop(FILE.set(Mutex::new(file)));
    Ok(())
}

/// Nodes say of every public outbox that nothing is in it, as hostile ones would.
pub fn hide_outboxes(on: bool) {
    HIDING.store(on, Ordering::Relaxed);
}

/// Whether nodes deny what is in this namespace.
#[must_use]
pub fn hides(namespace: i16) -> bool {
    namespace < 0 && HIDING.load(Ordering::Relaxed)
}

fn record(line: &Value) {
    let Some(file) = FILE.get() else { return };
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    drop(file.write_all(format!("{line}\n").as_bytes()));
}

/// A packet as the gateway got it from a browser, and the guard it goes to.
pub fn gateway(guard: &Ed25519Public, body: &[u8], client: Option<std::net::IpAddr>) {
    record(&json!({
        "at": "gateway", "node": null, "role": "gateway", "in_hex": hex::encode(body),
        "guard": hex::encode(guard.0), "peer": client.map(|ip| ip.to_string()),
    }));
}

/// A packet as a node got it, and all that the node could read in it.
pub fn node(node: &Ed25519Public, arrival: Arrival, packet: &OuterPacket, layer: Option<&Layer>) {
    let (role, opened, next) = match layer {
        Some(Layer::Final { request, .. }) => ("destination", request.clone(), None),
        Some(Layer::Server(server)) => ("server", server.body.clone(), Some(server.host.clone())),
        Some(Layer::Next { destination, blob, .. }) => {
            let role = if arrival == Arrival::Guard { "guard" } else { "relay" };
            (role, blob.clone(), Some(hex::encode(destination.0)))
        }
        None => ("unreadable", Vec::new(), None),
    };
    record(&json!({
        "at": "node", "node": hex::encode(node.0), "role": role, "in_hex": hex::encode(&packet.blob),
        "ephemeral": hex::encode(packet.ephemeral.0), "hop_no": packet.hop_no,
        "opened_hex": hex::encode(opened), "next": next,
        "peer": if arrival == Arrival::Guard { "client" } else { "node" },
    }));
}
