//! Finds web links in a message. Only `http` and `https` with their scheme written out: nothing is guessed, and nothing
//! else (`javascript:`, `data:`) can become a link.

use linkify::LinkFinder;
use linkify::LinkKind;

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// Shown as it was written, opened as it was written.
    Link(String),
}

/// Cuts a message into text and links.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece> {
    if !text.contains("://") {
        return vec![Piece::Text(text.to_owned())];
    }
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]);
    finder
        .spans(text)
        .map(|span| match span.kind() {
            Some(LinkKind::Url) if is_web(span.as_str()) => Piece::Link(span.as_str().to_owned()),
            _ => Piece::Text(span.as_str().to_owned()),
        })
        .collect()
}

fn is_web(url: &str) -> bool {
    let scheme = url.split("://").next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}
