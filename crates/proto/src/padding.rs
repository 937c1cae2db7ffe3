//! Padding of content (session-messages 2.3): `0x80`, then zeros up to the next multiple of 160.

/// Lengths are hidden in steps of this.
const STEP: usize = 160;

/// Pads the way all current clients do: a whole extra block where `0x80` already completes one.
#[must_use]
pub fn pad(content: &[u8]) -> Vec<u8> {
    let filled = content.len() + 1;
    let total = filled + (STEP - filled % STEP);
    let mut padded = Vec::with_capacity(total);
    padded.extend_from_slice(content);
    padded.push(0x80);
    padded.resize(total, 0);
    padded
}

/// Takes padding of any length off: zeros from the end, then one `0x80`.
///
/// Older clients pad to one byte less than a multiple of 160, and data without a terminator is tolerated by all, so
/// nothing is refused here.
#[must_use]
pub fn unpad(padded: &[u8]) -> &[u8] {
    let end = padded.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let (content, _) = padded.split_at_checked(end).unwrap_or((padded, &[]));
    content.strip_suffix(&[0x80]).unwrap_or(content)
}

#[cfg(test)]
mod tests;
