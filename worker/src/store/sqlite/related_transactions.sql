SELECT id, related_id, type, amount, debt_change, balance_after, error_code, detail
FROM credits_transaction
WHERE related_id IN (SELECT unhex(value ->> 0) FROM jsonb_each($1))
  AND origin = 'internal'
ORDER BY id
