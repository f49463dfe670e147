//! A model of the ledger that computes the expected result of a sequence of commands, for the
//! property tests and for the fuzz target `sequence`.

mod applied;
mod expected;
mod grants;
mod groups;
mod history;
mod rows;
mod run;
mod state;
pub mod steps;
mod whole;

pub use run::Run;
