//! The statements that fill the ledger. Words in braces stand for numbers of the scale.
//!
//! The number `n` of a row determines its content. The due subscriptions and the expired batches
//! are distributed evenly over the users and over a day.

/// The wallet of each user, with the totals of the user's part of [`BATCHES`]. The first of these
/// batches opens the wallet.
pub const WALLETS: &str = "\
INSERT INTO credits_balance (id, user_id, balance, total_earned, transaction_count, version, \
created_at, updated_at)
SELECT CAST('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid),
  'user-' || lpad(CAST(n AS text), 8, '0'),
       10 * batches, 10 * batches, batches, batches, at, at
  FROM (SELECT n, ({batches} - n + {users}) / {users} AS batches,
               CAST('{now}' AS timestamptz) - interval '90 days' + interval '1 second' * CASE
                 WHEN n * {lapsed} % {batches} < {lapsed} THEN -(90000 + n * 7919 % 82800)
                 ELSE 172800 + n * 7919 % 7516800 END AS at
          FROM generate_series(CAST(1 AS bigint), {users}) n) wallet";

/// A subscription of each user. Its anchor is four years before the start of the next period, so
/// that leap years make no difference and the period starts a whole number of months after the
/// anchor. The subscription is resumed at that start, so no earlier period is due.
pub const SUBSCRIPTIONS: &str = "\
INSERT INTO subscription (id, user_id, plan, status, anchor, activated_at, next_period_start, \
due_at, status_at,
                          created_at, updated_at)
SELECT 'sub-' || lpad(CAST(n AS text), 8, '0'), 'user-' || lpad(CAST(n AS text), 8, '0'), 'pro',
  'ACTIVE',
       anchor, start, start, start, start, anchor, anchor
  FROM (SELECT n, start, start - interval '4 years' AS anchor
          FROM (SELECT n, CAST('{now}' AS timestamptz) + interval '1 second' * CASE
                         WHEN n * {due} % {users} < {due} THEN -(n * 7919 % 82800)
                         ELSE 172800 + n * 7919 % 2332800 END AS start
                  FROM generate_series(CAST(1 AS bigint), {users}) n) period) subscription";

/// Promotions of 10 credits: transactions, batches and allocations. The expired batches expired 25
/// to 48 hours ago.
pub const BATCHES: &str = "\
WITH gift AS MATERIALIZED (
  SELECT n, 'user-' || lpad(CAST((n - 1) % {users} + 1 AS text), 8, '0') AS user_id,
         10 * ((n - 1) / {users} + 1) AS balance_after,
         CAST('01910000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid) AS transaction_id,
         CAST('01920000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid) AS batch_id,
         expires_at, expires_at - interval '90 days' AS at
    FROM (SELECT n, CAST('{now}' AS timestamptz) + interval '1 second' * CASE
                   WHEN n * {lapsed} % {batches} < {lapsed} THEN -(90000 + n * 7919 % 82800)
                   ELSE 172800 + n * 7919 % 7516800 END AS expires_at
            FROM generate_series(CAST(1 AS bigint), {batches}) n) batch
), transactions AS (
  INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account,
    origin, reference_id,
                                   fingerprint, status, balance_after, occurred_at, created_at)
  SELECT transaction_id, user_id, 'promotion', 10, 'SYSTEM:promotion', 'WALLET:' || user_id,
    'funding', 'gift-' || n,
         decode(repeat('01', 17), 'hex'), 'COMPLETED', balance_after, at, at
    FROM gift
), allocations AS (
  INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
  SELECT transaction_id, batch_id, 10, 10, at FROM gift
)
INSERT INTO credits_batch (id, user_id, amount, remaining, issued_at, expires_at, status,
  source_type, transaction_id,
                           created_at, updated_at)
SELECT batch_id, user_id, 10, 10, at, expires_at, 'ACTIVE', 'BONUS', transaction_id, at, at
  FROM gift";

/// One user with a transaction every second. The user purchases 999 credits and spends them one by
/// one, over and over.
pub const HISTORY: &str = "\
WITH step AS MATERIALIZED (
  SELECT n, n / 1000 AS block, n % 1000 = 0 AS buys, 999 - n % 1000 AS remaining,
         CAST('01930000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') AS uuid) AS transaction_id,
         CAST('01940000-0000-7000-8000-' || lpad(to_hex(n / 1000), 12, '0') AS uuid) AS batch_id,
         CAST('{now}' AS timestamptz) - interval '1 second' * ({history} - n) AS at
    FROM generate_series(CAST(0 AS bigint), {history} - 1) n
), transactions AS (
  INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account,
    origin, reference_id,
                                   fingerprint, status, balance_after, service, quantity,
                                     purchase_id, metadata,
                                   occurred_at, created_at)
  SELECT transaction_id, '{historian}', CASE WHEN buys THEN 'purchase' ELSE 'consumption' END,
         CASE WHEN buys THEN 999 ELSE -1 END,
         CASE WHEN buys THEN 'PAYMENT:payment-' || block ELSE 'WALLET:{historian}' END,
         CASE WHEN buys THEN 'WALLET:{historian}' ELSE 'SERVICE:llm:tokens' END,
         CASE WHEN buys THEN 'funding' ELSE 'usage' END,
         CASE WHEN buys THEN 'payment-' || block ELSE 'request-' || n END,
         decode(repeat('01', 17), 'hex'), 'COMPLETED', remaining,
         CASE WHEN NOT buys THEN 'llm:tokens' END, CASE WHEN NOT buys THEN 1000 END,
         CASE WHEN buys THEN 'payment-' || block END, '{\"model\":\"m\"}', at, at
    FROM step
), allocations AS (
  INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
  SELECT transaction_id, batch_id, CASE WHEN buys THEN 999 ELSE -1 END, remaining, at FROM step
), batches AS (
  INSERT INTO credits_batch (id, user_id, amount, remaining, issued_at, status, source_type,
    transaction_id, created_at,
                             updated_at)
  SELECT batch_id, '{historian}', 999, remains, at, CASE remains WHEN 0 THEN 'CONSUMED'
    ELSE 'ACTIVE' END, 'PURCHASE',
         transaction_id, at, at + interval '1 second' * (999 - remains)
    FROM (SELECT batch_id, transaction_id, at, 999 - least(999, {history} - 1 - n) AS remains
            FROM step WHERE buys) bought
)
INSERT INTO credits_balance (id, user_id, balance, total_earned, total_spent, transaction_count,
  version, created_at,
                             updated_at)
SELECT '01950000-0000-7000-8000-000000000000', '{historian}', remaining, 999 * (block + 1),
  n - block, n + 1, n + 1,
       at, at
  FROM step WHERE n = {history} - 1";
