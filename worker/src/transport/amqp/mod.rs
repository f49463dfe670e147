//! The AMQP transport: the only part of the worker that uses `lapin`.
//!
//! | file | content |
//! |---|---|
//! | `connection` | opens a connection: name, heartbeat, time limit |
//! | `topology` | declares the exchanges, queues and bindings of the namespace |
//! | `retired_shards` | finds the queues of former shards |
//! | `ledger_id` | compares the ledger's id with the one on the broker |
//! | `inbound` | starts and drains the transport |
//! | `connection_state`, `inbound_watch` | the state of connections and lanes, for health and metrics |
//! | `queue_depth` | reads the depth of the queues |
//! | `registration_guard` | the registered lanes |
//! | `request` | requests on a channel, each with a time limit |
//! | `subscription` | one channel with one subscription, which is closed but never cancelled |
//! | `incoming` | converts AMQP deliveries into deliveries of the pipeline |
//! | `lane` | serves one command queue |
//! | `clock_wait` | waits for a time to decide by |
//! | `database_wait` | waits for the database before a lane subscribes |
//! | `settle` | carries out the settlements of a group |
//! | `interruption` | why a lane stops serving |
//! | `queries` | serves the query queue over its own connection |
//! | `jobs` | serves the queue of job requests |
//! | `outgoing` | dead letters, delayed messages and replies as AMQP messages |
//! | `dead` | passes over the dead-letter queue |
//! | `dead_letter_reader` | reads the dead-letter queue page by page |
//! | `replay` | replays dead letters in the order of their first arrival |
//! | `remove` | deletes a namespace |
//! | `positions` | keeps positions of commits on the broker, and has them checked |
//! | `retained` | reads the stream of retained commands and publishes commands again |
//! | `publisher` | publishes dead letters and delayed messages with confirms |
//! | `replies` | publishes replies from a bounded buffer, over a separate connection |
//! | `rejections` | decides which rejected messages are kept as dead letters |
//! | `answer_budget` | limits the answer bytes of each sender |
//! | `lost_replies` | counts replies that are not sent, by reason |
//! | `unreadable_queries` | counts queries with unreadable properties |
//! | `reported_senders` | remembers which senders were reported lately |
//! | `unproven` | sends direct replies to broker nodes that have not received one yet |
//! | `byte_budget` | limits the bytes of waiting replies |
//! | `supervisor` | rebuilds the connection, the topology and the lanes after any failure |
//! | `session` | one receiving connection, and what the tasks on it share |
//! | `lane_connection` | the connection that a lane subscribes over |
//!
//! The recovery of the library stays off. After a failure everything is rebuilt, so that there is
//! one way to start and one order of steps.

mod answer_budget;
mod byte_budget;
mod clock_wait;
mod connection;
mod connection_state;
mod database_wait;
mod dead;
mod dead_letter_reader;
mod error;
mod inbound;
mod inbound_watch;
pub mod incoming;
mod interruption;
pub mod jobs;
mod lane;
mod lane_connection;
mod ledger_id;
mod lost_replies;
mod options;
mod outgoing;
mod positions;
mod publisher;
mod queries;
mod queue_depth;
mod registration_guard;
mod rejections;
mod remove;
mod replay;
mod replies;
mod reported_failures;
mod reported_senders;
mod request;
mod retained;
mod retired_shards;
mod session;
mod settle;
mod subscription;
mod supervisor;
pub mod topology;
mod unproven;
mod unreadable_queries;

pub use connection::{check_access, virtual_host};
pub use connection_state::SharedState;
pub use dead::DeadLetters;
pub use error::{AmqpError, OtherLedger};
pub use inbound::{Drained, Inbound};
pub use inbound_watch::InboundWatch;
pub use ledger_id::{
    claim_at as claim_ledger_at, compare_at as compare_ledger_at,
    compare_claimed_at as compare_claimed_ledger_at, is_served_at,
};
pub use options::InboundOptions;
pub use positions::{PositionService, read_at as read_positions_at};
pub use remove::remove_at;
pub use retained::{Retained, RetainedCommand, RetainedReader, declare_at as declare_retained_at};
