INSERT INTO credits_refund (transaction_id, user_id, taken, refunded, created_at, updated_at)
SELECT r.transaction_id, r.user_id, r.taken, r.returned, $5, $5
FROM UNNEST($1::uuid[], $2::text[], $3::bigint[], $4::bigint[])
  AS r (transaction_id, user_id, taken, returned)
ON CONFLICT (transaction_id) DO UPDATE
SET refunded = credits_refund.refunded + excluded.refunded, updated_at = excluded.updated_at
WHERE credits_refund.user_id = excluded.user_id AND credits_refund.taken = excluded.taken
