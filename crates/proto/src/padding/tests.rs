//! Padding: the table of lengths, and missing ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::testing::{Vector, messages};

#[test]
fn lengths_are_those_of_the_table() {
    let table = &messages()["padding"];
    let column = |name: &str| -> Vec<usize> {
        table[name].list().iter().map(|length| usize::try_from(length.as_u64().unwrap()).unwrap()).collect()
    };
    for ((length, current), old) in column("content").into_iter().zip(column("current")).zip(column("old")) {
        let content = vec![7; length];
        let mut padded = pad(&content);
        assert_eq!(padded.len(), current);
        assert_eq!(unpad(&padded), content);
        padded.truncate(old);
        assert_eq!(unpad(&padded), content);
    }
}

#[test]
fn missing_terminators_are_tolerated() {
    assert_eq!(unpad(b"text\0\0"), b"text");
    assert_eq!(unpad(b"text"), b"text");
    assert_eq!(unpad(&[0; 160]), b"");
    assert_eq!(unpad(&[]), b"");
    assert_eq!(unpad(&[0x80, 0x80, 0]), [0x80]);
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_content_survives(content: Vec<u8>) {
            let padded = pad(&content);
            prop_assert_eq!(padded.len() % STEP, 0);
            prop_assert!(padded.len() > content.len());
            prop_assert_eq!(unpad(&padded), content);
        }
    }
}
