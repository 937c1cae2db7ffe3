//! Sorted lists do what the standard maps, sets and sorts do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

proptest! {
    /// The map does what the standard one does.
    #[test]
    fn a_map_is_a_map(steps in prop::collection::vec((0u8..6, 0u8..20, any::<u16>()), 0..200), low in 0u8..20, high in 0u8..20) {
        let (mut ours, mut std) = (SortedMap::new(), BTreeMap::new());
        for (step, key, value) in steps {
            match step {
                0 | 1 => prop_assert_eq!(ours.insert(key, value), std.insert(key, value)),
                2 => prop_assert_eq!(ours.remove(&key), std.remove(&key)),
                3 => prop_assert_eq!(ours.entry(key).or_insert(value), std.entry(key).or_insert(value)),
                4 => prop_assert_eq!(ours.pop_first(), std.pop_first()),
                _ => prop_assert_eq!(ours.pop_last(), std.pop_last()),
            }
            prop_assert_eq!(ours.get(&key), std.get(&key));
            prop_assert!(ours.iter().eq(std.iter()) && ours.iter().rev().eq(std.iter().rev()));
        }
        prop_assert!(ours.range(low..).eq(std.range(low..)) && ours.range(..=high).eq(std.range(..=high)));
        if low <= high {
            prop_assert!(ours.range(low..high).eq(std.range(low..high)) && ours.range(low..=high).eq(std.range(low..=high)));
        }
        ours.retain(|key, _| key % 2 == 0);
        std.retain(|key, _| key % 2 == 0);
        prop_assert!(ours.into_iter().eq(std));
    }

    /// The set does what the standard one does.
    #[test]
    fn a_set_is_a_set(a in prop::collection::vec(0u8..40, 0..60), b in prop::collection::vec(0u8..40, 0..60)) {
        let (one, two): (SortedSet<u8>, SortedSet<u8>) = (a.iter().copied().collect(), b.iter().copied().collect());
        let (std_one, std_two): (BTreeSet<u8>, BTreeSet<u8>) = (a.into_iter().collect(), b.into_iter().collect());
        prop_assert!(one.iter().eq(&std_one));
        prop_assert!(one.difference(&two).eq(std_one.difference(&std_two)));
        prop_assert!(one.union(&two).collect::<SortedSet<_>>().into_iter().eq(std_one.union(&std_two)));
        let (mut left, mut std_left) = (one, std_one);
        for element in std_two {
            prop_assert_eq!(left.remove(&element), std_left.remove(&element));
            prop_assert!(left.insert(element));
            prop_assert!(!left.insert(element) && std_left.insert(element));
        }
        prop_assert!(left.into_iter().eq(std_left));
    }

    /// The sorts do what the standard ones do.
    #[test]
    fn a_sort_is_a_sort(list in prop::collection::vec((0u8..10, any::<u8>()), 0..200)) {
        let (mut ours, mut std) = (list.clone(), list.clone());
        sort(&mut ours);
        std.sort_unstable();
        prop_assert_eq!(&ours, &std);
        let mut keyed = list;
        sort_by_key(&mut keyed, |(key, _)| *key);
        prop_assert!(keyed.is_sorted_by_key(|(key, _)| *key), "{keyed:?}");
        sort(&mut keyed);
        prop_assert_eq!(keyed, std);
    }
}

/// A range that ends before it starts holds nothing.
#[test]
fn a_reversed_range_is_empty() {
    let set = SortedSet::from([1, 2, 3]);
    #[allow(clippy::reversed_empty_ranges, reason = "this is what is tested")]
    let empty = set.range(3..1).next();
    assert_eq!(empty, None);
}
