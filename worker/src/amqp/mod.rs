//! The way in and out over AMQP: the only part of the worker that names `lapin`.
//!
//! | file | what |
//! |---|---|
//! | `connection` | one connection: name, heartbeat, time limit |
//! | `topology` | declares what the namespace needs |
//! | `ledger_id` | compares the ledger's id with the one on the broker |
//! | `links`, `lengths`, `place` | what health and metrics see: connections, what waits in the queues, who is registered |
//! | `request` | requests on a channel, each with a time limit |
//! | `subscription` | one channel with one subscription; never cancelled, only closed |
//! | `incoming` | from AMQP deliveries to the lane's |
//! | `lane`, `clock_wait` | serves one command queue; waits for a time to decide by |
//! | `queries` | serves the query queue over a connection of its own |
//! | `jobs` | serves the queue of job requests |
//! | `outgoing` | dead letters, delayed messages and replies as AMQP messages |
//! | `dead`, `portions`, `replay` | the dead-letter queue, letter by letter; a queue looked through in portions; letters on their way back |
//! | `remove` | deletes a namespace |
//! | `publisher`, `replies` | publish them over a connection each: the first two confirmed, replies from a bounded buffer |
//! | `rejections` | which rejected messages are kept as dead letters |
//! | `answer_budget` | limits the bytes of answers for each sender |
//! | `lost_replies` | counts replies that are not sent, by reason |
//! | `unreadable_queries` | counts queries with unreadable properties |
//! | `reported_senders` | which senders were reported lately |
//! | `unproven` | direct replies to nodes of the broker that none has gone to yet |
//! | `room` | bounds the bytes of replies that wait |
//! | `supervisor` | rebuilds connection, topology and lanes whatever happens |
//! | `lane_connection` | the connection that a lane subscribes over |
//!
//! The library's own recovery stays off: after a failure everything is built anew, so that there is one way to
//! begin and one order of things.

mod answer_budget;
mod clock_wait;
mod connection;
mod dead;
mod error;
mod inbound;
pub mod incoming;
pub mod jobs;
mod lane;
mod lane_connection;
mod ledger_id;
mod lengths;
mod links;
mod lost_replies;
mod options;
mod outgoing;
mod place;
mod portions;
mod publisher;
mod queries;
mod rejections;
mod remove;
mod replay;
mod replies;
mod reported_senders;
mod request;
mod room;
mod subscription;
mod supervisor;
pub mod topology;
mod unproven;
mod unreadable_queries;

pub use connection::virtual_host;
pub use dead::DeadLetters;
pub use error::AmqpError;
pub use inbound::{Drained, Inbound};
pub use ledger_id::{
    OtherLedger, claim_at as claim_ledger_at, compare_at as compare_ledger_at,
    compare_claimed_at as compare_claimed_ledger_at,
};
pub use links::InboundWatch;
pub use options::InboundOptions;
pub use remove::remove_at;
