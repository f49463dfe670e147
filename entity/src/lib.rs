//! The tables as sea-orm entities, one file per table.
//!
//! The same entities read PostgreSQL and SQLite. On SQLite an instant is text in one fixed format
//! with six decimals. sea-orm reads this format but does not always write it, because it omits
//! trailing zeros. So the SQL of the store writes rows and compares instants. A CHECK refuses a row
//! with a shorter form.

pub mod credits_allocation;
pub mod credits_balance;
pub mod credits_batch;
pub mod credits_debt;
pub mod credits_hold;
pub mod credits_hold_slice;
pub mod credits_refund;
pub mod credits_revocation;
pub mod credits_transaction;
pub mod delivery_attempt;
pub mod http_token;
pub mod job_run;
pub mod ledger_identity;
pub mod operator_action;
pub mod payment_event;
pub mod payment_link;
pub mod payment_wait;
pub mod queue_lease;
pub mod queue_message;
pub mod queue_reply;
pub mod subscription;
