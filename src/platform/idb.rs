//! The client's store in IndexedDB: sealed rows, written one batch at a time, all or nothing.
//!
//! It knows tables, keys and values as bytes; what is in them is the engine's business. Invariants:
//! - What reaches the database is sealed ([`seal`]): neither names nor contents of rows can be read from it.
//! - A batch is one strict transaction over the touched stores ([`txn`]), prepared completely before it opens, so that
//!   nothing but the database is awaited while it is open.
//! - Every transaction that writes checks and moves on the generation row. Whoever opens the store moves it on too, so a
//!   former owner that is still running fails with [`CommitFailure::Superseded`] instead of mixing in old state.
//! - A row that does not open stops the start; no row is ever skipped.

mod migrate;
mod schema;
pub mod seal;
mod txn;
mod vault;

use std::cell::Cell;
use std::cell::RefCell;

use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use zwiebel_engine::batch::Batch;
use zwiebel_engine::batch::Op;
use zwiebel_engine::batch::Row;
use zwiebel_engine::batch::Table;
use zwiebel_engine::input::CommitFailure;
use zwiebel_proto::sorted::SortedSet;

pub use self::migrate::Step;
use self::schema::CONTROL;
use self::schema::GENERATION;
use self::schema::KEY;
use self::seal::Sealer;
use self::txn::Database;
use self::txn::Stored;
use self::txn::Txn;
use self::txn::TxnError;
use super::rng;

/// The database of the app. Tests use names of their own.
pub const DATABASE: &str = "zwiebel";

/// Why the store did not open. Nothing was changed in any of these cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("an older version of the app holds the database open")]
    Blocked,
    #[error("a row of table {} does not open", .0.name())]
    Damaged(Table),
    #[error("the storage key is missing or does not open")]
    Key,
    #[error("the database was written by a newer version of the app")]
    TooNew,
    #[error("the browser gives no database")]
    Unavailable,
}

/// The open store.
pub struct Store {
    database: Database,
    sealer: RefCell<Sealer>,
    generation: Cell<f64>,
}

impl Store {
    /// Opens the store, taking it over from any former owner, and reads every row.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(name: &str) -> Result<(Self, Vec<Row>), OpenError> {
        let database = migrate::open(name, schema::VERSION, schema::STEPS).await?;
        let taken = take_over(&database).await?;
        let stored = taken.rows.iter().any(|(_, stored)| stored.len() > 0);
        let (sealer, generation) = if let Some(record) = taken.key {
            (vault::open(&record).await.ok_or(OpenError::Key)?, taken.generation)
        } else if stored {
            return Err(OpenError::Key);
        } else {
            let (sealer, record) = vault::create(&mut rng::system()).await.ok_or(OpenError::Key)?;
            (sealer, keep_key(&database, taken.generation, &record).await?)
        };

