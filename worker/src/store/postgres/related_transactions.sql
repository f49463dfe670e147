SELECT id, related_id, type, amount, balance_after, error_code, detail::text AS detail
FROM credits_transaction
WHERE related_id = ANY($1) AND type IN ('bonus', 'monthly_grant')
ORDER BY id
