,
reserved AS (
  INSERT INTO credits_hold (id, user_id, origin, reference_id, service, amount, captured, status,
    expires_at, sender, price_credits, price_per, closed_at, created_at, updated_at)
  SELECT h.id, h.user_id, h.origin, h.reference_id, h.service, h.amount, h.captured, h.status,
    h.expires_at, h.sender, h.price_credits, h.price_per, h.closed_at, gate.at, gate.at
  FROM gate CROSS JOIN UNNEST($63::uuid[], $64::text[], $65::text[], $66::text[], $67::text[],
      $68::bigint[], $69::bigint[], $70::text[], $71::timestamptz[], $72::text::text[],
      $73::text::bigint[], $74::text::bigint[], $75::text::timestamptz[])
    AS h (id, user_id, origin, reference_id, service, amount, captured, status, expires_at, sender,
      price_credits, price_per, closed_at)
  WHERE gate.is_open),
sliced AS (
  INSERT INTO credits_hold_slice (hold_id, position, batch_id, amount, captured)
  SELECT s.hold_id, s.position, s.batch_id, s.amount, s.captured
  FROM gate CROSS JOIN UNNEST($76::uuid[], $77::bigint[], $78::uuid[], $79::bigint[],
      $80::bigint[])
    AS s (hold_id, position, batch_id, amount, captured)
  WHERE gate.is_open),
used AS (
  UPDATE credits_hold h
  SET captured = n.captured, status = n.status, closed_at = n.closed_at, updated_at = gate.at
  FROM gate CROSS JOIN UNNEST($81::uuid[], $82::bigint[], $83::text[], $84::text::timestamptz[])
    AS n (id, captured, status, closed_at)
  WHERE gate.is_open AND h.id = n.id
  RETURNING h.id),
taken AS (
  UPDATE credits_hold_slice s
  SET captured = n.captured
  FROM gate CROSS JOIN UNNEST($85::uuid[], $86::uuid[], $87::bigint[])
    AS n (hold_id, batch_id, captured)
  WHERE gate.is_open AND s.hold_id = n.hold_id AND s.batch_id = n.batch_id
  RETURNING s.hold_id)
SELECT credits_expect((SELECT count(*) FROM spent), cardinality($53)),
  credits_expect((SELECT count(*) FROM used), cardinality($81)),
  credits_expect((SELECT count(*) FROM taken), cardinality($85)), holding.at
FROM holding
