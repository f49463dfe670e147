UPDATE credits_balance
SET balance = n.value ->> 1, held = n.value ->> 2, total_earned = n.value ->> 3,
  total_spent = n.value ->> 4, transaction_count = n.value ->> 5, version = n.value ->> 6,
  status = n.value ->> 7, next_due_at = n.value ->> 8, holds_end_at = n.value ->> 9,
  debt = n.value ->> 10,
  created_at = CASE WHEN credits_balance.version = 0 THEN $2 ELSE credits_balance.created_at END,
  updated_at = $2
FROM jsonb_each($1) AS n
WHERE credits_balance.id = unhex(n.value ->> 0)
  AND credits_balance.version = (n.value ->> 6) - 1
