SELECT w.id AS wallet_id, w.user_id, w.balance, w.held AS wallet_held, w.total_earned,
  w.total_spent, w.transaction_count, w.status AS wallet_status, w.version, w.next_due_at,
  w.holds_end_at, w.debt, b.*
FROM UNNEST($1::text[]) AS u (user_id)
JOIN credits_balance w ON w.user_id = u.user_id
LEFT JOIN LATERAL (
  SELECT id, amount, remaining, held, issued_at, expires_at, source_type, source_plan,
    grant_period, paid_micros, currency, transaction_id, expirations,
    COALESCE(deposit_id, transaction_id) AS deposit_id
  FROM credits_batch
  WHERE user_id = w.user_id AND status = 'ACTIVE' AND w.balance > 0
  ORDER BY (expires_at IS NULL), expires_at, (source_type = 'PURCHASE'), issued_at, id
  LIMIT $2) b ON true
