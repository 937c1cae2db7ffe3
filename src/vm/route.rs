//! Which screen an address means. The address is the URL's fragment, so that Account IDs reach no server.

use std::fmt;

use zwiebel_proto::account_id::AccountId;

/// A screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Home,
    Requests,
    Chat(AccountId),
    /// A link to a conversation whose Account ID is none.
    BadLink,
    New,
    Account,
    Settings,
    Path,
    Phrase,
    Blocked,
    Ways,
    Devices,
}

impl Route {
    /// The screen of a fragment, with or without its `#`. Anything unknown is home.
    #[must_use]
    pub fn parse(fragment: &str) -> Self {
        let path = fragment.trim_start_matches('#').trim_start_matches('/').trim_end_matches('/');
        if let Some(id) = path.strip_prefix("c/") {
            return crate::text::id::parse_recipient(id).map_or(Self::BadLink, Self::Chat);
        }
        match path {
            "requests" => Self::Requests,
            "new" => Self::New,
            "account" => Self::Account,
            "settings" => Self::Settings,
            "path" => Self::Path,
            "phrase" => Self::Phrase,
            "blocked" => Self::Blocked,
            "gateways" => Self::Ways,
            "devices" => Self::Devices,
            _ => Self::Home,
        }
    }

    /// Whether it is a screen of its own; the others are dialogs over one.
    #[must_use]
    pub const fn is_base(&self) -> bool {
        matches!(self, Self::Home | Self::Requests | Self::Chat(_) | Self::BadLink)
    }
}

/// The fragment with its `#`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Home => f.write_str("#/"),
            Self::Requests => f.write_str("#/requests"),
            Self::Chat(id) => write!(f, "#/c/{id}"),
            Self::BadLink => f.write_str("#/c/"),
            Self::New => f.write_str("#/new"),
            Self::Account => f.write_str("#/account"),
            Self::Settings => f.write_str("#/settings"),
            Self::Path => f.write_str("#/path"),
            Self::Phrase => f.write_str("#/phrase"),
            Self::Blocked => f.write_str("#/blocked"),
            Self::Ways => f.write_str("#/gateways"),
            Self::Devices => f.write_str("#/devices"),
        }
    }
}
