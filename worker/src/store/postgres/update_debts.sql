UPDATE credits_debt d
SET repaid = d.repaid + n.repaid, forgiven = d.forgiven + n.forgiven,
  cancelled = d.cancelled + n.cancelled, updated_at = $5
FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[])
  AS n (id, repaid, forgiven, cancelled)
WHERE d.id = n.id
