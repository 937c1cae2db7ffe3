//! What is being written in one conversation. Belongs to the open conversation's screen.

use leptos::prelude::*;
use zwiebel_engine::input::Command;
use zwiebel_proto::account_id::AccountId;

use super::App;
use super::Problem;
use crate::text;
use crate::text::count;

/// The text field of a conversation.
#[derive(Clone, Copy)]
pub struct Composer {
    app: App,
    with: AccountId,
    pub text: RwSignal<String>,
    /// The text as last given to the engine to keep.
    kept: StoredValue<String>,
    /// When the engine was last told that I type (Unix ms); 0: that I do not.
    typing_told: StoredValue<u64>,
    /// Code points still free; negative: too many.
    pub left: Memo<i64>,
    pub can_send: Memo<bool>,
}

/// How often "still typing" is repeated.
const TYPING_EVERY_MS: u64 = 3_000;

impl Composer {
    /// Begins with the kept draft.
    #[must_use]
    pub fn new(app: App, with: AccountId) -> Self {
        let draft =
            app.conversations.get(&with).map(|view| view.with_untracked(|view| view.draft.clone())).unwrap_or_default();
        let text = RwSignal::new(draft.clone());
        let left = Memo::new(move |_| {
            let used = text.with(|text| count::message_length(text));
            i64::try_from(count::MESSAGE_LIMIT).unwrap_or(0) - i64::try_from(used).unwrap_or(i64::MAX)
        });
        // What cannot be written down stays in the field: elsewhere it would be gone with the page.
        let stuck = move || matches!(app.problem.get(), Some(Problem::Storage(_)));
        let can_send = Memo::new(move |_| left.get() >= 0 && text.with(|text| !text.trim().is_empty()) && !stuck());
        Self { app, with, text, kept: StoredValue::new(draft), typing_told: StoredValue::new(0), left, can_send }
    }

    /// The field changed.
    pub fn input(&self, text: String) {
        let writes = !text.trim().is_empty();
        self.text.set(text);
        let now = text::time::now_ms();
        let told = self.typing_told.get_value();
        if writes && now.abs_diff(told) >= TYPING_EVERY_MS {
            self.typing_told.set_value(now);
            self.app.send(Command::Typing { with: self.with, active: true });
        } else if !writes {
            self.stop_typing();
        }
    }

    /// Sends what is written; false if that is not possible.
    #[must_use]
    pub fn send(&self) -> bool {
        if !self.can_send.get_untracked() {
            return false;
        }
        let body = self.text.get_untracked().trim().to_owned();
        let quote = self.app.timeline.quoting.get_untracked();
        self.stop_typing();
        self.app.send(Command::SendText { to: self.with, body, quote });
        self.app.timeline.quoting.set(None);
        self.app.timeline.unread_line.set(None);
        self.text.set(String::new());
        self.keep_draft();
        true
    }

    /// Gives the engine the draft to keep, if it changed. Does nothing when the screen is gone already: a field that has
    /// the focus says so once more (`blur`) while it is taken from the page.
    pub fn keep_draft(&self) {
        let Some(text) = self.text.try_get_untracked() else { return };
        if self.kept.try_with_value(|kept| *kept == text).unwrap_or(true) {
            return;
        }
        self.kept.set_value(text.clone());
        self.app.send(Command::SetDraft { with: self.with, text });
    }

    /// The person stopped writing, or left.
    pub fn stop_typing(&self) {
        if self.typing_told.try_get_value().is_some_and(|told| told != 0) {
            self.typing_told.set_value(0);
            self.app.send(Command::Typing { with: self.with, active: false });
        }
    }
}
