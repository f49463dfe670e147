//! The transport over the queue in the SQLite file of an embedded worker. It has the same contract
//! and the same guarantees as RabbitMQ, without a broker.
//!
//! A command is a row of `queue_message`. It is committed and synced to disk before the handle
//! resolves. The worker moves it into the ledger in one transaction with all its effects.
//!
//! A reply is a row of `queue_reply`. While a request is open, the client polls for replies, at
//! first every 2 ms and later every 25 ms.

mod client;
mod file;
mod pool;
mod private;
mod producer;
mod replies;
mod writer;

pub(crate) use client::EmbeddedClient;
pub(crate) use file::Source;
pub use pool::{discard_dirty, open_with_retry};
pub use private::{Exposed, ForeignLink, create_private, exposed, refuse_foreign_links};
pub(crate) use producer::EmbeddedProducer;
