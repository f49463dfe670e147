//! Verification finds every corruption, and no violation in a consistent ledger, on both databases.

mod cases;
mod columns;
mod undetected;
mod walking;
mod wrong;
