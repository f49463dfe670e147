SELECT id AS wallet_id, user_id, balance, held AS wallet_held, total_earned, total_spent,
  transaction_count, status AS wallet_status, version, next_due_at, holds_end_at, debt
FROM credits_balance
WHERE user_id = ANY($1)
ORDER BY user_id
FOR UPDATE
