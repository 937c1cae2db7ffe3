//! Names other people chose: shown as text, without anything that could disturb what stands around them.

/// A name fit to be shown in one line: control characters, line breaks and direction overrides are gone, white space is
/// collapsed, stacks of combining marks are cut. Empty if nothing is left to see.
#[must_use]
pub fn clean(name: &str) -> String {
    let mut out = String::new();
    let mut marks = 0;
    let mut space = false;
    for c in name.chars().take(200) {
        if c.is_whitespace() {
            space = !out.is_empty();
            continue;
        }
        if c.is_control() || is_disturbing(c) {
            continue;
        }
        marks = if is_combining(c) { marks + 1 } else { 0 };
        if marks > 3 {
            continue;
        }
        if space {
            out.push(' ');
            space = false;
        }
        out.push(c);
    }
    // Joiners alone (U+200D, U+FE0F) show nothing.
    if out.chars().all(|c| matches!(c, '\u{200D}' | '\u{FE0F}' | '\u{200C}' | ' ')) { String::new() } else { out }
}

/// Direction marks and overrides, invisible fillers, private use, and tags.
fn is_disturbing(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}')
}

fn is_combining(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}
