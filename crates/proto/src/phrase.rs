//! The recovery phrase: 12 words for the 16-byte seed and one checksum word (session-messages 1.3).
//!
//! English only, as every client of the network. Words count by their first three letters alone.

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use thiserror::Error;
use zeroize::Zeroizing;

/// The Monero English list, sorted, unique in the first three letters. Provenance and licences: `phrase/NOTICE`.
const LIST: &str = include_str!("phrase/english.txt");
const N: usize = 1626;
/// Words that carry the seed: three for every four bytes.
const DATA_WORDS: usize = 12;
/// Of 36 bytes: a table would be downloaded by everybody and save nobody anything.
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// The list, in order.
pub static WORDS: [&str; N] = split_list();

/// Why a text is no recovery phrase.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PhraseError {
    /// The last word does not fit the others.
    #[error("the last word does not fit the others: one of the words is wrong, or two changed places")]
    Checksum,
    /// Three words that no seed encodes to.
    #[error("words {} to {} cannot stand together", .first_word_index + 1, .first_word_index + 3)]
    ImpossibleTriple { first_word_index: usize },
    /// Fewer than 13 words.
    #[error("{0} words are too few: a recovery phrase has 13")]
    TooFewWords(usize),
    /// More than 13 words.
    #[error("{0} words are too many: a recovery phrase has 13")]
    TooManyWords(usize),
    /// A word that is not on the list.
    #[error("word {} is not on the list", .index + 1)]
    UnknownWord { index: usize, word: String },
}

/// The phrase of this seed, words separated by single spaces.
#[must_use]
pub fn encode(seed: &[u8; 16]) -> String {
    let n = wide(N);
    let mut indices = Zeroizing::new([0_usize; DATA_WORDS]);
    for (bytes, words) in seed.as_chunks::<4>().0.iter().zip(indices.as_chunks_mut::<3>().0) {
        let v = u64::from(u32::from_le_bytes(*bytes));
        let w1 = v % n;
        let w2 = (v / n + w1) % n;
        let w3 = (v / (n * n) + w2) % n;
        *words = [w1, w2, w3].map(narrow);
    }
    let checksum = checksum_word(indices.as_slice());
    let mut out = String::with_capacity(13 * 13); // never grows: a grown string leaves copies behind
    for index in indices.iter().copied().chain(checksum) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(WORDS.get(index).copied().unwrap_or_default());
    }
    out
}

/// The seed of a phrase that a person typed: any separators, any case, typos after the third letter.
///
/// # Errors
/// [`PhraseError`], one for each thing that can be wrong. Counts come first, then words, triples, checksum.
pub fn decode(text: &str) -> Result<[u8; 16], PhraseError> {
    let count = words_of(text).count();
    if count <= DATA_WORDS {
        return Err(PhraseError::TooFewWords(count));
    }
    if count > DATA_WORDS + 1 {
        return Err(PhraseError::TooManyWords(count));
    }
    let mut indices = Zeroizing::new([0_usize; DATA_WORDS + 1]);
    for (index, (word, slot)) in words_of(text).zip(indices.iter_mut()).enumerate() {
        *slot = find(word).ok_or_else(|| PhraseError::UnknownWord { index, word: word.to_owned() })?;
    }
    let [data @ .., checksum] = &*indices;

    let n = wide(N);
    let mut seed = [0_u8; 16];
    let triples = data.as_chunks::<3>().0.iter().zip(seed.as_chunks_mut::<4>().0);
    for (triple, (words, bytes)) in triples.enumerate() {
        let [w1, w2, w3] = words.map(wide);
        let v = w1 + n * ((n - w1 + w2) % n) + n * n * ((n - w2 + w3) % n);
        let v = u32::try_from(v).map_err(|_| PhraseError::ImpossibleTriple { first_word_index: triple * 3 })?;
        *bytes = v.to_le_bytes();
    }
    if checksum_word(data) != Some(*checksum) {
        return Err(PhraseError::Checksum);
    }
    Ok(seed)
}

/// The words that start with `prefix` (any case), in order: completion while typing. Nothing for an empty prefix.
pub fn complete(prefix: &str) -> impl Iterator<Item = &'static str> {
    let prefix = prefix.to_lowercase();
    let from = WORDS.partition_point(|word| *word < prefix.as_str());
    let candidates = if prefix.is_empty() { &[] } else { WORDS.get(from..).unwrap_or_default() };
    candidates.iter().copied().take_while(move |word| word.starts_with(&prefix))
}

/// Whether [`decode`] will know this word: its first three letters are those of a word on the list.
#[must_use]
pub fn is_word(word: &str) -> bool {
    find(word).is_some()
}

/// Words as people separate them: white space, commas, line ends.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Index of the word with the same first three letters.
fn find(word: &str) -> Option<usize> {
    let start: String = word.to_lowercase().chars().take(3).collect();
    if start.chars().count() < 3 {
        return None;
    }
    let index = WORDS.partition_point(|known| *known < start.as_str());
    WORDS.get(index)?.starts_with(&start).then_some(index)
}

/// Index of the word that ends a phrase with these data words; `None` for indices off the list.
fn checksum_word(data: &[usize]) -> Option<usize> {
    let mut crc = CRC.digest();
    for index in data {
        crc.update(WORDS.get(*index)?.as_bytes().first_chunk::<3>()?);
    }
    let at = usize::try_from(crc.finalize()).ok()?.checked_rem(data.len())?;
    data.get(at).copied()
}

fn wide(index: usize) -> u64 {
    index as u64 // an index below 1626
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder of 1626")]
fn narrow(index: u64) -> usize {
    index as usize
}

/// Cuts the list into words at compile time.
#[expect(clippy::panic, reason = "const evaluation: a list that is not ASCII is a compile error")]
#[expect(clippy::indexing_slicing, reason = "const evaluation: a wrong index is a compile error")]
const fn split_list() -> [&'static str; N] {
    let mut words = [""; N];
    let mut rest = LIST.as_bytes();
    let mut count = 0;
    while count < N {
        let mut end = 0;
        while end < rest.len() && rest[end] != b'\n' {
            end += 1;
        }
        let (word, tail) = rest.split_at(end);
        words[count] = match str::from_utf8(word) {
            Ok(word) => word,
            Err(_) => panic!("the list is ASCII"),
        };
        rest = match tail.split_first() {
            Some((_, tail)) => tail,
            None => tail,
        };
        count += 1;
    }
    assert!(rest.is_empty());
    words
}

#[cfg(test)]
mod tests;
