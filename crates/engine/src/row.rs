//! How rows become bytes: one version byte, then postcard. Knows nothing of what a row means.
//!
//! A changed layout gets a new version and a branch in the reader; the snapshot tests of `model::rows` fail before
//! an old store can be misread.

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::batch::Table;

/// The version every row is written with today.
const VERSION: u8 = 1;

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

/// The bytes of a row.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // postcard fails only where serde is told a length it cannot know, which no row does.
    postcard::to_extend(value, vec![VERSION]).unwrap_or_default()
}

/// A row from its bytes; bytes left over are damage.
pub(crate) fn decode<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, RowError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            _ => Err(RowError::Damaged(table)),
        },
        Some((&version, _)) if version > VERSION => Err(RowError::Newer(table)),
        _ => Err(RowError::Damaged(table)),
    }
}
