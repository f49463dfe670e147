SELECT h.id AS hold_id, h.user_id, h.origin, h.sender, h.reference_id, h.service, h.price_credits,
  h.price_per, h.amount, h.captured, h.status, h.expires_at, h.closed_at, s.batch_id,
  s.amount AS slice_amount, s.captured AS slice_captured, b.status AS batch_status
FROM (
  SELECT o.*
  FROM UNNEST($1::text[]) AS u (user_id)
  CROSS JOIN LATERAL (
    SELECT * FROM credits_hold WHERE user_id = u.user_id AND status = 'OPEN' ORDER BY id OFFSET 0) o
  UNION ALL
  SELECT c.*
  FROM UNNEST($2::text[], $3::text[]) AS n (user_id, reference_id)
  CROSS JOIN LATERAL (
    SELECT * FROM credits_hold
    WHERE user_id = n.user_id AND reference_id = n.reference_id AND status <> 'OPEN' OFFSET 0) c) h
LEFT JOIN credits_hold_slice s ON s.hold_id = h.id
LEFT JOIN credits_batch b ON b.id = s.batch_id
ORDER BY h.id, s.position
