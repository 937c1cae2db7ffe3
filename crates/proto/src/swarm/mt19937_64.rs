//! The 64-bit Mersenne Twister, as C++'s `std::mt19937_64`: nodes must draw the same numbers as each other.
//!
//! # Security
//! Predictable by design. For the agreed shuffling of nodes, nothing else.

const N: usize = 312;
const M: usize = 156;
const MATRIX: u64 = 0xb502_6f5a_a966_19e9;
const UPPER: u64 = 0xffff_ffff_8000_0000;

pub(super) struct Mt19937_64 {
    state: [u64; N],
    next: usize,
}

impl Mt19937_64 {
    pub(super) fn new(seed: u64) -> Self {
        let mut last = seed;
        let state = std::array::from_fn(|i| {
            if i > 0 {
                last = 6_364_136_223_846_793_005_u64.wrapping_mul(last ^ (last >> 62)).wrapping_add(i as u64);
            }
            last
        });
        Self { state, next: N }
    }

    pub(super) fn next(&mut self) -> u64 {
        if self.next >= N {
            self.twist();
        }
        let mut x = self.state.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        x ^= (x >> 29) & 0x5555_5555_5555_5555;
        x ^= (x << 17) & 0x71d6_7fff_eda6_0000;
        x ^= (x << 37) & 0xfff7_eee0_0000_0000;
        x ^ (x >> 43)
    }

    /// A uniform number below `n`, by rejection, as the network's nodes draw it; 0 for an `n` of 0.
    pub(super) fn draw(&mut self, n: u64) -> u64 {
        let Some(excess) = u64::MAX.checked_rem(n) else {
            return 0;
        };
        let limit = u64::MAX - excess;
        loop {
            let x = self.next();
            if x < limit {
                return x / (limit / n);
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "all indices are remainders of N")]
    fn twist(&mut self) {
        for i in 0..N {
            let x = (self.state[i] & UPPER) | (self.state[(i + 1) % N] & !UPPER);
            let matrix = if x & 1 == 0 { 0 } else { MATRIX };
            self.state[i] = self.state[(i + M) % N] ^ (x >> 1) ^ matrix;
        }
        self.next = 0;
    }
}
