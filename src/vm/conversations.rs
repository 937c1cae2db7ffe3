//! The list of conversations: one signal per row, so that a change redraws one row. What decides about a row's place is kept
//! beside it, so that the order of a thousand rows is one sort and not a thousand subscriptions. Only what is in view is drawn.

use leptos::prelude::*;
use zwiebel_engine::view::ConversationKind;
use zwiebel_engine::view::ConversationView;
use zwiebel_engine::view::MessageId;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::SortedMap;
use zwiebel_proto::sorted::SortedSet;
use zwiebel_proto::sorted::sort;

use crate::i18n::K;
use crate::i18n::t;
use crate::text;

/// How many rows are drawn before anybody knows how many fit.
pub const FIRST_ROWS: usize = 16;

/// All conversations.
#[derive(Clone, Copy)]
pub struct Conversations {
    items: RwSignal<SortedMap<AccountId, ArcRwSignal<ConversationView>>>,
    heads: RwSignal<SortedMap<AccountId, Head>>,
    typing: RwSignal<SortedSet<AccountId>>,
    /// What is being searched for.
    pub query: RwSignal<String>,
    /// The rows that are in view: the first one, and how many.
    pub window: RwSignal<(usize, usize)>,
    /// The rows of the list, in order, drawn or not.
    pub order: Memo<Vec<AccountId>>,
    /// Those of them that are drawn.
    pub drawn: Memo<Vec<AccountId>>,
    /// The message requests, newest first.
    pub requests: Memo<Vec<AccountId>>,
    /// Blocked people, in the order of their names.
    pub blocked: Memo<Vec<AccountId>>,
    /// Unread messages in conversations that are not muted; one that is only marked as unread counts as one.
    pub unread_total: Memo<u32>,
}

/// What decides where a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    in_list: bool,
    request: bool,
    blocked: bool,
    pinned: bool,
    active_ms: u64,
    /// What it adds to the number of unread messages.
    counted: u32,
}

impl Head {
    fn of(view: &ConversationView) -> Self {
        let request = view.listed && view.kind == ConversationKind::Request;
        let unread = view.unread.max(u32::from(view.marked_unread));
        Self {
            in_list: view.listed && !request,
            request: request && !view.blocked,
            blocked: view.blocked,
            pinned: view.pinned,
            active_ms: view.active_ms,
            counted: if view.muted || view.blocked { 0 } else { unread },
        }
    }
}

impl Conversations {
    pub(super) fn new() -> Self {
        let items = RwSignal::new(SortedMap::<AccountId, ArcRwSignal<ConversationView>>::new());
        let heads = RwSignal::new(SortedMap::<AccountId, Head>::new());
        let query = RwSignal::new(String::new());
        let window = RwSignal::new((0, FIRST_ROWS));
        let order = Memo::new(move |_| {
            let wanted = query.with(|query| query.trim().to_lowercase());
            let mut rows = heads.with(|heads| sorted(heads, |head| head.in_list));
            if !wanted.is_empty() {
                items.with(|items| {
                    rows.retain(|with| items.get(with).is_some_and(|view| view.with(|view| matches(view, &wanted))));
                });
            }
            rows
        });
        let drawn = Memo::new(move |_| {
            let (from, count) = window.get();
            order.with(|order| order.iter().skip(from).take(count).copied().collect())
        });
        let requests = Memo::new(move |_| heads.with(|heads| sorted(heads, |head| head.request)));
        let blocked = Memo::new(move |_| {
            let rows = heads.with(|heads| sorted(heads, |head| head.blocked));
            let name =
                |with: &AccountId| items.with(|items| items.get(with)?.with(|view| Some(title(view).to_lowercase())));
            let mut named: Vec<_> = rows.into_iter().map(|with| (name(&with), with)).collect();
            sort(&mut named);
            named.into_iter().map(|(_, with)| with).collect()
        });
        let unread_total = Memo::new(move |_| heads.with(|heads| heads.values().map(|head| head.counted).sum()));
        let typing = RwSignal::new(SortedSet::new());
        Self { items, heads, typing, query, window, order, drawn, requests, blocked, unread_total }
    }

    /// The row's place in the whole list, counted from one, while it is drawn.
    #[must_use]
    pub fn position(&self, with: &AccountId) -> Option<usize> {
        let at = self.drawn.with(|drawn| drawn.iter().position(|row| row == with))?;
        Some(self.window.get().0 + at + 1)
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

    pub(super) fn marked_unread(&self, with: &AccountId) -> bool {
        self.items
            .with_untracked(|items| items.get(with).is_some_and(|view| view.with_untracked(|view| view.marked_unread)))
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
        self.typing.set(SortedSet::new());
        let heads = views.iter().map(|view| (view.with, Head::of(view))).collect();
        self.items.set(views.into_iter().map(|view| (view.with, ArcRwSignal::new(view))).collect());
        self.heads.set(heads);
    }

    pub(super) fn put(&self, view: ConversationView) {
        self.put_all(vec![view]);
    }

    /// Takes many at once: the list is put in order once.
    pub(super) fn put_all(&self, views: Vec<ConversationView>) {
        let mut moved = Vec::new();
        let mut new = Vec::new();
        for view in views {
            let (with, head) = (view.with, Head::of(&view));
            let Some(known) = self.items.with_untracked(|items| items.get(&with).cloned()) else {
                moved.push((with, head));
                new.push((with, ArcRwSignal::new(view)));
                continue;
            };
            let (changes, moves) = known.with_untracked(|known| (*known != view, Head::of(known) != head));
            if moves {
                moved.push((with, head));
            }
            // A restore tells the same more than once: what stays the same redraws nothing.
            if changes {
                known.set(view);
            }
        }
        if !new.is_empty() {
            self.items.update(|items| items.extend(new));
        }
        if !moved.is_empty() {
            self.heads.update(|heads| heads.extend(moved));
        }
    }

    /// Whether there is no conversation to show at all (whatever is searched for).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heads.with(|heads| !heads.values().any(|head| head.in_list))
    }

    pub(super) fn remove(&self, with: &AccountId) {
        self.heads.update(|heads| {
            heads.remove(with);
        });
        self.items.update(|items| drop(items.remove(with)));
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

/// Pinned first, then what mattered last.
fn sorted(heads: &SortedMap<AccountId, Head>, keep: impl Fn(&Head) -> bool) -> Vec<AccountId> {
    let mut rows: Vec<_> = heads
        .iter()
        .filter(|(_, head)| keep(head))
        .map(|(with, head)| (!head.pinned, std::cmp::Reverse(head.active_ms), *with))
        .collect();
    sort(&mut rows);
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
