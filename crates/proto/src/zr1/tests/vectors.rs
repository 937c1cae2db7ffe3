//! The vectors of `vectors/zr1.json`: produced here, checked by `tests/zr1_check.py` with other libraries.
//!
//! Private keys and random draws are one repeated byte each, as in Appendix A of the specification. The test fails if
//! the file is not what the code produces; `ZWIEBEL_WRITE_VECTORS=1` writes it anew.

use serde_json::{Value, json};
use zwiebel_crypto::handshake::DeviceId;
use zwiebel_crypto::kdf::digest;
use zwiebel_crypto::secret::Secret;

use super::super::bundle::{self, BundleFacts};
use super::super::link::{self, LinkCode, LinkToken};
use super::super::manifest::{Draft, Mode, Revocation, RevocationReason, endorse};
use super::super::safety::{SafetyCode, safety_number};
use super::super::sticky::{StickyEntry, StickySet, StickyState};
use super::super::witness::{self, Witness};
use super::blobs::entry;
use super::*;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/zr1.json");

#[test]
fn the_file_is_what_the_code_produces() {
    let produced = serde_json::to_string_pretty(&produce()).unwrap() + "\n";
    if std::env::var_os("ZWIEBEL_WRITE_VECTORS").is_some() {
        std::fs::write(FILE, &produced).unwrap();
    }
    assert_eq!(std::fs::read_to_string(FILE).unwrap(), produced);
}

fn produce() -> Value {
    json!({
        "about": "ZR1 vectors. Keys and random draws are one byte repeated; see tests/zr1_check.py in crates/proto.",
        "added_at": ADDED_AT,
        "now": NOW,
        "conversation": conversation(),
        "padding": padding(),
        "manifest": manifest(),
        "bundle": hex_bundle(),
        "witness": hex::encode(witness::seal(
            &Side::a().device,
            &Witness { incarnation: 5, nonce: [0x1e; 16] },
            &mut Script::new(&[(0x1d, 24)]),
        )),
        "sticky": sticky(),
        "link": link(),
        "safety": safety(),
    })
}

/// First flight of three, opened as 0, 2, 1; a reply; a second chain of A with PN = 3; a second chain of B.
fn conversation() -> Value {
    let (a, b) = (Side::a(), Side::b());
    let mut steps = Vec::new();
    let mut rng = Script::new(&[(0x14, 32), (0x15, 32), (0x16, 32)]);
    let mut at_a = a.initiate(&b, &mut rng);
    assert!(rng.is_used_up());

    let mut first_flight = Vec::new();
    for (number, content) in ["first", "second", "third"].into_iter().enumerate() {
        let base = 0x40 + 0x10 * u8::try_from(number).unwrap();
        first_flight.push(step(&mut steps, "a", &b, &mut at_a, content, base, false));
    }
    let mut rng = Script::new(&[(0x26, 32)]);
    let (mut at_b, opened) = b.accept(&first_flight[0], &mut rng);
    assert!(rng.is_used_up());
    assert_eq!(opened.content.as_slice(), b"first");
    assert_eq!(b.open(&mut at_b, &first_flight[2]).content.as_slice(), b"third");
    let skipped: Vec<_> =
        at_b.skipped_rows().map(|(_, row)| hex::encode(&row[..37]) + &hex::encode(&row[45..])).collect();
    assert_eq!(b.open(&mut at_b, &first_flight[1]).content.as_slice(), b"second");
    assert_eq!(at_b.skipped_len(), 0);

    let reply = step(&mut steps, "b", &a, &mut at_b, "reply", 0x70, false);
    assert_eq!(a.open(&mut at_a, &reply).content.as_slice(), b"reply");
    let second = step(&mut steps, "a", &b, &mut at_a, "second chain", 0x80, true);
    assert_eq!(b.open(&mut at_b, &second).content.as_slice(), b"second chain");
    let last = step(&mut steps, "b", &a, &mut at_b, "second chain of b", 0x90, true);
    assert_eq!(a.open(&mut at_a, &last).content.as_slice(), b"second chain of b");

    json!({
        "session_id": hex::encode(at_a.id().0),
        "exporter": hex::encode(at_a.exporter().expose()),
        "steps": steps,
        "skipped_after_0_2": skipped,
        "hot_row_a": hex::encode(at_a.encode_hot().as_slice()),
        "hot_row_b": hex::encode(at_b.encode_hot().as_slice()),
        "fixed_row_b": hex::encode(at_b.encode_fixed().as_slice()),
        "closed_row_a": hex::encode(at_a.encode_closed()),
        "closed_row_b": hex::encode(at_b.encode_closed()),
    })
}

