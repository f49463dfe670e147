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
DROP DOMAIN IF EXISTS
  credits_balance_rules, credits_batch_rules, credits_transaction_rules, credits_allocation_rules,
  credits_transaction_sender;
DROP TYPE IF EXISTS
  credits_balance_fields, credits_batch_fields, credits_transaction_fields,
  credits_allocation_fields;
DROP FUNCTION IF EXISTS
  credits_expect(bigint, bigint), operator_action_refuse(), operator_action_time();
