//! What a node counts, in the text format of Prometheus, on a listener of its own that faces this machine unless told otherwise.
//!
//! Totals only: nothing here can be tied to an account, an address or a message.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::Request;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header;
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::response::Response;
use axum::routing::get;

use crate::node::Node;
use crate::store::messages;

/// The doors of a node.
const ROUTES: [(&str, &str); 4] =
    [("/storage_rpc/v1", "storage_rpc"), ("/onion_req/v2", "onion"), ("/sn/v1", "peer"), ("/ping_test/v1", "ping")];
/// Answers by their first digit.
const CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];

/// The counters.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [[AtomicU64; CLASSES.len()]; ROUTES.len()],
    /// Copies that a member of the swarm did not confirm at once.
    pub copies_waiting: AtomicU64,
    /// Messages pulled from others.
    pub pulled: AtomicU64,
    /// Tests of other nodes that passed.
    pub tests_passed: AtomicU64,
    /// Tests of other nodes that failed.
    pub tests_failed: AtomicU64,
    /// Requests refused because their sender asks too often.
    pub limited: AtomicU64,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, by: usize) {
    counter.fetch_add(u64::try_from(by).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl Metrics {
    fn count(&self, path: &str, status: StatusCode) {
        let route = ROUTES.iter().zip(&self.requests).find(|((known, _), _)| *known == path);
        let class = match status.as_u16() {
            200..=299 => 0,
            500.. => 2,
            _ => 1,
        };
        if let Some(counter) = route.and_then(|(_, classes)| classes.get(class)) {
            add(counter, 1);
        }
    }

    fn write(&self, out: &mut String) {
        head(out, "zwiebel_requests_total", "counter", "Requests by door and kind of answer.");
        for ((_, route), classes) in ROUTES.iter().zip(&self.requests) {
            for (class, counter) in CLASSES.iter().zip(classes) {
                let value = counter.load(Ordering::Relaxed);
                line(out, &format!("zwiebel_requests_total{{door=\"{route}\",answer=\"{class}\"}} {value}"));
            }
        }
        let counters = [
            ("zwiebel_copies_waiting_total", &self.copies_waiting, "Copies that a member did not confirm at once."),
            ("zwiebel_messages_pulled_total", &self.pulled, "Messages pulled from other nodes."),
            ("zwiebel_tests_passed_total", &self.tests_passed, "Tests of other nodes that passed."),
            ("zwiebel_tests_failed_total", &self.tests_failed, "Tests of other nodes that failed."),
            ("zwiebel_limited_total", &self.limited, "Requests refused because their sender asks too often."),
        ];
        for (name, counter, help) in counters {
            head(out, name, "counter", help);
            line(out, &format!("{name} {}", counter.load(Ordering::Relaxed)));
        }
    }
}

/// Counts every answer of a node.
pub(crate) async fn counted(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    node.metrics.count(&path, response.status());
    response
}

/// The one route of the metrics' listener.
pub fn router(node: Arc<Node>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(node)
}

async fn metrics(State(node): State<Arc<Node>>) -> Response {
    let mut out = String::new();
    node.metrics.write(&mut out);
    let gauges = node.store.run(|db| Ok((messages::count(db)?, database_size(db)?, waiting(db)?))).await;
    if let Ok((messages, size, waiting)) = gauges {
        gauge(&mut out, "zwiebel_messages", "Messages kept.", messages);
        gauge(&mut out, "zwiebel_database_bytes", "Size of the database.", size);
        gauge(&mut out, "zwiebel_copies_queued", "Copies that wait for a member of the swarm.", waiting);
    }
    let list = node.registry.list();
    let swarm = list.find(&node.ed25519()).and_then(|own| own.swarm);
    let members = swarm.map_or(0, |swarm| list.members(swarm).count());
    gauge(&mut out, "zwiebel_nodes", "Nodes of the network.", list.len());
    gauge(&mut out, "zwiebel_swarm_members", "Members of this node's swarm; 0 if it is not listed.", members);
    if let Some(bytes) = resident_bytes() {
        gauge(&mut out, "process_resident_memory_bytes", "Memory in use.", bytes);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}

fn gauge(out: &mut String, name: &str, help: &str, value: impl std::fmt::Display) {
    head(out, name, "gauge", help);
    line(out, &format!("{name} {value}"));
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, &format!("# HELP {name} {help}\n# TYPE {name} {kind}"));
}

/// Writing to a string does not fail.
fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}

fn database_size(db: &rusqlite::Connection) -> rusqlite::Result<i64> {
    let pages: i64 = db.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    let size: i64 = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    Ok(pages.saturating_mul(size))
}

fn waiting(db: &rusqlite::Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT count(*) FROM forwards", [], |row| row.get(0))
}

/// Memory in use, where the system says so in the way of Linux.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}
