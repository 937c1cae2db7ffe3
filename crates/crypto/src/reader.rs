//! The strict reader of fixed layouts: exact lengths, little-endian integers, nothing may be left over.
//!
//! Decoders end with [`Reader::finish`]. Nothing here allocates or panics.

use thiserror::Error;

/// Bytes that end too early, or do not end where they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the bytes do not have the length their layout asks for")]
pub struct WrongLength;

/// Takes a layout apart, field by field.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the beginning of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.0.len()
    }

    /// The next `N` bytes, in place.
    ///
    /// # Errors
    /// [`WrongLength`] if fewer are left; so for all that follow.
    pub fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], WrongLength> {
        let (chunk, rest) = self.0.split_first_chunk::<N>().ok_or(WrongLength)?;
        self.0 = rest;
        Ok(chunk)
    }

    /// The next `N` bytes, copied.
    ///
    /// # Errors
    /// [`WrongLength`]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WrongLength> {
        self.chunk().copied()
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// [`WrongLength`]
    pub fn slice(&mut self, length: usize) -> Result<&'a [u8], WrongLength> {
        let (slice, rest) = self.0.split_at_checked(length).ok_or(WrongLength)?;
        self.0 = rest;
        Ok(slice)
    }

    /// All that is left.
    pub const fn rest(&mut self) -> &'a [u8] {
        let rest = self.0;
        self.0 = &[];
        rest
    }

    /// One byte.
    ///
    /// # Errors
    /// [`WrongLength`]
    pub fn u8(&mut self) -> Result<u8, WrongLength> {
        self.array().map(|[byte]| byte)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// [`WrongLength`]
    pub fn u16(&mut self) -> Result<u16, WrongLength> {
        self.array().map(u16::from_le_bytes)
    }

    /// Four bytes.
    ///
    /// # Errors
    /// [`WrongLength`]
    pub fn u32(&mut self) -> Result<u32, WrongLength> {
        self.array().map(u32::from_le_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`WrongLength`]
    pub fn u64(&mut self) -> Result<u64, WrongLength> {
        self.array().map(u64::from_le_bytes)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`WrongLength`] if something is left.
    pub const fn finish(self) -> Result<(), WrongLength> {
        if self.0.is_empty() { Ok(()) } else { Err(WrongLength) }
    }
}
