//! Views of the model: what the page shows of conversations and messages.

use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::sorted::SortedSet;

use crate::engine::Engine;
use crate::model::rows::{MessageRow, ProfileRow};
use crate::view::{
    AccountView, ConversationKind, ConversationView, ExpiresView, MessageId, MessageView, Preview, Protection,
    QuoteView, ReactionView, Ready, SendState, ViewEvent,
};

/// Characters of the preview line and of a quote (view.rs).
const PREVIEW_CHARS: usize = 120;
const QUOTE_CHARS: usize = 200;

impl Engine {
    fn network_time(&self) -> u64 {
        self.net.clock.network(self.time.now())
    }

    pub(crate) fn account_view(&self) -> Option<AccountView> {
        let id = self.model.own_id()?;
        let ProfileRow { display_name, .. } = &self.model.profile;
        Some(AccountView { id, display_name: display_name.clone(), settings: self.model.settings })
    }

    pub(crate) fn ready_view(&self) -> Ready {
        let listed = self.model.conversations.iter().filter(|(_, row)| row.listed).map(|(with, _)| *with);
        let blocked = self.model.contacts.iter().filter(|(_, row)| row.blocked).map(|(with, _)| *with);
        let shown: SortedSet<AccountId> = listed.chain(blocked).collect();
        Ready {
            account: self.account_view(),
            conversations: shown.into_iter().map(|with| self.conversation_view(with)).collect(),
            network: self.network_view(),
            restore: self.restore_view(),
            devices: self.devices_view(),
            sync: self.sync_view(self.time.now()),
        }
    }

    pub(crate) fn conversation_view(&self, with: AccountId) -> ConversationView {
        let row = self.model.conversations.get(&with).cloned().unwrap_or_default();
        let contact = self.model.contact(&with);
        let thread = self.model.threads.get(&with);
        let last = thread.and_then(|t| t.last());
        let me = self.model.own_id();
        let own = me == Some(with);
        let kind = if own {
            ConversationKind::SelfNote
        } else if contact.approved || !contact.approved_me {
            ConversationKind::Contact
        } else {
            ConversationKind::Request
        };
        let name = if contact.nickname.is_empty() { &contact.display_name } else { &contact.nickname };
        ConversationView {
            with,
            kind,
            name: name.clone(),
            display_name: contact.display_name.clone(),
            nickname: contact.nickname.clone(),
            blocked: contact.blocked,
            pinned: row.pinned,
            muted: self.is_muted(&with),
            unread: thread.map_or(0, |t| u32::try_from(t.unread().len()).unwrap_or(u32::MAX)),
            draft: row.draft,
            last: last.map(|(id, message)| preview(id, message, me)),
            active_ms: last.map_or(row.created_ms, |(id, _)| id.sent_ms),
            first_unread: thread.and_then(|t| t.unread().first().copied()),
            approved_me: contact.approved_me || own,
            listed: row.listed,
            accepted: contact.approved || own,
            expiry: row.expiry,
            marked_unread: row.marked_unread,
            protection: self.zr1().map_or(Protection::Standard, |manager| manager.protection(&with)),
            waits_for_keys: self.zr1().is_some_and(|m| m.waiting_for_keys(&with, self.network_time()) > 0),
            unreadable: self.unreadable_views(&with),
            notices: self.notice_views(&with),
        }
    }

    pub(crate) fn is_muted(&self, with: &AccountId) -> bool {
        let now = self.net.clock.network(self.time.now());
        let row = self.model.conversations.get(with);
        row.is_some_and(|row| row.muted || row.muted_until_s.saturating_mul(1000) > now)
    }

    pub(crate) fn message_view(&self, id: &MessageId, row: &MessageRow) -> MessageView {
        let me = self.model.own_id();
        MessageView {
            id: *id,
            outgoing: Some(id.author) == me,
            body: row.body.clone(),
            deleted: row.deleted,
            quote: row.quote.as_ref().map(|quote| self.quote_view(quote)),
            reactions: reaction_views(&row.reactions, me),
            state: row.state,
            expires: row.expires.map(|e| ExpiresView { at_ms: e.at_ms.map(|at| self.device_time(at)) }),
            mark: row.mark,
            waits: row.state == Some(SendState::Sending)
                && self
                    .zr1()
                    .is_some_and(|manager| manager.may_go_openly(&row.with, id.sent_ms, self.network_time()).is_some()),
        }
    }

    fn quote_view(&self, id: &MessageId) -> QuoteView {
        let quoted = self.model.message(id).map(|(_, row)| row).filter(|row| !row.deleted);
        QuoteView {
            id: *id,
            text: quoted.map(|row| row.body.chars().take(QUOTE_CHARS).collect()),
            outgoing: Some(id.author) == self.model.own_id(),
        }
    }

    pub(crate) fn emit_account(&mut self) {
        if let Some(view) = self.account_view() {
            self.out.emit(ViewEvent::Account(view));
        }
    }

    pub(crate) fn emit_conversation(&mut self, with: AccountId) {
        let view = self.conversation_view(with);
        self.out.emit(ViewEvent::Conversation(view));
    }

    /// Shows a message that is new or changed, if its conversation is open and its place is shown.
    pub(crate) fn emit_message(&mut self, id: MessageId) {
        let Some((with, row)) = self.model.message(&id) else { return };
        if self.live.open.as_ref().is_none_or(|open| open.with != with || open.first.is_some_and(|f| id < f)) {
            return;
        }
        let message = self.message_view(&id, row);
        self.out.emit(ViewEvent::Message { with, message });
    }

    pub(crate) fn emit_message_gone(&mut self, with: AccountId, message: MessageId) {
        if self.live.open.as_ref().is_some_and(|open| open.with == with) {
            self.out.emit(ViewEvent::MessageGone { with, message });
        }
    }

    pub(crate) fn emit_timeline(&mut self) {
        let Some(open) = &self.live.open else { return };
        let (with, count) = (open.with, open.count);
        let (messages, has_earlier) = match self.model.threads.get(&with) {
            Some(thread) => {
                let shown = thread.newest(count);
                (shown.into_iter().map(|(id, row)| self.message_view(id, row)).collect(), thread.len() > count)
            }
            None => (Vec::new(), false),
        };
        let first = messages.first().map(|m: &MessageView| m.id).filter(|_| has_earlier);
        if let Some(open) = &mut self.live.open {
            open.first = first;
        }
        self.out.emit(ViewEvent::Timeline { with, messages, has_earlier });
    }
}

fn preview(id: &MessageId, row: &MessageRow, me: Option<AccountId>) -> Preview {
    let line = row.body.chars().map(|c| if c == '\n' || c == '\r' { ' ' } else { c });
    Preview {
        text: line.take(PREVIEW_CHARS).collect(),
        outgoing: Some(id.author) == me,
        sent_ms: id.sent_ms,
        state: row.state,
        deleted: row.deleted,
    }
}

fn reaction_views(reactions: &[(AccountId, String)], me: Option<AccountId>) -> Vec<ReactionView> {
    let mut views: Vec<ReactionView> = Vec::new();
    for (who, emoji) in reactions {
        let mine = Some(*who) == me;
        match views.iter_mut().find(|v| v.emoji == *emoji) {
            Some(view) => {
                view.count = view.count.saturating_add(1);
                view.mine |= mine;
            }
            None => views.push(ReactionView { emoji: emoji.clone(), count: 1, mine }),
        }
    }
    views
}
