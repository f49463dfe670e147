//! The Scrip worker: it reads commands from a queue and applies them to the ledger.

pub mod app;
pub mod audit_log;
pub mod cache;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod dead_letters;
pub mod decode;
mod delivery_attempt;
pub mod jobs;
pub mod monitor;
pub mod outcome;
pub mod pipeline;
pub mod queries;
mod rate_limit;
pub mod read;
pub mod runtime;
pub mod senders;
pub mod store;
pub mod store_ledger;
pub mod telemetry;
pub mod transport;
pub mod verify;
