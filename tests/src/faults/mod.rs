//! Faults under load: mixed commands of several producers, real servers that a test may harm, and one judge.
//!
//! | file | what |
//! |---|---|
//! | `dice` | random numbers that can be repeated |
//! | `load` | several producers, and everything that they sent |
//! | `expect` | what each command must have led to, computed the plain way |
//! | `judge` | what was sent against what the ledger and the dead letters hold |
//! | `bench` | the throw-away servers, and the rows of the table |
//! | `stage` | one row's deployment: where faults are done to it and recovery is measured |
//! | `table` | what is printed in the end |

pub mod bench;
pub mod dice;
pub mod expect;
pub mod judge;
pub mod load;
pub mod stage;
pub mod table;
