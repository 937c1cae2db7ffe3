//! Bencode, strict (session-messages 0): what nodes say to each other and servers to clients.
//!
//! Canonical form only: ascending unique keys, no leading zeros, nothing after the end. One value has one encoding.

use crate::sorted::SortedMap;

use thiserror::Error;

/// How deep lists and dictionaries may be nested.
const MAX_DEPTH: usize = 16;
/// How many values one decoding may make: small values take far more memory than bytes on the wire.
const MAX_VALUES: usize = 200_000;

/// A dictionary.
pub type Dict = SortedMap<Vec<u8>, Bencode>;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bencode {
    Bytes(Vec<u8>),
    Dict(Dict),
    Int(i64),
    List(Vec<Self>),
}

/// Not canonical bencode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("malformed bencode")]
pub struct BencodeError;

impl Bencode {
    /// The one encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// Reads exactly one value.
    ///
    /// # Errors
    /// [`BencodeError`] for anything not canonical, too deep, or followed by more bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, BencodeError> {
        Self::decode_with_limit(bytes, MAX_VALUES)
    }

    /// [`Self::decode`] for at most so many values, in bytes that are known to come from oneself.
    ///
    /// # Errors
    /// [`BencodeError`], as well for too many values.
    pub fn decode_with_limit(bytes: &[u8], max_values: usize) -> Result<Self, BencodeError> {
        let mut reader = Reader { left: bytes, values: max_values };
        let value = reader.value(MAX_DEPTH)?;
        if reader.left.is_empty() { Ok(value) } else { Err(BencodeError) }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => write_bytes(bytes, out),
            Self::Int(value) => out.extend_from_slice(format!("i{value}e").as_bytes()),
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.write(out));
                out.push(b'e');
            }
            Self::Dict(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    write_bytes(key, out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
}

/// What is left to read, and how many values may still come.
struct Reader<'a> {
    left: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Bencode, BencodeError> {
        let depth = depth.checked_sub(1).ok_or(BencodeError)?;
        self.values = self.values.checked_sub(1).ok_or(BencodeError)?;
        match self.left.first() {
            Some(b'i') => {
                self.skip();
                let text = self.until(b'e')?;
                let value: i64 = text.parse().map_err(|_| BencodeError)?;
                if value.to_string() == text { Ok(Bencode::Int(value)) } else { Err(BencodeError) }
            }
            Some(b'l') => {
                self.skip();
                let mut items = Vec::new();
                while !self.end() {
                    items.push(self.value(depth)?);
                }
                Ok(Bencode::List(items))
            }
            Some(b'd') => {
                self.skip();
                let mut entries = Dict::new();
                while !self.end() {
                    let key = self.bytes()?.to_vec();
                    if entries.last_key_value().is_some_and(|(last, _)| *last >= key) {
                        return Err(BencodeError);
                    }
                    let value = self.value(depth)?;
                    entries.insert(key, value);
                }
                Ok(Bencode::Dict(entries))
            }
            _ => self.bytes().map(|bytes| Bencode::Bytes(bytes.to_vec())),
        }
    }

    /// Takes the `e` that ends a list or dictionary, if it is next.
    fn end(&mut self) -> bool {
        self.left.strip_prefix(b"e").map(|rest| self.left = rest).is_some()
    }

    fn skip(&mut self) {
        self.left = self.left.split_first().map_or(self.left, |(_, rest)| rest);
    }

    fn bytes(&mut self) -> Result<&'a [u8], BencodeError> {
        let text = self.until(b':')?;
        let length: usize = text.parse().map_err(|_| BencodeError)?;
        if length.to_string() != text {
            return Err(BencodeError);
        }
        let (bytes, rest) = self.left.split_at_checked(length).ok_or(BencodeError)?;
        self.left = rest;
        Ok(bytes)
    }

    /// The number before this byte, as text; the byte is taken too.
    fn until(&mut self, stop: u8) -> Result<&'a str, BencodeError> {
        let window = self.left.get(..21).unwrap_or(self.left); // sign, 19 digits, stop
        let at = window.iter().position(|byte| *byte == stop).ok_or(BencodeError)?;
        let (text, rest) = self.left.split_at_checked(at).ok_or(BencodeError)?;
        self.left = rest.split_first().map_or(rest, |(_, rest)| rest);
        std::str::from_utf8(text).map_err(|_| BencodeError)
    }
}

#[cfg(test)]
mod tests;
