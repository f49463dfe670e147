SELECT id, related_id, type, amount, debt_change, balance_after, error_code, detail::text AS detail
FROM credits_transaction
WHERE related_id = ANY($1) AND origin = 'internal'
ORDER BY id
