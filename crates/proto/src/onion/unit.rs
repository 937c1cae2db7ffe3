//! The unit, the shape of every packet and every opened layer (service-nodes 4.1):
//! a little-endian `u32` length, that many bytes, and JSON to the end.

use thiserror::Error;

/// Not a whole unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the unit is shorter than it says")]
pub struct UnitError;

/// Blob and JSON of a unit. The JSON is not looked at.
///
/// # Errors
/// [`UnitError`].
pub fn parse_unit(bytes: &[u8]) -> Result<(&[u8], &[u8]), UnitError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(UnitError)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| UnitError)?;
    rest.split_at_checked(length).ok_or(UnitError)
}

/// Makes a unit. Blobs are bounded by [`super::MAX_PACKET`], far below what the length can say.
pub(super) fn unit(blob: &[u8], json: &[u8]) -> Vec<u8> {
    let length = u32::try_from(blob.len()).unwrap_or(u32::MAX); // a unit that no parser accepts: fail closed
    [&length.to_le_bytes(), blob, json].concat()
}
