UPDATE credits_balance w SET balance = n.balance, held = n.held, total_earned = n.total_earned,
  total_spent = n.total_spent, transaction_count = n.transaction_count, version = n.version,
    status = n.status,
  next_due_at = NULLIF(n.next_due_at, '0001-01-01 00:00:00+00'),
  created_at = CASE WHEN w.version = 0 THEN $10 ELSE w.created_at END, updated_at = $10
FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
  $7::bigint[],
    $8::text[], $9::timestamptz[])
  AS n (id, balance, held, total_earned, total_spent, transaction_count, version, status,
    next_due_at)
WHERE w.id = n.id AND w.version = n.version - 1
