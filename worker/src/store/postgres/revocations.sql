WITH own AS (
  SELECT t.id
  FROM UNNEST($1::text[], $2::text[], $3::text[]) AS r (origin, reference_id, user_id)
  JOIN credits_transaction t ON t.origin = r.origin AND t.reference_id = r.reference_id
    AND t.user_id = r.user_id
  WHERE t.type = 'revocation' AND t.status = 'COMPLETED'),
parts AS (
  SELECT id AS revocation_id, id FROM own
  UNION ALL
  SELECT own.id, p.id
  FROM own JOIN credits_transaction p ON p.related_id = own.id
  WHERE p.type = 'revocation' AND p.origin = 'internal')
SELECT t.id AS revocation_id, t.user_id, t.origin, t.sender::text AS sender, t.reference_id,
  EXISTS (
    SELECT 1 FROM credits_transaction r
    WHERE r.related_id = t.id AND r.type = 'reinstatement' AND r.status = 'COMPLETED'
      AND r.origin <> 'internal') AS is_reinstated,
  p.id AS part_id, p.detail::text AS detail, a.batch_id AS taken_from, -a.amount AS taken
FROM parts
JOIN credits_transaction t ON t.id = parts.revocation_id
JOIN credits_transaction p ON p.id = parts.id
LEFT JOIN credits_allocation a ON a.transaction_id = p.id
ORDER BY p.id
