WITH held AS (
  SELECT w.id
  FROM UNNEST($10::uuid[], $11::bigint[]) AS n (id, version)
  JOIN credits_balance w ON w.id = n.id AND w.version = n.version
  FOR UPDATE OF w),
holding AS MATERIALIZED (
  SELECT credits_expect((SELECT count(*) FROM held), cardinality($10)) AS is_current,
    coalesce($58::timestamptz, clock_timestamp()) AS at),
changed AS (
  UPDATE credits_balance w
  SET balance = n.balance, held = n.held, total_earned = n.total_earned,
    total_spent = n.total_spent, transaction_count = n.transaction_count, version = n.version,
    status = n.status, next_due_at = n.next_due_at, holds_end_at = n.holds_end_at, debt = n.debt,
    created_at = CASE WHEN w.version = 0 THEN holding.at ELSE w.created_at END,
    updated_at = holding.at
  FROM holding CROSS JOIN UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[],
      $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::text::timestamptz[],
      $59::text::timestamptz[], $60::bigint[])
    AS n (id, balance, held, total_earned, total_spent, transaction_count, version, status,
      next_due_at, holds_end_at, debt)
  WHERE holding.is_current AND w.id = n.id AND w.version = n.version - 1
  RETURNING w.id),
gate AS MATERIALIZED (
  SELECT holding.is_current AND credits_expect((SELECT count(*) FROM changed), cardinality($1))
    AS is_open, holding.at
  FROM holding),
posted AS (
  INSERT INTO credits_transaction (id, user_id, type, amount, debit_account, credit_account,
    origin, reference_id, occurred_at, fingerprint, status, error_code, balance_after, service,
    quantity, purchase_id, purchase_line, related_id, description, metadata, detail,
    subscription_id, period_start, sender, debt_change, created_at)
  SELECT t.id, t.user_id, t.type, t.amount,
    CASE WHEN t.amount < 0 THEN 'WALLET:' || t.user_id
         WHEN t.debt_change > 0 THEN 'DEBT:' || t.user_id ELSE t.other END,
    CASE WHEN t.amount > 0 THEN 'WALLET:' || t.user_id
         WHEN t.amount = 0 AND t.debt_change < 0 THEN 'DEBT:' || t.user_id ELSE t.other END,
    t.origin, t.reference_id, t.occurred_at, decode(t.fingerprint, 'hex'),
    CASE WHEN t.error_code IS NULL THEN 'COMPLETED' ELSE 'FAILED' END, t.error_code,
    t.balance_after, t.service, t.quantity, t.purchase_id, t.purchase_line, t.related_id,
    t.description, t.metadata, t.detail, t.subscription_id, t.period_start, t.sender, t.debt_change,
    gate.at
  FROM gate CROSS JOIN UNNEST($12::uuid[], $13::text[], $14::text[], $15::bigint[], $16::text[],
      $17::text[], $18::timestamptz[], $19::text::text[], $20::text::text[], $21::text::text[],
      $22::text::bigint[], $23::text::text[], $24::text::bigint[], $25::text::text[],
      $26::text::text[], $27::text::uuid[], $28::text::text[], $29::text::json[],
      $30::text::json[], $31::text::text[], $32::text::timestamptz[], $33::text::text[],
      $61::text::bigint[])
    AS t (id, user_id, type, amount, origin, reference_id, occurred_at, other, fingerprint,
      error_code, balance_after, service, quantity, purchase_id, purchase_line, related_id,
      description, metadata, detail, subscription_id, period_start, sender, debt_change)
  WHERE gate.is_open),
added AS (
  INSERT INTO credits_batch (id, user_id, amount, remaining, held, issued_at, status, source_type,
    transaction_id, expirations, expires_at, source_plan, grant_period, paid_micros, currency,
    deposit_id, created_at, updated_at)
  SELECT b.id, b.user_id, b.amount, b.remaining, b.held, b.issued_at, b.status, b.source_type,
    b.transaction_id, b.expirations, b.expires_at, b.source_plan, b.grant_period,
    b.paid_micros, b.currency, b.deposit_id, gate.at, gate.at
  FROM gate CROSS JOIN UNNEST($34::uuid[], $35::text[], $36::bigint[], $37::bigint[],
      $38::bigint[], $39::timestamptz[], $40::text[], $41::text[], $42::uuid[], $43::bigint[],
      $44::text::timestamptz[], $45::text::text[], $46::text::text[], $47::text::bigint[],
      $48::text::text[], $62::text::uuid[])
    AS b (id, user_id, amount, remaining, held, issued_at, status, source_type, transaction_id,
      expirations, expires_at, source_plan, grant_period, paid_micros, currency, deposit_id)
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
