//! A conversation with Echo: two engines outside the browser, through the gateway and three hops of real nodes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use zwiebel_engine::input::Command;
use zwiebel_engine::view::{MessageView, SendState, ViewEvent};
use zwiebel_node::bot::Behaviour;
use zwiebel_node::bot::driver::Driver;
use zwiebel_node::bot::echo;
use zwiebel_node::local::{Network, Options};
use zwiebel_proto::account_id::AccountId;

/// Writes one text and hands over every message it is shown.
struct Talker {
    to: AccountId,
    text: &'static str,
    seen: mpsc::UnboundedSender<MessageView>,
}

impl Behaviour for Talker {
    fn on_event(&mut self, event: ViewEvent) -> Vec<Command> {
        let with = self.to;
        match event {
            ViewEvent::Ready(ready) if ready.account.is_none() => {
                let body = self.text.to_owned();
                vec![
                    Command::CreateAccount { display_name: "Talker".to_owned() },
                    Command::OpenConversation { with },
                    Command::SendText { to: with, body, quote: None },
                ]
            }
            ViewEvent::Message { message, .. } => {
                let _ = self.seen.send(message);
                Vec::new()
            }
            ViewEvent::Timeline { messages, .. } => {
                messages.into_iter().for_each(|message| drop(self.seen.send(message)));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

/// Writes again whenever it is answered, and tells how long each answer took.
struct Chatter {
    to: AccountId,
    sent: Option<Instant>,
    answered: mpsc::UnboundedSender<Duration>,
}

impl Chatter {
    fn say(&mut self) -> Command {
        self.sent = Some(Instant::now());
        Command::SendText { to: self.to, body: "And another one".to_owned(), quote: None }
    }
}

impl Behaviour for Chatter {
    fn on_event(&mut self, event: ViewEvent) -> Vec<Command> {
        match event {
            ViewEvent::Ready(ready) if ready.account.is_none() => {
                let create = Command::CreateAccount { display_name: "Chatter".to_owned() };
                vec![create, Command::OpenConversation { with: self.to }, self.say()]
            }
            ViewEvent::Message { message, .. } if !message.outgoing => {
                let Some(sent) = self.sent.take() else { return Vec::new() };
                let _ = self.answered.send(sent.elapsed());
                vec![self.say()]
            }
            _ => Vec::new(),
        }
    }
}

async fn network(data: &Path) -> Network {
    Network::start(&Options::on_free_ports(data)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn echo_accepts_a_stranger_and_answers_with_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(&folder.path().join("net")).await;
    let gateway = format!("http://{}", network.app_address);
    let echo = echo::spawn(&gateway, &folder.path().join("echo")).await.unwrap();

    let (seen, mut messages) = mpsc::unbounded_channel();
    let talker = Talker { to: echo.account_id, text: "Is anybody there? 🧅\nSecond line", seen };
    let driver = Driver::open(talker, &gateway, &folder.path().join("talker")).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(driver.run(stopped));

    let conversation = async {
        let (mut sent, mut read) = (false, false);
        loop {
            let message = messages.recv().await.expect("the talker runs");
            sent |= message.state == Some(SendState::Sent);
            read |= message.state == Some(SendState::Read);
            if !message.outgoing {
                return (sent || read, message);
            }
        }
    };
    let (sent, answer) = tokio::time::timeout(Duration::from_secs(60), conversation).await.expect("an answer");
    assert!(sent, "the text counts as sent before it is answered");
    assert_eq!(answer.body, "Is anybody there? 🧅\nSecond line");
    assert!(answer.quote.is_some_and(|quote| quote.outgoing && quote.text.is_some()));

    let _ = stop.send(());
    running.await.unwrap();
    echo.stop().await;
    network.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_at_once() {
    const ROUNDS: usize = 15;
    let folder = tempfile::tempdir().unwrap();
    let network = network(&folder.path().join("net")).await;
    let gateway = format!("http://{}", network.app_address);
    let echo = echo::spawn(&gateway, &folder.path().join("echo")).await.unwrap();
    let (answered, mut answers) = mpsc::unbounded_channel();
    let chatter = Chatter { to: echo.account_id, sent: None, answered };
    let driver = Driver::open(chatter, &gateway, &folder.path().join("chatter")).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(driver.run(stopped));
    let rounds = async {
        let mut took = Vec::new();
        while took.len() < ROUNDS {
            took.push(answers.recv().await.expect("the chatter runs"));
        }
        took
    };
    let mut took = tokio::time::timeout(Duration::from_secs(90), rounds).await.expect("answers");
    // The first ones are the way into the network.
    took.drain(..5);
    took.sort_unstable();
    let median = took[took.len() / 2];
    println!("there and back: median {median:?}, longest {:?}", took[took.len() - 1]);
    // Two messages: a client that looks every two seconds takes longer. On a quiet machine it is a fraction of this.
    assert!(median < Duration::from_millis(2_500), "{took:?}");
    let _ = stop.send(());
    running.await.unwrap();
    echo.stop().await;
    network.shut_down().await;
}
