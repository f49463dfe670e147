INSERT INTO subscription (id, user_id, plan, status, anchor, status_at, status_since, activated_at,
  ended_at, paid_through, next_period_start, due_at, created_at, updated_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
  value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 10, $2, $2
FROM jsonb_each($1)
WHERE true
ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, status = excluded.status,
  anchor = excluded.anchor, activated_at = excluded.activated_at, ended_at = excluded.ended_at,
  paid_through = excluded.paid_through, next_period_start = excluded.next_period_start,
  due_at = excluded.due_at, status_at = excluded.status_at, status_since = excluded.status_since,
  updated_at = excluded.updated_at
WHERE subscription.user_id = excluded.user_id