        let mut rows = Vec::with_capacity(taken.rows.iter().map(|(_, stored)| stored.len()).sum());
        for (table, stored) in taken.rows {
            for (stored_key, value) in stored.rows() {
                let (key, value) = sealer.open(table, &stored_key, &value).ok_or(OpenError::Damaged(table))?;
                rows.push(Row { table, key, value: value.into() });
            }
        }
        Ok((Self { database, sealer: RefCell::new(sealer), generation: Cell::new(generation) }, rows))
    }

    /// Writes a batch: all of it, durably, or nothing.
    ///
    /// # Errors
    /// Nothing was written then.
    pub async fn commit(&self, batch: &Batch) -> Result<(), CommitFailure> {
        if batch.ops.iter().any(|op| matches!(op, Op::Clear)) {
            return self.clear().await;
        }
        let writes = self.prepare(&batch.ops);
        let stores: SortedSet<&str> = writes.iter().map(|write| write.store).chain([CONTROL]).collect();
        let next = self.in_generation(stores, |txn| {
            for write in &writes {
                match &write.value {
                    Some(value) => {
                        txn.put(write.store, &Uint8Array::from(&write.key[..]), &Uint8Array::from(value.as_slice()))?
                    }
                    None => txn.delete(write.store, &Uint8Array::from(&write.key[..]))?,
                }
            }
            Ok(())
        });
        self.generation.set(next.await?);
        Ok(())
    }

    /// Closes the database; later commits fail.
    pub fn close(&self) {
        self.database.close();
    }

    /// Seals everything before the transaction opens.
    fn prepare(&self, ops: &[Op]) -> Vec<Write> {
        let sealer = self.sealer.borrow();
        let mut rng = rng::system();
        ops.iter()
            .filter_map(|op| match op {
                Op::Put(row) => {
                    let (key, value) = sealer.seal(row.table, &row.key, &row.value, &mut rng);
                    Some(Write { store: row.table.name(), key, value: Some(value) })
                }
                Op::Delete { table, key } => {
                    Some(Write { store: table.name(), key: sealer.stored_key(*table, key), value: None })
                }
                Op::Clear => None,
            })
            .collect()
    }

    /// Forgets every row, and the key they were sealed under with them: copies the disk may still hold stay closed.
    async fn clear(&self) -> Result<(), CommitFailure> {
        let (sealer, record) = vault::create(&mut rng::system()).await.ok_or(CommitFailure::Other)?;
        let stores: SortedSet<&str> = Table::ALL.iter().map(|table| table.name()).chain([CONTROL]).collect();
        let next = self.in_generation(stores, |txn| {
            for table in Table::ALL {
                txn.clear(table.name())?;
            }
            txn.put(CONTROL, &JsValue::from_str(KEY), &record)
        });
        self.generation.set(next.await?);
        *self.sealer.borrow_mut() = sealer;
        Ok(())
    }

    async fn in_generation(
        &self,
        stores: SortedSet<&str>,
        write: impl FnOnce(&Txn) -> Result<(), TxnError>,
    ) -> Result<f64, CommitFailure> {
        in_generation(&self.database, self.generation.get(), stores, write).await.map_err(TxnError::into_failure)
    }
}

/// One prepared change.
struct Write {
    store: &'static str,
    key: [u8; seal::STORED_KEY_LEN],
    /// `None`: delete.
    value: Option<Vec<u8>>,
}

/// What [`take_over`] found.
struct Taken {
    generation: f64,
    key: Option<JsValue>,
    rows: Vec<(Table, Stored)>,
}

/// Moves the generation on and reads everything, in one transaction: a former owner's commit is either wholly in what is
/// read here, or fails.
async fn take_over(database: &Database) -> Result<Taken, OpenError> {
    let stores: SortedSet<&str> = Table::ALL.iter().map(|table| table.name()).chain([CONTROL]).collect();
    let read = async {
        let txn = Txn::begin(database, stores)?;
        let generation = txn.get(CONTROL, GENERATION).await?.as_f64().unwrap_or(0.0) + 1.0;
        txn.put(CONTROL, &JsValue::from_str(GENERATION), &JsValue::from_f64(generation))?;
        let key = Some(txn.get(CONTROL, KEY).await?).filter(|key| !key.is_undefined());
        let mut rows = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            rows.push((table, txn.all(table.name()).await?));
        }
        txn.finish().await?;
        Ok::<_, TxnError>(Taken { generation, key, rows })
    };
    read.await.map_err(|_| OpenError::Unavailable)
}

/// Keeps the very first key. Somebody who took the store over in between has made their own: then this start is over.
async fn keep_key(database: &Database, generation: f64, record: &JsValue) -> Result<f64, OpenError> {
    in_generation(database, generation, SortedSet::from([CONTROL]), |txn| {
        txn.put(CONTROL, &JsValue::from_str(KEY), record)
    })
    .await
    .map_err(|_| OpenError::Unavailable)
}

/// One write transaction that holds only if the generation is still `ours`; gives the next one.
async fn in_generation(
    database: &Database,
    ours: f64,
    stores: SortedSet<&str>,
    write: impl FnOnce(&Txn) -> Result<(), TxnError>,
) -> Result<f64, TxnError> {
    let txn = Txn::begin(database, stores)?;
    let found = txn.get(CONTROL, GENERATION).await?.as_f64();
    if found != Some(ours) {
        txn.abort();
        return Err(TxnError::Superseded);
    }
    let next = ours + 1.0;
    let written = write(&txn).and_then(|()| txn.put(CONTROL, &JsValue::from_str(GENERATION), &JsValue::from_f64(next)));
    if let Err(error) = written {
        txn.abort();
        return Err(error);
    }
    txn.finish().await?;
    Ok(next)
}
