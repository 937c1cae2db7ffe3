//! Account data that follows a person (session-config): profile, contacts, read state and groups, the same on all
//! devices of an account.
//!
//! The protocol without I/O, clock and randomness. A [`Config`] has typed getters and setters by its kind
//! ([`UserProfile`], [`Contacts`], [`ConvoInfoVolatile`], [`UserGroups`]); merging, pushing and dumping are the same for
//! all and belong to the [`Object`] underneath, which a config derefs to. Whatever a config holds that this version does not know stays in it byte for byte.
//!
//! # How to use it
//! ```text
//! start     Config::load(dump)  or  Config::new()
//! edit      contacts.edit(&id, |contact| contact.blocked = true)      …needs_dump(), needs_push()
//! poll      report = config.merge(&account, &messages, now_ms)        all messages of the namespace in one call
//!           commit dump() together with the effects of report.changed and the new last_hash
//! push      push = config.push(&account)?                             None: nothing to do
//!           commit dump(), then send ONE sequence request: store every push.messages(), then delete push.obsolete()
//!           all elements 200:            config.confirm_pushed(push.receipt()), commit dump()
//!           certainly not sent:          config.abandon_push(push.receipt()), commit dump()
//!           unknown (time-out, crash):   nothing; push() hands out the same bytes again
//! ```
//! * Commit before sending, always: [`Object::push`] uses up a sequence number, and a dump older than a push that
//!   left would use it twice.
//! * Do not push while an account is being restored, nor while offline: every unconfirmed push that is followed by an
//!   edit uses up a number, and five numbers ahead the others' edits count as outdated.
//! * Several configs go in one `sequence` request: all stores, then one delete with all obsolete hashes. A hash cannot
//!   mean messages of two namespaces, so joining the lists is safe.
//! * `"already": true` in the answer to a store is a success. Compare the node's hash with the one in
//!   [`Push::messages`]; another one means that node is not to be trusted.
//! * On each poll extend the time to live of [`Object::active_hashes`]. If the swarm has nothing of a namespace (ask
//!   two nodes) while [`Object::seqno`] is above 0 and nothing needs a push, store [`Object::push_again`].
//! * What [`MergeReport::ignored`] lists was made by nobody with our seed, or by a newer client: log the reason, nothing
//!   else. Never delete it.
//! * A node may hold old messages back or give them again: they are recognised as older and change nothing.
//! * Read marks may fall back in a merge: apply the larger of the config's and the own one and set it again.
//!
//! # What it must hold
//! Merging is a function of the set of messages; order and repetition do not matter. No input can make it panic. A
//! push never names what it stores as obsolete. An edit nobody has seen is only lost to a rival edit of the same key.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use thiserror::Error;

use crate::storage_rpc::Namespace;

pub use self::contacts::{Contact, Contacts};
pub use self::fields::{Expiry, ExpiryMode, MAX_NAME, MAX_URL, Notifications, Picture, Priority};
pub use self::groups::{Community, Group, Membership, UserGroups};
pub use self::object::Object;
pub use self::profile::UserProfile;
pub use self::push::{Push, Receipt};
pub use self::report::{Ignored, MergeReport};
pub use self::tree::{Dict, Scalar, Value};
pub use self::volatile::{Conversation, ConvoInfoVolatile, ReadMark};

mod contacts;
mod diff;
mod dump;
mod fields;
mod groups;
mod merge;
mod message;
mod multipart;
mod object;
mod profile;
mod push;
mod report;
mod seal;
mod tree;
mod volatile;
mod wrap;

/// What is wrong with a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A format of newer clients.
    #[error("a config in a format not known here")]
    Incompatible,
    /// Not the one serialisation.
    #[error("a config that is not canonical")]
    NotCanonical,
    /// More than 5,000,000 bytes.
    #[error("the config is too large to be stored")]
    TooLarge,
}

/// What tells the configs apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub namespace: Namespace,
    /// Goes into the key.
    domain: &'static str,
    /// The number in the protobuf shell.
    wrap: i32,
}

/// A kind of config.
pub trait ConfigKind {
    /// Its names.
    const KIND: Kind;
}

/// A config: the synchronised tree of [`Object`] and, by its kind, typed access to it.
pub struct Config<K> {
    object: Object,
    kind: PhantomData<K>,
}

impl<K: ConfigKind> Config<K> {
    /// An empty one: for a new account, or before a restore.
    #[must_use]
    pub fn new() -> Self {
        Self { object: Object::new(K::KIND), kind: PhantomData }
    }

    /// What [`Object::dump`] wrote.
    ///
    /// # Errors
    /// [`ConfigError`] if it is damaged.
    pub fn load(dump: &[u8]) -> Result<Self, ConfigError> {
        Ok(Self { object: Object::load(K::KIND, dump)?, kind: PhantomData })
    }
}

impl<K: ConfigKind> Default for Config<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for Config<K> {
    fn clone(&self) -> Self {
        Self { object: self.object.clone(), kind: PhantomData }
    }
}

/// Everything that does not depend on the kind.
impl<K> Deref for Config<K> {
    type Target = Object;

    fn deref(&self) -> &Object {
        &self.object
    }
}

impl<K> DerefMut for Config<K> {
    fn deref_mut(&mut self) -> &mut Object {
        &mut self.object
    }
}

/// Contents are not for logs.
impl<K> fmt::Debug for Config<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Config(..)")
    }
}

#[cfg(test)]
mod tests;
