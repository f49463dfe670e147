//! Verification finds every corruption, and no violation in a consistent ledger, on both databases.

mod cases;
mod columns;
mod story;
mod story_of_debts;
mod undetected;
mod values;
mod walking;
mod wrong;
