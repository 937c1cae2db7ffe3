//! The shape of the database. Rows are opaque here: what is inside them is versioned by the engine.

use zwiebel_engine::batch::Table;

use super::migrate::Step;
use super::txn::Database;

/// Hundreds count shapes that an older app cannot work with; the rest, additions it can ignore.
pub(super) const VERSION: u32 = 101;

/// Holds the generation and the wrapped storage key.
pub(super) const CONTROL: &str = "control";
/// Key in [`CONTROL`]: a number that grows with every write and every start.
pub(super) const GENERATION: &str = "generation";
/// Key in [`CONTROL`]: see [`super::vault`].
pub(super) const KEY: &str = "key";

/// Every change of shape, oldest first. A step, once released, is never edited.
pub(super) const STEPS: &[Step] = &[Step { version: 100, apply: first }, Step { version: 101, apply: forward_secrecy }];

/// Version 100: one store per table of that time, and the control store.
fn first(database: &Database) -> Option<()> {
    database.create_store(CONTROL)?;
    for table in Table::ALL.into_iter().filter(|table| *table != Table::Zr1) {
        database.create_store(table.name())?;
    }
    Some(())
}

/// Version 101: the forward-secret layer.
fn forward_secrecy(database: &Database) -> Option<()> {
    database.create_store(Table::Zr1.name())
}
