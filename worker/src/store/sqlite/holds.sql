SELECT h.id AS hold_id, h.user_id, h.origin, h.sender, h.reference_id, h.service, h.price_credits,
  h.price_per, h.amount, h.captured, h.status, h.expires_at, h.closed_at, s.batch_id,
  s.amount AS slice_amount, s.captured AS slice_captured, b.status AS batch_status
FROM (
  SELECT o.*
  FROM jsonb_each($1) AS u
  JOIN credits_hold o ON o.user_id = u.value ->> 0 AND o.status = 'OPEN'
  UNION ALL
  SELECT c.*
  FROM jsonb_each($2) AS n
  JOIN credits_hold c ON c.user_id = n.value ->> 0 AND c.reference_id = n.value ->> 1
    AND c.status <> 'OPEN') h
LEFT JOIN credits_hold_slice s ON s.hold_id = h.id
LEFT JOIN credits_batch b ON b.id = s.batch_id
ORDER BY h.id, s.position
