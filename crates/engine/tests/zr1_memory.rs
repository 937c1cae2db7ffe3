//! What is left in the memory of a program after a conversation (forward-secrecy 1, G2): keys that opened earlier messages are
//! in none of it, wherever rows, sessions and prekeys have been on their way to the store. Stacks are not looked at.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;

use zwiebel_crypto::ratchet::secrets_of;
use zwiebel_testkit::zr1_sim::{Faults, Sim};
use zwiebel_testkit::{HOUR_MS, MINUTE_MS};

/// So that what we look for is nowhere but where we look.
const MASK: u8 = 0x5a;

type Masked = [u8; 32];

fn masked(secret: &[u8]) -> Masked {
    std::array::from_fn(|at| secret[at] ^ MASK)
}

/// The secrets in the rows of all devices, as they are now.
fn stored(sim: &Sim) -> BTreeSet<Masked> {
    let mut found = BTreeSet::new();
    for (key, row) in sim.devices.iter().flat_map(|device| &device.disk.rows) {
        match key[0] {
            b'H' => found.extend(secrets_of(row).unwrap().iter().map(|secret| masked(secret.expose()))),
            // A version, the X25519 key, the length of the seed for ML-KEM, and its two halves.
            b'k' => found.extend([1, 34, 66].map(|at| masked(&row[at..at + 32]))),
            _ => {}
        }
    }
    found
}

/// Two people talk for a while; prekeys are renewed daily. Gives everything secret that ever was in a row.
fn conversation() -> (Sim, BTreeSet<Masked>, usize) {
    let here = 0_u8;
    let mut sim = Sim::new(1, [1, 1], Faults::default());
    let mut ever = stored(&sim);
    for n in 0..30 {
        sim.write_from(usize::from(n % 3 == 2));
        for _ in 0..7 {
            sim.pass(1, MINUTE_MS);
            ever.extend(stored(&sim));
        }
    }
    for _ in 0..200 {
        sim.pass(1, HOUR_MS);
        ever.extend(stored(&sim));
    }
    (sim, ever, std::ptr::from_ref(&here).addr())
}

/// Writable memory of this process but stacks: the main one, and the one this address is on.
fn memory(stack: usize) -> Vec<(u64, u64)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let region = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        let is_stack = rest.ends_with("[stack]") || (from..to).contains(&u64::try_from(stack).ok()?);
        (rest.starts_with("rw") && !is_stack).then_some((from, to))
    };
    maps.lines().filter_map(region).collect()
}

/// How often each of these stands in that memory.
fn count(secrets: &[Masked], stack: usize) -> Vec<usize> {
    let mut by_start = vec![Vec::new(); 1 << 16];
    for (n, secret) in secrets.iter().enumerate() {
        by_start[usize::from(u16::from_be_bytes([secret[0], secret[1]]))].push(n);
    }
    let mut counts = vec![0; secrets.len()];
    let mut buffer = vec![0; 1 << 20];
    let own = u64::try_from(buffer.as_ptr().addr()).unwrap();
    let own = own..own + u64::try_from(buffer.len()).unwrap();
    let memory_file = File::open("/proc/self/mem").unwrap();
    for (from, to) in memory(stack) {
        let mut at = from;
        while at < to {
            let length = usize::try_from(to - at).unwrap().min(buffer.len());
            let Ok(read @ 33..) = memory_file.read_at(&mut buffer[..length], at) else { break };
            for (offset, window) in buffer[..read].windows(32).enumerate() {
                let start = u16::from_be_bytes([window[0] ^ MASK, window[1] ^ MASK]);
                for n in &by_start[usize::from(start)] {
                    let same = window.iter().zip(secrets[*n]).all(|(byte, masked)| byte ^ MASK == masked);
                    if same && !own.contains(&(at + u64::try_from(offset).unwrap())) {
                        counts[*n] += 1;
                    }
                }
            }
            at += u64::try_from(read - 32).unwrap();
        }
    }
    counts
}

#[test]
fn keys_that_are_used_up_are_nowhere_in_memory() {
    let (sim, ever, stack) = std::thread::spawn(conversation).join().unwrap();
    let now = stored(&sim);
    let gone: Vec<Masked> = ever.difference(&now).copied().collect();
    let here: Vec<Masked> = now.into_iter().collect();
    assert!(gone.len() > 60, "{}", gone.len());
    let (gone, here) = (count(&gone, stack), count(&here, stack));
    let found = here.iter().filter(|times| **times > 0).count();
    assert!(found * 2 > here.len(), "the search finds what is there: {found} of {}", here.len());
    let left: usize = gone.iter().sum();
    println!("residue: {left} copies of {} keys", gone.iter().filter(|times| **times > 0).count());
    assert_eq!(left, 0, "of {} keys", gone.len());
}
