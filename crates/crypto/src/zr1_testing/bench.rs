//! What is measured of the ratchet, natively and in the browser alike. The clock is passed in.

use std::hint::black_box;

use rand_core::CryptoRng;

use super::{INIT_TS, Side, bind, deliver, live_pair, restore, rows, seal};
use crate::handshake::Origin;
use crate::ratchet::{Session, Trust};

/// One measured operation.
pub struct Figure {
    pub name: &'static str,
    /// Microseconds: the quickest of several batches, by the clock, divided by their size.
    pub micros: f64,
}

/// Measures everything. `micros` is a clock in microseconds; `rng` need not be good.
pub fn figures(micros: &dyn Fn() -> f64, rng: &mut impl CryptoRng) -> Vec<Figure> {
    let clock = Clock(micros);
    let (a, b) = (Side::a(), Side::b());
    let (live_a, live_b) = settled(rng);
    let initiate = clock.best(8, || (), |()| a.initiate(&b, rng));
    let accept = accept(&clock, &a, &b, rng);
    let encrypt = clock.best(250, || restore(&live_a), |mut from| seal(&mut from, 7, rng));

    // The first opens the chain, the second is measured.
    let (mut from, mut to) = (restore(&live_a), restore(&live_b));
    let (first, second) = (seal(&mut from, 8, rng).0, seal(&mut from, 9, rng).0);
    deliver(&mut to, 8, &first, INIT_TS);
    let open = rows(&to);
    let decrypt = clock.best(250, || restore(&open), |mut to| deliver(&mut to, 9, &second, INIT_TS));

    let round_trip = clock.best(
        8,
        || (restore(&live_a), restore(&live_b)),
        |(mut a, mut b)| {
            let (there, _) = seal(&mut b, 10, rng);
            deliver(&mut a, 10, &there, INIT_TS);
            let (back, _) = seal(&mut a, 11, rng);
            deliver(&mut b, 11, &back, INIT_TS);
        },
    );
    let mut from = restore(&live_a);
    let last = (0..=1_000).map(|number| seal(&mut from, 100 + number, rng).0).last().expect("some");
    let skip = |mut to: Session| deliver(&mut to, 1_100, &last, INIT_TS);
    let skipped = clock.best(4, || restore(&live_b), skip);
    [
        ("initiate", initiate),
        ("accept", accept),
        ("encrypt, same chain", encrypt),
        ("decrypt, same chain", decrypt),
        ("round trip, a DH step each", round_trip),
        ("decrypt after 1,000 skipped", skipped),
    ]
    .map(|(name, micros)| Figure { name, micros })
    .into()
}

/// A clock in microseconds.
pub struct Clock<'a>(pub &'a dyn Fn() -> f64);

impl Clock<'_> {
    /// Microseconds of one run; what `prepare` makes is not counted. Short batches and many of them, so that on a busy
    /// machine some batch runs without an interruption.
    pub fn best<T, R>(&self, batch: u16, mut prepare: impl FnMut() -> T, mut run: impl FnMut(T) -> R) -> f64 {
        (0..80)
            .map(|_| {
                let inputs: Vec<T> = (0..batch).map(|_| prepare()).collect();
                let start = (self.0)();
                for input in inputs {
                    black_box(run(black_box(input)));
                }
                ((self.0)() - start) / f64::from(batch)
            })
            .fold(f64::INFINITY, f64::min)
    }
}

/// Rows of two sessions that have written to each other.
fn settled(rng: &mut impl CryptoRng) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut a, mut b) = live_pair(rng);
    let (reply, _) = seal(&mut b, 1, rng);
    deliver(&mut a, 1, &reply, INIT_TS);
    let (next, _) = seal(&mut a, 2, rng);
    deliver(&mut b, 2, &next, INIT_TS);
    (rows(&a), rows(&b))
}

fn accept(clock: &Clock<'_>, a: &Side, b: &Side, rng: &mut impl CryptoRng) -> f64 {
    let mut session = a.initiate(b, rng);
    let block = session.opening().expect("opening").clone();
    let (capsule, _) = seal(&mut session, 0, rng);
    let accept = |()| {
        let answer = b.responder().answer(&block, &b.prekey, Origin::Public, INIT_TS).expect("answers");
        let received = answer.proposal.receive(&capsule, &bind(0)).expect("opens");
        answer.proposal.accept(received, Trust::Approved, INIT_TS, rng).expect("accepts")
    };
    clock.best(8, || (), accept)
}
