INSERT INTO credits_balance (id, user_id, balance, held, total_earned, total_spent,
  transaction_count, status, version, created_at, updated_at)
SELECT unhex(value ->> 0), value ->> 1, 0, 0, 0, 0, 0, 'ACTIVE', 0, $2, $2
FROM jsonb_each($1)
WHERE true
ON CONFLICT (user_id) DO NOTHING
RETURNING user_id
