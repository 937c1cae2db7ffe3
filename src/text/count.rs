//! Counting and cutting. The limit of a message is counted in code points (session-messages 5.1), what a person sees as
//! one character in grapheme clusters.

use unicode_segmentation::UnicodeSegmentation;

/// How many code points a message may have.
pub const MESSAGE_LIMIT: usize = 2_000;
/// From how many on the composer counts down.
pub const COUNT_FROM: usize = 1_800;
/// How many the composer keeps at most, so that a text that is a little too long can be shortened by hand.
pub const FIELD_LIMIT: usize = 8_000;

/// Code points of a text as it would be sent.
#[must_use]
pub fn message_length(text: &str) -> usize {
    text.trim().chars().count()
}

/// The first `limit` code points, never cutting through a grapheme cluster, and whether something was cut.
#[must_use]
pub fn cut(text: &str, limit: usize) -> (&str, bool) {
    // A text of at most `limit` bytes cannot have more code points.
    if text.len() <= limit {
        return (text, false);
    }
    let mut points = 0;
    let mut end = 0;
    for cluster in text.graphemes(true) {
        points += cluster.chars().count();
        if points > limit {
            return (text.get(..end).unwrap_or_default(), true);
        }
        end += cluster.len();
    }
    (text, false)
}

/// The first `limit` bytes, never cutting through a grapheme cluster, and whether something was cut.
#[must_use]
pub fn cut_bytes(text: &str, limit: usize) -> (&str, bool) {
    if text.len() <= limit {
        return (text, false);
    }
    let mut end = 0;
    for cluster in text.graphemes(true) {
        if end + cluster.len() > limit {
            break;
        }
        end += cluster.len();
    }
    (text.get(..end).unwrap_or_default(), true)
}

/// Whether a text is one to three emoji and nothing else (shown large).
#[must_use]
pub fn is_few_emoji(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.len() > 120 {
        return false;
    }
    let mut clusters = 0;
    for cluster in text.graphemes(true) {
        clusters += 1;
        if clusters > 3 || !is_emoji(cluster) {
            return false;
        }
    }
    true
}

/// A good guess without tables: pictographs live in these blocks; digits and letters do not.
fn is_emoji(cluster: &str) -> bool {
    let mut chars = cluster.chars();
    let Some(first) = chars.next() else { return false };
    match u32::from(first) {
        0x1F000..=0x1FAFF => true,
        // Older symbols are emoji when they say so (variation selector 16) or are shown so by default.
        0x2600..=0x27BF | 0x2B00..=0x2BFF | 0x2190..=0x21FF | 0x2300..=0x23FF | 0x3030 | 0x303D | 0x3297 | 0x3299 => {
            cluster.contains('\u{FE0F}')
                || matches!(first, '✅' | '✨' | '❌' | '❓' | '❗' | '⭐' | '⚡' | '⏰' | '☕')
        }
        _ => false,
    }
}
