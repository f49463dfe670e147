SELECT s.id, s.user_id, s.plan, s.status, s.anchor, s.activated_at, s.ended_at, s.paid_through,
  s.due_at, s.status_at, s.status_since, t.type AS entry, t.period_start, t.occurred_at,
  t.created_at AS applied_at, t.detail
FROM (
  SELECT * FROM subscription WHERE user_id IN (SELECT value ->> 0 FROM jsonb_each($1))
  UNION ALL
  SELECT * FROM subscription
  WHERE id IN (SELECT value ->> 0 FROM jsonb_each($2))
    AND user_id NOT IN (SELECT value ->> 0 FROM jsonb_each($1))) s
LEFT JOIN credits_transaction t ON t.subscription_id = s.id
  AND (t.type = 'monthly_grant' OR t.type = 'subscription' AND t.status = 'COMPLETED')
ORDER BY s.id, t.id
