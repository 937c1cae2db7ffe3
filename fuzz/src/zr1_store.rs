//! Rows of the session manager: whatever the store gives back, loading them says no or gives a manager that runs.
//! The input is a list of rows: length of the key, length of the value (two bytes), key, value; the seeds are what real
//! conversations left.

use crate::zr1_support::{Counter, one_in};
use zwiebel_engine::zr1::{Manager, Moment};

/// A day after the seeds were written.
const NOW_MS: u64 = 1_800_086_400_000;

/// One run.
pub fn run(bytes: &[u8]) {
    let Ok(mut manager) = Manager::load([1; 16], rows(bytes)) else { return };
    // What is due may be a new key pair, which costs a hundred times as much as the rows.
    if one_in(8, bytes) {
        manager.tick(&mut Moment { now_ms: NOW_MS, rng: &mut Counter(0) });
        let _ = manager.take_step();
    }
}

fn rows(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (&[key, low, high], rest) = bytes.split_first_chunk::<3>()?;
        let (key, rest) = rest.split_at_checked(usize::from(key))?;
        let (value, rest) = rest.split_at(rest.len().min(usize::from(u16::from_le_bytes([low, high]))));
        bytes = rest;
        Some((key, value))
    })
}
