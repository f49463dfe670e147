SELECT id, related_id, type, amount, balance_after, error_code, detail
FROM credits_transaction
WHERE related_id IN (SELECT unhex(value ->> 0) FROM jsonb_each($1))
  AND type IN ('bonus', 'monthly_grant')
ORDER BY id
