//! Faults under load: mixed commands of several producers, real servers that a test may harm, and a
//! judge of the result.
//!
//! | file | content |
//! |---|---|
//! | `rng` | random numbers that can be repeated |
//! | `load` | several producers, and a journal of everything that they sent |
//! | `maker` | the commands of one producer |
//! | `expect` | a simple model of the expected outcome of each command |
//! | `judge` | compares the sent commands with the ledger and the dead letters |
//! | `bench` | the throw-away servers, and the run of one row of the table |
//! | `fixture` | the deployment of one row, with its faults and the measurement of recovery |
//! | `table` | the printed table |

pub mod bench;
pub mod expect;
pub mod fixture;
pub mod judge;
pub mod load;
mod maker;
pub mod rng;
pub mod table;
