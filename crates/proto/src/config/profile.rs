//! The own profile and the note to self (session-config 9.1).

use super::fields::{Fields, Picture, Priority, Writer};
use super::tree::Value;
use super::{Config, ConfigKind, Kind};
use crate::storage_rpc::Namespace;

/// Marks the config of the own profile.
#[derive(Debug, Clone, Copy)]
pub enum UserProfile {}

impl ConfigKind for UserProfile {
    const KIND: Kind = Kind { namespace: Namespace::USER_PROFILE, domain: "UserProfile", wrap: 1 };
}

impl Config<UserProfile> {
    fn fields(&self) -> Fields<'_> {
        Fields(Some(self.data()))
    }

    fn writer(&mut self) -> Writer<'_> {
        Writer { object: self, path: &[] }
    }

    /// The display name.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.fields().name(b"n")
    }

    /// Sets the display name, cut at 100 bytes. See [`Self::set_updated_s`].
    pub fn set_name(&mut self, name: &str) {
        let old = self.name();
        self.writer().name(b"n", old.as_deref(), Some(name));
    }

    /// The picture, the re-uploaded one if that is newer.
    #[must_use]
    pub fn picture(&self) -> Option<Picture> {
        let fields = self.fields();
        let again = (fields.seconds(b"T") > fields.seconds(b"t")).then(|| fields.picture(b"P", b"Q")).flatten();
        again.or_else(|| fields.picture(b"p", b"q"))
    }

    /// Sets or removes the picture. See [`Self::set_updated_s`].
    pub fn set_picture(&mut self, picture: Option<&Picture>) {
        let old = self.picture();
        self.writer().picture((b"p", b"q"), old.as_ref(), picture);
    }

    /// When the person last changed name, picture or the choice about communities; 0 if unknown.
    #[must_use]
    pub fn updated_s(&self) -> u64 {
        self.fields().seconds(b"t")
    }

    /// To be called with the network's time after every such change: other devices take the newer profile.
    pub fn set_updated_s(&mut self, seconds: u64) {
        let old = self.updated_s();
        self.writer().unsigned(b"t", old, seconds);
    }

    /// Where the note to self stands.
    #[must_use]
    pub fn note_to_self(&self) -> Priority {
        self.fields().priority()
    }

    /// Moves the note to self.
    pub fn set_note_to_self(&mut self, priority: Priority) {
        let old = self.note_to_self();
        self.writer().int(b"+", old.0, priority.0);
    }

    /// After how many seconds notes to self disappear; 0 for never.
    #[must_use]
    pub fn note_expiry_s(&self) -> u64 {
        self.fields().unsigned(b"e")
    }

    /// Sets after how many seconds notes to self disappear.
    pub fn set_note_expiry_s(&mut self, seconds: u64) {
        let old = self.note_expiry_s();
        self.writer().unsigned(b"e", old, seconds);
    }

    /// Whether people of communities may send message requests; `None` if never chosen.
    #[must_use]
    pub fn community_requests(&self) -> Option<bool> {
        self.fields().int(b"M").map(|value| value != 0)
    }

    /// Chooses it.
    pub fn set_community_requests(&mut self, allowed: Option<bool>) {
        if self.community_requests() != allowed {
            self.writer().put(b"M", allowed.map(|allowed| Value::int(allowed.into())));
        }
    }
}
