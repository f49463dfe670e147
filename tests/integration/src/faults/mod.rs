//! Faults under load: mixed commands of several producers, real servers that a test may harm, and a
//! judge of the result.
//!
//! | file | content |
//! |---|---|
//! | `rng` | random numbers that can be repeated |
//! | `http_server` | the HTTP server of a row |
//! | `way` | from a producer to the queue or to the HTTP API |
//! | `load` | several producers, and a journal of everything that they sent |
//! | `maker` | the commands of one producer |
//! | `expect` | a simple model of the expected outcome of each command |
//! | `judge` | compares the sent commands with the ledger and the dead letters |
//! | `program` | the test program: its command line, and the run of the rows |
//! | `bench` | the throw-away servers of the table of faults |
//! | `setup` | the parameters of a row |
//! | `fixture` | the deployment of one row, with its faults and the measurement of recovery |
//! | `table` | the printed table |

pub mod bench;
pub mod expect;
pub mod fixture;
pub mod http_server;
pub mod judge;
pub mod load;
mod maker;
pub mod program;
pub mod rng;
pub mod setup;
pub mod table;
pub mod way;
