//! The configuration: built-in defaults, overridden by `scrip.toml`, overridden by the environment.
//!
//! Each section has its own file. If the configuration is wrong, all problems are reported at once
//! ([`ConfigError::Wrong`]), and nothing starts.

mod backend;
#[cfg(test)]
mod backend_tests;
mod database;
mod debt;
pub(crate) mod duration;
mod health;
mod holds;
mod http;
mod http_tls;
mod ledger;
mod logging;
mod packages;
mod payments;
mod plain_text;
mod plans;
mod price_ids;
mod prices;
mod problem;
mod queue;
mod recovery;
mod redis;
mod refunds;
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
mod shared_prices;
mod source;
mod subscriptions;
#[cfg(test)]
mod tests;
mod validity;
mod variables;
mod worker;

pub use backend::{Backend, MissingUrl};
pub use database::Database;
pub use debt::Debt;
pub use health::Health;
pub use holds::Holds;
pub use http::Http;
pub use http_tls::HttpTls;
pub use ledger::Ledger;
pub use logging::{LogFormat, Logging};
pub use packages::{Package, Packages};
pub use payments::{Creem, Payments, Stripe};
pub use plain_text::PlainText;
pub use plans::{PlanPrices, Plans};
pub use prices::Prices;
pub use problem::{ConfigError, Problem};
pub use recovery::Recovery;
pub use redis::Redis;
pub use refunds::Refunds;
pub use registration::Registration;
pub use schedule::Schedule;
pub use secret::{Secret, SecretUrl};
pub use senders::Senders;
pub use settings::Settings;
pub use source::{Environment, Origin};
pub use subscriptions::Subscriptions;
pub use worker::Worker;
