//! Jobs: they grant the periods of plans, expire batches, and verify the book.
//!
//! A job determines what is due and sends commands through the internal origin, like any other
//! producer. So the lanes stay the only writers, and live commands do not wait for a job. What is
//! due follows from the state of the ledger, so a job that runs twice or resumes after a crash does
//! not repeat finished work.
//!
//! | file | content |
//! |---|---|
//! | `due` | computes which run is due from the clock and the schedule |
//! | `scheduler` | enqueues a job when it is due |
//! | `repository` | stores the owner, the progress and the result of each run |
//! | `runner` | claims a run, keeps its lease, stores its progress and its result |
//! | `work` | sends the commands of a job, a bounded number at a time |
//! | `counts` | the counters of a run |
//! | `asking` | sends one command and retries it until there is an outcome |

mod asking;
mod counts;
pub mod due;
mod repository;
mod runner;
pub mod scheduler;
mod work;

pub use asking::PATIENCE;
pub use counts::Counts;
pub use repository::{Claim, JobRun};
pub use runner::{ClaimError, Finished, JobError, Runner};
pub use work::WINDOW;