/// One message. Draws: content key `base`, salt `base + 1`, ratchet key `base + 2` if the chain is new, nonce
/// `base + 3`, ephemeral key `base + 4`.
fn step(
    steps: &mut Vec<Value>,
    from: &str,
    to: &Side,
    session: &mut Session,
    content: &str,
    base: u8,
    new_chain: bool,
) -> Vec<u8> {
    let mut script = vec![(base, 32), (base + 1, 16)];
    if new_chain {
        script.push((base + 2, 32));
    }
    script.extend([(base + 3, 24), (base + 4, 32)]);
    let mut rng = Script::new(&script);
    let init = session.opening().is_some();
    let sealed = send(to, session, content.as_bytes(), &mut rng);
    assert!(rng.is_used_up());
    let body = envelope::open(&to.account.to_x25519(), &sealed.envelope).unwrap();
    let container = Container::parse(&body).unwrap();
    let found = container.entries_for(&to.device.id()).unwrap()[0];
    steps.push(json!({
        "from": from,
        "content": content,
        "base": base,
        "new_chain": new_chain,
        "init": init,
        "bind": hex::encode(container.bind().as_bytes()),
        "capsule": hex::encode(found.capsule()),
        "envelope_len": sealed.envelope.len(),
        "envelope_hash": hex::encode(digest(&[&sealed.envelope])),
    }));
    sealed.envelope
}

/// Content length to envelope length, one device, no init block, at every edge.
fn padding() -> Value {
    let edges = [2_048, 4_096, 8_192, 16_384, 24_576, 32_768, 40_960, 49_152, 57_344, 65_536, 73_728, 76_800_usize];
    let lengths = edges.iter().flat_map(|edge| [edge - 237, edge - 236, edge - 235]);
    lengths.map(|content| json!([content, envelope::bucket(content + 236)])).collect()
}

fn manifest() -> Value {
    let (a, b) = (Side::a(), Side::b());
    let mut second = entry(&b);
    second.slot = 3;
    second.caps = 1;
    second.says_endorsed = true;
    second.endorser = a.device.id();
    second.endorsement = endorse(&a.device, &a.account.public(), &b.device.public(), ADDED_AT);
    let revoked = Revocation { device: DeviceId([0x1f; 16]), revoked_at_ms: ADDED_AT, reason: RevocationReason::Stale };
    let list = Draft { mode: Mode::On, restored: true, devices: vec![entry(&a), second], revoked: vec![revoked] };
    let off = Draft { mode: Mode::Off, restored: false, devices: vec![], revoked: vec![] };
    json!({
        "two_devices": hex::encode(list.sign(&a.account, 9, &[0x1b; 32], NOW).unwrap()),
        "tombstone": hex::encode(off.sign(&a.account, 10, &[0; 32], NOW).unwrap()),
    })
}

fn signed_bundle() -> Vec<u8> {
    let a = Side::a();
    let facts = BundleFacts { seq: 7, caps: 0, name: "Küche" };
    bundle::sign(&a.account, &a.device, a.prekey.public(), &facts, NOW, &mut Script::new(&[(0x1d, 24)])).unwrap()
}

fn hex_bundle() -> Value {
    json!(hex::encode(signed_bundle()))
}

fn sticky() -> Value {
    let mut set = StickySet::default();
    let entry = |state, verified, since_ms| StickyEntry { state, verified, since_ms };
    set.set(&Side::b().id(), entry(StickyState::ForwardSecret, true, NOW));
    set.set(&Side::new(0x41).id(), entry(StickyState::Pending, false, ADDED_AT));
    set.set(&Side::new(0x51).id(), entry(StickyState::GivenUp, false, 1));
    json!(hex::encode(set.seal(&Side::a().account, &mut Script::new(&[(0x1d, 24)]))))
}

fn link() -> Value {
    let a = Side::a();
    let token = LinkToken::generate(&mut Script::new(&[(0x2e, 16)]));
    let request = |token| {
        let mut rng = Script::new(&[(0x1d, 24)]);
        link::seal_request(&a.account, &entry(&a), &signed_bundle(), "Firefox", token, &mut rng).unwrap()
    };
    let code = LinkCode::generate(Side::b().id(), &mut Script::new(&[(0x2d, 32)]));
    let mut rng = Script::new(&[(0x1a, 32), (0x1d, 24)]);
    let answer = code.answer(&Secret::new([0x2f; 16]), &token, &mut rng).unwrap();
    json!({
        "request": hex::encode(request(None)),
        "request_with_token": hex::encode(request(Some(&token))),
        "emoji": link::emoji_code(&entry(&a)).unwrap(),
        "code": code.to_text().as_str(),
        "answer": hex::encode(answer),
    })
}

fn safety() -> Value {
    let (a, b) = (Side::a(), Side::b());
    let code = SafetyCode {
        account: a.id(),
        manifest_seq: 9,
        manifest_hash: [0x1b; 32],
        device: a.device.id(),
        session: SafetyCode::session_proof(&Secret::new([0x1c; 32])),
    };
    json!({
        "number": safety_number((&a.id(), &[a.device.id()]), (&b.id(), &[b.device.id(), DeviceId([0x1f; 16])])),
        "code": code.to_text(),
    })
}
