//! What the ratchet costs, beside vodozemac (Olm, without the post-quantum half) in the same run.
//!
//! `cargo run --profile native -p zwiebel-crypto --features testing --example ratchet_bench`

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints"
)]

use std::time::Instant;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{Account, OlmMessage, PreKeyMessage, Session, SessionConfig};
use zwiebel_crypto::zr1_testing::bench::{Clock, figures};

fn main() {
    let start = Instant::now();
    let micros = || start.elapsed().as_secs_f64() * 1e6;
    println!("{:<34} {:>10} {:>10}", "microseconds", "ZR1", "vodozemac");
    let theirs = Olm::new().figures(&Clock(&micros));
    for (at, figure) in figures(&micros, &mut StdRng::seed_from_u64(1)).iter().enumerate() {
        let theirs = theirs.get(at).map_or_else(|| "-".to_owned(), |time| format!("{time:.1}"));
        println!("{:<34} {:>10.1} {theirs:>10}", figure.name, figure.micros);
    }
}

/// Two accounts of vodozemac and their sessions.
struct Olm {
    alice: Account,
    bob: Account,
    key: Curve25519PublicKey,
    first: PreKeyMessage,
    a: Session,
    b: Session,
}

impl Olm {
    fn new() -> Self {
        let (alice, mut bob) = (Account::new(), Account::new());
        bob.generate_one_time_keys(1);
        let key = *bob.one_time_keys().values().next().expect("one");
        let mut a = outbound(&alice, &bob, key);
        let OlmMessage::PreKey(first) = encrypt(&mut a) else { unreachable!("nothing came back yet") };
        let mut b = inbound(&mut copy_account(&bob), &alice, &first);
        a.decrypt(&encrypt(&mut b)).expect("opens");
        b.decrypt(&encrypt(&mut a)).expect("opens");
        Self { alice, bob, key, first, a, b }
    }

    /// In the order of ours.
    fn figures(&self, clock: &Clock<'_>) -> [f64; 5] {
        let (mut from, mut to) = (copy(&self.a), copy(&self.b));
        let (first, second) = (encrypt(&mut from), encrypt(&mut from));
        to.decrypt(&first).expect("opens");
        let round_trip = |(mut a, mut b): (Session, Session)| {
            a.decrypt(&encrypt(&mut b)).expect("opens");
            b.decrypt(&encrypt(&mut a)).expect("opens");
        };
        [
            clock.best(8, || (), |()| outbound(&self.alice, &self.bob, self.key)),
            clock.best(8, || copy_account(&self.bob), |mut bob| inbound(&mut bob, &self.alice, &self.first)),
            clock.best(250, || copy(&self.a), |mut from| encrypt(&mut from)),
            clock.best(250, || copy(&to), |mut to| to.decrypt(&second).expect("opens")),
            clock.best(8, || (copy(&self.a), copy(&self.b)), round_trip),
        ]
    }
}

fn outbound(from: &Account, to: &Account, key: Curve25519PublicKey) -> Session {
    from.create_outbound_session(SessionConfig::version_1(), to.curve25519_key(), key).expect("usable keys")
}

fn inbound(to: &mut Account, from: &Account, first: &PreKeyMessage) -> Session {
    to.create_inbound_session(SessionConfig::version_1(), from.curve25519_key(), first).expect("accepts").session
}

fn encrypt(session: &mut Session) -> OlmMessage {
    session.encrypt([7; 32]).expect("encrypts")
}

fn copy(session: &Session) -> Session {
    Session::from_pickle(session.pickle())
}

fn copy_account(account: &Account) -> Account {
    Account::from_pickle(account.pickle())
}
