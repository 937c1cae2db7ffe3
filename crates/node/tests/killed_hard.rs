//! A few rounds of `examples/kill_soak.rs`: kill -9 under load loses nothing that was acknowledged and damages no database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout, reason = "tests")]

use std::path::Path;

#[path = "../examples/kill_soak.rs"]
mod kill_soak;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_killed_hard_under_load_lose_nothing_that_was_acknowledged() {
    let outcome = kill_soak::run(Path::new(env!("CARGO_BIN_EXE_zwiebel")), 6).await;
    println!("{outcome:?}");
    assert!(outcome.kills >= 6 && outcome.acknowledged > 20);
    assert_eq!((outcome.lost, outcome.back, outcome.corrupt), (0, 0, 0), "{outcome:?}");
}
