INSERT INTO subscription (id, user_id, plan, status, anchor, activated_at, ended_at, paid_through,
  next_period_start, due_at, status_at, status_since, created_at, updated_at)
SELECT s.id, s.user_id, s.plan, s.status, s.anchor,
  NULLIF(s.activated_at, '0001-01-01 00:00:00+00'), NULLIF(s.ended_at, '0001-01-01 00:00:00+00'),
  NULLIF(s.paid_through, '0001-01-01 00:00:00+00'), NULLIF(s.due_at, '0001-01-01 00:00:00+00'),
  NULLIF(s.due_at, '0001-01-01 00:00:00+00'), s.status_at, s.status_since, $12, $12
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[],
    $11::timestamptz[])
  AS s (id, user_id, plan, status, anchor, activated_at, ended_at, paid_through, due_at,
    status_at, status_since)
ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, status = excluded.status,
  anchor = excluded.anchor, activated_at = excluded.activated_at, ended_at = excluded.ended_at,
  paid_through = excluded.paid_through, next_period_start = excluded.next_period_start,
  due_at = excluded.due_at, status_at = excluded.status_at, status_since = excluded.status_since,
  updated_at = excluded.updated_at
WHERE subscription.user_id = excluded.user_id
