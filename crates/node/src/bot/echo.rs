//! The Echo contact: somebody to talk to on a fresh local network. Accepts everybody, answers every text with
//! itself, quoting it, and says that it was read.
//!
//! A message counts as answered when a message of ours quotes it, so an Echo that was killed between answering and
//! marking as read does not answer twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{
    AccountView, ConversationKind, ConversationView, MessageId, MessageView, Settings, ViewEvent,
};
use zwiebel_proto::account_id::AccountId;

use super::driver::Driver;
use super::{Behaviour, BotError};

/// The name it shows.
pub const NAME: &str = "Echo";
const SETTINGS: Settings = Settings { read_receipts: true, typing_indicators: false };

/// A running Echo. Stops when dropped.
pub struct EchoHandle {
    /// Whom to write to.
    pub account_id: AccountId,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl EchoHandle {
    /// Stops it and waits until its last commit is done.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

/// Starts Echo against the gateway at `gateway_url` (`http://host:port`); its account and messages live in `folder`.
/// Returns once it has an account, which needs no network.
///
/// # Errors
/// [`BotError`] if its stored state cannot be used.
pub async fn spawn(gateway_url: &str, folder: &Path) -> Result<EchoHandle, BotError> {
    let (known, account) = oneshot::channel();
    let driver = Driver::open(Echo::new(known), gateway_url, folder)?;
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(driver.run(stopped));
    let account_id = account.await.map_err(|_| BotError::Stopped)?;
    Ok(EchoHandle { account_id, stop, task })
}

/// What Echo knows between two events.
struct Echo {
    /// Told once who we are.
    known: Option<oneshot::Sender<AccountId>>,
    /// Conversations with something unread, the open one first.
    waiting: VecDeque<AccountId>,
    /// The first unread message of each of those.
    first_unread: BTreeMap<AccountId, MessageId>,
    /// People whose request was accepted in this run.
    accepted: BTreeSet<AccountId>,
}

impl Behaviour for Echo {
    fn on_event(&mut self, event: ViewEvent) -> Vec<Command> {
        match event {
            ViewEvent::Ready(ready) => match ready.account {
                None => vec![Command::CreateAccount { display_name: NAME.to_owned() }],
                Some(account) => {
                    let mut commands = self.on_account(&account);
                    commands.extend(ready.conversations.iter().flat_map(|it| self.on_conversation(it)));
                    commands
                }
            },
            ViewEvent::Account(account) => self.on_account(&account),
            ViewEvent::Conversation(conversation) => self.on_conversation(&conversation),
            ViewEvent::Timeline { with, messages, has_earlier } => self.on_timeline(with, &messages, has_earlier),
            _ => Vec::new(),
        }
    }
}

impl Echo {
    fn new(known: oneshot::Sender<AccountId>) -> Self {
        Self { known: Some(known), waiting: VecDeque::new(), first_unread: BTreeMap::new(), accepted: BTreeSet::new() }
    }

    fn on_account(&mut self, account: &AccountView) -> Vec<Command> {
        if let Some(known) = self.known.take() {
            let _ = known.send(account.id);
        }
        if account.settings == SETTINGS { Vec::new() } else { vec![Command::SetSettings(SETTINGS)] }
    }

    fn on_conversation(&mut self, conversation: &ConversationView) -> Vec<Command> {
        let with = conversation.with;
        let mut commands = Vec::new();
        if conversation.kind == ConversationKind::Request && self.accepted.insert(with) {
            commands.push(Command::AcceptRequest { from: with });
        }
        let Some(first_unread) = conversation.first_unread.filter(|_| conversation.unread > 0) else {
            return commands;
        };
        self.first_unread.insert(with, first_unread);
        if !self.waiting.contains(&with) {
            self.waiting.push_back(with);
            if self.waiting.len() == 1 {
                commands.push(Command::OpenConversation { with });
            }
        }
        commands
    }

    /// The conversation is open and shows these: answers what is unread, and goes on to the next.
    fn on_timeline(&mut self, with: AccountId, messages: &[MessageView], has_earlier: bool) -> Vec<Command> {
        if self.waiting.front() != Some(&with) {
            return Vec::new();
        }
        let first_unread = self.first_unread.get(&with).copied();
        let begun = messages.first().zip(first_unread).is_none_or(|(first, unread)| first.id <= unread);
        if has_earlier && !begun {
            return vec![Command::LoadEarlier { with }];
        }
        self.waiting.pop_front();
        self.first_unread.remove(&with);
        let mut commands = answers(with, messages, first_unread);
        if let Some(last) = messages.iter().rev().find(|message| !message.outgoing) {
            commands.push(Command::MarkRead { with, up_to: last.id });
        }
        commands.push(match self.waiting.front() {
            Some(next) => Command::OpenConversation { with: *next },
            None => Command::CloseConversation,
        });
        commands
    }
}

/// An answer to each text from the first unread one on that has none yet.
fn answers(with: AccountId, messages: &[MessageView], first_unread: Option<MessageId>) -> Vec<Command> {
    let answered: BTreeSet<MessageId> =
        messages.iter().filter(|it| it.outgoing).filter_map(|it| it.quote.as_ref()).map(|quote| quote.id).collect();
    messages
        .iter()
        .filter(|it| !it.outgoing && !it.deleted && !it.body.trim().is_empty())
        .filter(|it| first_unread.is_none_or(|first| it.id >= first) && !answered.contains(&it.id))
        .map(|it| Command::SendText { to: with, body: it.body.clone(), quote: Some(it.id) })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use zwiebel_engine::view::QuoteView;
    use zwiebel_proto::account::Account;

    use super::*;

    fn someone(seed: u8) -> AccountId {
        Account::from_seed16([seed; 16]).id()
    }

    fn text(author: AccountId, sent_ms: u64, outgoing: bool, quote: Option<MessageId>) -> MessageView {
        MessageView {
            id: MessageId { sent_ms, author },
            outgoing,
            body: format!("text {sent_ms}"),
            deleted: false,
            quote: quote.map(|id| QuoteView { id, text: None, outgoing: false }),
            reactions: Vec::new(),
            state: None,
            expires: None,
            mark: zwiebel_engine::view::Mark::None,
            waits: false,
        }
    }

    fn sent(commands: &[Command]) -> Vec<String> {
        let body = |command: &Command| match command {
            Command::SendText { body, .. } => Some(body.clone()),
            _ => None,
        };
        commands.iter().filter_map(body).collect()
    }

    #[test]
    fn unread_texts_without_an_answer_are_answered_once() {
        let (them, me) = (someone(1), someone(2));
        let first = MessageId { sent_ms: 2, author: them };
        let messages = [
            text(them, 1, false, None),
            text(them, 2, false, None),
            text(me, 3, true, Some(first)),
            text(them, 4, false, None),
        ];
        let mut echo = Echo::new(oneshot::channel().0);
        echo.waiting.push_back(them);
        echo.first_unread.insert(them, first);
        let commands = echo.on_timeline(them, &messages, false);
        assert_eq!(sent(&commands), ["text 4"]);
        assert!(commands.iter().any(|it| matches!(it, Command::MarkRead { up_to, .. } if up_to.sent_ms == 4)));
        assert!(echo.waiting.is_empty());
    }

    #[test]
    fn earlier_messages_are_loaded_before_answering() {
        let them = someone(1);
        let mut echo = Echo::new(oneshot::channel().0);
        echo.waiting.push_back(them);
        echo.first_unread.insert(them, MessageId { sent_ms: 1, author: them });
        let commands = echo.on_timeline(them, &[text(them, 5, false, None)], true);
        assert!(matches!(commands.as_slice(), [Command::LoadEarlier { .. }]));
        assert_eq!(echo.waiting.len(), 1);
    }
}
