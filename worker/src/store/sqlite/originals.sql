SELECT t.id AS original_id, t.type, t.user_id, t.origin, t.sender AS sender, t.reference_id,
  t.service, COALESCE(f.refunded, 0) AS refunded, a.batch_id AS taken_from, -a.amount AS taken,
  b.id, b.amount, b.remaining, b.held, b.issued_at, b.expires_at, b.status, b.source_type,
  b.source_plan, b.grant_period, b.paid_micros, b.currency, b.transaction_id, b.expirations,
  COALESCE(b.deposit_id, b.transaction_id) AS deposit_id
FROM jsonb_each($1) AS r
JOIN credits_transaction t ON t.origin = r.value ->> 0 AND t.reference_id = r.value ->> 1
  AND t.user_id = r.value ->> 2
LEFT JOIN credits_refund f ON f.transaction_id = t.id
LEFT JOIN credits_allocation a ON a.transaction_id = t.id
LEFT JOIN credits_batch b ON b.id = a.batch_id
WHERE t.status = 'COMPLETED'
