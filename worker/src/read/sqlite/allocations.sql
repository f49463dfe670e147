SELECT a.transaction_id, a.batch_id, a.amount, a.batch_remaining
FROM credits_allocation a
JOIN credits_batch b ON b.id = a.batch_id
WHERE a.transaction_id IN (SELECT unhex(value ->> 0) FROM jsonb_each($1))
ORDER BY a.transaction_id, (b.expires_at IS NULL), b.expires_at, (b.source_type = 'PURCHASE'),
  b.issued_at, b.id
