//! The schema on both databases.

mod accepted;
mod constraints;
mod entities;
mod migrating;
mod payments;
mod refused;
mod refused_transactions;
mod rows;
mod values;
