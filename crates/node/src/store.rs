//! The message store of one node: SQLite in WAL mode behind one thread (service-nodes 6.3, 6.4).
//!
//! Jobs that wait together share one transaction, each in its own savepoint if there are several; answers leave only after
//! the commit.
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
/// Gives its answer and whether its changes are to stay.
type Job = Box<dyn FnOnce(&Connection) -> (Answer, bool) + Send>;

/// Handle to the thread that owns the database. The last handle to go closes it.
#[derive(Debug)]
pub struct Store {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// Jobs that share one transaction at most.
const GROUP: usize = 64;
/// Prepared statements kept: all there are.
const STATEMENTS: usize = 64;

impl Store {
    /// Opens or makes the database at this path.
    ///
    /// # Errors
    /// If the file cannot be opened, is no database, or is of a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        schema::prepare(&connection)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
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
        let run = move |connection: &Connection| -> (Answer, bool) {
            let result = job(connection);
            let fine = result.is_ok();
            (Box::new(move || drop(answer.send(result))), fine)
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

fn work(connection: &Connection, waiting: &mpsc::Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(GROUP - 1));
        match transaction(connection, group) {
            Ok(answers) => answers.into_iter().for_each(|answer| answer()),
            // The answers are dropped: what was done is not.
            Err(_) => drop(execute(connection, "ROLLBACK")),
        }
    }
}

/// Runs jobs in one transaction; their answers, once it is over. The changes of jobs that failed are taken back.
fn transaction(connection: &Connection, group: Vec<Job>) -> rusqlite::Result<Vec<Answer>> {
    let alone = group.len() == 1;
    execute(connection, "BEGIN")?;
    let mut answers = Vec::with_capacity(group.len());
    for job in group {
        if alone {
            let (answer, fine) = job(connection);
            if !fine {
                // Some failures have ended the transaction already.
                drop(execute(connection, "ROLLBACK"));
                return Ok(vec![answer]);
            }
            answers.push(answer);
            continue;
        }
        execute(connection, "SAVEPOINT job")?;
        let (answer, fine) = job(connection);
        if !fine {
            execute(connection, "ROLLBACK TO job")?;
        }
        execute(connection, "RELEASE job")?;
        answers.push(answer);
    }
    execute(connection, "COMMIT")?;
    Ok(answers)
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::account::Account;

    #[tokio::test]
    async fn a_job_that_fails_takes_back_its_own_changes_alone_and_among_others() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("messages.sqlite")).unwrap();
        let put = |name: &'static str, well: bool| {
            store.run(move |db| {
                db.execute("INSERT INTO meta (name, value) VALUES (?1, '')", [name])?;
                if well { Ok(()) } else { Err(rusqlite::Error::InvalidQuery) }
            })
        };
        let alone = (put("a", true).await.is_ok(), put("b", false).await.is_ok());
        assert_eq!(alone, (true, false));
        // Until this one ends, the others wait and become a group.
        let (go_on, going_on) = mpsc::channel::<()>();
        let busy = store.run(move |_| Ok(going_on.recv().is_ok()));
        let free = async { go_on.send(()).is_ok() };
        let all = tokio::join!(busy, put("c", true), put("d", false), put("e", true), free);
        assert!(all.0.unwrap() && all.1.is_ok() && all.2.is_err() && all.3.is_ok() && all.4);
        let names = store.run(|db| {
            let mut names = db.prepare("SELECT name FROM meta ORDER BY name")?;
            names.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
        });
        assert_eq!(names.await.unwrap(), ["a", "c", "e"]);
    }

    #[tokio::test]
    async fn a_full_store_takes_no_message_and_can_still_be_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("messages.sqlite")).unwrap();
        let few = store.run(|db| db.query_row("PRAGMA max_page_count = 300", [], |row| row.get::<_, i64>(0)));
        assert_eq!(few.await.unwrap(), 300);
        let account = Account { prefix: 5, key: [1; 32] };
        let put = |n: usize| {
            let (hash, data) = (n.to_string(), vec![7; 3_000]);
            let message = messages::Message { hash, namespace: 0, timestamp: 1, expiry: i64::MAX, stored: 1, data };
            store.run(move |db| messages::insert(db, &account, &message))
        };
        let mut stored = 0;
        while put(stored).await.is_ok() {
            stored += 1;
        }
        assert!((200..290).contains(&stored), "{stored}");
        let (method, params) = ("delete".to_owned(), "x".repeat(4_000));
        let removal = removals::Removal { account, method, params, made: 2 };
        assert!(store.run(move |db| removals::note(db, &[1; 32], &removal, i64::MAX)).await.unwrap());
        let all = messages::Scope::All;
        let gone = store.run(move |db| messages::delete_until(db, &account, all, i64::MAX)).await.unwrap();
        assert_eq!(gone.len(), stored);
        assert!(put(0).await.is_ok(), "there is room again");
    }
}
