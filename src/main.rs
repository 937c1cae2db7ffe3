//! The program. Trunk builds it once; it runs in two places, the page and the engine's worker, and finds out which.

#![forbid(unsafe_code)]

fn main() {
    zwiebel::start();
}
