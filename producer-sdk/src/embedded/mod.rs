//! Over the queue in an embedded worker's SQLite file: same contract, same promise, no broker.
//!
//! A command is a row of `queue_message`, inserted and committed (synced to disk) before the handle resolves; the
//! worker moves it into the ledger in one transaction with everything it does. A reply is a row of `queue_reply`,
//! which the client looks for every 2 ms at first, every 25 ms after a while, and only while it waits for one.

mod client;
mod file;
mod pool;
mod private;
mod producer;
mod replies;
mod writer;

pub(crate) use client::EmbeddedClient;
pub(crate) use file::Source;
pub use pool::{only_sound, open_patiently};
pub use private::{Exposed, ForeignLink, create_private, exposed, refuse_foreign_links};
pub(crate) use producer::EmbeddedProducer;
