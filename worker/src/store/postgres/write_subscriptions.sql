INSERT INTO subscription (id, user_id, plan, status, anchor, status_at, status_since, activated_at,
  ended_at, paid_through, next_period_start, due_at, created_at, updated_at)
SELECT s.id, s.user_id, s.plan, s.status, s.anchor, s.status_at, s.status_since, s.activated_at,
  s.ended_at, s.paid_through, s.due_at, s.due_at, $12, $12
FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::text::timestamptz[], $9::text::timestamptz[],
    $10::text::timestamptz[], $11::text::timestamptz[])
  AS s (id, user_id, plan, status, anchor, status_at, status_since, activated_at, ended_at,
    paid_through, due_at)
ON CONFLICT (id) DO UPDATE SET plan = excluded.plan, status = excluded.status,
  anchor = excluded.anchor, activated_at = excluded.activated_at, ended_at = excluded.ended_at,
  paid_through = excluded.paid_through, next_period_start = excluded.next_period_start,
  due_at = excluded.due_at, status_at = excluded.status_at, status_since = excluded.status_since,
  updated_at = excluded.updated_at
WHERE subscription.user_id = excluded.user_id
