//! A model of the ledger that computes the expected result of a sequence of commands, for the
//! property tests and for the fuzz target `sequence`.

mod applied;
mod debt_steps;
mod debts;
mod expected;
mod grants;
mod groups;
mod history;
mod hold_steps;
mod holds;
mod named;
mod refunds;
mod rows;
mod run;
mod state;
pub mod steps;
pub mod subscription_steps;
mod whole;

pub use run::Run;
