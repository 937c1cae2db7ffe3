//! The open conversation's messages: one signal per message, and rows (days, the "new messages" line, messages) derived
//! from them. Only the newest part is drawn; scrolling up draws more, then asks the engine for more.

use leptos::prelude::*;
use zwiebel_engine::view::ConversationView;
use zwiebel_engine::view::MessageId;
use zwiebel_engine::view::MessageView;
use zwiebel_engine::view::UnreadableView;
use zwiebel_proto::account_id::AccountId;

use crate::text;

/// Messages of one sender within this time stand together.
const GROUP_MS: u64 = 5 * 60 * 1000;
/// How many messages are drawn at first, and how many more each time.
const STEP: usize = 60;

/// One message and its own signal.
#[derive(Clone)]
pub struct Item {
    pub id: MessageId,
    pub outgoing: bool,
    pub view: ArcRwSignal<MessageView>,
}

/// What stands in one row of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Row {
    /// The heading of a day: the day's number (the key) and a moment in it.
    Day(i64, u64),
    /// Here begins what was not read when the conversation was opened.
    New,
    /// Something came here that could not be read: its number among those, the time, and whether it will not come again.
    Unreadable(usize, u64, bool),
    /// A message, and where it stands in its group.
    Message { id: MessageId, place: Place },
}

/// Where a message stands among those of its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub first: bool,
    pub last: bool,
}

/// The open conversation.
#[derive(Clone, Copy)]
pub struct Timeline {
    /// Whose it is; `None`: no conversation is open.
    pub with: RwSignal<Option<AccountId>>,
    /// The engine has answered.
    pub loaded: RwSignal<bool>,
    /// Oldest first.
    pub items: RwSignal<Vec<Item>>,
    pub has_earlier: RwSignal<bool>,
    pub loading_earlier: RwSignal<bool>,
    /// How many of the newest are drawn.
    shown: RwSignal<usize>,
    /// The first message that was unread when the conversation was opened or left out of sight.
    pub unread_line: RwSignal<Option<MessageId>>,
    /// The newest message is in view.
    pub at_bottom: RwSignal<bool>,
    /// A message arrived while the newest was out of view: how many.
    pub missed: RwSignal<u32>,
    /// The message an answer will quote.
    pub quoting: RwSignal<Option<MessageId>>,
    /// A message to bring into view and to point out.
    pub jump: RwSignal<Option<MessageId>>,
    /// What came and could not be read, oldest first.
    unreadable: RwSignal<Vec<UnreadableView>>,
    pub rows: Memo<Vec<Row>>,
}

impl Timeline {
    pub(super) fn new() -> Self {
        let items = RwSignal::new(Vec::<Item>::new());
        let shown = RwSignal::new(STEP);
        let unread_line = RwSignal::new(None);
        let unreadable = RwSignal::new(Vec::new());
        let rows = Memo::new(move |_| {
            items.with(|items| {
                let from = items.len().saturating_sub(shown.get());
                let visible = items.get(from..).unwrap_or_default();
                let heads: Vec<_> = visible.iter().map(|item| (item.id, item.outgoing)).collect();
                let rows = rows(&heads, unread_line.get(), text::time::local_day);
                unreadable.with(|unreadable| with_unreadable(rows, unreadable))
            })
        });
        Self {
            with: RwSignal::new(None),
            loaded: RwSignal::new(false),
            items,
            has_earlier: RwSignal::new(false),
            loading_earlier: RwSignal::new(false),
            shown,
            unread_line,
            at_bottom: RwSignal::new(true),
            missed: RwSignal::new(0),
            quoting: RwSignal::new(None),
            jump: RwSignal::new(None),
            unreadable,
            rows,
        }
    }

    pub(super) fn open(&self, with: AccountId) {
        self.items.set(Vec::new());
        self.loaded.set(false);
        self.has_earlier.set(false);
        self.loading_earlier.set(false);
        self.shown.set(STEP);
        self.unread_line.set(None);
        self.at_bottom.set(true);
        self.missed.set(0);
        self.quoting.set(None);
        self.jump.set(None);
        self.unreadable.set(Vec::new());
        self.with.set(Some(with));
    }

    pub(super) fn close(&self) {
        self.with.set(None);
        self.items.set(Vec::new());
        self.loaded.set(false);
        self.quoting.set(None);
    }

    /// Takes what the engine says is there; false if it speaks of another conversation.
    pub(super) fn replace(
        &self,
        with: AccountId,
        messages: Vec<MessageView>,
        has_earlier: bool,
        first_unread: Option<MessageId>,
    ) -> bool {
        if self.with.get_untracked() != Some(with) {
            return false;
        }
        if !self.loaded.get_untracked() {
            self.unread_line.set(first_unread);
        }
        let known = self.items.get_untracked();
        let items: Vec<Item> = messages
            .into_iter()
            .map(|message| {
                match known.binary_search_by_key(&message.id, |item| item.id).ok().and_then(|at| known.get(at)) {
                    Some(item) => {
                        set_changed(&item.view, message);
                        item.clone()
                    }
                    None => Item::new(message),
                }
            })
            .collect();
        if self.loading_earlier.get_untracked() {
            self.loading_earlier.set(false);
            self.shown.update(|shown| *shown += STEP);
        }
        self.has_earlier.set(has_earlier);
        self.items.set(items);
        self.loaded.set(true);
        true
    }

