//! What a sequence of commands has to come to: for the property tests, and for the fuzz target `sequence`.

mod expected;
mod groups;
mod run;
pub mod steps;
mod whole;

pub use run::Run;
