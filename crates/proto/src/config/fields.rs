//! Reading and writing the fields of entries (session-config 9): the types that several configs share.
//!
//! Reading is tolerant: a wrong kind or length is an absent field. Writing touches only fields that changed, so that
//! what a newer client put into an entry stays.

use super::object::Object;
use super::tree::{Dict, Scalar, Value};
use crate::account_id::AccountId;

/// The most bytes of a name, cut at a character.
pub const MAX_NAME: usize = 100;
/// The most bytes of a picture's address.
pub const MAX_URL: usize = 223;
/// Larger seconds are microseconds, and these are larger than milliseconds.
const MICROSECONDS: i64 = 9_000_000_000_000;
/// Larger seconds are milliseconds.
const MILLISECONDS: i64 = 9_000_000_000;

/// A profile picture: where, and the key it is encrypted with.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    pub url: String,
    pub key: [u8; 32],
}

/// Where a conversation stands in the list.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(pub i64);

/// When to notify.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Notifications {
    #[default]
    Default,
    All,
    Disabled,
    Mentions,
}

/// From when the time of a disappearing message counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryMode {
    AfterSend,
    AfterRead,
}

/// Disappearing messages: how, and after how many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    pub mode: ExpiryMode,
    pub seconds: u64,
}

impl Priority {
    /// Not shown in the list.
    pub const HIDDEN: Self = Self(-1);
    /// In the order of time.
    pub const NORMAL: Self = Self(0);

    /// Above the others.
    #[must_use]
    pub const fn is_pinned(self) -> bool {
        self.0 > 0
    }

    /// Not shown.
    #[must_use]
    pub const fn is_hidden(self) -> bool {
        self.0 < 0
    }
}

impl Notifications {
    pub(super) const fn from_int(value: i64) -> Self {
        match value {
            1 => Self::All,
            2 => Self::Disabled,
            3 => Self::Mentions,
            _ => Self::Default,
        }
    }

    pub(super) const fn to_int(self) -> i64 {
        match self {
            Self::Default => 0,
            Self::All => 1,
            Self::Disabled => 2,
            Self::Mentions => 3,
        }
    }
}

/// A reader of one entry; of none, all fields are absent.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) Option<&'a Dict>);

impl<'a> Fields<'a> {
    fn scalar(self, key: &[u8]) -> Option<&'a Scalar> {
        if let Value::Scalar(scalar) = self.0?.get(key)? { Some(scalar) } else { None }
    }

    pub(super) fn int(self, key: &[u8]) -> Option<i64> {
        if let Scalar::Int(value) = self.scalar(key)? { Some(*value) } else { None }
    }

    /// 0 if absent or negative.
    pub(super) fn unsigned(self, key: &[u8]) -> u64 {
        self.int(key).and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
    }

    /// A time in seconds, also when written in a smaller unit.
    pub(super) fn seconds(self, key: &[u8]) -> u64 {
        let value = match self.int(key).unwrap_or(0) {
            value if value > MICROSECONDS => value / 1_000_000,
            value if value > MILLISECONDS => value / 1_000,
            value => value,
        };
        u64::try_from(value).unwrap_or(0)
    }

    pub(super) fn flag(self, key: &[u8]) -> bool {
        self.int(key).is_some_and(|value| value != 0)
    }

    pub(super) fn bytes(self, key: &[u8]) -> Option<&'a [u8]> {
        if let Scalar::Bytes(bytes) = self.scalar(key)? { Some(bytes) } else { None }
    }

    /// A name that is not empty.
    pub(super) fn name(self, key: &[u8]) -> Option<String> {
        let name = std::str::from_utf8(self.bytes(key)?).ok()?;
        (!name.is_empty()).then(|| cut(name).to_owned())
    }

    pub(super) fn picture(self, url: &[u8], key: &[u8]) -> Option<Picture> {
        let url = std::str::from_utf8(self.bytes(url)?).ok()?;
        let key = self.bytes(key)?.try_into().ok()?;
        (!url.is_empty() && url.len() <= MAX_URL).then(|| Picture { url: url.to_owned(), key })
    }

    pub(super) fn priority(self) -> Priority {
        Priority(self.int(b"+").unwrap_or(0))
    }

    pub(super) fn notifications(self) -> Notifications {
        Notifications::from_int(self.int(b"@").unwrap_or(0))
    }
}

/// A writer of one entry, which writes what differs.
pub(super) struct Writer<'a> {
    pub(super) object: &'a mut Object,
    pub(super) path: &'a [&'a [u8]],
}

impl Writer<'_> {
    pub(super) fn put(&mut self, key: &[u8], value: Option<Value>) {
        self.object.set(self.path, key, value);
    }

    /// An integer, absent for 0.
    pub(super) fn int(&mut self, key: &[u8], old: i64, new: i64) {
        if old != new {
            self.put(key, (new != 0).then(|| Value::int(new)));
        }
    }

    /// [`Self::int`] of what cannot be negative.
    pub(super) fn unsigned(&mut self, key: &[u8], old: u64, new: u64) {
        if old != new {
            let new = i64::try_from(new).unwrap_or(i64::MAX);
            self.put(key, (new != 0).then(|| Value::int(new)));
        }
    }

    pub(super) fn flag(&mut self, key: &[u8], old: bool, new: bool) {
        self.int(key, old.into(), new.into());
    }

    /// A name, absent if empty.
    pub(super) fn name(&mut self, key: &[u8], old: Option<&str>, new: Option<&str>) {
        if old != new {
            self.put(key, new.map(cut).filter(|name| !name.is_empty()).map(Value::bytes));
        }
    }

    /// Both keys or none; an address that is too long counts as none.
    pub(super) fn picture(&mut self, keys: (&[u8], &[u8]), old: Option<&Picture>, new: Option<&Picture>) {
        if old != new {
            let new = new.filter(|picture| !picture.url.is_empty() && picture.url.len() <= MAX_URL);
            self.put(keys.0, new.map(|picture| Value::bytes(picture.url.as_str())));
            self.put(keys.1, new.map(|picture| Value::bytes(picture.key)));
        }
    }
}

/// At most [`MAX_NAME`] bytes of a name.
pub(super) fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or(name)
}

/// The account of a 33-byte key.
pub(super) fn account_id(key: &[u8]) -> Option<AccountId> {
    let (prefix, key) = key.split_first()?;
    let key = key.try_into().ok()?;
    (*prefix == AccountId::PREFIX).then(|| AccountId::from_key(zwiebel_crypto::keys::X25519Public(key)))
}
