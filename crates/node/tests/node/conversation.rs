//! A conversation with Echo while one service node after the other goes away and comes back.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::oneshot;
use zwiebel_engine::input::Command;
use zwiebel_engine::view::MessageView;
use zwiebel_engine::view::SendState;
use zwiebel_engine::view::ViewEvent;
use zwiebel_node::bot::Behaviour;
use zwiebel_node::bot::driver::Driver;
use zwiebel_node::bot::echo;
use zwiebel_proto::account_id::AccountId;

use crate::support::Net;

/// Writes a text, waits for the answer, writes the next.
struct Talker {
    to: AccountId,
    answered: usize,
    seen: mpsc::UnboundedSender<MessageView>,
}

impl Talker {
    fn say(&self) -> Command {
        Command::SendText { to: self.to, body: format!("text {}", self.answered), quote: None }
    }
}

impl Behaviour for Talker {
    fn on_event(&mut self, event: ViewEvent) -> Vec<Command> {
        match event {
            ViewEvent::Ready(ready) if ready.account.is_none() => {
                let name = Command::CreateAccount { display_name: "Talker".to_owned() };
                vec![name, Command::OpenConversation { with: self.to }, self.say()]
            }
            ViewEvent::Message { message, .. } => {
                let answer = !message.outgoing && message.body == format!("text {}", self.answered);
                drop(self.seen.send(message));
                if !answer {
                    return Vec::new();
                }
                self.answered += 1;
                vec![self.say()]
            }
            _ => Vec::new(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_node_is_missed_when_it_goes_away_during_a_conversation() {
    let mut net = Net::start().await;
    let gateway = format!("http://{}", net.network.app_address);
    let echo = echo::spawn(&gateway, &net.folder.path().join("echo")).await.unwrap();
    let (seen, mut messages) = mpsc::unbounded_channel();
    let talker = Talker { to: echo.account_id, answered: 0, seen };
    let driver = Driver::open(talker, &gateway, &net.folder.path().join("talker")).unwrap();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(driver.run(stopped));

    let mut begun: BTreeMap<String, Instant> = BTreeMap::new();
    let mut answers = BTreeSet::new();
    let mut slowest = Duration::ZERO;
    let size = net.network.size();
    // Nobody is away for the first text: a stranger's request.
    let mut away = 0;
    while away <= size {
        let message = tokio::time::timeout(Duration::from_secs(40), messages.recv()).await.expect("an answer").unwrap();
        if message.outgoing {
            let start = *begun.entry(message.body.clone()).or_insert_with(Instant::now);
            if matches!(message.state, Some(SendState::Sent | SendState::Read)) {
                slowest = slowest.max(start.elapsed());
                begun.insert(message.body, Instant::now());
            }
            assert!(!matches!(message.state, Some(SendState::Failed(_))));
            continue;
        }
        assert!(answers.insert(message.id), "shown twice: {}", message.body);
        if away > 0 {
            net.network.start_node(away).await.unwrap();
        }
        away += 1;
        if away <= size {
            net.network.stop_node(away).await.unwrap();
        }
    }
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    assert_eq!(answers.len(), size + 1);
    let _ = stop.send(());
    running.await.unwrap();
    echo.stop().await;
    net.network.shut_down().await;
}
