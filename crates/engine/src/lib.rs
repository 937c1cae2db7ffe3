//! The brain of the client: a sans-IO state machine. Inputs, time and randomness go in; effects come out.
//! It knows no clock, no network, no disk and no user interface; drivers carry out what it asks for.

pub mod batch;
pub mod effect;
pub mod input;
pub mod view;
