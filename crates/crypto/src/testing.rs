//! Helpers of the tests. All tests run natively; those that need no native oracle also run in the browser.

use rand::SeedableRng;
use rand::rngs::StdRng;

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Always the same numbers.
pub(crate) fn rng() -> StdRng {
    StdRng::seed_from_u64(0x5a77_6965_6265_6c21)
}
