//! Randomness that can be replayed.

use rand::SeedableRng;
use rand::rngs::StdRng;

/// The randomness of a test: of `ZWIEBEL_SEED` if that is set, else of `seed`. A failing test names its seed itself
/// or runs with a fixed one.
#[must_use]
pub fn seeded(seed: u64) -> StdRng {
    let wanted = std::env::var("ZWIEBEL_SEED").ok().and_then(|text| text.parse().ok());
    StdRng::seed_from_u64(wanted.unwrap_or(seed))
}
