//! The audit log of operators: the entries of each command, the changes that the database refuses,
//! and the commands that read it.

mod append_only;
mod bounds;
mod commands;
mod fixture;
mod half_done;
mod other_ledger;
mod reading;
mod refused;
