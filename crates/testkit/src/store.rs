//! A store in memory, with the behaviour every store must have: a batch is taken whole or not at all.

use std::collections::BTreeMap;

use zeroize::Zeroizing;
use zwiebel_engine::batch::{Batch, Op, Row, Table};

/// Rows by table and key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemStore {
    rows: BTreeMap<(Table, Vec<u8>), Zeroizing<Vec<u8>>>,
    /// Batches taken.
    pub commits: u64,
}

impl MemStore {
    /// Takes a batch.
    pub fn apply(&mut self, batch: &Batch) {
        self.commits += 1;
        for op in &batch.ops {
            match op {
                Op::Put(row) => {
                    self.rows.insert((row.table, row.key.clone()), row.value.clone());
                }
                Op::Delete { table, key } => {
                    self.rows.remove(&(*table, key.clone()));
                }
                Op::Clear => self.rows.clear(),
            }
        }
    }

    /// Everything, as `Engine::boot` wants it.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let row = |((table, key), value): (&(Table, Vec<u8>), &Zeroizing<Vec<u8>>)| Row {
            table: *table,
            key: key.clone(),
            value: value.clone(),
        };
        self.rows.iter().map(row).collect()
    }

    /// How many rows a table has.
    #[must_use]
    pub fn count(&self, table: Table) -> usize {
        self.rows.keys().filter(|(t, _)| *t == table).count()
    }
}
