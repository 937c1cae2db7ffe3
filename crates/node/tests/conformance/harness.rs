//! Cases and how they are run: many at once, each on its own, all failures told at the end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::client::Client;
use crate::client::Network;
use crate::client::Way;

type Run = dyn Fn(Client) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// One rule.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    run: Arc<Run>,
}

/// A case; it fails by panicking.
pub(crate) fn case<F, Fut>(name: impl Into<String>, run: F) -> Case
where
    F: Fn(Client) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    Case { name: name.into(), run: Arc::new(move |client| Box::pin(run(client))) }
}

/// Cases at a time.
const AT_ONCE: usize = 12;

/// Runs the cases this way.
///
/// # Panics
/// If one of them failed.
pub(crate) async fn run(network: &Network, way: Way, cases: Vec<Case>) {
    let start = Instant::now();
    let wanted = std::env::var("ZWIEBEL_CONFORMANCE_CASE").unwrap_or_default();
    let mut left: Vec<Case> = cases.into_iter().filter(|case| case.name.contains(&wanted)).collect();
    let (count, mut failed) = (left.len(), Vec::new());
    left.reverse();
    let mut running = JoinSet::new();
    while !left.is_empty() || !running.is_empty() {
        while running.len() < AT_ONCE
            && let Some(case) = left.pop()
        {
            let client = network.client(way);
            running.spawn(async move {
                let done = tokio::spawn((case.run)(client)).await;
                (case.name, done)
            });
        }
        if let Some(Ok((name, Err(_)))) = running.join_next().await {
            failed.push(name);
        }
    }
    println!("{way:?}: {count} cases, {} failed, {:?}", failed.len(), start.elapsed());
    assert!(failed.is_empty(), "failed {way:?}: {failed:#?}");
}
