//! What an avatar shows, from the Account ID alone, so that it is the same on every device.

use unicode_segmentation::UnicodeSegmentation;
use zwiebel_proto::account_id::AccountId;

/// How many colours the style sheet has (`.avatar-0` and on).
pub const COLOURS: u8 = 12;

/// A colour and a pattern of rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avatar {
    /// Which colour class.
    pub colour: u8,
    /// Three rings, each an arc: how long it is and where it begins, in per cent of the circle.
    pub rings: [(u8, u8); 3],
}

/// The avatar of an account.
#[must_use]
pub fn of(id: &AccountId) -> Avatar {
    let bytes = id.to_bytes();
    // The first byte is the prefix; people choose ids with pretty beginnings, so the end decides.
    let mut tail = bytes.iter().rev().copied();
    let mut next = || tail.next().unwrap_or_default();
    let colour = next() % COLOURS;
    let rings = std::array::from_fn(|_| (35 + next() % 45, next() % 100));
    Avatar { colour, rings }
}

/// One or two initials of a name; empty if it begins with nothing that has one.
#[must_use]
pub fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.graphemes(true).next());
    let Some(first) = words.next() else { return String::new() };
    // An emoji stands for itself.
    if !first.chars().next().is_some_and(char::is_alphanumeric) {
        return first.to_owned();
    }
    let last = words.next_back().filter(|last| last.chars().next().is_some_and(char::is_alphanumeric));
    format!("{}{}", first.to_uppercase(), last.map(str::to_uppercase).unwrap_or_default())
}
