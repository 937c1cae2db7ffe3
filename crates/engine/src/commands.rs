//! What a person can ask for, applied to account, settings and conversations. Messages are in [`crate::talk`].

use zwiebel_crypto::handshake::DeviceId;
use zwiebel_proto::account::Account;
use zwiebel_proto::account_id::AccountId;
use zwiebel_proto::content::{Content, MAX_DISPLAY_NAME, Payload};

use crate::compose::Draft;
use crate::configs::Configs;
use crate::engine::{Cx, Engine, OpenConversation};
use crate::input::Command;
use crate::model::rows::{Outgoing, RestoreRow};
use crate::model::{Model, meta};
use crate::view::{Phrase, Refusal, ViewEvent};

/// Messages of a timeline at first, and more with every `LoadEarlier` (view.rs).
const WINDOW: usize = 100;

/// The longest draft kept: far above what can be sent.
const MAX_DRAFT_CHARS: usize = 20_000;

/// The longest nickname, like a display name.
const MAX_NICKNAME: usize = MAX_DISPLAY_NAME;

impl Engine {
    pub(crate) fn command(&mut self, cx: &mut Cx<'_>, command: Command) {
        let done = match command {
            Command::CreateAccount { display_name } => self.create_account(cx, &display_name),
            Command::RestoreAccount { phrase } => self.restore_account(cx, &phrase),
            Command::ShowLinkCode => self.show_link_code(cx),
            Command::HideLinkCode => {
                self.hide_link_code();
                Ok(())
            }
            Command::NewPath => {
                self.new_path();
                Ok(())
            }
            Command::PreferWay(way) => {
                self.prefer_way(way);
                Ok(())
            }
            Command::ForgetOperator => {
                self.forget_operator(cx);
                Ok(())
            }
            Command::EraseAccount => {
                self.erase();
                Ok(())
            }
            other if self.model.account.is_some() => self.account_command(cx, other),
            _ => Err(Refusal::NoAccount),
        };
        if let Err(refusal) = done {
            self.out.emit(ViewEvent::Refused(refusal));
        }
    }

