//! The key derivations of the ratchet against vodozemac's: the same maths under another label.

use vodozemac::olm::{Account, OlmMessage, Session as OlmSession, SessionConfig};

use super::*;

/// What vodozemac calls its root step.
const LABEL: &[u8] = b"OLM_RATCHET";

/// The state of the chain it sends in.
struct State {
    root_key: [u8; 32],
    chain_key: [u8; 32],
    chain_index: u64,
    ratchet_key: [u8; 32],
}

fn state(session: &OlmSession) -> State {
    let state = session.active_sending_state().expect("has sent");
    State {
        root_key: *state.root_key,
        chain_key: *state.chain_key,
        chain_index: state.chain_index,
        ratchet_key: *state.ratchet_key,
    }
}

/// 60 turns of a conversation of vodozemac, one to four messages each: after every message its keys are those that our
/// root step and chain steps give.
#[test]
fn root_and_chain_equal_vodozemac() {
    let (alice, mut bob) = (Account::new(), Account::new());
    bob.generate_one_time_keys(1);
    let one_time_key = *bob.one_time_keys().values().next().unwrap();
    let mut at_alice =
        alice.create_outbound_session(SessionConfig::version_1(), bob.curve25519_key(), one_time_key).unwrap();
    let OlmMessage::PreKey(first) = at_alice.encrypt("first").unwrap() else { panic!("a first message") };
    let inbound = bob.create_inbound_session(SessionConfig::version_1(), alice.curve25519_key(), &first).unwrap();
    let mut at_bob = inbound.session;

    let mut before = state(&at_alice);
    for turn in 0..60_u32 {
        let (from, to) = if turn % 2 == 0 { (&mut at_bob, &mut at_alice) } else { (&mut at_alice, &mut at_bob) };
        let mut chain = None;
        for number in 1..=1 + turn % 4 {
            let message = from.encrypt(b"x").unwrap();
            let now = state(from);
            let current = chain.take().unwrap_or_else(|| {
                let theirs = X25519Secret::from_bytes(before.ratchet_key).public();
                let agreed = X25519Secret::from_bytes(now.ratchet_key).agree(&theirs).unwrap();
                let (root, chain) = RootKey::new(before.root_key).step_under(LABEL, &agreed, &[]);
                assert_eq!(root.expose(), &now.root_key, "turn {turn}");
                chain
            });
            let (_, next) = current.step();
            assert_eq!(next.expose(), &now.chain_key, "turn {turn}, message {number}");
            assert_eq!(now.chain_index, u64::from(number));
            chain = Some(next);
            assert_eq!(to.decrypt(&message).unwrap(), b"x");
        }
        before = state(from);
    }
}
