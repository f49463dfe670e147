-- Drops every object of the baseline.
DROP TABLE IF EXISTS credits_balance;
DROP TABLE IF EXISTS credits_batch;
DROP TABLE IF EXISTS credits_transaction;
DROP TABLE IF EXISTS credits_allocation;
DROP TABLE IF EXISTS subscription;
DROP TABLE IF EXISTS job_run;
DROP TABLE IF EXISTS delivery_attempt;
DROP TABLE IF EXISTS ledger_identity;
DROP TABLE IF EXISTS operator_action;
DROP TABLE IF EXISTS queue_message;
DROP TABLE IF EXISTS queue_reply;
DROP TABLE IF EXISTS queue_lease;
