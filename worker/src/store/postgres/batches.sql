SELECT b.*
FROM UNNEST($1::text[]) AS u (user_id)
CROSS JOIN LATERAL (
  SELECT id, user_id, amount, remaining, held, issued_at, expires_at, source_type, source_plan,
    grant_period, paid_micros, currency, transaction_id, expirations,
    COALESCE(deposit_id, transaction_id) AS deposit_id
  FROM credits_batch
  WHERE user_id = u.user_id AND status = 'ACTIVE'
  ORDER BY (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id
  LIMIT $2) b
