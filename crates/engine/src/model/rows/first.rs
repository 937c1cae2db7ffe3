//! Layouts of version 1, as the first releases wrote them: only read. Frozen by the test below.

use serde::{Deserialize, Serialize};
use zwiebel_proto::account_id::AccountId;

use crate::view::{Expiry, Mark, MessageId, SendState};

#[derive(Serialize, Deserialize)]
pub(crate) struct ContactRow {
    display_name: String,
    nickname: String,
    picture_url: String,
    profile_updated_s: Option<u64>,
    approved: bool,
    approved_me: bool,
    blocked: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ConversationRow {
    created_ms: u64,
    draft: String,
    pinned: bool,
    muted: bool,
    listed: bool,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct MessageRow {
    with: AccountId,
    body: String,
    quote: Option<MessageId>,
    reactions: Vec<(AccountId, String)>,
    deleted: bool,
    unread: bool,
    state: Option<SendState>,
    hash: Option<String>,
}

impl From<ContactRow> for super::ContactRow {
    fn from(row: ContactRow) -> Self {
        let ContactRow { display_name, nickname, picture_url, profile_updated_s, approved, approved_me, blocked } = row;
        Self {
            display_name,
            nickname,
            picture_url,
            picture_key: None,
            profile_updated_s,
            approved,
            approved_me,
            blocked,
        }
    }
}

impl From<ConversationRow> for super::ConversationRow {
    fn from(row: ConversationRow) -> Self {
        let ConversationRow { created_ms, draft, pinned, muted, listed } = row;
        let (expiry, muted_until_s, last_read_ms, marked_unread) = (Expiry::Off, 0, 0, false);
        Self { created_ms, draft, pinned, muted, listed, muted_until_s, expiry, last_read_ms, marked_unread }
    }
}

impl From<MessageRow> for super::MessageRow {
    fn from(row: MessageRow) -> Self {
        let MessageRow { with, body, quote, reactions, deleted, unread, state, hash } = row;
        Self { with, body, quote, reactions, deleted, unread, state, hash, expires: None, mark: Mark::None }
    }
}
