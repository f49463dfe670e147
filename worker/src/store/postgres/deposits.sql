WITH named AS (
  SELECT t.id
  FROM UNNEST($1::text[], $2::text[], $3::text[]) AS r (origin, reference_id, user_id)
  JOIN credits_transaction t ON t.origin = r.origin AND t.reference_id = r.reference_id
    AND t.user_id = r.user_id
  WHERE t.status = 'COMPLETED' AND t.amount > 0
    AND t.type IN ('purchase', 'bonus', 'registration_bonus', 'monthly_grant', 'promotion')
  UNION ALL
  SELECT t.id
  FROM UNNEST($4::text[], $5::text[], $6::text[]) AS p (purchase_id, purchase_line, user_id)
  JOIN credits_transaction t ON t.purchase_id = p.purchase_id
    AND COALESCE(t.purchase_line, '') = p.purchase_line AND t.user_id = p.user_id
  WHERE t.type = 'purchase' AND t.status = 'COMPLETED' AND t.duplicate_of IS NULL
  UNION ALL
  SELECT d.id FROM UNNEST($7::uuid[]) AS d (id)),
deposits AS (
  SELECT id FROM named
  UNION ALL
  SELECT b.id
  FROM named n JOIN credits_transaction b ON b.related_id = n.id
  WHERE b.type = 'bonus' AND b.status = 'COMPLETED')
SELECT t.id AS deposit, t.type, t.user_id, t.origin, t.sender::text AS sender, t.reference_id,
  t.purchase_id, t.purchase_line, t.related_id, t.amount AS issued,
  COALESCE(v.revoked, 0) AS revoked, COALESCE(v.fraction, 0) AS fraction,
  COALESCE(v.taken, 0) AS taken, COALESCE(v.indebted, 0) AS indebted,
  b.id, b.amount, b.remaining, b.held, b.issued_at, b.expires_at, b.status, b.source_type,
  b.source_plan, b.grant_period, b.paid_micros, b.currency, b.transaction_id, b.expirations,
  COALESCE(b.deposit_id, b.transaction_id) AS deposit_id,
  CASE WHEN b.expirations > 0 THEN (
    SELECT CAST(sum(-e.amount) AS bigint) FROM credits_transaction e
    WHERE e.origin = 'internal' AND e.type = 'expiration'
      AND e.reference_id > 'expire:' || b.id || ':'
      AND e.reference_id < 'expire:' || b.id || ';') ELSE 0 END AS expired
FROM deposits d
JOIN credits_transaction t ON t.id = d.id
LEFT JOIN credits_revocation v ON v.transaction_id = t.id
LEFT JOIN LATERAL (
  SELECT * FROM credits_batch WHERE transaction_id = t.id
  UNION ALL
  SELECT * FROM credits_batch WHERE deposit_id = t.id) b ON true
