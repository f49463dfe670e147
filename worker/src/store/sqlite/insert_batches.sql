INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, status, source_type,
  transaction_id, expirations, expires_at, source_plan, grant_period, paid_micros, currency,
  deposit_id, created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
  value ->> 6, value ->> 7, unhex(value ->> 8), value ->> 9, value ->> 10, value ->> 11,
  value ->> 12, value ->> 13, value ->> 14, unhex(value ->> 15), $2, $2
FROM jsonb_each($1)
