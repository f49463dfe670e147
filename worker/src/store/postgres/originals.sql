SELECT t.id AS original_id, t.type, t.user_id, t.origin, t.sender::text AS sender, t.reference_id,
  t.service, COALESCE(f.refunded, 0) AS refunded, a.batch_id AS taken_from, -a.amount AS taken,
  b.id, b.amount, b.remaining, b.held, b.issued_at, b.expires_at, b.status, b.source_type,
  b.source_plan, b.grant_period, b.paid_micros, b.currency, b.transaction_id, b.expirations,
  COALESCE(b.deposit_id, b.transaction_id) AS deposit_id
FROM UNNEST($1::text[], $2::text[], $3::text[]) AS r (origin, reference_id, user_id)
JOIN credits_transaction t ON t.origin = r.origin AND t.reference_id = r.reference_id
  AND t.user_id = r.user_id
LEFT JOIN credits_refund f ON f.transaction_id = t.id
LEFT JOIN credits_allocation a ON a.transaction_id = t.id
LEFT JOIN credits_batch b ON b.id = a.batch_id
WHERE t.status = 'COMPLETED'
