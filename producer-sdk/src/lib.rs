//! Rust client of the Scrip credit ledger: publish commands, wait for outcomes, query balances.
//!
//! Apps publish *commands*, for example "`user_123` used `google:chat` once". A worker applies each
//! command to the wallet of its user exactly once. The result is the *outcome*: `completed`, or
//! `failed` with a code. The transport is RabbitMQ, or the SQLite file of an embedded worker.
//!
//! # Which type to use
//!
//! | Type | Use it to | It waits for |
//! |---|---|---|
//! | [`Producer`] | publish commands without waiting for their outcomes | the broker's confirm |
//! | [`Client`] | send a command and get its outcome, or query balances and prices | the reply |
//!
//! Both are cheap to share between tasks, reconnect on their own, and take [`Options`].
//!
//! # Publish a command
//!
//! [`Producer::publish`] returns when the broker has confirmed the command:
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
//! # Publish many commands
//!
//! [`Producer::enqueue`] waits only until the window has space. The window is the number of
//! commands that may be unconfirmed at once ([`Options::window`]). The returned handle resolves at
//! the confirm:
//!
//! ```no_run
//! # #[cfg(feature = "amqp")]
//! # async fn example(producer: producer_sdk::Producer) -> Result<(), producer_sdk::Error> {
//! # use producer_sdk::Command;
//! let mut handles = Vec::new();
//! for number in 0..10_000 {
//!     let reference_id = format!("req-{number}");
//!     let command = Command::consume(reference_id, "user_123", "google:image").quantity(5);
//!     handles.push(producer.enqueue(&command).await?);
//! }
//! for handle in handles {
//!     handle.await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # Wait for an outcome, or query a balance
//!
//! A refusal is an outcome, not an error: check [`Outcome::status`](contract::Outcome::status).
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
//! # Reserve credits before the cost is known
//!
//! [`Client::hold`] returns a [`HoldGuard`]. It captures what the work used, and releases the rest.
//! [`HoldGuard::meter`] does both for a stream, such as the tokens of a model:
//!
//! ```no_run
//! # #[cfg(feature = "amqp")]
//! # async fn example<S>(client: producer_sdk::Client, tokens: S)
//! # -> Result<(), producer_sdk::Error>
//! # where S: futures_util::Stream<Item = std::io::Result<String>> + Send {
//! use futures_util::StreamExt;
//! use producer_sdk::{Command, HoldResult};
//!
//! let hold = Command::hold("call-7f3a", "user_123", "llm:tokens").quantity(4_000);
//! let HoldResult::Held(hold) = client.hold(&hold).await? else {
//!     return Ok(());
//! };
//! let (mut tokens, settlement) = hold.meter(tokens, |_token| 1);
//! while let Some(token) = tokens.next().await {
//!     println!("{token:?}");
//! }
//! println!("charged {:?}", settlement.await?.amount);
//! # Ok(()) }
//! ```
//!
//! # Work without a broker
//!
//! With the feature `embedded` both types also work on the SQLite file of an embedded worker:
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
//! # Commands
//!
//! | Constructors | Change of the wallet |
//! |---|---|
//! | [`Command::consume`] | spends credits on a service |
//! | [`Command::hold`], [`Command::capture`], [`Command::release`] | reserve credits, spend or return them |
//! | [`Command::refund`] | returns credits of a consumption or a capture |
//! | [`Command::revoke`], [`Command::reinstate`] | take credits of a deposit back, and undo that |
//! | [`Command::forgive`] | writes off debt |
//! | [`Command::registration_bonus`], [`Command::promotion`] | add free credits |
//! | [`Command::purchase_package`], [`Command::purchase_credits`] | add credits paid for |
//! | [`Command::subscription`] | reports a change of a subscription |
//! | [`Command::freeze`], [`Command::unfreeze`] | stop spending, or allow it again |
//!
//! The first argument of each constructor is the *reference*, the caller's idempotency key:
//! commands with the same reference are the same change, which is applied once.
//!
//! # Guarantees
//!
//! - **A confirmed command is safe.** If [`Producer::publish`] returns `Ok`, the command is on disk
//!   at a majority of the broker's nodes. It will be applied exactly once or recorded as refused.
//! - **Publishing again is safe.** After an error or a crash, publish the command again with the
//!   same reference. The ledger applies it once, and every copy gets the same outcome.
//! - **Order is kept.** Commands of one user are applied in the order in which they were enqueued.
//!   The exception is a full queue: if the broker refuses a command, later commands may overtake
//!   it.
//!
//! # Errors
//!
//! | Method of [`Error`] | Cause | Reaction |
//! |---|---|---|
//! | [`is_timeout`](Error::is_timeout) | time ran out | publish again with the same reference |
//! | [`is_unroutable`](Error::is_unroutable) | wrong topology or permissions | fix the setup |
//! | [`is_rejected`](Error::is_rejected) | the command is not valid | fix the command |
//! | [`is_closed`](Error::is_closed) | the producer or client was closed | connect again |
//!
//! # Features
//!
//! | Feature | Transport | URLs |
//! |---|---|---|
//! | `amqp` (default) | RabbitMQ | `amqp://`, `amqps://` |
//! | `embedded` | the queue in the SQLite file of an embedded worker | `sqlite://` |
//!
//! `amqps://` trusts the certificate authorities of the system, or those in the file that
//! `SSL_CERT_FILE` names.
//!
//! Without any feature the crate contains only the wire [`contract`], which does no I/O.
//!
//! On the broker the SDK declares nothing but the reply queue of a client. The worker, or
//! `scrip topology declare`, declares everything else.

#![deny(missing_docs)]

#[cfg(feature = "amqp")]
#[doc(hidden)]
pub mod amqp;
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
mod hold;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod message;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod meter;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod options;
#[cfg(any(feature = "amqp", feature = "embedded"))]
mod patience;
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
pub use backoff::Backoff;
pub use contract::{Command, Outcome, Query};
#[cfg(feature = "embedded")]
#[doc(hidden)]
pub use embedded::{
    Exposed, ForeignLink, create_private, discard_dirty, exposed, open_with_retry,
    refuse_foreign_links,
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
    hold::{HoldGuard, HoldResult, Usage},
    message::{HeaderValue, Properties},
    meter::{Metered, Settlement},
    options::{Options, WhenFull},
    producer::Producer,
};
