//! The embedded default: the ledger and a durable queue in one SQLite file, no server.
//!
//! Commands wait as rows of `queue_message`, in the order in which they were committed there. One worker at a time
//! serves them: it holds the lane's lease and renews it with every group. Taking a group from the queue, deciding
//! it, writing the ledger, the replies and the dead letters is one transaction of the file, so a worker may be
//! killed at any instruction: either all of it happened or none.
//!
//! | file | what |
//! |---|---|
//! | `queue` | the statements on the queue's tables |
//! | `lease` | which worker serves the lane |
//! | `round` | one group: one transaction |
//! | `caution` | how carefully it is taken, after a worker has died |
//! | `round_ledger` | the ledger inside that transaction, as the lane's pipeline sees it |
//! | `questions` | the same for queries |
//! | `dead` | the dead letters, one by one |
//! | `lane` | rounds while there is something to do, and waiting while there is not |
//! | `watch` | what health and metrics see |
//! | `worker` | starting, watching and draining all that |
//!
//! **Waking up.** SQLite tells nobody that a row came. The lane asks for `PRAGMA data_version`, which changes when
//! another connection commits and is answered from shared memory: every 2 ms while there is traffic, then less and
//! less often down to every 50 ms. Once a second it looks in any case, for messages whose delay is over.

mod caution;
pub mod dead;
mod error;
mod lane;
mod lease;
mod questions;
mod queue;
mod round;
mod round_ledger;
mod watch;
mod worker;

pub use error::EmbeddedError;
pub use watch::EmbeddedWatch;
pub use worker::{Embedded, EmbeddedOptions};
