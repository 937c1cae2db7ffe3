//! The brain of the client: a sans-IO state machine. Inputs, time and randomness go in; effects come out.
//! It knows no clock, no network, no disk and no user interface; drivers carry out what it asks for.

pub mod batch;
pub mod effect;
pub mod input;
pub mod view;
pub mod zr1;

mod clock;
mod commands;
mod compose;
mod configs;
mod engine;
mod expiry;
mod history;
mod inbox;
mod jobs;
mod model;
mod net;
mod outbox;
mod outflow;
mod present;
mod row;
mod secrecy;
mod talk;
mod wire;

pub use self::engine::{BootError, Config, Engine};
pub use self::row::RowError;
