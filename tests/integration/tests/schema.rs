//! The schema on both databases.

mod accepted;
mod constraints;
mod entities;
mod migrating;
mod payments;
mod refused;
mod refused_debts;
mod refused_holds;
mod refused_payments;
mod refused_transactions;
mod rows;
mod upgrading;
mod values;
