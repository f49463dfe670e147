//! Detects a book that is behind what was acknowledged.
//!
//! A promoted PostgreSQL standby that was replicated asynchronously lacks the last commits. Scrip
//! has acknowledged their commands, so the broker delivers them no more. To notice this, a worker
//! remembers the ids of transactions that it committed lately, and keeps the newest of them outside
//! the database. An id that the database does not have is a commit that was lost.
//!
//! | file | content |
//! |---|---|
//! | `history` | the remembered ids of one worker, thinned with age |
//! | `behind` | compares remembered ids with those that the database has |
//! | `positions` | what a worker remembers, and the result of the last check |
//! | `check` | looks the ids up in the database |

mod behind;
mod check;
mod history;
mod positions;

pub use behind::{Behind, Remembered, Settled};
pub use check::{Finding, check};
pub use history::{History, earlier};
pub use positions::{Checked, Positions};
