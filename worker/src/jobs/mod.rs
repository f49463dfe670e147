//! Jobs: granting the periods of plans, sweeping lapsed credits, checking the book.
//!
//! A job finds out what is due and asks for it by commands through the internal door, like any other producer: the lanes
//! stay the only writers, and live commands wait for nobody. What is due follows from the ledger's state, so a job that
//! is run twice, or goes on after a crash, finds nothing left of what was done.
//!
//! | file | what |
//! |---|---|
//! | `due` | which run is due, by the clock and the schedule |
//! | `runner` | claims a run, keeps its lease, records how far it is and what came of it |
//! | `work` | a window of commands over the pages |
//! | `counts` | what a run counts |
//! | `asking` | one command, asked until it is answered |

mod asking;
mod counts;
pub mod due;
mod runner;
mod work;

pub use asking::PATIENCE;
pub use counts::Counts;
pub use runner::{ClaimError, Finished, JobError, Runner};
pub use work::WINDOW;
