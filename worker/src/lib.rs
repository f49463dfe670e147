//! The Scrip worker: commands from a queue into the ledger.

pub mod amqp;
pub mod cache;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dead;
pub mod decode;
pub mod embedded;
pub mod health;
pub mod jobs;
pub mod lane;
pub mod outcome;
mod pace;
pub mod read;
pub mod runtime;
pub mod scheduler;
pub mod senders;
pub mod store;
pub mod telemetry;
pub mod verify;
