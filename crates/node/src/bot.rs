//! Bots: accounts that live in the node's process, on the same engine as the browser.
//!
//! A bot is a [`Behaviour`], a plain function from what it is shown to what it wants; [`driver`] does its I/O.
//! Knows the engine, HTTP and SQLite; knows nothing of nodes and swarms.

pub mod driver;
pub mod echo;
mod http;
mod store;

use thiserror::Error;
use zwiebel_engine::input::Command;
use zwiebel_engine::view::ViewEvent;

/// What a bot does. No I/O, no clock: the same events always give the same commands.
pub trait Behaviour: Send + 'static {
    /// Reacts to what a person would be shown.
    fn on_event(&mut self, event: ViewEvent) -> Vec<Command>;
}

/// Why a bot could not be started.
#[derive(Debug, Error)]
pub enum BotError {
    /// Its stored rows cannot be read: made by a newer version, or damaged.
    #[error("the bot's stored state cannot be used: {0}")]
    Engine(#[from] zwiebel_engine::BootError),
    /// The HTTP client did not start.
    #[error("the bot's HTTP client did not start")]
    Http(#[source] reqwest::Error),
    /// Its database cannot be opened or read.
    #[error("the bot's database cannot be used")]
    Store(#[from] rusqlite::Error),
    /// Its folder cannot be made.
    #[error("the bot's folder cannot be made")]
    Folder(#[source] std::io::Error),
    /// It ended before it had an account.
    #[error("the bot stopped before it had an account")]
    Stopped,
}
