//! Account IDs as people read and paste them.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::account_id::AccountIdError;

/// Beginning and end, for places where the whole does not fit: `05b2…98d27`.
#[must_use]
pub fn short(id: &AccountId) -> String {
    let text = id.to_string();
    let head = text.get(..4).unwrap_or_default();
    let tail = text.get(text.len().saturating_sub(5)..).unwrap_or_default();
    format!("{head}…{tail}")
}

/// The digits in groups of four, for reading aloud and comparing.
#[must_use]
pub fn groups(text: &str) -> Vec<String> {
    let digits: Vec<char> = text.chars().collect();
    digits.chunks(4).map(|group| group.iter().collect()).collect()
}

/// The link that opens a conversation with this id. The id is in the fragment, which no server sees. `hint`: what the engine wants
/// beside it; may be empty.
#[must_use]
pub fn invite_link(origin: &str, id: &AccountId, hint: &str) -> String {
    format!("{origin}/#/c/{}", with_hint(id, hint))
}

/// An id with what the engine wants beside it in links and codes.
#[must_use]
pub fn with_hint(id: &AccountId, hint: &str) -> String {
    if hint.is_empty() { id.to_string() } else { format!("{id}?{hint}") }
}

/// What stands beside the id in a link or a code, if it may be a hint of the engine.
#[must_use]
pub fn link_hint(text: &str) -> Option<&str> {
    let hint = text.split_once('?')?.1.split(['&', '/', '#']).next()?.trim();
    let plain = hint.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (plain && (20..=32).contains(&hint.len())).then_some(hint)
}

/// What somebody typed, pasted or scanned: an Account ID (white space anywhere is forgiven) or an invite link.
///
/// # Errors
/// What is wrong with it as an Account ID.
pub fn parse_recipient(text: &str) -> Result<AccountId, AccountIdError> {
    // Nothing sensible is longer; a huge paste is not worth looking at.
    let text = text.get(..512).unwrap_or(text);
    let text = text.rsplit_once("#/c/").map_or(text, |(_, id)| id);
    let text = text.split(['?', '/', '&']).next().unwrap_or_default();
    let compact: String = text.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c)).collect();
    AccountId::parse(&compact)
}

/// Marks that come along with copied text and cannot be seen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}
