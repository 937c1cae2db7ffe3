//! Any one node of a real network is killed during a conversation: every text counts as sent within ten seconds, every text
//! is answered, nothing comes twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{MessageId, MessageView, SendState, ViewEvent};
use zwiebel_node::bot::Behaviour;
use zwiebel_node::bot::driver::Driver;
use zwiebel_node::bot::echo;
use zwiebel_node::local::{Network, Options};
use zwiebel_proto::account_id::AccountId;

/// Answers every answer with the next text.
struct Talker {
    to: AccountId,
    seen: mpsc::UnboundedSender<MessageView>,
    next: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Talker {
    fn say(&self) -> Option<Command> {
        let body = self.next.lock().unwrap().pop()?;
        Some(Command::SendText { to: self.to, body, quote: None })
    }
}

impl Behaviour for Talker {
    fn on_event(&mut self, event: ViewEvent) -> Vec<Command> {
        let with = self.to;
        match event {
            ViewEvent::Ready(_) => {
                let create = Command::CreateAccount { display_name: "Talker".to_owned() };
                vec![create, Command::OpenConversation { with }]
            }
            ViewEvent::Message { message, .. } => {
                let _ = self.seen.send(message);
                Vec::new()
            }
            // Something happens every few seconds; that is often enough to look for something to say.
            _ => self.say().into_iter().collect(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_one_node_may_be_killed_during_a_conversation() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::start(&Options::on_free_ports(folder.path())).await.unwrap();
    let gateway = format!("http://{}", network.app_address);
    let echo = echo::spawn(&gateway, &folder.path().join("echo")).await.unwrap();
    let (seen, mut messages) = mpsc::unbounded_channel();
    let next = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let talker = Talker { to: echo.account_id, seen, next: next.clone() };
    let driver = Driver::open(talker, &gateway, &folder.path().join("talker")).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(driver.run(stopped));

    let mut answers: BTreeMap<String, BTreeSet<MessageId>> = BTreeMap::new();
    for number in 0..=10_usize {
        // The first round is without a loss; then one node after the other.
        if number > 0 {
            network.stop_node(number).await.unwrap();
        }
        let text = format!("round {number}");
        next.lock().unwrap().push(text.clone());
        let (mut said, mut sent) = (None, None);
        let round = async {
            loop {
                let message = messages.recv().await.expect("the talker runs");
                if message.outgoing && message.body == text {
                    let started = *said.get_or_insert_with(Instant::now);
                    if matches!(message.state, Some(SendState::Sent | SendState::Read)) {
                        sent.get_or_insert_with(|| started.elapsed());
                    }
                } else if !message.outgoing {
                    answers.entry(message.body.clone()).or_default().insert(message.id);
                    if message.body == text {
                        return said.unwrap().elapsed();
                    }
                }
            }
        };
        let answered = tokio::time::timeout(Duration::from_secs(90), round).await.expect("an answer");
        println!("{text}: sent after {sent:?}, answered after {answered:?}");
        assert!(sent.unwrap() < Duration::from_secs(10), "{text}");
        if number > 0 {
            network.start_node(number).await.unwrap();
        }
    }
    assert!(answers.len() == 11 && answers.values().all(|ids| ids.len() == 1));
    let _ = stop.send(());
    running.await.unwrap();
    echo.stop().await;
    network.shut_down().await;
}
