WITH held AS (
  SELECT w.id
  FROM UNNEST($10::uuid[], $11::bigint[]) AS n (id, version)
  JOIN credits_balance w ON w.id = n.id AND w.version = n.version
  FOR UPDATE OF w),
holding AS MATERIALIZED (
  SELECT credits_expect((SELECT count(*) FROM held), cardinality($10)) AS is_so,
    coalesce($58::timestamptz, clock_timestamp()) AS at),
changed AS (
  UPDATE credits_balance w
  SET balance = n.balance, held = n.held, total_earned = n.total_earned,
    total_spent = n.total_spent, transaction_count = n.transaction_count, version = n.version,
    status = n.status, next_due_at = NULLIF(n.next_due_at, '0001-01-01 00:00:00+00'),
    created_at = CASE WHEN w.version = 0 THEN holding.at ELSE w.created_at END,
    updated_at = holding.at
  FROM holding CROSS JOIN UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[],
      $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::timestamptz[])
    AS n (id, balance, held, total_earned, total_spent, transaction_count, version, status,
      next_due_at)
  WHERE holding.is_so AND w.id = n.id AND w.version = n.version - 1
  RETURNING w.id),
gate AS MATERIALIZED (
  SELECT holding.is_so AND credits_expect((SELECT count(*) FROM changed), cardinality($1))
    AS is_open, holding.at
  FROM holding),
posted AS (
  INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account,
    origin, reference_id, fingerprint, status, error_code, balance_after, service, quantity,
    purchase_id, purchase_line, related_id, description, metadata, detail, occurred_at,
    subscription_id, period_start, sender, created_at)
  SELECT t.id, t.user_id, t.type, t.amount,
    CASE WHEN t.amount < 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
    CASE WHEN t.amount > 0 THEN 'WALLET:' || t.user_id ELSE NULLIF(t.other, '') END,
    t.origin, t.reference_id, NULLIF(t.fingerprint, ''::bytea),
    CASE WHEN t.error_code > '' THEN 'FAILED' ELSE 'COMPLETED' END, NULLIF(t.error_code, ''),
    NULLIF(t.balance_after, -1), NULLIF(t.service, ''), NULLIF(t.quantity, -1),
    NULLIF(t.purchase_id, ''), NULLIF(t.purchase_line, ''),
    NULLIF(t.related_id, '00000000-0000-0000-0000-000000000000'::uuid),
    NULLIF(t.description, ''), NULLIF(t.metadata, '')::json, NULLIF(t.detail, '')::json,
    t.occurred_at, NULLIF(t.subscription_id, ''),
    NULLIF(t.period_start, '0001-01-01 00:00:00+00'), NULLIF(t.sender, ''), gate.at
  FROM gate CROSS JOIN UNNEST($12::uuid[], $13::text[], $14::text[], $15::bigint[], $16::text[],
      $17::text[], $18::text[], $19::bytea[], $20::text[], $21::bigint[], $22::text[],
      $23::bigint[], $24::text[], $25::text[], $26::uuid[], $27::text[], $28::text[], $29::text[],
      $30::timestamptz[], $31::text[], $32::timestamptz[], $33::text[])
    AS t (id, user_id, type, amount, other, origin, reference_id, fingerprint, error_code,
      balance_after, service, quantity, purchase_id, purchase_line, related_id, description,
      metadata, detail, occurred_at, subscription_id, period_start, sender)
  WHERE gate.is_open),
added AS (
  INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, expires_at, status,
    source_type, source_plan, grant_period, paid_micros, currency, transaction_id, expirations,
    created_at, updated_at)
  SELECT b.id, b.user_id, b.amount, b.remaining, b.held, b.issued_at,
    NULLIF(b.expires_at, '0001-01-01 00:00:00+00'), b.status, b.source_type,
    NULLIF(b.source_plan, ''), NULLIF(b.grant_period, ''), NULLIF(b.paid_micros, -1),
    NULLIF(b.currency, ''), b.transaction_id, b.expirations, gate.at, gate.at
  FROM gate CROSS JOIN UNNEST($34::uuid[], $35::text[], $36::bigint[], $37::bigint[],
      $38::bigint[], $39::timestamptz[], $40::timestamptz[], $41::text[], $42::text[],
      $43::text[], $44::text[], $45::bigint[], $46::text[], $47::uuid[], $48::bigint[])
    AS b (id, user_id, amount, remaining, held, issued_at, expires_at, status, source_type,
      source_plan, grant_period, paid_micros, currency, transaction_id, expirations)
  WHERE gate.is_open),
allocated AS (
  INSERT INTO credits_allocation (transaction_id, batch_id, amount, batch_remaining, created_at)
  SELECT a.transaction_id, a.batch_id, a.amount, a.batch_remaining, gate.at
  FROM gate CROSS JOIN UNNEST($49::uuid[], $50::uuid[], $51::bigint[], $52::bigint[])
    AS a (transaction_id, batch_id, amount, batch_remaining)
  WHERE gate.is_open),
spent AS (
  UPDATE credits_batch b
  SET remaining = n.remaining, held = n.held, status = n.status, expirations = n.expirations,
    updated_at = gate.at
  FROM gate CROSS JOIN UNNEST($53::uuid[], $54::bigint[], $55::bigint[], $56::text[],
      $57::bigint[])
    AS n (id, remaining, held, status, expirations)
  WHERE gate.is_open AND b.id = n.id
  RETURNING b.id)
SELECT credits_expect((SELECT count(*) FROM spent), cardinality($53)), holding.at
FROM holding
