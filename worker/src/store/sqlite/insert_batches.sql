INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, expires_at, status,
  source_type, source_plan, grant_period, paid_micros, currency, transaction_id, expirations,
  created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
  NULLIF(value ->> 6, '0001-01-01T00:00:00.000000+00:00'), value ->> 7, value ->> 8,
  NULLIF(value ->> 9, ''), NULLIF(value ->> 10, ''), NULLIF(value ->> 11, -1),
  NULLIF(value ->> 12, ''), unhex(value ->> 13), value ->> 14, $2, $2
FROM jsonb_each($1)
