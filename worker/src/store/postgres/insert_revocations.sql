INSERT INTO credits_revocation (transaction_id, user_id, issued, revoked, fraction, taken, indebted,
  created_at, updated_at)
SELECT r.transaction_id, r.user_id, r.issued, 0, 0, 0, 0, $4, $4
FROM UNNEST($1::uuid[], $2::text[], $3::bigint[]) AS r (transaction_id, user_id, issued)
ON CONFLICT (transaction_id) DO NOTHING
