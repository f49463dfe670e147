//! The way in and out over AMQP: the only part of the worker that names `lapin`.
//!
//! | file | what |
//! |---|---|
//! | `connection` | one connection: name, heartbeat, time limit |
//! | `topology` | declares what the namespace needs |
//! | `ledger_id` | compares the ledger's id with the one on the broker |
//! | `links`, `lengths`, `place` | what health and metrics see: connections, what waits in the queues, who is registered |
//! | `subscription` | one channel with one subscription; never cancelled, only closed |
//! | `incoming` | from AMQP deliveries to the lane's |
//! | `lane`, `clock_wait` | serves one command queue; waits for a time to decide by |
//! | `queries` | serves the query queue |
//! | `jobs` | serves the queue of job requests |
//! | `outgoing` | dead letters, delayed messages and replies as AMQP messages |
//! | `dead`, `portions`, `replay` | the dead-letter queue, letter by letter; a queue looked through in portions; letters on their way back |
//! | `remove` | deletes a namespace |
//! | `publisher` | publishes them: the first two confirmed, replies from a bounded buffer |
//! | `room` | bounds the bytes of replies that wait |
//! | `supervisor` | rebuilds connection, topology and lanes whatever happens |
//!
//! The library's own recovery stays off: after a failure everything is built anew, so that there is one way to
//! begin and one order of things.

mod clock_wait;
mod connection;
mod dead;
mod error;
mod inbound;
pub mod incoming;
pub mod jobs;
mod lane;
mod ledger_id;
mod lengths;
mod links;
mod options;
mod outgoing;
mod place;
mod portions;
mod publisher;
mod queries;
mod remove;
mod replay;
mod room;
mod subscription;
mod supervisor;
pub mod topology;

pub use connection::virtual_host;
pub use dead::DeadLetters;
pub use error::AmqpError;
pub use inbound::{Drained, Inbound};
pub use ledger_id::{OtherLedger, claim_at as claim_ledger_at, compare_at as compare_ledger_at};
pub use links::InboundWatch;
pub use options::InboundOptions;
pub use remove::remove_at;
