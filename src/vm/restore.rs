//! The thirteen fields of the recovery phrase. A whole phrase may be pasted into any of them.

use leptos::prelude::*;
use zwiebel_proto::phrase;
pub use zwiebel_proto::phrase::PhraseError;

/// How many words a phrase has.
pub const WORDS: usize = 13;
/// Longer texts are no phrase; what is beyond is not looked at.
const PASTE_LIMIT: usize = 1_000;

/// The fields.
#[derive(Clone, Copy)]
pub struct Restore {
    pub words: RwSignal<Vec<String>>,
    /// How many words a paste had beyond the thirteenth.
    pub surplus: RwSignal<usize>,
    pub error: RwSignal<Option<PhraseError>>,
    /// Words typed so far.
    pub filled: Memo<usize>,
}

impl Default for Restore {
    fn default() -> Self {
        let words = RwSignal::new(vec![String::new(); WORDS]);
        Self {
            words,
            surplus: RwSignal::new(0),
            error: RwSignal::new(None),
            filled: Memo::new(move |_| words.with(|words| words.iter().filter(|word| !word.is_empty()).count())),
        }
    }
}

impl Restore {
    /// A field changed. Answers the field to go to next, if the text brought more than one word.
    pub fn input(&self, at: usize, text: &str) -> Option<usize> {
        self.error.set(None);
        let text: String = text.chars().take(PASTE_LIMIT).collect();
        let parts = split(&text);
        if parts.len() < 2 {
            // A trailing space means "this word is done".
            let done = text.ends_with(char::is_whitespace) && !parts.is_empty();
            let word = parts.into_iter().next().unwrap_or_default();
            let word = if done { completed(&word) } else { word };
            self.surplus.set(0);
            self.words.update(|words| {
                if let Some(slot) = words.get_mut(at) {
                    *slot = word;
                }
            });
            return done.then_some((at + 1).min(WORDS - 1));
        }
        Some(self.paste(at, parts))
    }

    /// Fills fields from `at` on, or from the first if it is a whole phrase.
    fn paste(&self, at: usize, parts: Vec<String>) -> usize {
        let from = if parts.len() >= WORDS - 1 { 0 } else { at };
        let end = from + parts.len();
        self.surplus.set(end.saturating_sub(WORDS));
        self.words.update(|words| {
            if from == 0 && parts.len() >= WORDS - 1 {
                words.fill(String::new());
            }
            for (slot, word) in words.iter_mut().skip(from).zip(parts) {
                *slot = word;
            }
        });
        end.min(WORDS - 1)
    }

    /// Empties all fields.
    pub fn clear(&self) {
        self.words.set(vec![String::new(); WORDS]);
        self.surplus.set(0);
        self.error.set(None);
    }

    /// The phrase if it is one; else [`Restore::error`] says why not.
    #[must_use]
    pub fn phrase(&self) -> Option<String> {
        let (joined, missing) =
            self.words.with_untracked(|words| (words.join(" "), words.iter().filter(|word| word.is_empty()).count()));
        let surplus = self.surplus.get_untracked();
        let outcome = if surplus > 0 {
            Err(PhraseError::TooManyWords(WORDS + surplus))
        } else if missing > 0 {
            Err(PhraseError::TooFewWords(WORDS - missing))
        } else {
            phrase::decode(&joined).map(|_| ())
        };
        self.error.set(outcome.clone().err());
        outcome.ok().map(|()| joined)
    }
}

/// Words that begin with what was typed, for the list under the field.
#[must_use]
pub fn completions(typed: &str) -> Vec<&'static str> {
    if typed.chars().count() < 2 { Vec::new() } else { phrase::complete(typed).take(4).collect() }
}

/// Whether a word will be understood.
#[must_use]
pub fn is_word(word: &str) -> bool {
    phrase::is_word(word)
}

/// The one word that begins like this, if there is exactly one; else what was typed.
fn completed(typed: &str) -> String {
    let mut candidates = phrase::complete(typed);
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => only.to_owned(),
        _ => typed.to_owned(),
    }
}

/// The words of a text: anything that is no letter separates (numbering, commas, line breaks).
fn split(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
