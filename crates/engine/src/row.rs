//! How rows become bytes: one version byte, then postcard. Knows nothing of what a row means.
//!
//! A changed layout gets a new version and a branch in the reader; the snapshot tests of `model::rows` fail before
//! an old store can be misread.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::batch::Table;

/// The first version of every layout.
const FIRST: u8 = 1;

/// The version the rows of a table are written with today.
const fn version(table: Table) -> u8 {
    match table {
        Table::Contact | Table::Conversation => 2,
        Table::Message => 4,
        _ => FIRST,
    }
}

/// Why a stored row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RowError {
    /// The bytes are not what this version of a row looks like.
    #[error("a row of table {} is damaged", .0.name())]
    Damaged(Table),
    /// Written by a newer program.
    #[error("a row of table {} is of a newer version", .0.name())]
    Newer(Table),
}

/// The bytes of a row. They are wiped when they are dropped: a row may hold keys.
pub(crate) fn encode<T: Serialize>(table: Table, value: &T) -> Zeroizing<Vec<u8>> {
    let mut bytes = Wiping(Zeroizing::new(Vec::with_capacity(256)));
    bytes.extend([version(table)]);
    // postcard fails only where serde is told a length it cannot know, which no row does.
    postcard::to_extend(value, bytes).map(|bytes| bytes.0).unwrap_or_default()
}

/// A list that leaves nothing behind where it was before it grew.
struct Wiping(Zeroizing<Vec<u8>>);

impl Extend<u8> for Wiping {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        for byte in bytes {
            if self.0.len() == self.0.capacity() {
                let mut grown = Vec::with_capacity(self.0.len().saturating_mul(2));
                grown.extend_from_slice(&self.0);
                self.0.zeroize();
                *self.0 = grown;
            }
            self.0.push(byte);
        }
    }
}

/// A row from its bytes; bytes left over are damage.
pub(crate) fn decode<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, RowError> {
    match bytes.split_first() {
        Some((&written, rest)) if written == version(table) => read(table, rest),
        Some((&written, _)) if written > version(table) => Err(RowError::Newer(table)),
        _ => Err(RowError::Damaged(table)),
    }
}

/// The same for a table whose layout has changed: rows of earlier versions are read as well.
pub(crate) fn decode_either<First: DeserializeOwned, T: DeserializeOwned + From<First>>(
    table: Table,
    bytes: &[u8],
) -> Result<T, RowError> {
    match bytes.split_first() {
        Some((&FIRST, rest)) => read::<First>(table, rest).map(T::from),
        // Messages of the second version lack the last field, which is "nothing" for them; in the third it was that or the next.
        Some((2, rest)) if table == Table::Message => read(table, &[rest, &[0]].concat()),
        Some((3, rest)) if table == Table::Message => read(table, rest),
        _ => decode(table, bytes),
    }
}

fn read<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, RowError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(RowError::Damaged(table)),
    }
}
