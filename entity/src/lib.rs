//! The tables as sea-orm entities, one file a table.
//!
//! The same entities read PostgreSQL and SQLite. On SQLite an instant is text in one fixed format with six decimals,
//! which sea-orm reads but does not always write (it leaves out zeros), so rows are written, and instants compared, by
//! SQL of the store's own; a row that slipped through with a shorter form would be refused by a CHECK.

pub mod credits_allocation;
pub mod credits_balance;
pub mod credits_batch;
pub mod credits_transaction;
pub mod job_run;
pub mod lane_trial;
pub mod ledger_identity;
pub mod operator_action;
pub mod queue_lease;
pub mod queue_message;
pub mod queue_reply;
pub mod subscription;
