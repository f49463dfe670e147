//! The embedded default: the ledger and a durable queue in one SQLite file, without a server.
//!
//! Commands wait as rows of `queue_message`, in the order in which they were committed there. One
//! worker at a time serves them: it holds the lease of the lane and renews it with every group.
//! Taking a group from the queue, deciding it, and writing the ledger, the replies and the dead
//! letters is one transaction of the file. So a worker can be killed at any instruction: the whole
//! transaction takes effect or nothing does.
//!
//! | file | content |
//! |---|---|
//! | `queue` | the statements on the tables of the queue |
//! | `lease` | the lease: which worker serves the lane |
//! | `round` | one round: one group in one transaction |
//! | `quarantine` | how many commands a round takes after a crash of a worker |
//! | `round_ledger` | the ledger inside that transaction, as the pipeline uses it |
//! | `query_handler` | answers queries |
//! | `dead` | the dead letters, one by one |
//! | `lane` | runs rounds while messages wait, and waits otherwise |
//! | `watch` | the state for health checks and metrics |
//! | `worker` | starts, watches and drains the embedded worker |
//!
//! **Waking up.** SQLite sends no notification about a new row. So the lane polls
//! `PRAGMA data_version`, which changes when another connection commits and is answered from shared
//! memory: every 2 ms while there is traffic, then less often, down to every 50 ms. Once a second
//! it reads the queue in any case, for messages whose delay is over.

pub mod dead;
mod error;
mod lane;
mod lease;
mod quarantine;
mod query_handler;
mod queue;
mod round;
mod round_ledger;
mod watch;
mod worker;

pub use error::EmbeddedError;
pub use lease::is_held as is_served;
pub use watch::EmbeddedWatch;
pub use worker::{Embedded, EmbeddedOptions};
