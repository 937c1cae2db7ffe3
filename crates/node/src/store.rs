//! The message store of one node: SQLite in WAL mode behind one thread (service-nodes 6.3, 6.4).
//!
//! Jobs that wait together share one transaction, each in its own savepoint; answers leave only after the commit.
//! Knows accounts, namespaces, hashes and times; knows nothing of signatures, swarms or clocks.

pub mod messages;
pub mod pull;
pub mod queue;
pub mod removals;
pub mod revoked;
mod schema;

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::Connection;
use thiserror::Error;
use tokio::sync::oneshot;

/// Why the store could not answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("the store is closed")]
    Closed,
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    #[error("the store's thread could not be started: {0}")]
    Thread(#[from] std::io::Error),
}

type Answer = Box<dyn FnOnce() + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// Handle to the thread that owns the database. The last handle to go closes it.
#[derive(Debug)]
pub struct Store {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Jobs that share one transaction at most.
const GROUP: usize = 64;

impl Store {
    /// Opens or makes the database at this path.
    ///
    /// # Errors
    /// If the file cannot be opened, is no database, or is of a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        schema::prepare(&connection)?;
        let (jobs, waiting) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || work(&connection, &waiting))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs one job on the database's thread and waits for the commit.
    ///
    /// # Errors
    /// If the job fails (its changes are taken back), the commit fails, or the store is closed.
    pub async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        let run = move |connection: &Connection| -> Answer {
            let result = in_savepoint(connection, job);
            Box::new(move || drop(answer.send(result)))
        };
        jobs.send(Box::new(run)).map_err(|_| StoreError::Closed)?;
        // A failed commit drops the answer.
        Ok(answered.await.map_err(|_| StoreError::Closed)??)
    }
}

/// Closing waits for the thread, so that the same file can be opened again.
impl Drop for Store {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn in_savepoint<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("SAVEPOINT job")?.execute([])?;
    let result = job(connection);
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    connection.prepare_cached("RELEASE job")?.execute([])?;
    result
}

fn work(connection: &Connection, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let begun = connection.execute_batch("BEGIN IMMEDIATE").is_ok();
        let mut answers = vec![first(connection)];
        while answers.len() < GROUP {
            let Ok(job) = waiting.try_recv() else { break };
            answers.push(job(connection));
        }
        if begun && connection.execute_batch("COMMIT").is_err() {
            drop(connection.execute_batch("ROLLBACK"));
            continue;
        }
        for answer in answers {
            answer();
        }
    }
}
