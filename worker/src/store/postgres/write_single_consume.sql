WITH changed AS (
  UPDATE credits_balance
  SET balance = $2, held = $3, total_earned = $4, total_spent = $5, transaction_count = $6,
    version = $7, status = $8, updated_at = coalesce($30::timestamptz, clock_timestamp())
  WHERE id = $1 AND version = $7 - 1
  RETURNING id, updated_at AS at),
posted AS (
  INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account,
    origin, reference_id, fingerprint, status, balance_after, service, quantity, description,
    metadata, detail, occurred_at, sender, created_at)
  SELECT $9::uuid, $10::text, 'consumption', $11::bigint, 'WALLET:' || $10, $12::text, $13::text,
    $14::text, $15::bytea, 'COMPLETED', $16::bigint, $17::text, $18::bigint, $19::text, $20::json,
    $21::json, $22::timestamptz, $31::text, changed.at
  FROM changed),
allocated AS (
  INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
  SELECT $9, $25::uuid, $23::bigint, $24::bigint, changed.at
  FROM changed),
spent AS (
  UPDATE credits_batch b
  SET remaining = $26, held = $27, status = $28, expirations = $29, updated_at = changed.at
  FROM changed
  WHERE b.id = $25
  RETURNING b.id)
SELECT credits_expect((SELECT count(*) FROM spent), 1)
