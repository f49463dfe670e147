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
//! | `ended_holds` | closes the holds that have ended, every minute |
//! | `local` | runs the jobs of the embedded default, one at a time |
//! | `repository` | stores the owner, the progress and the result of each run |
//! | `runner` | claims a run and processes what is due |
//! | `progress` | keeps the lease of a run, stores its progress and its result |
//! | `work` | sends the commands of a job, a bounded number at a time |
//! | `counts` | the counters of a run |
//! | `request` | sends one command and retries it until there is an outcome |

mod counts;
pub mod due;
mod ended_holds;
mod error;
mod local;
mod progress;
mod repository;
mod request;
mod runner;
pub mod scheduler;
mod work;

pub use counts::Counts;
pub use ended_holds::HoldCloser;
pub use error::{ClaimError, CloseError, JobError};
pub use local::serve_local;
pub use repository::{Claim, JobRun};
pub use request::ANSWER_TIMEOUT;
pub use runner::Runner;
pub use work::WINDOW;
