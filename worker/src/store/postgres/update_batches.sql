UPDATE credits_batch b SET remaining = n.remaining, held = n.held, status = n.status,
  expirations = n.expirations, updated_at = $6
FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
  AS n (id, remaining, held, status, expirations)
WHERE b.id = n.id
