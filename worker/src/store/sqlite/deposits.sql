WITH named AS (
  SELECT t.id
  FROM jsonb_each($1) AS r
  JOIN credits_transaction t ON t.origin = r.value ->> 0 AND t.reference_id = r.value ->> 1
    AND t.user_id = r.value ->> 2
  WHERE t.status = 'COMPLETED' AND t.amount > 0
    AND t.type IN ('purchase', 'bonus', 'registration_bonus', 'monthly_grant', 'promotion')
  UNION ALL
  SELECT t.id
  FROM jsonb_each($2) AS p
  JOIN credits_transaction t ON t.purchase_id = p.value ->> 0
    AND COALESCE(t.purchase_line, '') = p.value ->> 1 AND t.user_id = p.value ->> 2
  WHERE t.type = 'purchase' AND t.status = 'COMPLETED' AND t.duplicate_of IS NULL
  UNION ALL
  SELECT unhex(value ->> 0) FROM jsonb_each($3)),
deposits AS (
  SELECT id FROM named
  UNION ALL
  SELECT b.id
  FROM named n JOIN credits_transaction b ON b.related_id = n.id
  WHERE b.type = 'bonus' AND b.status = 'COMPLETED'),
batches AS (
  SELECT d.id AS deposit, b.id, 'expire:' || lower(substr(hex(b.id), 1, 8) || '-'
      || substr(hex(b.id), 9, 4) || '-' || substr(hex(b.id), 13, 4) || '-'
      || substr(hex(b.id), 17, 4) || '-' || substr(hex(b.id), 21)) AS expiration
  FROM deposits d JOIN credits_batch b ON b.transaction_id = d.id
  UNION ALL
  SELECT d.id, b.id, 'expire:' || lower(substr(hex(b.id), 1, 8) || '-'
      || substr(hex(b.id), 9, 4) || '-' || substr(hex(b.id), 13, 4) || '-'
      || substr(hex(b.id), 17, 4) || '-' || substr(hex(b.id), 21))
  FROM deposits d JOIN credits_batch b ON b.deposit_id = d.id)
SELECT t.id AS deposit, t.type, t.user_id, t.origin, t.sender AS sender, t.reference_id,
  t.purchase_id, t.purchase_line, t.related_id, t.amount AS issued,
  COALESCE(v.revoked, 0) AS revoked, COALESCE(v.fraction, 0) AS fraction,
  COALESCE(v.taken, 0) AS taken, COALESCE(v.indebted, 0) AS indebted,
  b.id, b.amount, b.remaining, b.held, b.issued_at, b.expires_at, b.status, b.source_type,
  b.source_plan, b.grant_period, b.paid_micros, b.currency, b.transaction_id, b.expirations,
  COALESCE(b.deposit_id, b.transaction_id) AS deposit_id,
  CASE WHEN b.expirations > 0 THEN (
    SELECT sum(-e.amount) FROM credits_transaction e
    WHERE e.origin = 'internal' AND e.type = 'expiration'
      AND e.reference_id > n.expiration || ':' AND e.reference_id < n.expiration || ';')
    ELSE 0 END AS expired
FROM deposits d
JOIN credits_transaction t ON t.id = d.id
LEFT JOIN credits_revocation v ON v.transaction_id = t.id
LEFT JOIN batches n ON n.deposit = t.id
LEFT JOIN credits_batch b ON b.id = n.id
