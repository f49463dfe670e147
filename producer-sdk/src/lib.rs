//! Client of the Scrip credit ledger.
//!
//! Publish a command and know that it is safe:
//!
//! ```no_run
//! # #[cfg(feature = "amqp")] async fn example() -> Result<(), producer_sdk::Error> {
//! use producer_sdk::{Command, Options, Producer};
//!
//! let producer = Producer::connect("amqp://localhost", Options::default()).await?;
//! producer.publish(&Command::consume("req-7f3a", "user_123", "google:chat")).await?;
//! producer.close().await?;
//! # Ok(()) }
//! ```
//!
//! Publish many: [`Producer::enqueue`] waits for room in the window only, the handle resolves at the confirm.
//!
//! ```no_run
//! # #[cfg(feature = "amqp")] async fn example(producer: producer_sdk::Producer) -> Result<(), producer_sdk::Error> {
//! # use producer_sdk::Command;
//! let mut handles = Vec::new();
//! for number in 0..10_000 {
//!     let command = Command::consume(format!("req-{number}"), "user_123", "google:image").quantity(5);
//!     handles.push(producer.enqueue(&command).await?);
//! }
//! for handle in handles {
//!     handle.await?;
//! }
//! # Ok(()) }
//! ```
//!
//! Send a command and wait for what became of it, or ask for a balance:
//!
//! ```no_run
//! # #[cfg(feature = "amqp")] async fn example() -> Result<(), producer_sdk::Error> {
//! use producer_sdk::{Client, Command, Options};
//!
//! let client = Client::connect("amqp://localhost", Options::default()).await?;
//! let outcome = client.send(&Command::registration_bonus("signup-123", "user_123")).await?;
//! let balance = client.balance("user_123").await?;
//! # println!("{:?} {}", outcome.status, balance.available_credits);
//! # Ok(()) }
//! ```
//!
//! Without a broker, over the file of an embedded worker:
//!
//! ```no_run
//! # #[cfg(feature = "embedded")] async fn example() -> Result<(), producer_sdk::Error> {
//! use producer_sdk::{Client, Command, Options};
//!
//! let client = Client::open("scrip.db", Options::default()).await?;
//! let outcome = client.send(&Command::consume("req-7f3a", "user_123", "google:chat")).await?;
//! # println!("{:?}", outcome.status);
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! A command that [`Producer::publish`] returned `Ok` for is on disk at a majority of the broker's nodes and will
//! be carried out exactly once, or recorded as refused. After any error, and after a crash, publish it again under
//! the same reference: it is carried out once, and every copy gets the same outcome. Commands of one user keep the
//! order they were enqueued in, except where a full queue made the broker refuse one that later ones overtook.
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `amqp` (default) | over RabbitMQ: `amqp://`, `amqps://` |
//! | `embedded` | over the queue in an embedded worker's SQLite file: `sqlite://` |
//!
//! `amqps://` trusts whom the system trusts, or the CAs in the file that `SSL_CERT_FILE` names.
//!
//! Without any, there is the wire [`contract`] only, which does no I/O. The SDK declares nothing on the broker but
//! the client's own reply queue; the worker, or `scrip topology declare`, declares the rest.

#![deny(missing_docs)]

#[cfg(feature = "amqp")]
mod amqp;
pub mod contract;
#[cfg(feature = "embedded")]
mod embedded;

#[cfg(feature = "amqp")]
mod backoff;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod client;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod envelope;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod error;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod handle;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod message;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod options;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod pending;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod producer;
mod server_url;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod transport;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod window;

#[cfg(feature = "amqp")]
#[doc(hidden)]
pub use amqp::{connect as connect_amqp, parse_amqp_url, unreadable};
pub use contract::{Command, Outcome, Query};
#[cfg(feature = "embedded")]
#[doc(hidden)]
pub use embedded::{
    Exposed, ForeignLink, create_private, exposed, only_sound, open_patiently, refuse_foreign_links,
};

#[doc(hidden)]
pub use contract::is_invisible;
#[doc(hidden)]
pub use server_url::check_url;

#[cfg(any(feature = "amqp", feature = "embedded"))]
pub use self::{
    client::Client,
    error::{Error, Result},
    handle::PublishHandle,
    message::{HeaderValue, Properties},
    options::{Options, WhenFull},
    producer::Producer,
};
