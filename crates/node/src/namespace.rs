//! What a namespace number means for access (service-nodes 3.3).

/// Retired closed groups: no signature either way.
const LEGACY_GROUP: i16 = -10;

/// Anybody may store.
#[must_use]
pub const fn is_public_inbox(namespace: i16) -> bool {
    namespace % 10 == 0
}

/// Anybody may read; the owner's newest message replaces the others.
#[must_use]
pub const fn is_public_outbox(namespace: i16) -> bool {
    namespace < 0 && namespace % 20 == -1
}

/// Whether reading needs the owner's signature.
#[must_use]
pub const fn read_needs_signature(namespace: i16) -> bool {
    namespace != LEGACY_GROUP && !is_public_outbox(namespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_table() {
        for outbox in [-1, -21, -41] {
            assert!(is_public_outbox(outbox) && !read_needs_signature(outbox) && !is_public_inbox(outbox));
        }
        for inbox in [0, 10, 20, -20, -10] {
            assert!(is_public_inbox(inbox) && !is_public_outbox(inbox));
        }
        for private in [-11, -111, 1, 2, 11, 21, -2] {
            assert!(!is_public_inbox(private) && !is_public_outbox(private) && read_needs_signature(private));
        }
        assert!(!read_needs_signature(-10));
    }
}
