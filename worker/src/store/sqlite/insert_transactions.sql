INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account, origin,
  reference_id, occurred_at, fingerprint, status, error_code, balance_after, service, quantity,
  purchase_id, purchase_line, related_id, description, metadata, detail, subscription_id,
  period_start, sender, debt_change, created_at)
SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3,
  CASE WHEN value ->> 3 < 0 THEN 'WALLET:' || (value ->> 1)
       WHEN CAST(value ->> 22 AS INTEGER) > 0 THEN 'DEBT:' || (value ->> 1) ELSE value ->> 7 END,
  CASE WHEN value ->> 3 > 0 THEN 'WALLET:' || (value ->> 1)
       WHEN value ->> 3 = 0 AND CAST(value ->> 22 AS INTEGER) < 0 THEN 'DEBT:' || (value ->> 1)
       ELSE value ->> 7 END,
  value ->> 4, value ->> 5, value ->> 6, unhex(value ->> 8),
  CASE WHEN value ->> 9 IS NULL THEN 'COMPLETED' ELSE 'FAILED' END, value ->> 9, value ->> 10,
  value ->> 11, value ->> 12, value ->> 13, value ->> 14, unhex(value ->> 15), value ->> 16,
  value ->> 17, value ->> 18, value ->> 19, value ->> 20, value ->> 21, value ->> 22, $2
FROM jsonb_each($1)
