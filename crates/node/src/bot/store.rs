//! The bot's rows in SQLite: one batch, one transaction, on the disk before it counts as committed.

use std::path::Path;

use rusqlite::{Connection, params};
use zwiebel_engine::batch::{Batch, Op, Row, Table};
use zwiebel_engine::input::CommitFailure;

/// A bot's database.
pub(super) struct Store(Connection);

impl Store {
    /// Opens or creates it.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS rows (
                 tab TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tab, key)
             ) WITHOUT ROWID;",
        )?;
        Ok(Self(connection))
    }

    /// Every row.
    pub(super) fn load(&self) -> rusqlite::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for table in Table::ALL {
            let mut statement = self.0.prepare("SELECT key, value FROM rows WHERE tab = ?1")?;
            let found = statement.query_map([table.name()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            for row in found {
                let (key, value): (_, Vec<u8>) = row?;
                rows.push(Row { table, key, value: value.into() });
            }
        }
        Ok(rows)
    }

    /// Writes all of the batch or nothing of it.
    pub(super) fn commit(&mut self, batch: &Batch) -> Result<(), CommitFailure> {
        self.write(batch).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => CommitFailure::QuotaExceeded,
            _ => CommitFailure::Other,
        })
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<()> {
        let transaction = self.0.transaction()?;
        for op in &batch.ops {
            match op {
                Op::Put(Row { table, key, value }) => transaction.execute(
                    "INSERT INTO rows (tab, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (tab, key) DO UPDATE SET value = excluded.value",
                    params![table.name(), key, **value],
                )?,
                Op::Delete { table, key } => {
                    transaction.execute("DELETE FROM rows WHERE tab = ?1 AND key = ?2", params![table.name(), key])?
                }
                Op::Clear => transaction.execute("DELETE FROM rows", [])?,
            };
        }
        transaction.commit()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use zwiebel_engine::batch::BatchId;

    use super::*;

    fn put(key: &[u8], value: &[u8]) -> Op {
        Op::Put(Row { table: Table::Meta, key: key.to_vec(), value: value.to_vec().into() })
    }

    #[test]
    fn rows_survive_reopening_and_clear_forgets_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bot.db");
        let mut store = Store::open(&path).unwrap();
        let ops = vec![put(b"a", b"1"), put(b"b", b"2"), put(b"a", b"3")];
        store.commit(&Batch { id: BatchId(1), ops }).unwrap();
        drop(store);

        let mut store = Store::open(&path).unwrap();
        let ops = vec![Op::Delete { table: Table::Meta, key: b"b".to_vec() }];
        store.commit(&Batch { id: BatchId(2), ops }).unwrap();
        let rows = store.load().unwrap();
        assert_eq!(rows.iter().map(|row| row.value.as_slice()).collect::<Vec<_>>(), [b"3"]);

        store.commit(&Batch { id: BatchId(3), ops: vec![Op::Clear] }).unwrap();
        assert!(store.load().unwrap().is_empty());
    }
}
