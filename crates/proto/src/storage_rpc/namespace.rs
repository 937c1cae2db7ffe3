//! Namespaces and their rules (service-nodes 3.3).

use std::fmt;

/// A namespace of an account's storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(pub i16);

/// What applies to a namespace, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceClass {
    /// Retired groups: no authentication at all.
    LegacyGroup,
    /// Only the owner, both ways.
    Private,
    /// Anybody stores, the owner retrieves.
    PublicInbox,
    /// The owner stores one message, anybody retrieves it.
    PublicOutbox,
    /// A test number of newer nodes: nothing is ever stored.
    TestStub,
    /// Private, but readable with a revoked token.
    Unrevocable,
}

/// One namespace or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    All,
    One(Namespace),
}

impl Namespace {
    /// One-to-one messages.
    pub const MESSAGES: Self = Self(0);
    /// The own profile, for the own devices.
    pub const USER_PROFILE: Self = Self(2);
    /// The own contacts.
    pub const CONTACTS: Self = Self(3);
    /// Read state of conversations.
    pub const CONVERSATIONS: Self = Self(4);
    /// The own groups.
    pub const USER_GROUPS: Self = Self(5);

    /// Which rules apply; the first match counts.
    #[must_use]
    pub fn class(self) -> NamespaceClass {
        match self.0 {
            -3741 => NamespaceClass::TestStub,
            -10 => NamespaceClass::LegacyGroup,
            n if n % 10 == 0 => NamespaceClass::PublicInbox,
            n if n < 0 && n % 20 == -1 => NamespaceClass::PublicOutbox,
            n if n < 0 && n % 100 == -11 => NamespaceClass::Unrevocable,
            _ => NamespaceClass::Private,
        }
    }

    /// As it stands in signed texts and hashes: empty for 0, decimal otherwise.
    #[must_use]
    pub fn text(self) -> String {
        if self.0 == 0 { String::new() } else { self.0.to_string() }
    }

    /// Whether a store must be signed.
    #[must_use]
    pub fn store_needs_auth(self) -> bool {
        !matches!(self.class(), NamespaceClass::LegacyGroup | NamespaceClass::PublicInbox)
    }

    /// Whether a retrieval must be signed.
    #[must_use]
    pub fn retrieve_needs_auth(self) -> bool {
        !matches!(self.class(), NamespaceClass::LegacyGroup | NamespaceClass::PublicOutbox)
    }

    /// The longest a message may live here, in milliseconds.
    #[must_use]
    pub fn max_ttl_ms(self) -> u64 {
        const DAY_MS: u64 = 86_400_000;
        match self.class() {
            NamespaceClass::LegacyGroup | NamespaceClass::PublicInbox => 14 * DAY_MS,
            _ => 30 * DAY_MS,
        }
    }
}

impl Scope {
    /// As it stands in signed texts.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::All => "all".to_owned(),
            Self::One(namespace) => namespace.text(),
        }
    }
}

impl From<Namespace> for Scope {
    fn from(namespace: Namespace) -> Self {
        Self::One(namespace)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
