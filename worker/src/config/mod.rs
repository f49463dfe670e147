//! The configuration: built-in defaults, overridden by `scrip.toml`, overridden by the environment.
//!
//! Each section has its own file. If the configuration is wrong, all problems are reported at once
//! ([`ConfigError::Wrong`]), and nothing starts.

mod backend;
#[cfg(test)]
mod backend_tests;
mod database;
pub(crate) mod duration;
mod health;
mod ledger;
mod logging;
mod packages;
mod plain_text;
mod plans;
mod prices;
mod problem;
mod queue;
mod redis;
mod registration;
mod schedule;
mod secret;
mod secret_file;
mod section;
#[cfg(test)]
mod section_tests;
mod senders;
#[cfg(test)]
mod server_tests;
mod servers;
mod settings;
mod source;
mod subscriptions;
#[cfg(test)]
mod tests;
mod validity;
mod worker;

pub use backend::{Backend, MissingUrl};
pub use database::Database;
pub use health::Health;
pub use ledger::Ledger;
pub use logging::{LogFormat, Logging};
pub use packages::{Package, Packages};
pub use plain_text::PlainText;
pub use plans::Plans;
pub use prices::Prices;
pub use problem::{ConfigError, Problem};
pub use redis::Redis;
pub use registration::Registration;
pub use schedule::Schedule;
pub use secret::SecretUrl;
pub use senders::Senders;
pub use settings::Settings;
pub use source::{Environment, Origin};
pub use subscriptions::Subscriptions;
pub use worker::Worker;