    /// Takes a new or changed message; true if it is new. With `unread_line`, it is one nobody is looking at.
    pub(super) fn put(&self, with: AccountId, message: MessageView, unread_line: bool) -> bool {
        if self.with.get_untracked() != Some(with) {
            return false;
        }
        let at = self.items.with_untracked(|items| items.binary_search_by_key(&message.id, |item| item.id));
        match at {
            Ok(at) => {
                if let Some(item) = self.items.with_untracked(|items| items.get(at).cloned()) {
                    set_changed(&item.view, message);
                }
                false
            }
            Err(at) => {
                let (id, outgoing) = (message.id, message.outgoing);
                if outgoing {
                    self.unread_line.set(None);
                } else if unread_line {
                    self.missed.update(|missed| *missed += 1);
                    if self.unread_line.get_untracked().is_none() {
                        self.unread_line.set(Some(id));
                    }
                }
                // What is drawn grows with what arrives, so that nothing disappears at the top.
                self.shown.update(|shown| *shown += 1);
                self.items.update(|items| items.insert(at.min(items.len()), Item::new(message)));
                true
            }
        }
    }

    pub(super) fn remove(&self, with: AccountId, id: MessageId) {
        if self.with.get_untracked() == Some(with) {
            self.items.update(|items| items.retain(|item| item.id != id));
        }
    }

    pub(super) fn header_changed(&self, view: &ConversationView) {
        if self.with.get_untracked() != Some(view.with) {
            return;
        }
        if view.unread == 0 {
            self.missed.set(0);
        }
        if self.unreadable.with_untracked(|known| *known != view.unreadable) {
            self.unreadable.set(view.unreadable.clone());
        }
    }

    /// Draws more of the past; answers whose past the engine should be asked for when all that is known is drawn.
    pub(super) fn show_earlier(&self) -> Option<AccountId> {
        if self.shown.get_untracked() < self.items.with_untracked(Vec::len) {
            self.shown.update(|shown| *shown += STEP);
            return None;
        }
        if !self.has_earlier.get_untracked() || self.loading_earlier.get_untracked() {
            return None;
        }
        self.loading_earlier.set(true);
        self.with.get_untracked()
    }

    /// Whether there is more past than is drawn.
    #[must_use]
    pub fn more_above(&self) -> bool {
        self.has_earlier.get() || self.items.with(Vec::len) > self.shown.get()
    }

    /// The same, asked once.
    #[must_use]
    pub fn more_above_now(&self) -> bool {
        untrack(|| self.more_above())
    }

    /// Where a message stands in its group, tracked.
    #[must_use]
    pub fn place(&self, wanted: &MessageId) -> Place {
        self.rows.with(|rows| {
            let found = rows.iter().rev().find_map(|row| match row {
                Row::Message { id, place } if id == wanted => Some(*place),
                _ => None,
            });
            found.unwrap_or(Place { first: true, last: true })
        })
    }

    /// One message's own signal.
    #[must_use]
    pub fn item(&self, id: &MessageId) -> Option<Item> {
        self.items
            .with(|items| items.binary_search_by_key(id, |item| item.id).ok().and_then(|at| items.get(at).cloned()))
    }

    pub(super) fn newest_received(&self) -> Option<MessageId> {
        self.items.with_untracked(|items| items.iter().rev().find(|item| !item.outgoing).map(|item| item.id))
    }

    /// Brings a message into view; false if it is not here.
    #[must_use]
    pub fn jump_to(&self, id: MessageId) -> bool {
        let Some(at) = self.items.with_untracked(|items| items.iter().rev().position(|item| item.id == id)) else {
            return false;
        };
        self.shown.update(|shown| *shown = (*shown).max(at + 10));
        self.jump.set(Some(id));
        true
    }
}

impl Item {
    fn new(message: MessageView) -> Self {
        Self { id: message.id, outgoing: message.outgoing, view: ArcRwSignal::new(message) }
    }
}

fn set_changed(signal: &ArcRwSignal<MessageView>, message: MessageView) {
    if signal.with_untracked(|known| *known != message) {
        signal.set(message);
    }
}

/// The rows of some messages (oldest first): day headings, the line before the first unread one, groups.
pub fn rows(messages: &[(MessageId, bool)], unread_line: Option<MessageId>, day_of: impl Fn(u64) -> i64) -> Vec<Row> {
    let mut out = Vec::with_capacity(messages.len() + 4);
    let mut previous: Option<(MessageId, bool, i64)> = None;
    let mut line = unread_line;
    for (id, outgoing) in messages {
        let day = day_of(id.sent_ms);
        let new_day = previous.is_none_or(|(_, _, before)| before != day);
        let new_line = !outgoing && line.is_some_and(|line| *id >= line);
        let joins = !new_day
            && !new_line
            && previous
                .is_some_and(|(before, own, _)| own == *outgoing && id.sent_ms.abs_diff(before.sent_ms) < GROUP_MS);
        if !joins && let Some(Row::Message { place, .. }) = out.last_mut() {
            place.last = true;
        }
        if new_day {
            out.push(Row::Day(day, id.sent_ms));
        }
        if new_line {
            line = None;
            out.push(Row::New);
        }
        out.push(Row::Message { id: *id, place: Place { first: !joins, last: false } });
        previous = Some((*id, *outgoing, day));
    }
    if let Some(Row::Message { place, .. }) = out.last_mut() {
        place.last = true;
    }
    out
}

/// Puts what could not be read where it came, between the messages of before and after.
#[must_use]
pub fn with_unreadable(mut rows: Vec<Row>, unreadable: &[UnreadableView]) -> Vec<Row> {
    for (number, one) in unreadable.iter().enumerate() {
        let earlier = |row: &Row| match row {
            Row::Message { id, .. } => id.sent_ms <= one.at_ms,
            Row::Unreadable(..) => true,
            Row::Day(..) | Row::New => false,
        };
        let at = rows.iter().rposition(earlier).map_or(0, |last| last + 1);
        rows.insert(at, Row::Unreadable(number, one.at_ms, one.given_up));
    }
    rows
}
