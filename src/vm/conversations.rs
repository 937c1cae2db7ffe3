//! The list of conversations: one signal per row, so that a change redraws one row, and an order derived from all of them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use leptos::prelude::*;
use zwiebel_engine::view::ConversationKind;
use zwiebel_engine::view::ConversationView;
use zwiebel_engine::view::MessageId;
use zwiebel_proto::account_id::AccountId;

use crate::i18n::K;
use crate::i18n::t;
use crate::text;

/// All conversations.
#[derive(Clone, Copy)]
pub struct Conversations {
    items: RwSignal<BTreeMap<AccountId, ArcRwSignal<ConversationView>>>,
    typing: RwSignal<BTreeSet<AccountId>>,
    /// What is being searched for.
    pub query: RwSignal<String>,
    /// The rows to show, in order.
    pub order: Memo<Vec<AccountId>>,
    /// The message requests, newest first.
    pub requests: Memo<Vec<AccountId>>,
    /// Unread messages in conversations that are not muted.
    pub unread_total: Memo<u32>,
}

impl Conversations {
    pub(super) fn new() -> Self {
        let items = RwSignal::new(BTreeMap::<AccountId, ArcRwSignal<ConversationView>>::new());
        let query = RwSignal::new(String::new());
        let order = Memo::new(move |_| {
            let wanted = query.with(|query| query.trim().to_lowercase());
            sorted(&views(items), |view| is_in_list(view) && matches(view, &wanted))
        });
        let requests = Memo::new(move |_| sorted(&views(items), is_request));
        let unread_total = Memo::new(move |_| {
            let counted = |view: &ConversationView| !view.muted && !view.blocked;
            views(items).iter().map(|view| view.with(|view| if counted(view) { view.unread } else { 0 })).sum()
        });
        Self { items, typing: RwSignal::new(BTreeSet::new()), query, order, requests, unread_total }
    }

    /// One conversation's own signal.
    #[must_use]
    pub fn get(&self, with: &AccountId) -> Option<ArcRwSignal<ConversationView>> {
        self.items.with(|items| items.get(with).cloned())
    }

    fn read<T>(&self, with: &AccountId, f: impl FnOnce(&ConversationView) -> T) -> Option<T> {
        self.get(with).map(|view| view.with(f))
    }

    /// The conversation as it is now, tracked.
    #[must_use]
    pub fn view(&self, with: &AccountId) -> Option<ConversationView> {
        self.read(with, Clone::clone)
    }

    /// What to call it: its name made fit to show, else a shortened Account ID.
    #[must_use]
    pub fn title(&self, with: &AccountId) -> String {
        self.read(with, title).unwrap_or_else(|| text::id::short(with))
    }

    pub(super) fn unread(&self, with: &AccountId) -> u32 {
        self.items.with_untracked(|items| items.get(with).map_or(0, |view| view.with_untracked(|view| view.unread)))
    }

    pub(super) fn first_unread(&self, with: &AccountId) -> Option<MessageId> {
        self.items
            .with_untracked(|items| items.get(with).and_then(|view| view.with_untracked(|view| view.first_unread)))
    }

    /// Whether the other side types.
    #[must_use]
    pub fn is_typing(&self, with: &AccountId) -> bool {
        self.typing.with(|typing| typing.contains(with))
    }

    pub(super) fn set_typing(&self, with: AccountId, active: bool) {
        self.typing.update(|typing| {
            if active {
                typing.insert(with);
            } else {
                typing.remove(&with);
            }
        });
    }

    pub(super) fn set_all(&self, views: Vec<ConversationView>) {
        self.typing.set(BTreeSet::new());
        self.items.set(views.into_iter().map(|view| (view.with, ArcRwSignal::new(view))).collect());
    }

    pub(super) fn put(&self, view: ConversationView) {
        match self.items.with_untracked(|items| items.get(&view.with).cloned()) {
            Some(known) => known.set(view),
            None => self.items.update(|items| drop(items.insert(view.with, ArcRwSignal::new(view)))),
        }
    }

    pub(super) fn remove(&self, with: &AccountId) {
        self.items.update(|items| drop(items.remove(with)));
    }

    /// Whether there is no conversation to show at all (whatever is searched for).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        views(self.items).iter().all(|view| view.with(|view| !is_in_list(view)))
    }
}

/// What a conversation is called.
#[must_use]
pub fn title(view: &ConversationView) -> String {
    if view.kind == ConversationKind::SelfNote {
        return t(K::NoteToSelf).to_owned();
    }
    let name = text::name::clean(&view.name);
    if name.is_empty() { text::id::short(&view.with) } else { name }
}

fn views(items: RwSignal<BTreeMap<AccountId, ArcRwSignal<ConversationView>>>) -> Vec<ArcRwSignal<ConversationView>> {
    items.with(|items| items.values().cloned().collect())
}

fn is_in_list(view: &ConversationView) -> bool {
    view.listed && view.kind != ConversationKind::Request
}

fn is_request(view: &ConversationView) -> bool {
    view.listed && view.kind == ConversationKind::Request && !view.blocked
}

/// Pinned first, then what mattered last.
fn sorted(views: &[ArcRwSignal<ConversationView>], keep: impl Fn(&ConversationView) -> bool) -> Vec<AccountId> {
    let mut rows: Vec<_> = views
        .iter()
        .filter_map(|view| {
            view.with(|view| keep(view).then_some((!view.pinned, std::cmp::Reverse(view.active_ms), view.with)))
        })
        .collect();
    rows.sort_unstable();
    rows.into_iter().map(|(_, _, with)| with).collect()
}

/// `wanted` is in lower case.
fn matches(view: &ConversationView, wanted: &str) -> bool {
    wanted.is_empty()
        || title(view).to_lowercase().contains(wanted)
        || view.display_name.to_lowercase().contains(wanted)
        || view.with.to_string().starts_with(wanted)
        || view.last.as_ref().is_some_and(|last| last.text.to_lowercase().contains(wanted))
}
