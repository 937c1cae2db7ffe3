//! Recovery phrases: the list, vectors, mistakes while typing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "tests"
)]

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::*;
use crate::testing::{Vector, messages};

const FIRST: &str = "amaze buffet cake entrance symptoms tiger lamb maze nestle python dusted faxed faxed";

#[test]
fn the_list_is_the_one_all_clients_use() {
    let digest = zwiebel_crypto::hash::sha256(LIST.as_bytes());
    assert_eq!(digest.to_vec(), messages()["phrase_decoding"]["list_sha256"].bytes());
    assert_eq!((WORDS[0], WORDS[N - 1]), ("abbey", "zoom"));
    assert!(WORDS.windows(2).all(|pair| pair[0][..3] < pair[1][..3]), "sorted, unique in three letters");
}

#[test]
fn phrases_agree_both_ways() {
    for vector in messages()["accounts"].list() {
        let seed = vector["seed16_hex"].array();
        let phrase = vector["phrase"].text();
        assert_eq!(encode(&seed), phrase);
        assert_eq!(decode(phrase), Ok(seed));

        let data: String = phrase.split(' ').take(12).map(|word| &word[..3]).collect();
        assert_eq!(CRC.checksum(data.as_bytes()).to_be_bytes().to_vec(), vector["crc32_hex"].bytes());
        let index = usize::try_from(vector["checksum_index"].as_u64().unwrap()).unwrap();
        assert_eq!(phrase.split(' ').nth(index), phrase.split(' ').nth(12));
    }
}

#[test]
fn only_three_letters_count() {
    let vectors = messages();
    let typed = vectors["phrase_decoding"]["same_seed_as_first"].text();
    let seed = Ok(vectors["accounts"][0]["seed16_hex"].array());
    assert_eq!(decode(typed), seed);
    assert_eq!(decode(&typed.to_uppercase()), seed);
    assert_eq!(decode(&format!("\n {}\t", typed.replace(' ', ",  \n"))), seed);
}

#[test]
fn every_mistake_has_its_name() {
    let swapped = FIRST.replace("amaze buffet", "buffet amaze");
    assert_eq!(decode(&swapped), Err(PhraseError::Checksum));
    assert_eq!(decode(&FIRST.replace("faxed faxed", "faxed amaze")), Err(PhraseError::Checksum));
    let unknown = |index, word: &str| Err(PhraseError::UnknownWord { index, word: word.to_owned() });
    assert_eq!(decode(&FIRST.replace("faxed faxed", "faxed zzzzz")), unknown(12, "zzzzz"));
    assert_eq!(decode(&FIRST.replace("cake", "ca")), unknown(2, "ca"));
    assert_eq!(decode(&FIRST.replace("cake", "größe")), unknown(2, "größe"));
    let words: Vec<_> = FIRST.split(' ').collect();
    for count in [0, 1, 11, 12] {
        assert_eq!(decode(&words[..count].join(" ")), Err(PhraseError::TooFewWords(count)));
    }
    assert_eq!(decode(&format!("{FIRST} faxed")), Err(PhraseError::TooManyWords(14)));
    for triple in 0..4 {
        let mut words = words.clone();
        words.splice(triple * 3..triple * 3 + 3, ["abbey", "abbey", "zoom"]);
        let expected = PhraseError::ImpossibleTriple { first_word_index: triple * 3 };
        assert_eq!(decode(&words.join(" ")), Err(expected));
    }
}

#[test]
fn an_error_does_not_show_what_was_typed() {
    let error = decode(&FIRST.replace("cake", "dragon")).unwrap_err();
    assert_eq!(error.to_string(), "word 3 is not on the list");
}

#[test]
fn words_complete_while_typing() {
    assert_eq!(complete("abb").collect::<Vec<_>>(), ["abbey"]);
    assert_eq!(complete("ZO").collect::<Vec<_>>(), ["zodiac", "zombie", "zones", "zoom"]);
    assert_eq!(complete("").count() + complete("q1").count() + complete("zzz").count(), 0);
    assert!(complete("a").all(|word| word.starts_with('a')));
    assert!(is_word("abbots") && is_word("ZOOlogy") && !is_word("zo") && !is_word("qqq") && !is_word(""));
    assert!(WORDS.iter().all(|word| is_word(word) && complete(word).next() == Some(word)));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_seed_survives(seed: [u8; 16]) {
            prop_assert_eq!(decode(&encode(&seed)), Ok(seed));
        }

        #[test]
        fn arbitrary_text_is_refused_quietly(text: String) {
            let _ = decode(&text);
            let _ = complete(&text).count();
        }

        #[test]
        fn arbitrary_words_are_refused_or_right(indices in proptest::collection::vec(0..N, 13)) {
            let text = indices.iter().map(|i| WORDS[*i]).collect::<Vec<_>>().join(" ");
            if let Ok(seed) = decode(&text) {
                prop_assert_eq!(encode(&seed), text);
            }
        }
    }
}
