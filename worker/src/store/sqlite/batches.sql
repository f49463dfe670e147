SELECT *
FROM (
  SELECT id, user_id, amount, remaining, held, issued_at, expires_at, source_type, source_plan,
    grant_period, paid_micros, currency, transaction_id, expirations,
    COALESCE(deposit_id, transaction_id) AS deposit_id,
    row_number() OVER (PARTITION BY user_id ORDER BY (expires_at IS NULL), expires_at,
      (source_type = 'PURCHASE'), issued_at, id) AS position
  FROM credits_batch
  WHERE status = 'ACTIVE' AND user_id IN (SELECT value ->> 0 FROM jsonb_each($1)))
WHERE position <= $2
