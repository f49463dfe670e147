INSERT INTO credits_balance (id, user_id, balance, held, total_earned, total_spent,
  transaction_count, status, version, created_at, updated_at)
SELECT n.id, n.user_id, 0, 0, 0, 0, 0, 'ACTIVE', 0, $3, $3
FROM UNNEST($1::uuid[], $2::text[]) AS n (id, user_id)
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id
