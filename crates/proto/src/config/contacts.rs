//! The people one knows (session-config 9.2).

use super::fields::{Expiry, ExpiryMode, Fields, Notifications, Picture, Priority, Writer, account_id, cut};
use super::tree::{self, Value};
use super::{Config, ConfigKind, Kind};
use crate::account_id::AccountId;
use crate::storage_rpc::Namespace;

/// Marks the config of the contacts.
#[derive(Debug, Clone, Copy)]
pub enum Contacts {}

impl ConfigKind for Contacts {
    const KIND: Kind = Kind { namespace: Namespace::CONTACTS, domain: "Contacts", wrap: 2 };
}

/// A contact. Times are Unix seconds, 0 for none.
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// Not a field: where the entry is.
    pub id: AccountId,
    /// The name they chose.
    pub name: Option<String>,
    /// The name we gave them.
    pub nickname: Option<String>,
    pub picture: Option<Picture>,
    /// When they last changed name or picture: take a name only with a newer time.
    pub updated_s: u64,
    /// We let them write.
    pub approved: bool,
    /// They let us write.
    pub approved_me: bool,
    pub blocked: bool,
    pub notifications: Notifications,
    pub mute_until_s: u64,
    pub priority: Priority,
    pub expiry: Option<Expiry>,
    pub created_s: u64,
}

impl Contact {
    /// A contact of whom nothing is known.
    #[must_use]
    pub const fn new(id: AccountId) -> Self {
        Self {
            id,
            name: None,
            nickname: None,
            picture: None,
            updated_s: 0,
            approved: false,
            approved_me: false,
            blocked: false,
            notifications: Notifications::Default,
            mute_until_s: 0,
            priority: Priority::NORMAL,
            expiry: None,
            created_s: 0,
        }
    }

    fn read(id: AccountId, fields: Fields<'_>) -> Self {
        let mode = match fields.int(b"e") {
            Some(1) => Some(ExpiryMode::AfterSend),
            Some(2) => Some(ExpiryMode::AfterRead),
            _ => None,
        };
        let seconds = fields.unsigned(b"E");
        let notifications = match fields.notifications() {
            Notifications::Mentions => Notifications::All, // nobody is mentioned between two
            other => other,
        };
        Self {
            id,
            name: fields.name(b"n"),
            nickname: fields.name(b"N"),
            picture: fields.picture(b"p", b"q"),
            updated_s: fields.seconds(b"t"),
            approved: fields.flag(b"a"),
            approved_me: fields.flag(b"A"),
            blocked: fields.flag(b"b"),
            notifications,
            mute_until_s: fields.seconds(b"!"),
            priority: fields.priority(),
            expiry: mode.filter(|_| seconds != 0).map(|mode| Expiry { mode, seconds }),
            created_s: fields.seconds(b"j"),
        }
    }
}

impl Config<Contacts> {
    /// All contacts, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = Contact> {
        tree::dict_at(self.data(), &[b"c"]).into_iter().flatten().filter_map(|(key, value)| {
            let fields = value.as_dict()?;
            Some(Contact::read(account_id(key)?, Fields(Some(fields))))
        })
    }

    /// A contact, if there is one of this id.
    #[must_use]
    pub fn contact(&self, id: &AccountId) -> Option<Contact> {
        let fields = tree::dict_at(self.data(), &[b"c", &id.to_bytes()])?;
        Some(Contact::read(*id, Fields(Some(fields))))
    }

    /// Changes a contact, or makes one. What does not change is not written.
    pub fn edit(&mut self, id: &AccountId, change: impl FnOnce(&mut Contact)) {
        let present = self.contact(id);
        let mut new = present.clone().unwrap_or_else(|| Contact::new(*id));
        change(&mut new);
        self.write(id, present.as_ref(), &new);
    }

    /// Deletes a contact: on every device, with its conversation.
    pub fn erase(&mut self, id: &AccountId) {
        self.set(&[b"c"], &id.to_bytes(), None);
    }

    fn write(&mut self, id: &AccountId, present: Option<&Contact>, new: &Contact) {
        let none = Contact::new(*id);
        let old = present.unwrap_or(&none);
        let key = id.to_bytes();
        let path: &[&[u8]] = &[b"c", &key];
        let mut writer = Writer { object: self, path };
        // The name is always there, be it empty: an entry without fields would vanish.
        if present.is_none() || old.name != new.name {
            writer.put(b"n", Some(Value::bytes(cut(new.name.as_deref().unwrap_or_default()))));
        }
        writer.name(b"N", old.nickname.as_deref(), new.nickname.as_deref());
        writer.picture((b"p", b"q"), old.picture.as_ref(), new.picture.as_ref());
        writer.unsigned(b"t", old.updated_s, new.updated_s);
        writer.flag(b"a", old.approved, new.approved);
        writer.flag(b"A", old.approved_me, new.approved_me);
        writer.flag(b"b", old.blocked, new.blocked);
        writer.int(b"@", old.notifications.to_int(), new.notifications.to_int());
        writer.unsigned(b"!", old.mute_until_s, new.mute_until_s);
        writer.int(b"+", old.priority.0, new.priority.0);
        writer.unsigned(b"j", old.created_s, new.created_s);
        if old.expiry != new.expiry {
            let expiry = new.expiry.filter(|expiry| expiry.seconds != 0);
            let seconds = expiry.and_then(|expiry| i64::try_from(expiry.seconds).ok());
            writer.put(b"e", expiry.map(|expiry| Value::int(expiry.mode.to_int())));
            writer.put(b"E", seconds.map(Value::int));
        }
    }
}

impl ExpiryMode {
    const fn to_int(self) -> i64 {
        match self {
            Self::AfterSend => 1,
            Self::AfterRead => 2,
        }
    }
}
