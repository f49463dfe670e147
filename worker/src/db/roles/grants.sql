-- Grants the privileges of worker and reader on Scrip's tables. The owner runs this with
-- `scrip migrate up --grant`.
DO $grants$
BEGIN
  IF to_regclass('scrip_migration') IS NULL THEN
    RAISE NOTICE 'there are no tables yet: run `scrip migrate up --grant` as {owner}';
    RETURN;
  END IF;
  REVOKE ALL ON {tables} FROM PUBLIC, "{worker}", "{reader}";
  GRANT SELECT ON {tables} TO "{worker}", "{reader}";

  -- The history is append-only.
  GRANT INSERT ON credits_transaction, credits_allocation, operator_action TO "{worker}";

  -- DELETE: a wallet that was inserted for a refused command is deleted before the transaction ends.
  GRANT INSERT, DELETE,
    UPDATE (balance, held, total_earned, total_spent, transaction_count, version, status, next_due_at,
      holds_end_at, debt, created_at, updated_at)
    ON credits_balance TO "{worker}";

  -- The remainder of a batch may change, but not its user, amount, source and expiry.
  GRANT INSERT, UPDATE (remaining, held, status, expirations, updated_at) ON credits_batch TO "{worker}";

  -- What a hold reserves may change, but not its user, amount, price and expiry.
  GRANT INSERT, UPDATE (captured, status, closed_at, updated_at) ON credits_hold TO "{worker}";
  GRANT INSERT, UPDATE (captured) ON credits_hold_slice TO "{worker}";
  GRANT INSERT, UPDATE (refunded, updated_at) ON credits_refund TO "{worker}";
  GRANT INSERT, UPDATE (revoked, fraction, taken, indebted, updated_at) ON credits_revocation TO "{worker}";
  GRANT INSERT, UPDATE (repaid, forgiven, cancelled, updated_at) ON credits_debt TO "{worker}";

  GRANT INSERT,
    UPDATE (plan, status, anchor, activated_at, ended_at, paid_through, next_period_start, due_at, status_at,
      status_since, updated_at)
    ON subscription TO "{worker}";

  GRANT INSERT,
    UPDATE (status, started_at, finished_at, lease_until, cursor, started_by, owner, result, claim)
    ON job_run TO "{worker}";

  -- A token may be revoked, but not changed.
  GRANT INSERT, UPDATE (revoked_at) ON http_token TO "{worker}";

  -- An event keeps its body; what became of it may change.
  GRANT INSERT, UPDATE (status, reason, detail, waits_for, user_id, reference_ids, updated_at)
    ON payment_event TO "{worker}";
  GRANT INSERT,
    UPDATE (user_id, deposit, amount, invoice, subscription_id, period_start, period_end, created_by,
      updated_at)
    ON payment_link TO "{worker}";
  -- DELETE: an event that is finished waits no more.
  GRANT INSERT, DELETE ON payment_wait TO "{worker}";

  GRANT INSERT, DELETE, UPDATE (message, tries, updated_at) ON delivery_attempt TO "{worker}";
END
$grants$;