    fn account_command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), Refusal> {
        match command {
            Command::RevealPhrase => self.reveal_phrase(),
            Command::SetDisplayName(name) => self.set_display_name(cx, &name),
            Command::SetSettings(settings) => {
                self.model.settings = settings;
                Model::put_meta(&mut self.out, meta::SETTINGS, &settings);
                self.emit_account();
            }
            Command::OpenConversation { with } => self.open_conversation(cx, with)?,
            Command::LoadEarlier { with } => {
                if let Some(open) = self.live.open.as_mut().filter(|open| open.with == with) {
                    open.count = open.count.saturating_add(WINDOW);
                }
                self.emit_timeline();
            }
            Command::CloseConversation => self.live.open = None,
            Command::SendText { to, body, quote } => self.send_text(cx, to, &body, quote)?,
            Command::React { message, emoji, remove } => self.react(cx, message, &emoji, remove)?,
            Command::Delete { message, for_everyone } => self.delete(cx, message, for_everyone)?,
            Command::Retry { message } => self.retry(cx, message)?,
            Command::SetDraft { with, text } => self.set_draft(cx, with, &text)?,
            Command::Typing { with, active } => self.typing(cx, with, active),
            Command::MarkRead { with, up_to } => self.mark_read(cx, with, up_to),
            Command::MarkUnread { with, unread } => {
                self.change_conversation(cx, with, |row| row.marked_unread = unread);
            }
            Command::SetExpiry { with, expiry } => self.set_expiry(cx, with, expiry)?,
            Command::DismissSync => self.dismiss_sync(),
            Command::ConfirmOnlyApp => self.secrecy_command(cx, None, |manager, m| manager.confirm_only_app(m)),
            Command::RevokeDevice(id) => self.secrecy_command(cx, None, |manager, m| manager.revoke(DeviceId(id), m)),
            Command::EndorseDevice(id) => self.secrecy_command(cx, None, |manager, m| manager.endorse(DeviceId(id), m)),
            Command::DismissOtherApp => self.secrecy_command(cx, None, |manager, _| manager.dismiss_other_app()),
            Command::ShowDeviceCode(id) => self.show_device_code(id),
            Command::AnswerLinkCode { text, days } => self.answer_link_code(cx, &text, days)?,
            Command::SendHistory { device, days } => self.send_history(cx, DeviceId(device), days),
            Command::SetVerified { who, verified } => {
                self.secrecy_command(cx, Some(who), |manager, m| manager.set_verified(who, verified, m.now_ms));
            }
            Command::AcceptDevices { who } => {
                self.secrecy_command(cx, Some(who), |manager, m| manager.accept_devices(who, m));
            }
            Command::Decide { who, give_up } => {
                self.secrecy_command(cx, Some(who), |manager, m| manager.decide(who, give_up, m.now_ms));
            }
            Command::SendOpenly { message } => self.send_openly(cx, message)?,
            Command::FollowLink { who, hint } => self.follow_link(cx, who, &hint),
            Command::ShowSafetyNumber { with } => self.show_safety_number(with),
            Command::DismissNotices { with } => {
                self.secrecy_command(cx, Some(with), |manager, _| manager.dismiss_notices(&with));
            }
            Command::AcceptRequest { from } => self.accept(cx, from)?,
            Command::DeclineRequest { from } => self.decline(cx, from),
            Command::SetBlocked { who, blocked } => self.set_blocked(who, blocked),
            Command::SetNickname { who, nickname } => self.set_nickname(who, &nickname),
            Command::SetPinned { with, pinned } => self.change_conversation(cx, with, |row| row.pinned = pinned),
            Command::SetMuted { with, muted } => self.change_conversation(cx, with, |row| row.muted = muted),
            Command::DeleteConversation { with } => self.delete_conversation(cx, with),
            Command::CreateAccount { .. }
            | Command::RestoreAccount { .. }
            | Command::ShowLinkCode
            | Command::HideLinkCode
            | Command::EraseAccount
            | Command::NewPath
            | Command::PreferWay(_)
            | Command::ForgetOperator => {}
        }
        Ok(())
    }

    fn create_account(&mut self, cx: &mut Cx<'_>, display_name: &str) -> Result<(), Refusal> {
        if self.model.account.is_some() {
            return Err(Refusal::AccountExists);
        }
        let account = Account::generate(cx.rng);
        Model::put_meta(&mut self.out, meta::ACCOUNT, account.seed16());
        self.model.touched.insert(account.id()); // the note to self is hidden until it is opened
        self.model.account = Some(account);
        self.start_configs();
        self.set_up_secrecy(cx, false);
        self.set_display_name(cx, display_name);
        self.live.poller.hurry(cx.now);
        Ok(())
    }

    fn restore_account(&mut self, cx: &mut Cx<'_>, phrase: &str) -> Result<(), Refusal> {
        if self.model.account.is_some() {
            return Err(Refusal::AccountExists);
        }
        let Ok(account) = Account::from_phrase(phrase) else {
            self.out.emit(ViewEvent::RestoreRefused);
            return Ok(());
        };
        self.restore_from(cx, account);
        Ok(())
    }

    pub(crate) fn restore_from(&mut self, cx: &mut Cx<'_>, account: Account) {
        Model::put_meta(&mut self.out, meta::ACCOUNT, account.seed16());
        self.model.account = Some(account);
        self.start_configs();
        let restore = RestoreRow::default();
        Model::put_meta(&mut self.out, meta::RESTORE, &restore);
        self.model.restore = Some(restore);
        self.set_up_secrecy(cx, true);
        self.emit_account();
        self.show_restore();
        self.live.poller.hurry(cx.now);
    }

    /// An account that is new here has no rows that the configs must learn of.
    fn start_configs(&mut self) {
        self.model.configs = Configs::fresh();
        self.model.configs.put_row(&mut self.out);
    }

    fn dismiss_sync(&mut self) {
        self.model.configs.row.put_back = false;
        self.model.configs.put_row(&mut self.out);
    }

    fn reveal_phrase(&mut self) {
        if let Some(account) = &self.model.account {
            let phrase = Phrase(account.phrase().to_string());
            self.out.emit(ViewEvent::RecoveryPhrase(phrase));
        }
    }

    fn set_display_name(&mut self, cx: &Cx<'_>, name: &str) {
        self.model.profile.display_name = cut_bytes(name.trim(), MAX_DISPLAY_NAME).to_owned();
        self.model.profile.updated_s = self.network_now(cx) / 1000;
        self.model.touched_profile = true;
        Model::put_meta(&mut self.out, meta::PROFILE, &self.model.profile);
        self.emit_account();
    }

    /// Forgets account and messages here. What is known of the network stays in memory.
    fn erase(&mut self) {
        self.out.clear();
        self.model = Model::default();
        self.live.open = None;
        self.live.typing_to = None;
        self.live.typing_from.clear();
        self.live.sending = crate::outbox::Sending::default();
        self.live.poller = crate::jobs::poll::Poller::default();
        self.live.syncing = crate::configs::Syncing::default();
        self.live.push = crate::jobs::push::Pushing::default();
        self.live.renew = crate::jobs::renew::Renewing::default();
        self.live.restore_shown = None;
        self.zr1 = None;
        self.live.reading = crate::jobs::outboxes::Reading::default();
        self.live.linking = crate::jobs::link::Linking::default();
        self.keep_network();
    }

    fn open_conversation(&mut self, cx: &Cx<'_>, with: AccountId) -> Result<(), Refusal> {
        if !with.key().is_usable() {
            return Err(Refusal::UnusableAccountId);
        }
        self.live.open = Some(OpenConversation { with, count: WINDOW, first: None });
        if self.model.conversations.get(&with).is_some_and(|row| row.marked_unread) {
            self.change_conversation(cx, with, |row| row.marked_unread = false);
        }
        if self.model.own_id() == Some(with) && !self.model.conversations.contains_key(&with) {
            self.list_conversation(cx, with);
        }
        self.emit_conversation(with);
        self.emit_timeline();
        Ok(())
    }

    fn set_draft(&mut self, cx: &Cx<'_>, with: AccountId, text: &str) -> Result<(), Refusal> {
        if !with.key().is_usable() {
            return Err(Refusal::UnusableAccountId);
        }
        let draft: String = text.chars().take(MAX_DRAFT_CHARS).collect();
        let known = self.model.conversations.get(&with).map(|row| row.draft.as_str()).unwrap_or_default();
        if known != draft {
            self.change_conversation(cx, with, |row| {
                row.listed |= !draft.trim().is_empty();
                row.draft = draft;
            });
        }
        Ok(())
    }

    pub(crate) fn change_conversation(
        &mut self,
        cx: &Cx<'_>,
        with: AccountId,
        change: impl FnOnce(&mut crate::model::rows::ConversationRow),
    ) {
        let created_ms = self.network_now(cx);
        let known = self.model.conversations.get(&with).cloned();
        let (last_read_ms, marked_unread) = self.known_mark(&with);
        let mut row = known.clone().unwrap_or_else(|| crate::model::rows::ConversationRow {
            created_ms,
            last_read_ms,
            marked_unread,
            ..crate::model::rows::ConversationRow::default()
        });
        change(&mut row);
        if known.as_ref() != Some(&row) {
            self.model.put_conversation(&mut self.out, with, row);
        }
        self.emit_conversation(with);
    }

    /// Puts a conversation into the list.
    pub(crate) fn list_conversation(&mut self, cx: &Cx<'_>, with: AccountId) {
        self.change_conversation(cx, with, |row| row.listed = true);
    }

    fn accept(&mut self, cx: &mut Cx<'_>, from: AccountId) -> Result<(), Refusal> {
        let contact = self.model.contact(&from);
        if !contact.approved {
            self.approve(cx, from)?;
        }
        self.list_conversation(cx, from);
        Ok(())
    }

    /// From now on this person is a contact. If they wrote first, they are told (session-messages 5.4).
    pub(crate) fn approve(&mut self, cx: &mut Cx<'_>, who: AccountId) -> Result<(), Refusal> {
        let mut contact = self.model.contact(&who);
        if contact.approved || self.model.own_id() == Some(who) {
            return Ok(());
        }
        let wrote_first = contact.approved_me;
        contact.approved = true;
        self.model.put_contact(&mut self.out, who, contact);
        if wrote_first {
            let sent_ms = self.stamp(cx);
            let profile = Some(self.own_profile());
            let content = Content::new(sent_ms, Payload::RequestResponse { approved: true, profile });
            self.queue(cx, &Draft { to: who, what: Outgoing::Control, content, sync: None })?;
        }
        Ok(())
    }

    fn decline(&mut self, cx: &mut Cx<'_>, from: AccountId) {
        if self.model.contact(&from).approved {
            return;
        }
        // A device that is restored later must not meet the request again.
        let hashes = self.model.threads.get(&from).into_iter().flat_map(|thread| thread.iter());
        let hashes = hashes.filter_map(|(_, row)| row.hash.clone()).collect();
        self.delete_stored(cx, hashes);
        self.model.remove_contact(&mut self.out, &from);
        self.delete_conversation(cx, from);
    }

    pub(crate) fn delete_conversation(&mut self, cx: &mut Cx<'_>, with: AccountId) {
        self.forget_secret(cx, with, None);
        let waiting: Vec<u64> = self.model.outbox.iter().filter(|(_, r)| r.to == with).map(|(n, _)| *n).collect();
        for number in waiting {
            if matches!(self.model.outbox.get(&number).map(|r| &r.what), Some(Outgoing::Message(_))) {
                self.forget_outbox(number);
            }
        }
        self.model.remove_thread(&mut self.out, &with);
        self.model.remove_conversation(&mut self.out, &with);
        if self.live.open.as_ref().is_some_and(|open| open.with == with) {
            self.live.open = None;
        }
        self.out.emit(ViewEvent::ConversationGone(with));
    }

    fn set_blocked(&mut self, who: AccountId, blocked: bool) {
        let mut contact = self.model.contact(&who);
        if self.model.own_id() == Some(who) || contact.blocked == blocked {
            return;
        }
        contact.blocked = blocked;
        self.model.put_contact(&mut self.out, who, contact);
        self.hide_typing(who);
        self.emit_conversation(who);
    }

    fn set_nickname(&mut self, who: AccountId, nickname: &str) {
        let mut contact = self.model.contact(&who);
        cut_bytes(nickname.trim(), MAX_NICKNAME).clone_into(&mut contact.nickname);
        self.model.put_contact(&mut self.out, who, contact);
        self.emit_conversation(who);
    }
}

/// The longest beginning of at most `limit` bytes that ends with a whole character.
fn cut_bytes(text: &str, limit: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at.saturating_add(c.len_utf8())).take_while(|end| *end <= limit).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
