INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin,
  reference_id, fingerprint, status, error_code, balance_after, service, quantity, purchase_id,
  purchase_line, related_id, description, metadata, detail, occurred_at, subscription_id,
  period_start, sender, created_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3,
  CASE WHEN value ->> 3 < 0 THEN 'WALLET:' || (value ->> 1) ELSE NULLIF(value ->> 4, '') END,
  CASE WHEN value ->> 3 > 0 THEN 'WALLET:' || (value ->> 1) ELSE NULLIF(value ->> 4, '') END,
  value ->> 5, value ->> 6, unhex(NULLIF(value ->> 7, '')),
  CASE WHEN value ->> 8 > '' THEN 'FAILED' ELSE 'COMPLETED' END, NULLIF(value ->> 8, ''),
  NULLIF(value ->> 9, -1), NULLIF(value ->> 10, ''), NULLIF(value ->> 11, -1),
  NULLIF(value ->> 12, ''), NULLIF(value ->> 13, ''), NULLIF(unhex(value ->> 14), zeroblob(16)),
  NULLIF(value ->> 15, ''), NULLIF(value ->> 16, ''), NULLIF(value ->> 17, ''), value ->> 18,
  NULLIF(value ->> 19, ''), NULLIF(value ->> 20, '0001-01-01T00:00:00.000000+00:00'),
  NULLIF(value ->> 21, ''), $2
FROM jsonb_each($1)
