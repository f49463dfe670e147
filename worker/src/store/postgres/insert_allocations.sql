INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
SELECT a.transaction_id, a.batch_id, a.amount, a.batch_remaining, $5
FROM UNNEST($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[])
  AS a (transaction_id, batch_id, amount, batch_remaining)
